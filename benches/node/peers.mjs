// The measured Node.js clients, each used as its documentation says. One function per client returns its call, which
// fetches the state of one running job and checks the answer.

import { ID, KEY, load, right } from "./worker.mjs";

const headers = { authorization: `Bearer ${KEY}` };
const path = (url) => `${url}/v1/video/jobs/${ID}`;
const enveloped = ({ data }) => right(data.job_id, data.state, "running");

/** By the name in the tables. */
export const PEERS = {
  async infrai(url) {
    const { InfraiClient } = await load("@infrai/sdk");
    const { video } = new InfraiClient({ apiKey: KEY, baseUrl: url });
    return async () => {
      const job = await video.status(ID);
      right(job.job_id, job.state, "running");
    };
  },

  async undici(url) {
    const { request } = await load("undici");
    const target = path(url);
    return async () => enveloped(await (await request(target, { headers })).body.json());
  },

  async fetch(url) {
    const target = path(url);
    return async () => enveloped(await (await fetch(target, { headers })).json());
  },

  async openai(url) {
    const { OpenAI } = await load("openai");
    const { videos } = new OpenAI({ apiKey: KEY, baseURL: `${url}/v1` });
    return async () => {
      const video = await videos.retrieve(ID);
      right(video.id, video.status, "in_progress");
    };
  },

  async "@runwayml/sdk"(url) {
    const { default: RunwayML } = await load("@runwayml/sdk");
    const { tasks } = new RunwayML({ apiKey: KEY, baseURL: url });
    return async () => {
      const task = await tasks.retrieve(ID);
      right(task.id, task.status, "RUNNING");
    };
  },

  async replicate(url) {
    const Replicate = await load("replicate");
    const { predictions } = new Replicate({ auth: KEY, baseUrl: `${url}/v1` });
    return async () => {
      const prediction = await predictions.get(ID);
      right(prediction.id, prediction.status, "processing");
    };
  },

  async "@fal-ai/client"(url) {
    const { createFalClient } = await load("@fal-ai/client");
    // The client has a fixed address, which its middleware can replace.
    const requestMiddleware = async (request) => ({ ...request, url: request.url.replace("https://queue.fal.run", url) });
    const { queue } = createFalClient({ credentials: KEY, requestMiddleware });
    return async () => {
      const { request_id, status } = await queue.status("owner/app", { requestId: ID });
      right(request_id, status, "IN_PROGRESS");
    };
  },
};
