// Tests of one's own against the sandbox: node --test video.test.mjs

// docs: sandbox
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startSandbox } from "@infrai/sdk/testing";

/** @type {import("@infrai/sdk/testing").RunningSandbox} */
let sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.stop());

test("a boat is made", async () => {
  const job = await sandbox.client.video.generate({ prompt: "a boat", duration_seconds: 1 });
  assert.ok((await sandbox.client.video.wait(job)).video_url);
});
// docs: end

// docs: faults
test("an outage is survived", async () => {
  await sandbox.addFault("POST /v1/video/generate: status=503 times=2");
  await sandbox.client.video.generate({ prompt: "a boat", model: "sandbox/stuck" });
  const statuses = (await sandbox.requests()).map(({ status }) => status);
  assert.deepEqual(statuses.slice(-3), [503, 503, 200]);
});

test("a failed job is refunded", async () => {
  await sandbox.addFault("POST /v1/video/generate: job=fail code=VENDOR_DOWN times=1");
  const job = await sandbox.client.video.generate({ prompt: "a boat" });
  await assert.rejects(sandbox.client.video.wait(job), /VENDOR_DOWN/);
  const kinds = (await sandbox.ledger()).map(({ kind }) => kind);
  assert.deepEqual(kinds.slice(-2), ["charge", "refund"]);
});
// docs: end

// docs: money
test("a top-up is paid", async () => {
  const credit = await sandbox.addCredit(5);
  const topup = await sandbox.client.account.topup({ amount_usd: 20 });
  assert.equal(await sandbox.pay(topup), credit + 20);
});
// docs: end
