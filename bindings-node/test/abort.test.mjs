// Effects of an AbortSignal, and cleanup after it.

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { client, job, ok, quiet, rejection, sdk, until } from "./helper.mjs";

const listeners = (signal) => getEventListeners(signal, "abort").length;

test("a signal that has aborted already sends nothing", async () => {
  const { client: infrai, seen } = await client(() => ok(job("queued")));
  const signal = AbortSignal.abort(new Error("never mind"));
  const calls = [
    () => infrai.video.generate({ prompt: "a" }, { signal }),
    () => infrai.video.status("vid_1", { signal }),
    () => infrai.video.cancel("vid_1", { signal }),
    () => infrai.video.wait("vid_1", { signal, cancelOnAbort: true }),
    () => infrai.video.watch("vid_1", { signal }).next(),
    () => infrai.video.generateMany(["a"], { signal }).next(),
    () => infrai.video.download("vid_1", "/tmp/never.mp4", { signal }),
    () => infrai.video.downloadStream("vid_1", { signal }),
    () => infrai.account.balance({ signal }),
    () => infrai.account.topup({ amount_usd: 5 }, { signal }),
    () => infrai.activate({}, { signal, writeCredentials: false }),
    () => infrai.request("GET", "/v1/x", undefined, { signal }),
  ];
  for (const make of calls) {
    const error = await rejection(make());
    assert.ok(error instanceof sdk.AbortError && error.name === "AbortError" && error.code === "ABORTED", String(make));
    assert.equal(error.cause, signal.reason);
  }
  await sleep(20);
  assert.equal(seen.length, 0);
});

test("aborting ends a call that is under way, at once and with the signal's reason", async () => {
  const { client: infrai, arrived, seen } = await client(() => "never");
  const ender = new AbortController();
  const { signal } = ender;
  const calls = [
    infrai.video.status("vid_1", { signal }),
    infrai.video.wait("vid_1", { signal }),
    infrai.account.balance({ signal }),
    infrai.request("GET", "/v1/x", undefined, { signal }),
    infrai.video.download("vid_1", join(mkdtempSync(join(tmpdir(), "infrai-")), "v.mp4"), { signal }),
  ].map(rejection);
  await arrived(5);
  assert.equal(listeners(signal), 1);
  ender.abort(5);
  for (const error of await Promise.all(calls)) {
    assert.deepEqual([error.name, error.cause, error.mayHaveBeenProcessed], ["AbortError", 5, false]);
  }
  assert.equal(listeners(signal), 0);
  assert.equal(seen.length, 5);
});

test("aborting a call that costs money tells the key with which it is repeated safely", async () => {
  for (const idempotency_key of [undefined, "mine"]) {
    const { client: infrai, arrived, seen } = await client(() => "never");
    const ender = new AbortController();
    const call = rejection(infrai.video.generate({ prompt: "a", idempotency_key }, { signal: ender.signal }));
    await arrived(1);
    ender.abort();
    const error = await call;
    assert.equal(error.cause.name, "AbortError");
    assert.deepEqual([error.mayHaveBeenProcessed, error.idempotencyKey], [true, seen[0].headers["idempotency-key"]]);
  }
});

test("aborting ends a call between two attempts", async () => {
  const { client: infrai, arrived, seen } = await client(() => ({ status: 503, body: "{}" }), { retryBaseMs: 60_000, retryCapMs: 60_000, timeoutMs: 600_000 });
  const ender = new AbortController();
  const call = rejection(infrai.video.status("vid_1", { signal: ender.signal }));
  await arrived(1);
  await sleep(20);
  ender.abort();
  assert.equal((await call).name, "AbortError");
  assert.equal(seen.length, 1);
});

test("ten thousand waits on one signal add one listener, share their requests, and end together", async () => {
  const { client: infrai, seen, arrived } = await client(() => ok(job("running")));
  const ender = new AbortController();
  const warned = [];
  process.on("warning", (warning) => warned.push(warning.name));
  const waits = Array.from({ length: 10_000 }, () => infrai.video.wait("vid_1", { signal: ender.signal }));
  const ended = Promise.allSettled(waits);
  assert.equal(listeners(ender.signal), 1);
  await arrived(3);
  ender.abort();
  const results = await ended;
  assert.ok(results.every(({ reason }) => reason.name === "AbortError"));
  assert.equal(listeners(ender.signal), 0);
  // The polling stops once the native side has dropped all waits.
  await quiet(seen);
  assert.deepEqual(warned, []);
});

test("a call that has ended leaves no listener on its signal", async () => {
  const { client: infrai } = await client((n) => (n % 2 ? { status: 404, body: "{}" } : ok(job("succeeded"))));
  const { signal } = new AbortController();
  await infrai.video.status("vid_1", { signal });
  await rejection(infrai.video.status("vid_1", { signal }));
  for await (const _ of infrai.video.watch("vid_1", { signal }));
  await rejection(infrai.video.generate({}, { signal }));
  assert.equal(listeners(signal), 0);
});

test("cancelOnAbort cancels the job, then rejects and says whether it did", async () => {
  const { client: infrai, arrived, seen } = await client((_, { method }) => ok(method === "POST" ? { ok: true } : job("running")));
  const ender = new AbortController();
  const wait = rejection(infrai.video.wait("vid_1", { signal: ender.signal, cancelOnAbort: true }));
  await arrived(2);
  ender.abort("enough");
  const error = await wait;
  assert.deepEqual([error.name, error.cause, error.details, error.job.state], ["AbortError", "enough", { cancelled: true }, "cancelled"]);
  assert.deepEqual(seen.filter(({ method }) => method === "POST").map(({ url }) => url), ["/v1/video/jobs/vid_1/cancel"]);
});

test("without cancelOnAbort no job is cancelled", async () => {
  const { client: infrai, arrived, seen } = await client(() => ok(job("running")));
  const ender = new AbortController();
  const wait = rejection(infrai.video.wait("vid_1", { signal: ender.signal }));
  await arrived(2);
  ender.abort();
  await wait;
  await sleep(30);
  assert.ok(seen.every(({ method }) => method === "GET"));
});

test("a watch whose reader is busy elsewhere stops looking when its signal aborts", async () => {
  const { client: infrai, seen, arrived } = await client((n) => ok(job("running", { progress: n })));
  const ender = new AbortController();
  const watch = infrai.video.watch("vid_1", { signal: ender.signal });
  await watch.next();
  await arrived(3);
  ender.abort();
  await sleep(30);
  const count = seen.length;
  await sleep(60);
  assert.ok(seen.length <= count, `${seen.length} after ${count}`);
  assert.equal((await rejection(watch.next())).name, "AbortError");
  assert.deepEqual(await watch.next(), { done: true, value: undefined });
});

test("an aborted download leaves no file behind", async () => {
  const folder = mkdtempSync(join(tmpdir(), "infrai-"));
  const { client: infrai, url, server } = await client(() => ok(job("succeeded", { video_url: `${url}/file` })));
  server.prependListener("request", (request, response) => {
    if (request.url !== "/file") return;
    response.writeHead(200, { "content-length": 1_000_000 });
    response.write(Buffer.alloc(1000));
    response.end = () => response;
    response.writeHead = () => response;
  });
  const ender = new AbortController();
  let got = 0;
  const call = rejection(
    infrai.video.download("vid_1", join(folder, "v.mp4"), { signal: ender.signal, onProgress: ({ received }) => (got = received) }),
  );
  await until(() => got > 0);
  ender.abort();
  assert.equal((await call).name, "AbortError");
  await until(() => readdirSync(folder).length === 0);
  assert.equal(existsSync(join(folder, "v.mp4")), false);
});

test("an aborted batch names the jobs that continue, during a read and between two", async () => {
  const { client: infrai } = await client((_, { method, body }) => {
    const state = method === "POST" && body.includes("quick") ? "succeeded" : "running";
    return ok(job(state, { job_id: body.includes("quick") ? "vid_0" : "vid_1" }));
  });
  for (const between of [false, true]) {
    const ender = new AbortController();
    const many = infrai.video.generateMany(["quick", "slow"], { signal: ender.signal });
    assert.equal((await many.next()).value.job.job_id, "vid_0");
    if (between) await sleep(100);
    else setTimeout(() => ender.abort(new Error("enough")), 100);
    if (between) ender.abort(new Error("enough"));
    const error = await rejection(many.next());
    assert.ok(error instanceof sdk.AbortError);
    assert.equal(error.cause.message, "enough");
    assert.deepEqual(error.details.jobs.map(({ index, job_id }) => [index, job_id]), [[1, "vid_1"]]);
    assert.equal((await many.next()).done, true);
    assert.equal(listeners(ender.signal), 0);
  }
});
