// One example per call, for the page of every call: node calls.mjs

import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { InfraiClient } from "@infrai/sdk";
import { startSandbox } from "@infrai/sdk/testing";

const client = new InfraiClient();

{
  // docs: client.activate
  const account = await client.activate();
  console.log(account.account_id, account.trial_credit_usd);
  // docs: end
}

// docs: video.generate
const job = await client.video.generate({ prompt: "a red kite", resolution: "1080p", duration_seconds: 2 });
console.log(job.job_id, job.state);
// docs: end

{
  // docs: video.status
  const { state, progress } = await client.video.status(job.job_id);
  console.log(state, progress);
  // docs: end
}

// docs: video.watch
for await (const { state, progress } of client.video.watch(job)) console.log(state, progress);
// docs: end

// docs: video.wait
const done = await client.video.wait(job, { timeoutMs: 600_000 });
console.log(done.state, done.video_url);
// docs: end

{
  // docs: video.download
  const { path, bytes } = await client.video.download(done, "kite.mp4", { overwrite: true });
  console.log(path, bytes);
  // docs: end
}

{
  // docs: video.download_stream
  const stream = await client.video.downloadStream(done);
  await pipeline(Readable.from(stream), createWriteStream("copy.mp4"));
  // docs: end
}

// docs: video.generate_many
const kites = client.video.generateMany(["a red kite", "a blue kite"], { keyPrefix: "kites" });
for await (const { index, job, error } of kites) console.log(index, error ? "failed" : job.video_url);
// docs: end

{
  // docs: video.cancel
  const job = await client.video.generate({ prompt: "a slow river", model: "sandbox/slow" });
  console.log((await client.video.cancel(job.job_id)).ok);
  // docs: end
}

// docs: account.balance
console.log((await client.account.balance()).balance_usd);
// docs: end

{
  // docs: account.topup
  const record = await client.account.topup({ amount_usd: 20, return_url: "https://example.com/paid" });
  console.log(record.state, record.next_action_url);
  // docs: end
}

{
  // docs: client.request
  const { status, data } = await client.request("GET", "/v1/account/balance");
  console.log(status, data);
  // docs: end
}

{
  // docs: client.discover
  const { path, billing } = await client.discover("video.generate");
  console.log(path, billing?.price_usd);
  // docs: end
}

{
  // docs: client.with_options
  const quick = client.withOptions({ timeoutMs: 5_000, maxRetries: 0 });
  console.log((await quick.account.balance()).balance_usd);
  // docs: end
}

{
  // docs: testing.sandbox
  const sandbox = await startSandbox({ faults: ["POST /v1/video/generate: status=503 times=1"] });
  console.log((await sandbox.client.video.generate({ prompt: "a boat" })).job_id);
  await sandbox.stop();
  // docs: end
}
