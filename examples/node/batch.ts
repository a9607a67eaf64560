// Many videos from a file of prompts, one a line; a rerun after a crash goes on where it was and pays for nothing twice.
//
//   node batch.js prompts.txt folder     (compiled with tsc)

import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { InfraiClient, InfraiError } from "@infrai/sdk";

const [list = "prompts.txt", folder = "videos"] = process.argv.slice(2);
const prompts = (await readFile(list, "utf8")).split("\n").filter((line) => line.trim() !== "");
await mkdir(folder, { recursive: true });

const client = new InfraiClient();
// Ctrl-C stops the waiting; the jobs go on, and the next run finds them by their keys.
const ender = new AbortController();
process.once("SIGINT", () => ender.abort(new Error("Ctrl-C")));

let failed = 0;
const items = client.video.generateMany(prompts, { concurrency: 4, keyPrefix: `batch-${list}`, signal: ender.signal });
for await (const { index, job, error } of items) {
  if (error !== undefined) {
    failed += 1;
    console.error(`${index + 1}: ${error.message} (${error.code})`);
    continue;
  }
  const path = join(folder, `${index + 1}.mp4`);
  try {
    const { bytes } = await client.video.download(job, path, { overwrite: true, signal: ender.signal });
    console.log(`${index + 1}: ${bytes} bytes at ${path}, for $${job.cost_usd ?? "?"}`);
  } catch (error) {
    if (!(error instanceof InfraiError)) throw error;
    failed += 1;
    console.error(`${index + 1}: ${error.message} (${error.code})`);
  }
}
process.exitCode = failed === 0 ? 0 : 1;
