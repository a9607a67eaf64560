// Environment variables of a realm: a worker's are its own, and are read when a call needs them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { SHARE_ENV, Worker } from "node:worker_threads";
import { client, InfraiClient, job, KEY, ok, PROJECT, rejection, sdk, serve } from "./helper.mjs";

/** The result of a program in a worker with this environment: what it returned, or the code of what it threw. */
function work(env, source, workerData) {
  const program = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { InfraiClient } = require(${JSON.stringify(join(PROJECT, "node_modules/@infrai/sdk"))});
    (async () => { ${source} })().then((value) => parentPort.postMessage(value), (error) => parentPort.postMessage(error.code ?? String(error)));`;
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { eval: true, env, workerData });
    worker.once("message", resolve).once("error", reject);
  });
}

/** Runs this with these variables of this thread. */
async function within(variables, run) {
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  const set = (values) => {
    for (const [name, value] of Object.entries(values)) value === undefined ? delete process.env[name] : (process.env[name] = value);
  };
  set(variables);
  return run().finally(() => set(before));
}

function folder() {
  const made = mkdtempSync(join(tmpdir(), "infrai-node-environment-"));
  after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

const STATUS = `return (await new InfraiClient({ maxRetries: 0 }).video.status("vid_1")).state;`;
const key = (name) => `ifr_pk_proj_${name}`;
const bearers = (seen) => seen.map(({ headers }) => headers.authorization.replace("Bearer ifr_pk_proj_", ""));

test("a worker uses its own key and not its parent's", async () => {
  const { url, seen } = await serve(() => ok(job("queued")));
  const settings = (name) => ({ HOME: folder(), INFRAI_API_KEY: key(name), INFRAI_BASE_URL: url });
  await within({ INFRAI_API_KEY: key("parent"), INFRAI_BASE_URL: url }, async () => {
    const parent = new InfraiClient();
    await Promise.all(["a", "b", "c"].map((name) => work(settings(name), STATUS)));
    assert.deepEqual(bearers(seen).sort(), ["a", "b", "c"]);
    await parent.video.status("vid_1");
    assert.equal(bearers(seen).at(-1), "parent");
    const home = folder();
    const bare = { HOME: home, USERPROFILE: home, INFRAI_BASE_URL: url };
    assert.equal(await work(bare, STATUS), "API_KEY_MISSING");
    assert.equal(await work(bare, `process.env.INFRAI_API_KEY = "${key("set")}"; ${STATUS}`), "queued");
    assert.equal(bearers(seen).at(-1), "set");
    assert.equal(process.env.INFRAI_API_KEY, key("parent"));
  });
});

test("a worker that shares the environment sees what is set", async () => {
  const { url, seen } = await serve(() => ok(job("queued")));
  const source = `const client = new InfraiClient({ baseUrl: workerData.url });
    Atomics.store(workerData.turn, 0, 1); Atomics.notify(workerData.turn, 0); Atomics.wait(workerData.turn, 0, 1);
    return (await client.video.status("vid_1")).state;`;
  await within({ INFRAI_API_KEY: undefined }, async () => {
    const turn = new Int32Array(new SharedArrayBuffer(4));
    const state = work(SHARE_ENV, source, { url, turn });
    await Atomics.waitAsync(turn, 0, 0).value;
    process.env.INFRAI_API_KEY = key("late");
    Atomics.store(turn, 0, 2);
    Atomics.notify(turn, 0);
    assert.equal(await state, "queued");
  });
  assert.deepEqual(bearers(seen), ["late"]);
});

test("a variable that is set after the client was made counts", async () => {
  const { url, seen } = await serve(() => ok(job("queued")));
  await within({ INFRAI_API_KEY: undefined, INFRAI_BASE_URL: undefined }, async () => {
    const infrai = new InfraiClient();
    Object.assign(process.env, { INFRAI_API_KEY: key("first"), INFRAI_BASE_URL: url });
    await infrai.video.status("vid_1");
    // From the first call on, a client keeps its key.
    process.env.INFRAI_API_KEY = key("second");
    await infrai.video.status("vid_1");
    await new InfraiClient().video.status("vid_1");
  });
  assert.deepEqual(bearers(seen), ["first", "first", "second"]);
});

test("a worker's home, file and profile are its own", async () => {
  const { url, seen } = await serve(() => ok(job("queued")));
  const home = folder();
  mkdirSync(join(home, ".infrai"), { mode: 0o700 });
  const table = (name) => `[${name}]\napi_key = "${key(name)}"\nbase_url = "${url}"\n`;
  writeFileSync(join(home, ".infrai", "credentials"), table("default") + table("other"), { mode: 0o600 });
  const elsewhere = join(folder(), "credentials");
  writeFileSync(elsewhere, table("default").replace("proj_default", "proj_elsewhere"), { mode: 0o600 });
  const at = { HOME: home, USERPROFILE: home };
  for (const env of [at, { ...at, INFRAI_PROFILE: "other" }, { ...at, INFRAI_CREDENTIALS_FILE: elsewhere }]) {
    assert.equal(await work(env, STATUS), "queued");
  }
  assert.deepEqual(bearers(seen), ["default", "other", "elsewhere"]);
});

test("a worker's proxies and what they leave out are its own", async () => {
  const { url, seen } = await serve(() => ok(job("queued")));
  const home = folder();
  const env = { HOME: home, USERPROFILE: home, INFRAI_API_KEY: KEY, INFRAI_BASE_URL: "http://api.invalid", INFRAI_ALLOW_HTTP: "1" };
  for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]) {
    assert.equal(await work({ ...env, [name]: url }, STATUS), "queued", name);
  }
  assert.deepEqual([...new Set(seen.map((request) => request.url))], ["http://api.invalid/v1/video/jobs/vid_1"]);
  const through = seen.length;
  for (const left of [{ NO_PROXY: "api.invalid" }, { no_proxy: "*" }, { REQUEST_METHOD: "GET" }]) {
    assert.equal(await work({ ...env, HTTP_PROXY: url, ...left }, STATUS), "CONNECTION_FAILED", Object.keys(left)[0]);
  }
  await within({ HTTP_PROXY: url }, async () => assert.equal(await work(env, STATUS), "CONNECTION_FAILED"));
  assert.equal(seen.length, through);
  assert.equal(await work({ ...env, HTTP_PROXY: url, INFRAI_ALLOW_HTTP: "0" }, STATUS), "INSECURE_HTTP");
});

test("a worker's certificate authorities are its own", async () => {
  const file = (name) => fileURLToPath(new URL(`../../core/tests/certificates/${name}`, import.meta.url));
  const [cert, privateKey] = ["one.pem", "one.key"].map((name) => readFileSync(file(name)));
  const server = createServer({ cert, key: privateKey }, (_, response) => response.end(JSON.stringify(job("queued"))));
  after(() => (server.closeAllConnections(), server.close()));
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  const home = folder();
  const env = { HOME: home, USERPROFILE: home, INFRAI_API_KEY: KEY, INFRAI_BASE_URL: `https://localhost:${server.address().port}` };
  for (const [name, pem, outcome] of [
    ["SSL_CERT_FILE", "one.pem", "queued"],
    ["SSL_CERT_FILE", "other.pem", "CONNECTION_FAILED"],
    ["NODE_EXTRA_CA_CERTS", "one.pem", "queued"],
  ]) {
    assert.equal(await work({ ...env, [name]: file(pem) }, STATUS), outcome, `${name} ${pem}`);
  }
  for (const unusable of ["/nowhere/roots.pem", file("one.key")]) {
    assert.equal(await work({ ...env, SSL_CERT_FILE: file("one.pem"), NODE_EXTRA_CA_CERTS: unusable }, STATUS), "queued", unusable);
  }
  await within({ SSL_CERT_FILE: file("one.pem") }, async () => assert.equal(await work(env, STATUS), "CONNECTION_FAILED"));
  const distrusted = await rejection(new InfraiClient({ apiKey: KEY, baseUrl: env.INFRAI_BASE_URL, maxRetries: 0 }).video.status("vid_1"));
  assert.match(distrusted.hint, /`caFile`/);
  const unusable = await rejection(new InfraiClient({ apiKey: KEY, baseUrl: env.INFRAI_BASE_URL, caFile: file("one.key") }).video.status("vid_1"));
  assert.match(unusable.hint, /^Set `caFile` to/);
});

test("a key that was missing is looked for in the same realm", async () => {
  const { client: infrai, seen } = await client(() => ok(job("queued")), { apiKey: "", credentialsFile: "/nowhere/credentials" });
  await within({ INFRAI_API_KEY: undefined }, async () => {
    const error = await rejection(infrai.video.status("vid_1"));
    assert.ok(error instanceof sdk.AuthenticationError, String(error));
    await work({ INFRAI_API_KEY: key("worker"), HOME: folder(), INFRAI_BASE_URL: "http://127.0.0.1:9" }, STATUS);
    assert.ok((await rejection(infrai.video.status("vid_1"))) instanceof sdk.AuthenticationError);
    process.env.INFRAI_API_KEY = key("own");
    await infrai.video.status("vid_1");
  });
  assert.deepEqual(bearers(seen), ["own"]);
});
