// Does something many times in one process, and prints what the process holds before, halfway and after, as JSON.
//
//   node --expose-gc --max-semi-space-size=1 worker.mjs calls|clients|waits COUNT URL KEY      TORTURE_PROJECT: where the package is installed

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const [kind, total, baseUrl, apiKey] = process.argv.slice(2);
const { InfraiClient, NotFoundError } = createRequire(join(process.env.TORTURE_PROJECT, "package.json"))("@infrai/sdk");
const polling = { minIntervalMs: 10, maxIntervalMs: 20, expectedDurationMs: 20, maxRequestsPerSecond: 100_000, concurrency: 64 };

/** What this process holds once everything that ends by itself has had the time to. */
async function held() {
  const count = (name) => readdirSync(`/proc/self/${name}`).length;
  let [before, files] = [-1, 0];
  for (let look = 0; look < 40; look++) {
    // What a finalizer lets go of is collected the next time.
    global.gc();
    await sleep(100);
    global.gc();
    files = count("fd");
    if (files === before && look > 4) break;
    before = files;
  }
  const rss = Number(readFileSync("/proc/self/statm", "utf8").split(" ")[1]) * 4096;
  return { rss, heap: process.memoryUsage().heapUsed, threads: count("task"), files };
}

/** A client that is gone, with its connections, when the next measure is taken. */
const client = () => new InfraiClient({ apiKey, baseUrl, polling });

/** Runs `work(n)` for each n below the count, 32 at once. */
async function each(count, work) {
  let next = 0;
  const some = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 32 }, some));
}

const kinds = {
  calls(count) {
    const one = client();
    return each(count, async (n) => {
      if (n % 10) return assert.equal((await one.video.status("vid_1")).state, "running");
      await assert.rejects(one.request("POST", "/v1/nothing", { n }), NotFoundError);
    });
  },
  async clients(count) {
    for (let n = 0; n < count; n++) {
      let seen = 0;
      const client = new InfraiClient({ apiKey: () => apiKey, baseUrl, onRequest: () => void (seen += 1), onResponse: () => void client });
      if (n % 10 === 0) {
        assert.equal((await client.withOptions({ timeoutMs: 30_000 }).video.status("vid_1")).state, "running");
        assert.equal(seen, 1);
      }
    }
  },
  async waits(count) {
    const one = client();
    for (let batch = 0; batch < count / 100; batch++) {
      const ends = new AbortController();
      const waits = Array.from({ length: 100 }, (_, n) => one.video.wait(`vid_${n}`, { signal: ends.signal, onUpdate() {} }));
      const ended = Promise.allSettled(waits);
      // Some are aborted before they begin, some when they have, some while they look.
      if (batch % 3) await sleep(batch % 3 === 1 ? 3 : 20);
      ends.abort();
      for (const { reason } of await ended) assert.equal(reason?.name, "AbortError");
    }
    for (let n = 0; n < count / 20; n++) {
      const watch = one.video.watch(`vid_${n}`);
      assert.equal((await watch.next()).value.state, "running");
      if (n % 2) await watch.return();
    }
  },
};

const count = Number(total);
const told = [];
await kinds[kind](Math.max(count / 4, 400));
told.push(await held());
for (const _ of [1, 2]) {
  await kinds[kind](count / 2);
  told.push(await held());
}
console.log(JSON.stringify(told));
