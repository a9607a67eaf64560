// Waiting, watching, and many at once.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { client, fail, job, ok, rejection, sdk, quiet } from "./helper.mjs";

/** Answers with these states in turn, and the last one again. */
const states = (...list) => (n) => ok(job(list[Math.min(n, list.length - 1)]));

test("wait returns the job once it has ended, and onUpdate sees every change in order", async () => {
  const { client: infrai } = await client(states("queued", "queued", "running", "succeeded"));
  const updates = [];
  const done = await infrai.video.wait("vid_1", { onUpdate: ({ state }) => updates.push(state) });
  assert.equal(done.state, "succeeded");
  assert.deepEqual(updates, ["queued", "running", "succeeded"]);
});

test("wait takes a job as well as an id, and asks nothing about one that has ended", async () => {
  const { client: infrai, seen } = await client(states("succeeded"));
  const done = await infrai.video.generate({ prompt: "a" });
  assert.equal((await infrai.video.wait(done)).state, "succeeded");
  assert.equal(seen.length, 1);
});

test("an onUpdate that throws, now or later, ends the wait with that error and stops the polling", async () => {
  for (const onUpdate of [() => { throw mine; }, () => Promise.reject(mine), async () => { await sleep(1); throw mine; }]) {
    var mine = new Error("mine");
    const { client: infrai, seen } = await client(states("running"));
    assert.equal(await rejection(infrai.video.wait("vid_1", { onUpdate })), mine);
    await quiet(seen);
  }
});

test("what an async onUpdate throws after its wait was ended so, or by its signal, is no unhandled rejection", async () => {
  const unhandled = [];
  const listener = (reason) => unhandled.push(reason.message);
  process.on("unhandledRejection", listener);
  try {
    const { client: infrai, arrived } = await client((n) => ok(job("running", { progress: n })));
    const late = async ({ progress }) => { await sleep(20); throw new Error(`at ${progress}`); };
    assert.equal((await rejection(infrai.video.wait("vid_1", { onUpdate: late }))).message, "at 0");
    const ender = new AbortController();
    const wait = rejection(infrai.video.wait("vid_1", { signal: ender.signal, onUpdate: (job) => (ender.abort(), late(job)) }));
    await arrived(1);
    assert.equal((await wait).name, "AbortError");
    await sleep(60);
    assert.deepEqual(unhandled, []);
  } finally {
    process.removeListener("unhandledRejection", listener);
  }
});

test("onUpdate is called in the async context of the line that waits, each its own", async () => {
  const { client: infrai } = await client(states("queued", "running", "succeeded"));
  const storage = new AsyncLocalStorage();
  const seen = [];
  const wait = (id) => storage.run(id, () => infrai.video.wait("vid_1", { onUpdate: () => seen.push(storage.getStore() === id) }));
  await Promise.all([wait("a"), wait("b")]);
  assert.ok(seen.length >= 4 && seen.every(Boolean), String(seen));
});

test("ten waits for one job cost as many requests as one", async () => {
  const { client: infrai, seen } = await client(states("queued", "running", "running", "succeeded"));
  await Promise.all(Array.from({ length: 10 }, () => infrai.video.wait("vid_1")));
  assert.equal(seen.length, 4);
});

test("a wait whose time is over rejects with the job as last seen; cancelOnTimeout cancels it", async () => {
  const { client: infrai, seen } = await client((_, { method }) => ok(method === "POST" ? { ok: true } : job("running")));
  const error = await rejection(infrai.video.wait("vid_1", { timeoutMs: 30 }));
  assert.ok(error instanceof sdk.WaitTimeoutError && error.job.state === "running" && error.details === undefined);
  const cancelled = await rejection(infrai.video.wait("vid_1", { timeoutMs: 30, cancelOnTimeout: true }));
  assert.deepEqual([cancelled.code, cancelled.details.cancelled], ["WAIT_TIMEOUT", true]);
  assert.equal(seen.filter(({ method }) => method === "POST").length, 1);
});

test("a success that the cancel of a wait came too late for is returned", async () => {
  let ended = false;
  const { client: infrai } = await client((_, { method }) => {
    if (method === "POST") return (ended = true), ok({ ok: false });
    return ok(job(ended ? "succeeded" : "running"));
  });
  assert.equal((await infrai.video.wait("vid_1", { timeoutMs: 20, cancelOnTimeout: true })).state, "succeeded");
});

test("a wait survives looks that fail", async () => {
  const { client: infrai, seen } = await client((n) => (n < 6 ? fail(503, "VENDOR_DOWN") : ok(job("succeeded"))), {
    polling: { minIntervalMs: 1, maxIntervalMs: 2, maxRequestsPerSecond: 10_000 },
  });
  for (const timeoutMs of [null, Infinity]) assert.equal((await infrai.video.wait("vid_1", { timeoutMs })).state, "succeeded");
  assert.ok(seen.length >= 7);
});

test("watch yields the first state and every change, the end included, and raises for no job's end", async () => {
  const { client: infrai } = await client(states("queued", "queued", "running", "failed"));
  const seen = [];
  for await (const { state } of infrai.video.watch("vid_1")) seen.push(state);
  assert.deepEqual(seen, ["queued", "running", "failed"]);
});

test("leaving a watch stops the looking", async () => {
  const { client: infrai, seen } = await client((n) => ok(job("running", { progress: n })));
  for await (const { progress } of infrai.video.watch("vid_1")) if (progress > 1) break;
  await quiet(seen);
});

test("return() of a watch ends the read under way", async () => {
  const { client: infrai, arrived } = await client(() => "never");
  const watch = infrai.video.watch("vid_1");
  const read = watch.next();
  await arrived(1);
  assert.deepEqual(await watch.return(), { done: true, value: undefined });
  assert.deepEqual([await read, await watch.next()], [{ done: true, value: undefined }, { done: true, value: undefined }]);
});

test("a watch that cannot look ends with the error", async () => {
  const { client: infrai } = await client(() => fail(404, "NO_SUCH_JOB"));
  const watch = infrai.video.watch("vid_1");
  assert.ok((await rejection(watch.next())) instanceof sdk.NotFoundError);
  assert.deepEqual(await watch.next(), { done: true, value: undefined });
});

/** A server of jobs: each item's prompt is its id, and says how it goes. */
const factory = (seen = []) => (_, { method, url, body }) => {
  if (method === "POST") {
    const { prompt } = JSON.parse(body);
    seen.push(prompt);
    return prompt.startsWith("poor") ? fail(402, "INSUFFICIENT_CREDIT") : ok(job("queued", { job_id: prompt }));
  }
  const id = url.split("/").pop();
  return ok(job(id.startsWith("bad") ? "failed" : "succeeded", { job_id: id }));
};

test("generateMany yields every item as it ends, and raises for none", async () => {
  const { client: infrai, seen } = await client(factory());
  const ended = [];
  const items = ["a", { prompt: "b", resolution: "1080p" }, "bad-c", { prompt: "" }];
  for await (const { index, job, error } of infrai.video.generateMany(items, { concurrency: 2, keyPrefix: "run-1" })) {
    ended.push([index, job?.job_id ?? error.code]);
  }
  assert.deepEqual(ended.sort(), [[0, "a"], [1, "b"], [2, "JOB_FAILED"], [3, "INVALID_ARGUMENT"]]);
  const keys = seen.filter(({ method }) => method === "POST").map(({ headers }) => headers["idempotency-key"]);
  assert.equal(new Set(keys).size, 3);
  for (const key of keys) assert.match(key, /^run-1-[0-9a-f]{24}-0$/);
});

test("generateMany calls onSubmit and onUpdate, and gives each item its key", async () => {
  const { client: infrai } = await client(factory());
  const events = [];
  const note = (what) => ({ index, key, job }) => events.push([what, index, key.slice(0, 2), job.state]);
  const many = infrai.video.generateMany(["a"], { keyPrefix: "k", onSubmit: note("submit"), onUpdate: note("update") });
  for await (const { key } of many) assert.match(key, /^k-/);
  assert.deepEqual(events[0], ["submit", 0, "k-", "queued"]);
  assert.deepEqual(events.at(-1), ["update", 0, "k-", "succeeded"]);
  const mine = new Error("mine");
  const failing = infrai.video.generateMany(["a"], { onSubmit: () => { throw mine; } });
  assert.equal(await rejection(failing.next()), mine);
});

test("an item's error has the stack of the line that asked, and is what the key function threw", async () => {
  const { client: infrai } = await client(factory());
  const asked = async (infrai) => {
    for await (const { error } of infrai.video.generateMany(["bad"])) return error;
  };
  assert.match((await asked(infrai)).stack.split("\n")[1], /waiting\.test\.mjs/);
  const mine = new Error("mine");
  const { client: other } = await client(factory(), { apiKey: () => { throw mine; } });
  assert.equal(await asked(other), mine);
});

test("generateMany submits nothing further after a 402", async () => {
  const submitted = [];
  const { client: infrai } = await client(factory(submitted));
  const errors = [];
  for await (const { error } of infrai.video.generateMany(["poor", "b", "c"], { concurrency: 1 })) errors.push(error);
  assert.deepEqual(submitted, ["poor"]);
  assert.ok(errors.length === 3 && errors.every((error) => error instanceof sdk.PaymentRequiredError));
});

test("leaving generateMany stops the waiting and cancels nothing", async () => {
  const { client: infrai, seen } = await client(factory());
  for await (const _ of infrai.video.generateMany(Array.from({ length: 50 }, (_, n) => `j${n}`), { concurrency: 2 })) break;
  await quiet(seen);
  assert.ok(seen.length < 50 && seen.every(({ url }) => !url.endsWith("/cancel")));
});
