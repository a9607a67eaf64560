// A handler for platforms that call fetch(request): it starts a video and returns, and resumes it by its id. It never
// waits, so idle time is not billed. It needs Node.js, as the package has a native module.
//
//   POST /videos {"prompt": "a boat", "request_id": "form-1"}
//   GET  /videos/{id}

import { InfraiClient, InfraiError } from "@infrai/sdk";

// Outside of the handler: a warm instance keeps its connections. The key comes from INFRAI_API_KEY.
const client = new InfraiClient({ timeoutMs: 8_000 });
const ENDED = ["succeeded", "completed", "done", "failed", "error", "expired", "cancelled", "canceled"];

/** @param {Request} request */
async function answer(request) {
  const id = new URL(request.url).pathname.split("/")[2];
  if (request.method === "POST") {
    const { prompt, request_id } = await request.json();
    // The platform may deliver a request twice: the key makes it one job.
    const job = await client.video.generate({ prompt, idempotency_key: request_id });
    return Response.json({ id: job.job_id, state: job.state }, { status: 202 });
  }
  if (id === undefined) return Response.json({ message: "no such route" }, { status: 404 });
  const { state, video_url } = await client.video.status(id);
  return Response.json({ id, state, done: ENDED.includes(state), video_url });
}

export default {
  /** @param {Request} request */
  async fetch(request) {
    try {
      return await answer(request);
    } catch (error) {
      if (!(error instanceof InfraiError)) throw error;
      const status = error.status ?? (error.kind === "invalid_request" ? 400 : 502);
      return Response.json({ code: error.code, message: error.message }, { status });
    }
  },
};
