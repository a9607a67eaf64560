// A page's progress bar: POST /videos starts a job, GET /videos/:id/events streams its states as server-sent events,
// GET /videos/:id/file leads a player to the video, and GET /videos/:id/copy sends it through this server.

import express from "express";
import { pipeline, Readable } from "node:stream";
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
  const { state, video_url } = await client.video.status(request.params.id);
  if (video_url === undefined) return response.status(409).json({ message: `the video is ${state}` });
  // The page keeps this address, and the URL behind it is always a fresh one.
  response.set("cache-control", "no-store").redirect(307, video_url);
});

app.get("/videos/:id/copy", async (request, response) => {
  const stream = await client.video.downloadStream(request.params.id);
  response.type(stream.contentType ?? "video/mp4");
  if (stream.size !== undefined) response.set("content-length", String(stream.size));
  // Who leaves ends the download.
  pipeline(Readable.fromWeb(stream), response, () => {});
});

app.use((error, _request, response, next) => {
  if (!(error instanceof InfraiError)) return next(error);
  response.status(error.status ?? (error.kind === "invalid_request" ? 400 : 502)).json({ message: error.message, hint: error.hint });
});

const server = app.listen(process.env.PORT ?? 3000, () => console.log(`http://localhost:${server.address().port}`));
