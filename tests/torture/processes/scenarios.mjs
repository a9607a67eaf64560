// What a Node process does in the section `processes`; each scenario draws its moments from the seed.
//
//   node scenarios.mjs NAME SEED URL KEY      TORTURE_PROJECT: where the package is installed

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isMainThread, Worker, workerData } from "node:worker_threads";

const HERE = fileURLToPath(import.meta.url);
const [name, seed, baseUrl, apiKey] = isMainThread ? process.argv.slice(2) : workerData;
const { InfraiClient } = createRequire(join(process.env.TORTURE_PROJECT, "package.json"))("@infrai/sdk");

/** Chance that begins where the seed says (mulberry32). */
let state = [...seed].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16777619), 2166136261) >>> 0;
function chance() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const pick = (list) => list[Math.floor(chance() * list.length)];
const pause = (most) => sleep(chance() * most);
const exitCode = () => 1 + Math.floor(chance() * 89);

const made = [];
function make() {
  const options = { baseUrl, retryBaseMs: 10, polling: { minIntervalMs: 1, maxIntervalMs: 20, maxRequestsPerSecond: 10_000 } };
  const client = new InfraiClient({ ...options, apiKey: chance() < 0.5 ? apiKey : async () => apiKey, onRequest() {} });
  made.push(client);
  return client;
}
const client = make();

/** A job, with a body of its own: two calls with one key are seen by it. */
let jobs = 0;
const generate = () => client.video.generate({ prompt: `${seed} ${process.pid} ${performance.timeOrigin} ${jobs++}` });
const balance = async () => assert.equal((await client.account.balance()).balance_usd, 1);

/** Everything pending; what is rejected later is told to nobody. */
function busy() {
  const quiet = (promise) => promise.catch(() => {});
  for (let n = 0; n < 10; n++) {
    quiet(client.video.wait(`vid_${n % 2}`, { onUpdate() {} }));
    quiet(client.video.status("slow"));
    quiet(generate());
  }
  quiet(client.video.download("file", join(process.cwd(), `video-${Math.floor(chance() * 1e9)}.mp4`)));
  quiet((async () => { for await (const _ of client.video.watch("vid_1")); })());
  quiet((async () => { for await (const _ of client.video.generateMany(["a", "b"])); })());
  // Left half read.
  quiet(client.video.watch("vid_0").next());
}

const ready = () => console.log("ready");
function worker(scenario) {
  const started = new Worker(HERE, { workerData: [scenario, `${seed} ${chance()}`, baseUrl, apiKey] });
  // A worker that is terminated before it has begun reports nothing but its end.
  started.on("error", (error) => (started.error = error));
  started.ended = new Promise((resolve) => started.once("exit", resolve));
  return started;
}

const scenarios = {
  /** In a worker: calls until it is terminated. */
  pending: async () => busy(),
  /** In a worker: ends with a code of its own while everything is pending. */
  async worker_exit() {
    busy();
    await pause(60);
    process.exit(77);
  },
  /** In a worker: throws while everything is pending. */
  async worker_throw() {
    busy();
    await pause(60);
    setImmediate(() => { throw new Error("the worker's own"); });
    await sleep(60_000);
  },
  /** In a worker or child: a few calls, then nothing more to do. */
  async calls() {
    for (let n = 0; n < 5; n++) await Promise.all([generate(), balance()]);
  },

  async workers_terminated() {
    busy();
    for (let round = 0; round < 2; round++) {
      const workers = [worker("pending"), worker("pending"), worker("calls")];
      await pause(200);
      await Promise.all(workers.map((one) => one.terminate()));
      await balance();
    }
    process.exit(exitAs(exitCode()));
  },
  async workers_end() {
    const codes = await Promise.all([worker("worker_exit"), worker("worker_throw"), worker("calls")].map((one) => one.ended));
    assert.deepEqual(codes, [77, 1, 0]);
    await balance();
    process.exitCode = exitAs(exitCode());
  },
  async exit_with_workers() {
    const workers = [worker("pending"), worker("calls"), worker("worker_exit")];
    assert.equal(workers.length, 3);
    busy();
    await pause(250);
    process.exit(exitAs(exitCode()));
  },
  async exit() {
    busy();
    await pause(100);
    process.exit(exitAs(exitCode()));
  },
  async thrown() {
    busy();
    await pause(100);
    exitAs(1);
    setImmediate(() => { throw new Error("the caller's own"); });
    await sleep(60_000);
  },
  async terminated() {
    if (chance() < 0.5) {
      const code = exitCode();
      process.on("SIGTERM", () => process.exit(exitAs(code)));
    }
    busy();
    ready();
    await sleep(300_000);
  },
  async aborted() {
    const ends = Array.from({ length: 10 }, () => new AbortController());
    const ended = Promise.allSettled(
      ends.map(({ signal }, n) => (n % 2 ? client.video.wait("vid_1", { signal }) : client.video.status("slow", { signal }))),
    );
    for (const end of ends) {
      end.abort();
      await pause(5);
    }
    for (const { reason } of await ended) assert.equal(reason?.name, "AbortError");
    // Nothing is pending, and connections are open: it ends by itself.
    process.exitCode = exitAs(exitCode());
  },
  async children() {
    await generate();
    const children = [];
    for (let n = 0; n < 3; n++) {
      const killed = n === 0;
      const child = fork(HERE, [killed ? "pending" : "calls", `${seed} ${n}`, baseUrl, apiKey]);
      children.push(new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code))));
      if (killed) {
        const signal = pick(["SIGTERM", "SIGINT", "SIGKILL"]);
        void pause(400).then(() => child.kill(signal));
        children.push(Promise.resolve(signal));
      }
    }
    await Promise.all([generate(), balance()]);
    const [got, sent, ...codes] = await Promise.all(children);
    assert.deepEqual([got, ...codes], [sent, 0, 0]);
    await balance();
    process.exitCode = exitAs(exitCode());
  },
};

/** Says how this process is about to end. */
function exitAs(code) {
  console.log(`leaves with ${code}`);
  return code;
}

await scenarios[name]();
