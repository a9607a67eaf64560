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
  const broken = await startSandbox({ faults: ["POST /v1/video/generate: status=503 times=2"] });
  assert.ok((await broken.client.video.generate({ prompt: "a boat", duration_seconds: 1 })).job_id);
  await broken.stop();
});
// docs: end
