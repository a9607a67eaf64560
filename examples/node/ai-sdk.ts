// A video by the Vercel AI SDK: its file, its job and its cost.

import { writeFile } from "node:fs/promises";
import { experimental_generateVideo as generateVideo } from "ai";
import { infrai, type InfraiVideoMetadata, type InfraiVideoModelOptions } from "@infrai/ai-sdk";

const { video, warnings, providerMetadata } = await generateVideo({
  model: infrai.video(),
  prompt: "a paper boat on a pond",
  resolution: "1280x720",
  duration: 2,
  abortSignal: AbortSignal.timeout(600_000),
  // The job of an aborted call is cancelled, and refunded.
  providerOptions: { infrai: { prefer: "cheapest", cancelOnAbort: true } satisfies InfraiVideoModelOptions },
});
await writeFile("boat.mp4", video.uint8Array);

const [made] = providerMetadata["infrai"]?.["videos"] as InfraiVideoMetadata[];
console.log(`${made?.jobId} for $${made?.costUsd}, with ${warnings.length} warnings`);
