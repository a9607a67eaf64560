// Callbacks in the async context of the call that they belong to: one client, shared by several tenants.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { client, fail, job, ok, rejection, until } from "./helper.mjs";

const storage = new AsyncLocalStorage();
/** Runs this as a tenant. */
const as = (tenant, run) => storage.run(tenant, run);
const TENANTS = Array.from({ length: 40 }, (_, n) => `tenant-${n}`);
const bearer = ({ headers }) => headers.authorization.replace("Bearer key-", "");

/** A client whose key is its caller's name, and where its callbacks were called. */
async function shared(answer, settings = {}) {
  const called = { key: [], request: [], response: [] };
  const note = (what) => (called[what].push(storage.getStore()), storage.getStore());
  const made = await as("client", () =>
    client(answer, {
      apiKey: () => `key-${note("key")}`,
      onRequest: () => note("request"),
      onResponse: () => note("response"),
      ...settings,
    }),
  );
  return { ...made, called };
}

const KEY_FUNCTIONS = {
  "a sync key function": () => `key-${storage.getStore()}`,
  "an async key function": async () => {
    await sleep(Math.random() * 5);
    return `key-${storage.getStore()}`;
  },
};
for (const [name, apiKey] of Object.entries(KEY_FUNCTIONS)) {
  test(`${name} is called as the tenant of its call`, async () => {
    const answer = (_, { method, url }) => ok(job(method === "POST" ? "queued" : "succeeded", { job_id: url.split("/").pop() }));
    const { client: infrai, seen } = await shared(answer, { apiKey });
    await Promise.all(
      TENANTS.map((tenant) =>
        as(tenant, async () => {
          await infrai.video.generate({ prompt: tenant });
          await infrai.video.status(tenant);
          await infrai.withOptions({ maxRetries: 1 }).video.wait(tenant);
          for await (const { error } of infrai.video.generateMany([tenant, tenant])) assert.equal(error, undefined);
        }),
      ),
    );
    assert.ok(seen.length > 4 * TENANTS.length);
    for (const request of seen.filter(({ url }) => url.includes("tenant-"))) assert.equal(bearer(request), request.url.split("/").pop());
    for (const request of seen.filter(({ body }) => body)) assert.equal(bearer(request), JSON.parse(request.body).prompt);
  });
}

test("hooks and onUpdate are called as the tenant of their call", async () => {
  const { client: infrai, seen, called } = await shared((n) => ok(job(n < 60 ? "running" : "succeeded", { progress: n })));
  const updates = [];
  await Promise.all(
    TENANTS.map((tenant) =>
      as(tenant, () => infrai.video.wait(tenant, { onUpdate: () => updates.push([tenant, storage.getStore()]) })),
    ),
  );
  for (const what of ["request", "response"]) {
    assert.deepEqual(called[what].toSorted(), seen.map(bearer).sort());
  }
  assert.ok(updates.length >= TENANTS.length && updates.every(([mine, current]) => mine === current));
});

test("two tenants that wait for one job poll it with a key each", async () => {
  const answer = (_, request) => (bearer(request) === "owner" ? ok(job("succeeded")) : fail(404, "NOT_FOUND"));
  const { client: infrai, seen } = await shared(answer, { routes: "jobs" });
  const [owner, stranger] = await Promise.all([
    as("owner", () => infrai.video.wait("vid_1")),
    as("stranger", () => rejection(infrai.video.wait("vid_1"))),
  ]);
  assert.deepEqual([owner.state, stranger.code], ["succeeded", "NOT_FOUND"]);
  assert.deepEqual(seen.map(bearer).sort(), ["owner", "stranger"]);
});

test("a shared poll is made as the oldest wait that goes on", async () => {
  const { client: infrai, seen, called } = await shared((n) => ok(job("running", { progress: n })), { apiKey: () => "one-key" });
  const [older, younger] = [new AbortController(), new AbortController()];
  const first = as("older", () => rejection(infrai.video.wait("vid_1", { signal: older.signal })));
  await until(() => called.request.length > 3);
  const second = as("younger", () => rejection(infrai.video.wait("vid_1", { signal: younger.signal })));
  const joined = seen.length;
  await until(() => seen.length > joined + 5);
  assert.deepEqual([...new Set(called.request)], ["older"]);
  older.abort();
  await first;
  await until(() => called.request.filter((tenant) => tenant === "younger").length > 3);
  const turn = called.request.indexOf("younger");
  assert.ok(called.request.slice(turn).every((tenant) => tenant === "younger"), String(called.request));
  younger.abort();
  await second;
});

test("a wait outlives the one whose key function hangs", async () => {
  let [hang, done] = [false, false];
  const asked = [];
  const apiKey = () => {
    asked.push(storage.getStore());
    return hang && storage.getStore() === "older" ? new Promise(() => {}) : "one-key";
  };
  const { client: infrai } = await shared(() => ok(job(done ? "succeeded" : "running")), { apiKey });
  const ender = new AbortController();
  const older = as("older", () => rejection(infrai.video.wait("vid_1", { signal: ender.signal })));
  const younger = as("younger", () => infrai.video.wait("vid_1"));
  await until(() => asked.includes("younger"));
  hang = true;
  const before = asked.length;
  await until(() => asked.length > before);
  // Not sooner: a poll that had its key already may still be in flight.
  done = true;
  ender.abort();
  assert.equal((await older).name, "AbortError");
  assert.equal((await younger).state, "succeeded");
});

test("what is called back after an abort is called as its tenant", async () => {
  const { client: infrai, called } = await shared(() => ok(job("queued")));
  const ender = new AbortController();
  const ended = TENANTS.map((tenant) => as(tenant, () => rejection(infrai.video.status("vid_1", { signal: ender.signal }))));
  // Requests for the key gather while this thread is held; the calls end before they are delivered.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  as("ender", () => ender.abort());
  await Promise.all(ended);
  await until(() => called.key.length > 0);
  await sleep(50);
  assert.ok(called.key.every((tenant) => TENANTS.includes(tenant)), String(called.key));
  assert.equal(new Set(called.key).size, called.key.length);
});

test("a stream calls back as the tenant that made it", async () => {
  const url = (request) => `http://${request.headers.host}/file`;
  const answer = (n, request) => {
    if (request.url === "/file") return { headers: { "content-type": "video/mp4" }, body: "bytes" };
    const watched = request.url.endsWith("watched");
    return ok(job(watched && n < 30 ? "running" : "succeeded", { progress: n, video_url: url(request) }));
  };
  const { client: infrai, seen, called } = await shared(answer);
  const watch = as("watcher", () => infrai.video.watch("watched"));
  // Read by another, and polled between the reads.
  await as("reader", () => watch.next());
  await until(() => seen.length > 10);
  await as("reader", async () => {
    for await (const _ of watch);
  });
  assert.deepEqual([...new Set([...called.key, ...called.request, ...called.response])], ["watcher"]);
  const stream = await as("downloader", () => infrai.video.downloadStream("vid_1"));
  await as("reader", () => new Response(stream).text());
  assert.deepEqual([called.key.at(-1), called.response.at(-1)], ["downloader", "downloader"]);
});

test("the context of what has ended is let go", async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc");
  const { client: infrai, seen } = await shared((_, { url }) => (url.endsWith("hangs") ? "never" : ok(job("running"))), {
    apiKey: () => "one-key",
    // Those that note their store would hold it.
    onRequest() {},
    onResponse() {},
  });
  const hung = () => until(() => seen.some(({ url }) => url.endsWith("hangs")));
  const stores = [];
  const tenant = (run) => {
    const store = {};
    stores.push(new WeakRef(store));
    return as(store, run);
  };
  // Each in a function of its own, which keeps nothing alive once it has returned.
  const ends = [
    () => tenant(() => infrai.video.status("vid_1")),
    () => tenant(() => rejection(infrai.video.wait("vid_1", { timeoutMs: 20 }))),
    async () => {
      const ender = new AbortController();
      const aborted = tenant(() => rejection(infrai.video.status("hangs", { signal: ender.signal })));
      await hung();
      ender.abort();
      await aborted;
    },
    async () => {
      const closed = tenant(() => infrai.video.watch("vid_2"));
      await closed.next();
      await closed.return();
    },
    () => tenant(async () => void (await infrai.video.watch("vid_3").next())),
  ];
  for (const end of ends) await end();
  await until(() => (gc(), stores.every((store) => store.deref() === undefined)));
  assert.equal(stores.length, ends.length);
});
