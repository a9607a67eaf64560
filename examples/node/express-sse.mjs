// A page's progress bar: POST /videos starts a job, GET /videos/:id/events streams its states as server-sent events, and
// GET /videos/:id/file the video itself.

import express from "express";
import { Readable } from "node:stream";
import { InfraiClient, InfraiError } from "@infrai/sdk";

const client = new InfraiClient();
export const app = express();
app.use(express.json());

app.post("/videos", async (request, response) => {
  const job = await client.video.generate({ prompt: request.body.prompt });
  response.status(202).json({ id: job.job_id, state: job.state });
});

app.get("/videos/:id/events", async (request, response) => {
  response.set({ "content-type": "text/event-stream", "cache-control": "no-cache" });
  // Who closes the page ends the polling.
  const ender = new AbortController();
  response.once("close", () => ender.abort());
  try {
    for await (const { state, progress } of client.video.watch(request.params.id, { signal: ender.signal })) {
      response.write(`data: ${JSON.stringify({ state, progress })}\n\n`);
    }
  } catch (error) {
    if (ender.signal.aborted) return;
    response.write(`event: failed\ndata: ${JSON.stringify({ message: error.message })}\n\n`);
  }
  response.end();
});

app.get("/videos/:id/file", async (request, response) => {
  const stream = await client.video.downloadStream(request.params.id);
  response.type("video/mp4");
  Readable.fromWeb(stream).pipe(response);
});

app.use((error, _request, response, next) => {
  if (!(error instanceof InfraiError)) return next(error);
  response.status(error.status ?? (error.kind === "invalid_request" ? 400 : 502)).json({ message: error.message, hint: error.hint });
});

const server = app.listen(process.env.PORT ?? 3000, () => console.log(`http://localhost:${server.address().port}`));
