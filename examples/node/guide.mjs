// The guide's snippets, in the order in which they stand there. Run, it runs them all: node guide.mjs

import assert from "node:assert/strict";
import * as infrai from "@infrai/sdk";

const vault = { read: async (/** @type {string} */ _name) => (await new infrai.InfraiClient().activate()).primary_api_key };
const order = 4711;

const snippets = {
  async key() {
    const { InfraiClient } = infrai;
    // docs: key
    // Called once per call, and again after a 401
    const client = new InfraiClient({ apiKey: () => vault.read("infrai") });
    console.log((await client.account.balance()).balance_usd);
    // docs: end
  },

  async profile() {
    const { InfraiClient } = infrai;
    // docs: profile
    // The table [work] of ~/.infrai/credentials
    const work = new InfraiClient({ profile: "work" });
    await work.activate();
    console.log((await work.account.balance()).balance_usd);
    // docs: end
  },

  async wait() {
    const { InfraiClient, WaitTimeoutError } = infrai;
    // docs: wait
    const client = new InfraiClient();
    let job = await client.video.generate({ prompt: "a red kite" });
    try {
      job = await client.video.wait(job, {
        timeoutMs: 600_000,
        onUpdate: ({ state, progress }) => console.log(state, progress),
      });
    } catch (error) {
      if (!(error instanceof WaitTimeoutError)) throw error;
      // The job goes on, and so can the wait
      job = await client.video.wait(job, { timeoutMs: null });
    }
    // docs: end
    assert.equal(job.state, "succeeded");
  },

  async watch() {
    const client = new infrai.InfraiClient();
    // docs: watch
    const job = await client.video.generate({ prompt: "a red kite", duration_seconds: 1 });
    for await (const { state, progress } of client.video.watch(job)) console.log(state, progress);
    // docs: end
  },

  async polling() {
    const { InfraiClient } = infrai;
    // docs: polling
    // Fewer polls, for jobs of two minutes
    const client = new InfraiClient({
      polling: { requestCost: 0.5, expectedDurationMs: 120_000 },
    });
    const job = await client.video.generate({ prompt: "a red kite", duration_seconds: 1 });
    console.log((await client.video.wait(job)).state);
    // docs: end
  },

  async stop() {
    const { AbortError, InfraiClient } = infrai;
    // docs: stop
    const client = new InfraiClient();
    const job = await client.video.generate({ prompt: "a slow river", model: "sandbox/slow" });
    try {
      // Without cancelOnAbort the job goes on
      await client.video.wait(job, { signal: AbortSignal.timeout(200), cancelOnAbort: true });
    } catch (error) {
      if (!(error instanceof AbortError)) throw error;
      console.log("stopped:", (await client.video.status(job.job_id)).state);
    }
    // docs: end
  },

  async errors() {
    const { InfraiClient, InfraiError, JobFailedError, PaymentRequiredError } = infrai;
    // docs: errors
    const client = new InfraiClient();
    try {
      const job = await client.video.wait(await client.video.generate({ prompt: "a paper boat" }));
      await client.video.download(job, "boat.mp4", { overwrite: true });
    } catch (error) {
      if (error instanceof PaymentRequiredError) console.log("add credit at", error.checkoutUrl);
      else if (error instanceof JobFailedError) console.log("no video:", error.message);
      else if (error instanceof InfraiError) console.log(error.code, error.message, "-", error.hint, error.requestId);
      else throw error;
    }
    // docs: end
  },

  async repeat() {
    const client = new infrai.InfraiClient();
    // docs: repeat
    // Written down with the order, before the call
    const idempotency_key = `order-${order}`;
    const job = await client.video.generate({ prompt: "a paper boat", idempotency_key });
    // After a crash, or a second click
    const again = await client.video.generate({ prompt: "a paper boat", idempotency_key });
    assert.equal(again.job_id, job.job_id); // one job, charged once
    // docs: end
  },

  async unsure() {
    const { InfraiError } = infrai;
    const client = new infrai.InfraiClient();
    let job;
    // docs: unsure
    try {
      job = await client.video.generate({ prompt: "a paper boat" });
    } catch (error) {
      const unsure = error instanceof InfraiError && error.mayHaveBeenProcessed;
      if (!unsure) throw error;
      const idempotency_key = error.idempotencyKey;
      job = await client.video.generate({ prompt: "a paper boat", idempotency_key });
    }
    // docs: end
    assert.ok(job.job_id);
  },

  async quick() {
    const client = new infrai.InfraiClient();
    // docs: with-options
    // The same connections, a shorter timeout
    const quick = client.withOptions({ timeoutMs: 5_000, maxRetries: 0 });
    console.log((await quick.account.balance()).balance_usd);
    // docs: end
  },

  async many() {
    const client = new infrai.InfraiClient();
    // docs: many
    const prompts = ["a red kite", { prompt: "a blue kite", aspect: "1:1" }];
    const kites = client.video.generateMany(prompts, { concurrency: 4, keyPrefix: "kites-1" });
    for await (const { index, job, error } of kites) {
      if (error) console.log(index, "failed:", error.message);
      else await client.video.download(job, `kite-${index}.mp4`, { overwrite: true });
    }
    // docs: end
  },

  async request() {
    const client = new infrai.InfraiClient();
    // docs: request
    const answer = await client.request("GET", "/v1/account/balance");
    console.log(answer.status, answer.data, answer.metadata.request_id);
    // docs: end
  },
};

for (const [name, snippet] of Object.entries(snippets)) {
  console.log(`- ${name}`);
  await snippet();
}
