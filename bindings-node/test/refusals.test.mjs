// Refusals before sending, with the path of the wrong value.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { client, InfraiClient, job, ok, rejection, sdk } from "./helper.mjs";

const cyclic = { a: { b: {} } };
cyclic.a.b.c = cyclic;
let deep = {};
for (let n = 0; n < 100_000; n++) deep = { deep };
const HALF = "half \ud83c";

const BODIES = [
  ["NaN", { a: [1, { b: NaN }] }, "body.a[1].b", /NaN/],
  ["an infinite number", [-Infinity], "body[0]", /-Infinity/],
  ["an integer above what JSON numbers of ours hold", { n: 2n ** 64n }, "body.n", /18446744073709551616/],
  ["an integer below", { n: -(2n ** 63n) - 1n }, "body.n", /-9223372036854775809/],
  ["half a character", { text: [HALF] }, "body.text[0]", /surrogate/],
  ["half a character in a name", { ["\udc00"]: 1 }, "body", /surrogate/],
  ["an object that contains itself", cyclic, "body.a.b.c", /contains itself/],
  ["data nested without end", deep, undefined, /nested at most/],
  ["a function", { f: () => 1 }, "body.f", /function/],
  ["a symbol", { s: Symbol("s") }, "body.s", /symbol/],
  ["undefined in a list", [1, undefined], "body[1]", /undefined/],
  ["a Map", { m: new Map([[1, 2]]) }, "body.m", /Map or a Promise/],
  ["a promise that was not awaited", { p: Promise.resolve(1) }, "body.p", /Map or a Promise/],
  ["bytes", { b: new Uint8Array(3) }, "body.b", /base64/],
  ["a Buffer", { b: Buffer.alloc(3) }, "body.b", /base64/],
  ["an array longer than memory", { a: new Array(2 ** 32 - 1) }, "body.a", /array of 4294967295 items/],
];

for (const [what, body, field, message] of BODIES) {
  test(`a body with ${what} is refused by its path`, async () => {
    const { client: infrai, seen } = await client(() => ok(1));
    const error = await rejection(infrai.request("POST", "/v1/thing", body));
    assert.ok(error instanceof sdk.InvalidRequestError, inspect(error));
    assert.equal(error.code, "INVALID_ARGUMENT");
    if (field !== undefined && what !== "half a character in a name") assert.equal(error.details.field, field);
    assert.match(error.message, message);
    assert.equal(seen.length, 0);
  });
}

const GENERATES = [
  ["nothing", undefined, "prompt"],
  ["an empty prompt", { prompt: " " }, "prompt"],
  ["a prompt that is no string", { prompt: 5 }, "prompt"],
  ["a prompt with half a character", { prompt: HALF }, "prompt"],
  ["a string instead of options", "a kite", "options"],
  ["a duration that is no number", { prompt: "a", duration_seconds: NaN }, "duration_seconds"],
  ["a duration as a string", { prompt: "a", duration_seconds: "5" }, "duration_seconds"],
  ["a duration as a BigInt", { prompt: "a", duration_seconds: 5n }, "duration_seconds"],
  ["an option in camelCase", { prompt: "a", durationSeconds: 5 }, "durationSeconds"],
  ["an aspect that is a list", { prompt: "a", aspect: ["16:9"] }, "aspect"],
];

for (const [what, options, field] of GENERATES) {
  test(`generate refuses ${what} and sends nothing`, async () => {
    const { client: infrai, seen } = await client(() => ok(job("queued")));
    const error = await rejection(infrai.video.generate(options));
    assert.ok(error instanceof sdk.InvalidRequestError, inspect(error));
    assert.deepEqual([error.details.field, error.attempts, seen.length], [field, 0, 0]);
  });
}

test("ids, jobs, paths, amounts and options of a wrong type are refused by name", async () => {
  const { client: infrai, seen } = await client(() => ok(job("queued")));
  const cases = [
    ["job", () => infrai.video.status(5)],
    ["job", () => infrai.video.cancel({ id: "vid_1" })],
    ["job", () => infrai.video.wait({ state: "queued" })],
    ["job", () => infrai.video.watch(null).next()],
    ["timeoutMs", () => infrai.video.wait("vid_1", { timeoutMs: -1 })],
    ["timeout", () => infrai.video.wait("vid_1", { timeout: 5 })],
    ["path", () => infrai.video.download("vid_1", 5)],
    ["timeoutMs", () => infrai.video.download("vid_1", "/tmp/never.mp4", { timeoutMs: -1 })],
    ["timeoutMs", () => infrai.video.downloadStream("vid_1", { timeoutMs: "soon" })],
    ["amount_usd", () => infrai.account.topup({ amount_usd: "20" })],
    ["amount_usd", () => infrai.account.topup({ amount_usd: NaN })],
    ["method", () => infrai.request(undefined, "/v1/x")],
    ["items", () => infrai.video.generateMany("a").next()],
    ["items[1]", () => infrai.video.generateMany(["a", 5]).next()],
    ["concurrency", () => infrai.video.generateMany(["a"], { concurrency: 1.5 }).next()],
    ["query.q", () => infrai.request("GET", "/v1/x", undefined, { query: { q: {} } })],
    ["region", () => infrai.activate({ region: 5 })],
    ["signal", () => infrai.video.watch("vid_1", { signal: new AbortController() }).next()],
    ["signal", () => infrai.video.generateMany(["a"], { signal: 5 }).next()],
    ["signal", () => infrai.video.status("vid_1", { signal: {} })],
    ["onUpdate or onProgress", () => infrai.video.wait("vid_1", { onUpdate: "log" })],
  ];
  for (const [field, make] of cases) {
    const error = await rejection(Promise.resolve().then(make));
    assert.deepEqual([error.name, error.details?.field], ["InvalidRequestError", field], inspect(error));
  }
  assert.equal(seen.length, 0);
});

const EVERY = "maxRetries, headers, signal, unref";
const UNKNOWN = [
  ["status", (infrai, options) => infrai.video.status("vid_1", options), `timeoutMs, ${EVERY}`],
  ["cancel", (infrai, options) => infrai.video.cancel("vid_1", options), `timeoutMs, ${EVERY}`],
  ["balance", (infrai, options) => infrai.account.balance(options), `timeoutMs, ${EVERY}`],
  ["generate", (infrai, options) => infrai.video.generate({ prompt: "a" }, options), `timeoutMs, ${EVERY}`],
  ["watch", (infrai, options) => infrai.video.watch("vid_1", options).next(), `timeoutMs, ${EVERY}`],
  ["downloadStream", (infrai, options) => infrai.video.downloadStream("vid_1", options), `timeoutMs, ${EVERY}`],
  ["wait", (infrai, options) => infrai.video.wait("vid_1", options), "timeoutMs, cancelOnTimeout, cancelOnAbort, maxRetries, headers, onUpdate, signal, unref"],
  ["download", (infrai, options) => infrai.video.download("vid_1", "/tmp/never.mp4", options), "overwrite, timeoutMs, maxRetries, headers, onProgress, signal, unref"],
  ["generateMany", (infrai, options) => infrai.video.generateMany(["a"], options).next(), "concurrency, keyPrefix, timeoutMs, checkpoint, idempotencyWindowMs, onAmbiguous, retryFailed, maxCostUsd, outputDir, cancelOnAbort, maxRetries, headers, onSubmit, onUpdate, signal, unref"],
  ["topup", (infrai, options) => infrai.account.topup({ amount_usd: 5 }, options), `idempotencyKey, timeoutMs, ${EVERY}`],
  ["activate", (infrai, options) => infrai.activate({}, options), `writeCredentials, force, profile, timeoutMs, ${EVERY}`],
  ["request", (infrai, options) => infrai.request("GET", "/v1/x", undefined, options), `query, idempotencyKey, timeoutMs, ${EVERY}`],
  ["the body of generate", (infrai, fields) => infrai.video.generate({ prompt: "a", ...fields }), "prompt, reference_image_url, duration_seconds, aspect, resolution, prefer, model, vendor, idempotency_key"],
  ["the body of topup", (infrai, fields) => infrai.account.topup({ amount_usd: 5, ...fields }), "amount_usd, return_url"],
  ["the body of activate", (infrai, fields) => infrai.activate(fields), "region, device_kind"],
  ["withOptions", async (infrai, options) => infrai.withOptions(options), "timeoutMs, maxRetries, headers"],
];

/** The options that wrong names stand for. */
const MEANT = { onupdate: "onUpdate", timeout: "timeoutMs", progress: "onProgress", retries: "maxRetries" };

/** The message about an option that does not exist, which lists those that do and suggests one. */
const unknown = (name, known) => {
  const names = known.split(", ");
  const meant = names.includes(MEANT[name]) ? `; did you mean \`${MEANT[name]}\`?` : "";
  return `unknown option \`${name}\`, expected one of ${names.map((name) => `\`${name}\``).join(", ")}${meant}`;
};

for (const [name, make, known] of UNKNOWN) {
  test(`${name} refuses an option that does not exist, and lists those that people can give`, async () => {
    const { client: infrai, seen } = await client(() => ok(job("queued")));
    for (const [wrong, value] of [["onupdate", () => 1], ["timeout", 5], ["updates", true], ["progress", false], ["retries", null], ["api_key", "ifr_pk_proj_secret"]]) {
      const error = await rejection(make(infrai, { [wrong]: value }));
      assert.deepEqual([error.name, error.details?.field], ["InvalidRequestError", wrong], inspect(error));
      assert.equal(error.message, unknown(wrong, known));
    }
    assert.equal(seen.length, 0);
  });
}

test("an option among the fields of the body is refused with a hint where it belongs", async () => {
  const { client: infrai, seen } = await client(() => ok(job("queued")));
  const { signal } = new AbortController();
  const cases = [
    ["signal", () => infrai.video.generate({ prompt: "a", signal })],
    ["unref", () => infrai.video.generate({ prompt: "a", unref: true })],
    ["timeoutMs", () => infrai.video.generate({ prompt: "a", timeoutMs: 5 })],
    ["headers", () => infrai.video.generateMany([{ prompt: "a", headers: {} }]).next()],
    ["idempotencyKey", () => infrai.account.topup({ amount_usd: 5, idempotencyKey: "k" })],
    ["writeCredentials", () => infrai.activate({ writeCredentials: false })],
    ["signal", () => infrai.activate({ signal })],
  ];
  for (const [name, make] of cases) {
    const error = await rejection(make());
    assert.deepEqual([error.name, error.details.field], ["InvalidRequestError", name]);
    assert.equal(error.hint, `Pass \`${name}\` in the last argument, with the options of the SDK.`);
  }
  const wire = await rejection(infrai.account.topup({ amount_usd: 5, idempotency_key: "k" }));
  assert.deepEqual([wire.details.field, wire.hint], ["idempotency_key", "Pass `idempotencyKey` in the last argument, with the options of the SDK."]);
  assert.equal(seen.length, 0);
});

test("a field of the body among the options is refused with a hint where it belongs", async () => {
  const { client: infrai, seen } = await client(() => ok(job("queued")));
  const cases = [
    ["aspect", "aspect", () => infrai.video.generate({ prompt: "a" }, { aspect: "1:1" })],
    ["idempotency_key", "idempotency_key", () => infrai.video.generate({ prompt: "a" }, { idempotency_key: "k" })],
    ["idempotencyKey", "idempotency_key", () => infrai.video.generate({ prompt: "a" }, { idempotencyKey: "k" })],
    ["return_url", "return_url", () => infrai.account.topup({ amount_usd: 5 }, { return_url: "https://me.test/" })],
    ["device_kind", "device_kind", () => infrai.activate({}, { device_kind: "cli" })],
  ];
  for (const [name, field, make] of cases) {
    const error = await rejection(make());
    assert.deepEqual([error.name, error.details.field], ["InvalidRequestError", name]);
    assert.equal(error.hint, `Pass \`${field}\` in the first argument, with the fields of the body.`);
  }
  assert.equal(seen.length, 0);
});

test("a value of a wrong type is named with its option, its value and its unit", async () => {
  const { client: infrai, seen } = await client(() => ok(job("queued")));
  const cases = [
    [() => infrai.video.generate({ prompt: 5 }), "invalid `prompt`: expected a string, got 5"],
    [() => infrai.video.generate({ prompt: "a", duration_seconds: 5n }), "invalid `duration_seconds`: expected a number, got 5n"],
    [() => infrai.video.generate({ prompt: "a", aspect: ["16:9"] }), "invalid `aspect`: expected a string, got an array"],
    [() => infrai.video.generate({ prompt: "a", idempotency_key: 5 }), "invalid `idempotency_key`: expected a string, got 5"],
    [() => infrai.account.topup({ amount_usd: 5 }, { idempotencyKey: {} }), "invalid `idempotencyKey`: expected a string, got an object"],
    [() => infrai.activate({}, { force: "yes" }), 'invalid `force`: expected a boolean, got "yes"'],
    [() => infrai.video.status("vid_1", { maxRetries: -1 }), "invalid `maxRetries`: expected a whole number that is not negative, got -1"],
    [() => infrai.video.status("vid_1", { maxRetries: Infinity }), "invalid `maxRetries`: expected a whole number that is not negative, got Infinity"],
    [() => infrai.video.generateMany(["a"], { concurrency: 1.5 }).next(), "invalid `concurrency`: expected a whole number that is not negative, got 1.5"],
    [() => infrai.video.status("vid_1", { headers: { "x-tenant": 5 } }), "invalid `headers.x-tenant`: expected a string, got a number"],
  ];
  for (const value of [-1, NaN, 1e300, "5", 5n, [5], {}]) {
    const got = typeof value === "string" ? '"5"' : typeof value === "bigint" ? "the BigInt 5" : Array.isArray(value) ? "an array" : value === 1e300 ? `1${"0".repeat(119)}…` : typeof value === "object" ? "an object" : String(value);
    cases.push([() => infrai.video.wait("vid_1", { timeoutMs: value }), `invalid \`timeoutMs\`: expected a number of milliseconds that is not negative, got ${got}`]);
  }
  for (const [make, message] of cases) assert.equal((await rejection(make())).message, message);
  const forever = await rejection(infrai.video.status("vid_1", { timeoutMs: Infinity }));
  assert.equal(forever.message, "invalid `timeoutMs`: expected a number of milliseconds that is not negative, got Infinity");
  assert.equal(seen.length, 0);
});

test("options that are no object are refused by name, not passed over", async () => {
  const { client: infrai, seen } = await client(() => ok(job("succeeded")));
  const first = (pieces) => pieces.next();
  const calls = [
    (options) => infrai.video.generate({ prompt: "a" }, options),
    (options) => infrai.video.status("vid_1", options),
    (options) => infrai.video.wait("vid_1", options),
    (options) => first(infrai.video.watch("vid_1", options)),
    (options) => first(infrai.video.generateMany(["a"], options)),
    (options) => infrai.video.download("vid_1", "/nowhere/v.mp4", options),
    (options) => infrai.video.downloadStream("vid_1", options),
    (options) => infrai.account.topup({ amount_usd: 5 }, options),
    (options) => infrai.activate({}, options),
    (options) => infrai.request("GET", "/v1/x", undefined, options),
  ];
  for (const call of calls) {
    for (const options of [60_000, true, "60s", () => 1, [1]]) {
      const error = await rejection(call(options));
      assert.ok(error instanceof sdk.InvalidRequestError && /invalid `options`: expected an object/.test(error.message), `${call} ${error}`);
    }
  }
  assert.equal(seen.length, 0);
});

test("a URL that names no file is refused where a path belongs", async () => {
  const { client: infrai, seen } = await client(() => ok(job("succeeded")));
  const url = new URL("https://example.com/v.mp4");
  const error = await rejection(infrai.video.download("vid_1", url));
  assert.ok(error instanceof sdk.InvalidRequestError && error.details.field === "path", String(error));
  for (const name of ["caFile", "credentialsFile"]) {
    assert.throws(() => new InfraiClient({ [name]: url }), new RegExp(`invalid .${name}.: expected`));
  }
  assert.equal(seen.length, 0);
});

test("the constructor's refusal lists its hooks too", () => {
  for (const [name, value, meant] of [["onrequest", () => 1, "onRequest"], ["timeout", 5, "timeoutMs"], ["api_key", "secret", "apiKey"]]) {
    const expected = new RegExp(`^unknown option \`${name}\`, expected one of \`apiKey\`, .*\`maxRetries\`, .*\`polling\`, .*\`onRequest\`, \`onResponse\`; did you mean \`${meant}\`\\?$`);
    assert.throws(() => new InfraiClient({ [name]: value }), (error) => expected.test(error.message) && error instanceof sdk.ConfigurationError);
  }
});

test("a getter that throws is what the call rejects with", async () => {
  const { client: infrai, seen } = await client(() => ok(1));
  const mine = new Error("mine");
  const body = Object.defineProperty({}, "x", { enumerable: true, get: () => { throw mine; } });
  assert.equal(await rejection(infrai.request("POST", "/v1/x", { body })), mine);
  assert.equal(await rejection(infrai.request("POST", "/v1/x", { toJSON: () => { throw mine; } })), mine);
  assert.equal(seen.length, 0);
});

test("a setting that can never work is an error of the constructor that names it and repeats no key", () => {
  const cases = [
    [{ timeoutMs: 0 }, /timeout/],
    [{ timeoutMs: "5" }, /timeoutMs/],
    [{ maxRetries: -1 }, /maxRetries/],
    [{ apikey: "ifr_pk_proj_secret" }, /apikey/],
    [{ apiKey: "ifr_pk_proj_secret\ud800" }, /invalid `apiKey`: expected text of whole characters/],
    [{ polling: { jitter: 2 } }, /polling\.jitter/],
    [{ polling: { minIntervalMs: 0 } }, /invalid `polling\.minIntervalMs`: expected /],
    [{ polling: { minIntervalMs: -1 } }, /invalid `polling\.minIntervalMs`: expected a number of milliseconds that is not negative, got -1/],
    [{ polling: { min_interval: 1 } }, /unknown option `polling\.min_interval`, expected one of `requestCost`, `minIntervalMs`/],
    [{ polling: [0.05] }, /invalid `polling`: expected an object of options, got an array/],
    [{ apiKey: 7355608n }, /invalid `apiKey`: expected a string, got a BigInt$/],
    [{ defaultHeaders: { authorization: "x" } }, /authorization/],
    [{ defaultHeaders: { "x-a": 5 } }, /defaultHeaders\.x-a/],
    [{ onRequest: "log" }, /onRequest/],
    [5, /invalid `options`/],
  ];
  for (const [settings, message] of cases) {
    assert.throws(
      () => new InfraiClient(settings),
      (error) => error instanceof sdk.ConfigurationError && message.test(error.message) && !inspect(error).includes("secret"),
      inspect(settings),
    );
  }
});
