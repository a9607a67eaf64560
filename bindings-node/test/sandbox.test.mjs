// The whole way against the sandbox: the documented TypeScript, the examples, and starting and stopping it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { PROJECT, rejection, require, sdk } from "./helper.mjs";

const { startSandbox } = require("@infrai/sdk/testing");
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

test("the documented TypeScript compiles and runs", async () => {
  const folder = join(PROJECT, "seed");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "index.mts"), readFileSync(join(ROOT, "test/types.ts")));
  writeFileSync(join(folder, "run.mjs"), 'import { main } from "./index.mjs"; await main();');
  const types = ["--types", "node", "--typeRoots", join(ROOT, "node_modules/@types")];
  await run(join(ROOT, "node_modules/.bin/tsc"), ["--strict", "--module", "nodenext", "--target", "es2022", ...types, "index.mts"], { cwd: folder });
  const { stdout } = await run(process.execPath, ["run.mjs"], { cwd: folder, timeout: 120_000 });
  const told = JSON.parse(stdout);
  assert.deepEqual(told.slice(0, 4), [true, "boolean", "string", "a"]);
  assert.deepEqual(told.slice(-9), ["succeeded", "succeeded", "true", "number", "true 200", "not_found", "object", "object", "function"]);
});

test("a sandbox has an account of its own, makes a real video, and is gone after stop", async () => {
  const sandbox = await startSandbox({ client: { polling: { minIntervalMs: 20, maxIntervalMs: 100 } } });
  const { client, url } = sandbox;
  const before = (await client.account.balance()).balance_usd;
  const states = [];
  const job = await client.video.generate({ prompt: "a paper boat", duration_seconds: 1 });
  const done = await client.video.wait(job, { onUpdate: ({ state }) => states.push(state) });
  assert.equal(states.at(-1), "succeeded");
  const path = join(mkdtempSync(join(tmpdir(), "infrai-")), "boat.mp4");
  const { bytes } = await client.video.download(done, path);
  const file = readFileSync(path);
  assert.deepEqual([file.length, file.toString("latin1", 4, 8)], [bytes, "ftyp"]);
  assert.ok((await client.account.balance()).balance_usd < before);
  assert.equal((await client.video.cancel(job.job_id)).ok, false);
  await sandbox.stop();
  const gone = new sdk.InfraiClient({ apiKey: "k", baseUrl: url, maxRetries: 0 });
  assert.ok((await rejection(gone.account.balance())) instanceof sdk.ConnectionError);
});

test("a sandbox goes wrong on demand", async () => {
  const sandbox = await startSandbox({ faults: ["POST /v1/video/generate: status=503 times=1"], client: { retryBaseMs: 1 } });
  const attempts = [];
  const client = new sdk.InfraiClient({ apiKey: sandbox.apiKey, baseUrl: sandbox.url, retryBaseMs: 1, onResponse: ({ status }) => attempts.push(status) });
  await client.video.generate({ prompt: "a" });
  assert.deepEqual(attempts, [503, 200]);
  await sandbox.stop();
});

test("a sandbox that is forgotten holds no process up and ends with it", async () => {
  const source = 'require("@infrai/sdk/testing").startSandbox().then(({ url }) => console.log(url));';
  const { stdout } = await run(process.execPath, ["-e", source], { cwd: PROJECT, timeout: 60_000 });
  const infrai = new sdk.InfraiClient({ apiKey: "k", baseUrl: stdout.trim(), maxRetries: 0 });
  let error;
  do error = await infrai.account.balance().catch((error) => error);
  while (!(error instanceof sdk.ConnectionError));
});

test("a command that is not there is named, with how to name another", async () => {
  const error = await rejection(startSandbox({ command: "/nowhere/infrai" }));
  assert.ok(error instanceof sdk.ConfigurationError && error.message.includes("/nowhere/infrai") && error.hint.includes("INFRAI_CLI"));
  const silent = await rejection(startSandbox({ command: process.execPath }));
  assert.ok(silent instanceof sdk.ConfigurationError, String(silent));
});
