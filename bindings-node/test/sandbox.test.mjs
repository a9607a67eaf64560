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

test("another client takes settings, and polls quickly by default", async () => {
  const sandbox = await startSandbox();
  const answers = [];
  const client = sandbox.newClient({ onResponse: ({ status }) => answers.push(status) });
  const began = performance.now();
  const error = await rejection(client.video.wait(await client.video.generate({ prompt: "a", model: "sandbox/fail" })));
  assert.ok(error instanceof sdk.JobFailedError && performance.now() - began < 1000 && answers.length > 1, String(error));
  assert.throws(() => sandbox.newClient({ timeoutMs: -1 }), sdk.ConfigurationError);
  await sandbox.stop();
});

test("a job fails after it was accepted, and is refunded", async () => {
  const sandbox = await startSandbox({ faults: "POST /v1/video/generate: job=fail code=VENDOR_DOWN times=1" });
  const job = await sandbox.client.video.generate({ prompt: "a boat", duration_seconds: 1 });
  assert.match(String(await rejection(sandbox.client.video.wait(job))), /VENDOR_DOWN/);
  assert.deepEqual((await sandbox.ledger()).map(({ kind }) => kind), ["trial", "charge", "refund"]);
  await sandbox.stop();
});

test("faults are added and cleared, and the requests that met them listed", async () => {
  const sandbox = await startSandbox();
  await sandbox.addFault("GET /v1/account/balance: status=429 retry-after=0 times=1");
  await sandbox.client.account.balance();
  await sandbox.addFault("GET /v1/account/*: status=503");
  await sandbox.clearFaults();
  await sandbox.client.account.balance();
  const balance = "/v1/account/balance";
  const seen = (await sandbox.requests()).map(({ path, status }) => [path, status]);
  assert.deepEqual(seen, [["/v1/activate", 200], [balance, 429], [balance, 200], [balance, 200]]);
  await sandbox.stop();
});

test("credit is added, and a top-up is paid once", async () => {
  const sandbox = await startSandbox();
  assert.equal(await sandbox.addCredit(5), 7);
  const topup = await sandbox.client.account.topup({ amount_usd: 20 });
  assert.deepEqual([await sandbox.pay(topup), await sandbox.pay(topup.topup_id)], [27, 27]);
  assert.deepEqual((await sandbox.ledger()).map(({ amount_usd }) => amount_usd), [2, 5, 20]);
  assert.ok((await rejection(sandbox.pay("top/../unknown"))) instanceof sdk.NotFoundError);
  await sandbox.stop();
});

test("a wrong fault says what is expected", async () => {
  const wrong = "GET /v1/*: colour=red";
  const expected = /expected status, code, retry-after.*got `colour`/;
  const error = await rejection(startSandbox({ faults: [wrong] }));
  assert.ok(error instanceof sdk.ConfigurationError && error.hint.includes("infrai sandbox --help"), String(error));
  assert.match(error.message, expected);
  assert.ok(!error.message.includes("{"), error.message);
  const sandbox = await startSandbox();
  const later = await rejection(sandbox.addFault(wrong));
  assert.ok(later instanceof sdk.InvalidRequestError && expected.test(later.message), String(later));
  await sandbox.stop();
});

test("the types' documentation has every word of the manual", async () => {
  const { stdout } = await run(process.env.INFRAI_CLI, ["sandbox", "--help"]);
  const words = [...stdout.split("\nModels:\n")[1].matchAll(/^ {2}(\S+) {2,}\S/gm)].map(([, word]) => word);
  assert.ok(words.length > 15);
  const documented = readFileSync(join(PROJECT, "node_modules/@infrai/sdk/dist/testing.d.ts"), "utf8");
  assert.deepEqual(words.filter((word) => !documented.includes(word) && !/^(720p|1080p)$/.test(word)), []);
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
