// The Node.js clients that are measured, each used as its documentation says: a function a client, which returns one call.
// A call asks the server about one running job and checks the answer.

import { ID, KEY, load, right } from "./worker.mjs";

const headers = { authorization: `Bearer ${KEY}` };
const path = (url) => `${url}/v1/video/jobs/${ID}`;
const enveloped = ({ data }) => right(data.job_id, data.state, "running");

/** By the name that the tables show. */
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
    // It has an address of its own, which its middleware can replace.
    const requestMiddleware = async (request) => ({ ...request, url: request.url.replace("https://queue.fal.run", url) });
    const { queue } = createFalClient({ credentials: KEY, requestMiddleware });
    return async () => {
      const { request_id, status } = await queue.status("owner/app", { requestId: ID });
      right(request_id, status, "IN_PROGRESS");
    };
  },

  async lumaai(url) {
    const { LumaAI } = await load("lumaai");
    const { generations } = new LumaAI({ authToken: KEY, baseURL: `${url}/dream-machine/v1` });
    return async () => {
      const generation = await generations.get(ID);
      right(generation.id, generation.state, "dreaming");
    };
  },

  async "@google/genai"(url) {
    const { GenerateVideosOperation, GoogleGenAI } = await load("@google/genai");
    const { operations } = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: url } });
    const operation = new GenerateVideosOperation();
    operation.name = `models/video/operations/${ID}`;
    return async () => {
      const { name, done } = await operations.getVideosOperation({ operation });
      right(name.split("/").pop(), done ? "done" : "running", "running");
    };
  },
};
