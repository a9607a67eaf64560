// The errors: classes, fields, stacks, and what they show.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { client, fail, InfraiClient, job, KEY, ok, rejection, sdk, serve } from "./helper.mjs";

const HERE = fileURLToPath(import.meta.url);

for (const [status, code, Kind] of [
  [400, "IDEMPOTENCY_KEY_REQUIRED", "InvalidRequestError"],
  [401, "UNAUTHORIZED", "AuthenticationError"],
  [402, "INSUFFICIENT_CREDIT", "PaymentRequiredError"],
  [403, "KEY_REVOKED", "PermissionError"],
  [404, "NO_SUCH_JOB", "NotFoundError"],
  [409, "IDEMPOTENCY_CONFLICT", "ConflictError"],
  [429, "RATE_LIMIT_USER", "RateLimitError"],
  [503, "MAINTENANCE", "ServerError"],
  [302, "HTTP_302", "UnexpectedResponseError"],
]) {
  test(`a ${status} is a ${Kind}`, async () => {
    const { client: infrai } = await client(() => fail(status, code), { maxRetries: 0 });
    const error = await rejection(infrai.video.status("vid_1"));
    assert.ok(error instanceof sdk[Kind] && error instanceof sdk.InfraiError && error instanceof Error);
    assert.deepEqual([error.name, error.constructor.name], [Kind, Kind]);
    if (status !== 302) assert.deepEqual([error.code, error.status, error.requestId], [code, status, "req-2"]);
  });
}

test("every kind has a class whose name is exported", () => {
  const kinds = ["authentication", "permission", "payment_required", "invalid_request", "not_found", "conflict", "rate_limit", "server", "connection"];
  kinds.push("timeout", "job_failed", "job_cancelled", "wait_timeout", "credentials", "configuration", "unexpected_response", "internal");
  for (const kind of kinds) {
    const name = `${kind.replace(/(^|_)(.)/g, (_, __, letter) => letter.toUpperCase())}Error`;
    assert.equal(new sdk[name]({ code: "X", message: "m" }).kind, kind);
  }
  assert.equal(new sdk.AbortError({ code: "X", message: "m" }).kind, "aborted");
});

test("an error carries what the design names, in camelCase, and toJSON says the same", async () => {
  const { client: infrai } = await client(() => fail(402, "INSUFFICIENT_CREDIT", { checkout_url: "https://pay.test/", need: 3 }));
  const error = await rejection(infrai.video.generate({ prompt: "a", idempotency_key: "k-1" }));
  const told = JSON.parse(JSON.stringify(error));
  assert.deepEqual(told, {
    name: "PaymentRequiredError",
    kind: "payment_required",
    code: "INSUFFICIENT_CREDIT",
    message: "because of INSUFFICIENT_CREDIT",
    hint: "Add credit at https://pay.test/ and call again with the same idempotency key.",
    docsUrl: "https://infrai.github.io/infrai-sdk/error-codes.html#insufficient_credit",
    status: 402,
    requestId: "req-2",
    retryable: false,
    attempts: 1,
    idempotencyKey: "k-1",
    mayHaveBeenProcessed: false,
    details: { checkout_url: "https://pay.test/", need: 3 },
    checkoutUrl: "https://pay.test/",
  });
  for (const [name, value] of Object.entries(told)) assert.deepEqual(error[name], value, name);
  assert.ok(!("job" in error) && !("retryAfter" in error));
});

test("retryAfter is in seconds", async () => {
  const { client: infrai } = await client(() => ({ ...fail(429, "RATE_LIMIT_IP"), headers: { "retry-after": "120" } }));
  const error = await rejection(infrai.video.status("vid_1"));
  assert.deepEqual([error.retryAfter, error.retryable, error.attempts], [120, true, 1]);
});

test("what may have been processed says so, with the key that repeats it safely", async () => {
  const { client: infrai, seen } = await client(() => "reset", { maxRetries: 1 });
  const error = await rejection(infrai.video.generate({ prompt: "a" }));
  assert.ok(error instanceof sdk.ConnectionError && error.mayHaveBeenProcessed);
  assert.deepEqual([error.attempts, error.idempotencyKey], [2, seen[0].headers["idempotency-key"]]);
});

test("a connection error has its cause", async () => {
  const infrai = new InfraiClient({ apiKey: KEY, baseUrl: "http://127.0.0.1:1", maxRetries: 0 });
  const error = await rejection(infrai.video.status("vid_1"));
  assert.ok(error instanceof sdk.ConnectionError && error.cause instanceof Error, inspect(error));
});

/** The first line of the stack that names a file. */
const top = (error) => error.stack.split("\n").find((line) => line.includes("    at "));
/** The number of the line that calls this. */
const line = () => Number(/:(\d+):\d+\)?$/.exec(new Error().stack.split("\n")[2])[1]);

test("the stack starts at the line that made the call, whatever that call is", async () => {
  const { client: infrai } = await client(() => fail(404, "NO_SUCH_JOB"), { maxRetries: 0 });
  const calls = [
    [line(), () => infrai.video.status("vid_1")],
    [line(), () => infrai.video.wait("vid_1")],
    [line(), () => infrai.video.status(5)],
    [line(), () => infrai.video.download("vid_1", "/tmp/never.mp4")],
    [line(), () => infrai.video.downloadStream("vid_1")],
    [line(), () => infrai.video.watch("vid_1").next()],
    [line(), () => infrai.account.balance()],
    [line(), () => infrai.request("GET", "/v1/x")],
    [line(), () => infrai.activate({ region: 5 })],
    [line(), async () => void (await null, await infrai.video.generate({ prompt: "a" }))],
    [line(), () => Promise.resolve().then(() => infrai.withOptions({ nonsense: 1 }))],
    [line(), () => Promise.resolve().then(() => new InfraiClient({ nonsense: 1 }))],
  ];
  for (const [at, make] of calls) {
    const error = await rejection(make());
    assert.ok(top(error)?.includes(`${HERE}:${at}:`), `${make}: ${error.stack}`);
    assert.ok(error.stack.startsWith(`${error.name}: ${error.message}\n`));
  }
});

test("no error shows the key that the API repeated", async () => {
  const { client: infrai } = await client(() => fail(401, "UNAUTHORIZED", { message: `bad key ${KEY}`, key: KEY }));
  const error = await rejection(infrai.video.status("vid_1"));
  assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes("WXYZ") && !JSON.stringify(error).includes("WXYZ"));
});

test("an error can be made for mocks", () => {
  const error = new sdk.RateLimitError({ code: "RATE_LIMIT_USER", message: "slow down", retryAfter: 2 }, { cause: 1 });
  assert.deepEqual([error.kind, error.retryAfter, error.retryable, error.cause], ["rate_limit", 2, false, 1]);
  assert.ok(top(error).includes(HERE));
});

test("2xx that is no JSON is an unexpected response with what was sent", async () => {
  const { url } = await serve(() => ({ headers: { "content-type": "text/html" }, body: "<html>" }));
  const error = await rejection(new InfraiClient({ apiKey: KEY, baseUrl: url, maxRetries: 0 }).video.generate({ prompt: "a" }));
  assert.ok(error instanceof sdk.UnexpectedResponseError && error.mayHaveBeenProcessed && error.idempotencyKey);
});

test("a job that failed is an error that carries it", async () => {
  const { client: infrai } = await client(() => ok(job("failed", { error: { code: "NSFW", message: "no" } })));
  const error = await rejection(infrai.video.wait("vid_1"));
  assert.ok(error instanceof sdk.JobFailedError && error.job.error.code === "NSFW");
  const { client: other } = await client(() => ok(job("canceled")));
  assert.ok((await rejection(other.video.wait("vid_1"))) instanceof sdk.JobCancelledError);
});
