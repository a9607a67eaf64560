// A file of prompts becomes a folder of videos and a table of costs. Run it again after a crash, with further credit or with further prompts: what exists
// is neither made nor paid again.
//
//   node batch.js prompts.txt folder     (compiled with tsc)

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AbortError, InfraiClient } from "@infrai/sdk";

const [list = "prompts.txt", folder = "videos"] = process.argv.slice(2);
const prompts = (await readFile(list, "utf8")).split("\n").filter((line) => line.trim() !== "");

const client = new InfraiClient();
// Ctrl-C stops the batch; the jobs go on, and the next run finds them in the checkpoint.
const ender = new AbortController();
process.once("SIGINT", () => ender.abort(new Error("Ctrl-C")));

let made = 0;
let total = 0;
try {
  const options = { checkpoint: join(folder, "batch.jsonl"), outputDir: folder, signal: ender.signal };
  for await (const { index, job, file, error } of client.video.generateMany(prompts, options)) {
    if (error !== undefined) {
      console.error(`${prompts[index]}: ${error.message} (${error.code}); ${error.hint}`);
      continue;
    }
    made += 1;
    total += job.cost_usd ?? 0;
    console.log(`$${(job.cost_usd ?? 0).toFixed(2)}  ${prompts[index]}  ${file?.path}`);
  }
} catch (error) {
  if (!(error instanceof AbortError)) throw error;
  console.error(error.message, error.details);
}
console.log(`$${total.toFixed(2)}  ${made} of ${prompts.length} made`);
process.exitCode = made === prompts.length ? 0 : 1;
