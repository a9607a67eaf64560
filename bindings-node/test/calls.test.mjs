// Request and result of each call.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { client, fail, InfraiClient, job, KEY, ok, rejection, sdk } from "./helper.mjs";

test("generate sends the documented names, its defaults, and one fresh idempotency key", async () => {
  const { client: infrai, seen } = await client(() => ok(job("queued")));
  await infrai.video.generate({ prompt: "日落", duration_seconds: 5, aspect: "9:16", vendor: undefined, model: null });
  await infrai.video.generate({ prompt: "b", resolution: "8k", prefer: null, resolution_: undefined, idempotency_key: "mine" });
  assert.equal(
    seen[0].body,
    '{"aspect":"9:16","duration_seconds":5,"prefer":"balanced","prompt":"日落","resolution":"720p"}\n',
  );
  assert.equal(seen[1].body, '{"prefer":"balanced","prompt":"b","resolution":"8k"}\n');
  assert.match(seen[0].headers["idempotency-key"], /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  assert.equal(seen[1].headers["idempotency-key"], "mine");
  assert.equal(seen[0].headers.authorization, `Bearer ${KEY}`);
  assert.match(seen[0].headers["user-agent"], /^infrai-node\/\d+\.\d+\.\d+ \(core\/.*; node \d+\.\d+\.\d+\)$/);
});

test("a job is a plain object with the API's names, unknown fields and _metadata", async () => {
  const { client: infrai } = await client(() => ok(job("succeeded", { video_url: "https://x.test/v.mp4", extra: { deep: [1] }, gone: null })));
  const got = await infrai.video.status("vid_1");
  assert.deepEqual(got, {
    job_id: "vid_1",
    state: "succeeded",
    video_url: "https://x.test/v.mp4",
    extra: { deep: [1] },
    _metadata: { request_id: "req-1", cost_usd: 0.01 },
  });
  assert.equal(Object.getPrototypeOf(got), Object.prototype);
  assert.deepEqual(JSON.parse(JSON.stringify(got)), structuredClone(got));
});

test("a job keeps its cost, and the client its sum", async () => {
  const { client: infrai } = await client((n) => (n < 2 ? ok(job("queued")) : ok(job("failed", { refunded_usd: 0.01 }))));
  const got = await infrai.video.generate({ prompt: "x", idempotency_key: "k" });
  assert.equal(got.cost_usd, 0.01);
  await infrai.video.generate({ prompt: "x", idempotency_key: "k" });
  assert.equal(infrai.spentUsd, 0.01);
  const { cost_usd, refunded_usd } = await infrai.withOptions({ timeoutMs: 5000 }).video.status(got);
  assert.deepEqual([cost_usd, refunded_usd, infrai.spentUsd], [0.01, 0.01, 0]);
});

test("status and cancel take an id as one path segment", async () => {
  const { client: infrai, seen } = await client((n) => (n === 0 ? ok(job("queued")) : ok({ ok: true })));
  await infrai.video.status("a/b?c ü");
  assert.deepEqual(await infrai.video.cancel("vid_1"), { ok: true, _metadata: { request_id: "req-1", cost_usd: 0.01 } });
  assert.deepEqual(
    seen.map(({ method, url, body }) => [method, url, body]),
    [
      ["GET", "/v1/video/jobs/a%2Fb%3Fc%20%C3%BC", ""],
      ["POST", "/v1/video/jobs/vid_1/cancel", ""],
    ],
  );
});

test("status and cancel take a job as well as its id", async () => {
  const { client: infrai, seen } = await client(() => ok(job("succeeded", { ok: true })));
  const stored = JSON.parse(JSON.stringify(await infrai.video.status("vid_1")));
  assert.equal((await infrai.video.status(stored)).state, "succeeded");
  assert.equal((await infrai.video.cancel(stored)).ok, true);
  assert.deepEqual(seen.map(({ method, url }) => `${method} ${url}`), [
    "GET /v1/video/jobs/vid_1",
    "GET /v1/video/jobs/vid_1",
    "POST /v1/video/jobs/vid_1/cancel",
  ]);
});

test("the account's balance and a top-up", async () => {
  const { client: infrai, seen } = await client((n) =>
    n === 0 ? ok({ balance_usd: 1.5, currency: "USD" }, {}) : ok({ topup_id: "t", amount_usd: 20, state: "pending" }, {}),
  );
  assert.deepEqual(await infrai.account.balance(), { balance_usd: 1.5, currency: "USD" });
  assert.deepEqual(await infrai.account.topup({ amount_usd: 20, return_url: "https://me.test/" }, { idempotencyKey: "top-1" }), {
    topup_id: "t",
    amount_usd: 20,
    state: "pending",
  });
  assert.equal(seen[1].body, '{"amount_usd":20,"return_url":"https://me.test/"}\n');
  assert.equal(seen[1].headers["idempotency-key"], "top-1");
});

test("activate stores the key, uses it from then on, and shows it nowhere but in its field", async () => {
  const secret = "ifr_pk_proj_ABCDEFGHIJKLMNOPQRSTUVWXYZ99";
  const file = join(mkdtempSync(join(tmpdir(), "infrai-")), "credentials");
  const { client: infrai, seen, url } = await client(
    (_, { url }) => (url === "/v1/activate" ? ok({ account_id: "acc", project_id: "prj", primary_api_key: secret }) : ok(job("queued"))),
    { apiKey: undefined, credentialsFile: file },
  );
  const result = await infrai.activate({ region: "western" });
  assert.deepEqual([result.ok, result.reused, result.account_id, result.primary_api_key], [true, false, "acc", secret]);
  assert.ok(!inspect(result).includes(secret) && inspect(result).includes("ifr_pk_proj_…YZ99"));
  assert.deepEqual(Object.keys(result).includes("primary_api_key"), true);
  await infrai.video.status("vid_1");
  assert.equal(seen[1].headers.authorization, `Bearer ${secret}`);
  assert.equal(JSON.parse(seen[0].body).region, "western");
  assert.equal(seen[0].headers.authorization, undefined);
  assert.ok(readFileSync(file, "utf8").includes(secret));
  const again = await new InfraiClient({ baseUrl: url, credentialsFile: file }).activate();
  assert.deepEqual([again.reused, again.primary_api_key, seen.length], [true, secret, 2]);
});

test("activate writes nothing when it is told not to", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "infrai-")), "credentials");
  const { client: infrai } = await client(() => ok({ primary_api_key: KEY }), { apiKey: undefined, credentialsFile: new URL(`file://${file}`) });
  await infrai.activate({}, { writeCredentials: false });
  assert.equal(existsSync(file), false);
});

test("request reaches any route: method, query, canonical body, data, metadata and status", async () => {
  const { client: infrai, seen } = await client(() => ({ status: 201, json: { ok: true, data: [1, null, "x"], metadata: { vendor: "v" } } }));
  const answer = await infrai.request(
    "post",
    "/v1/thing",
    { b: 2n ** 63n, a: [1.5, undefined === 0, null], left: undefined, when: new Date(0), "10": 1, "9": 1 },
    { query: { q: "a b", n: [1, 2], no: undefined, yes: true }, idempotencyKey: "k-1" },
  );
  assert.deepEqual(answer, { data: [1, null, "x"], metadata: { vendor: "v" }, status: 201 });
  const [{ method, url, body, headers }] = seen;
  assert.deepEqual([method, url, headers["idempotency-key"]], ["POST", "/v1/thing?q=a+b&n=1&n=2&yes=true", "k-1"]);
  assert.equal(body, '{"10":1,"9":1,"a":[1.5,false,null],"b":9223372036854775808,"when":"1970-01-01T00:00:00.000Z"}\n');
});

test("withOptions changes what it is given, for the calls made through it alone", async () => {
  const { client: infrai, seen } = await client(() => fail(503, "VENDOR_DOWN"));
  const hurried = infrai.withOptions({ maxRetries: 0, headers: { "x-trace": "t-1" } });
  await rejection(hurried.video.status("vid_1"));
  await rejection(infrai.video.status("vid_1"));
  assert.deepEqual(seen.map(({ headers }) => headers["x-trace"]), ["t-1", undefined, undefined, undefined]);
});

test("every call takes a timeout, retries and headers for itself in its last argument", async () => {
  const file = Buffer.from("bytes");
  const { client: infrai, seen, url } = await client((_, { url: path }) => {
    if (path === "/file") return { headers: { "content-type": "video/mp4" }, body: file };
    if (path === "/v1/activate") return ok({ account_id: "acc", primary_api_key: KEY });
    return ok(job("succeeded", { ok: true, balance_usd: 1, topup_id: "t", video_url: `${url}/file` }));
  });
  const folder = mkdtempSync(join(tmpdir(), "infrai-"));
  const calls = [
    (own) => infrai.video.generate({ prompt: "a" }, own),
    (own) => infrai.video.status("vid_1", own),
    (own) => infrai.video.cancel("vid_1", own),
    (own) => infrai.video.wait("vid_1", own),
    (own) => infrai.video.watch("vid_1", own).next(),
    (own) => infrai.video.generateMany(["a"], own).next(),
    (own) => infrai.video.download("vid_1", join(folder, "v.mp4"), own),
    (own) => infrai.video.downloadStream("vid_1", own).then((stream) => new Response(stream).text()),
    (own) => infrai.account.balance(own),
    (own) => infrai.account.topup({ amount_usd: 5 }, own),
    (own) => infrai.activate({}, { ...own, force: true, writeCredentials: false }),
    (own) => infrai.request("GET", "/v1/x", undefined, own),
  ];
  for (const [at, call] of calls.entries()) {
    const before = seen.length;
    await call({ timeoutMs: 30_000, maxRetries: 0, headers: { "x-call": `c-${at}` } });
    const mine = seen.slice(before).filter(({ url }) => url !== "/file");
    assert.ok(mine.length > 0 && mine.every(({ headers }) => headers["x-call"] === `c-${at}`), String(call));
  }
  await infrai.video.status("vid_1");
  assert.equal(seen.at(-1).headers["x-call"], undefined);
});

test("a call's own timeout and retries end it", async () => {
  const { client: infrai, seen } = await client((n) => (n === 0 ? "never" : fail(503, "VENDOR_DOWN")));
  const late = await rejection(infrai.video.status("vid_1", { timeoutMs: 50 }));
  assert.ok(late instanceof sdk.TimeoutError, inspect(late));
  const down = await rejection(infrai.account.balance({ maxRetries: 0 }));
  assert.deepEqual([down.code, down.attempts, seen.length], ["VENDOR_DOWN", 1, 2]);
});

test("hooks see every attempt, and neither key nor body", async () => {
  const told = [];
  const { client: infrai } = await client((n) => (n === 0 ? fail(503, "VENDOR_DOWN") : ok(job("queued"))), {
    onRequest: (event) => told.push(["request", event]),
    onResponse: (event) => told.push(["response", event]),
  });
  await infrai.video.generate({ prompt: "secret prompt" });
  assert.deepEqual(
    told.map(([what, { attempt, status, requestId }]) => [what, attempt, status, requestId]),
    [
      ["request", 1, undefined, undefined],
      ["response", 1, 503, "req-2"],
      ["request", 2, undefined, undefined],
      ["response", 2, 200, "req-1"],
    ],
  );
  assert.deepEqual(Object.keys(told[0][1]).sort(), ["attempt", "method", "path"]);
  assert.ok(told[1][1].latencyMs >= 0 && !JSON.stringify(told).includes("secret") && !JSON.stringify(told).includes("ifr_pk"));
});

test("a key function, sync or async, is asked once a call and once more after a 401", async () => {
  let asked = 0;
  const { client: infrai, seen } = await client((n) => (n === 0 ? fail(401, "UNAUTHORIZED") : ok(job("queued"))), {
    apiKey: async () => `${KEY}${++asked}`,
  });
  await infrai.video.status("vid_1");
  await infrai.video.status("vid_1");
  assert.deepEqual(seen.map(({ headers }) => headers.authorization.slice(-1)), ["1", "2", "3"]);
  const { client: sync } = await client(() => ok(job("queued")), { apiKey: () => KEY });
  assert.equal((await sync.video.status("vid_1")).state, "queued");
});

test("the key function and the hooks are called in the async context of their call", async () => {
  const storage = new AsyncLocalStorage();
  const seen = [];
  const told = (name) => () => (seen.push(`${name}:${storage.getStore()}`), KEY);
  const functions = { apiKey: told("key"), onRequest: told("request"), onResponse: told("response") };
  const { client: infrai } = await storage.run("client", () => client(() => ok(job("succeeded")), functions));
  await Promise.all(["a", "b"].map((id) => storage.run(id, () => infrai.video.status(id))));
  const expected = ["a", "b"].flatMap((id) => ["key", "request", "response"].map((name) => `${name}:${id}`));
  assert.deepEqual(seen.splice(0).sort(), expected.sort());
  await storage.run("c", () => infrai.video.wait("vid_1"));
  assert.deepEqual(seen, ["key:c", "request:c", "response:c"]);
});

test("waits that share a request all reject with what the key function threw", async () => {
  const mine = new Error("mine");
  const { client: infrai } = await client(() => ok(job("queued")), { apiKey: async () => { throw mine; } });
  const errors = await Promise.all(Array.from({ length: 5 }, () => rejection(infrai.video.wait("vid_1"))));
  assert.ok(errors.every((error) => error === mine), inspect(errors));
});

test("what a key function throws is what the call rejects with, and what is no key is refused unshown", async () => {
  const mine = new Error("the vault is shut");
  const { client: thrower, seen } = await client(() => ok(job("queued")), { apiKey: () => Promise.reject(mine) });
  assert.equal(await rejection(thrower.video.status("vid_1")), mine);
  const { client: nothing } = await client(() => ok(job("queued")), { apiKey: () => undefined });
  const error = await rejection(nothing.video.status("vid_1"));
  assert.ok(error instanceof sdk.ConfigurationError);
  assert.equal(error.message, "invalid `apiKey`: expected a function without arguments that returns a string, it returned undefined");
  const { client: spaced } = await client(() => ok(job("queued")), { apiKey: () => "ifr_pk_proj_secret secret" });
  assert.ok(!inspect(await rejection(spaced.video.status("vid_1"))).includes("secret"));
  assert.equal(seen.length, 0);
});

test("a client shows no key, however it is looked at", async () => {
  const infrai = new InfraiClient({ apiKey: KEY, baseUrl: "http://127.0.0.1:9" });
  const shown = inspect(infrai, { depth: 10, showHidden: true }) + JSON.stringify(infrai) + String(infrai) + Object.keys(infrai.video);
  assert.ok(!shown.includes(KEY) && !shown.includes("WXYZ"), shown);
});

/** Runs this with these variables, and without what else says whom to trust. */
async function trusting(variables, run) {
  const before = Object.fromEntries(["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"].map((name) => [name, process.env[name]]));
  const set = (values) => {
    for (const [name, value] of Object.entries(values)) value === undefined ? delete process.env[name] : (process.env[name] = value);
  };
  set({ ...Object.fromEntries(Object.keys(before).map((name) => [name, undefined])), ...variables });
  await run().finally(() => set(before));
}

test("NODE_EXTRA_CA_CERTS that cannot be read is left out, as in Node.js", () =>
  trusting({ NODE_EXTRA_CA_CERTS: "/nowhere/ca.pem" }, async () => {
    const infrai = new InfraiClient({ apiKey: KEY, baseUrl: "https://127.0.0.1:9", maxRetries: 0 });
    const error = await rejection(infrai.video.status("vid_1"));
    assert.ok(error instanceof sdk.ConnectionError && error.code === "CONNECTION_FAILED", inspect(error));
  }));

test("NODE_EXTRA_CA_CERTS adds to whom is trusted otherwise, as it does in Node.js", async () => {
  const certificate = (name) => fileURLToPath(new URL(`../../core/tests/certificates/${name}`, import.meta.url));
  const show = async (name) => {
    const [cert, key] = ["pem", "key"].map((kind) => readFileSync(certificate(`${name}.${kind}`)));
    const server = createServer({ cert, key }, (_, response) => response.end(JSON.stringify(job("queued"))));
    after(() => (server.closeAllConnections(), server.close()));
    await new Promise((resolve) => server.listen(0, "localhost", resolve));
    return `https://localhost:${server.address().port}`;
  };
  const [one, other] = [await show("one"), await show("other")];
  const look = (baseUrl) => new InfraiClient({ apiKey: KEY, baseUrl, maxRetries: 0 }).video.status("vid_1");
  await trusting({ SSL_CERT_FILE: certificate("one.pem"), NODE_EXTRA_CA_CERTS: certificate("other.pem") }, async () => {
    assert.deepEqual([(await look(one)).state, (await look(other)).state], ["queued", "queued"]);
  });
  await trusting({ SSL_CERT_FILE: certificate("one.pem") }, async () => {
    assert.match((await rejection(look(other))).message, /certificate/);
  });
});

test("a missing key is an error of the first call, and looked for again at the next", async () => {
  const { client: infrai } = await client(() => ok(job("queued")), { apiKey: "", credentialsFile: "/nowhere/credentials" });
  const error = await rejection(infrai.video.status("vid_1"));
  assert.ok(error instanceof sdk.AuthenticationError && error.code === "API_KEY_MISSING");
  assert.match(error.hint, /`client\.activate\(\)`/);
  assert.ok(!/api_key|infra\.activate/.test(error.message + error.hint), error.hint);
  process.env.INFRAI_API_KEY = KEY;
  try {
    assert.equal((await infrai.video.status("vid_1")).state, "queued");
  } finally {
    delete process.env.INFRAI_API_KEY;
  }
});
