// How a process ends: each promise in a process of its own, with a time limit.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { job, KEY, ok, PROJECT, serve } from "./helper.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LIMIT = 60_000;

/** Runs a program; what it printed and how it ended. One that runs into the limit has failed. */
function run(args, { env = {}, cwd = PROJECT, program = process.execPath } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.on("data", (text) => (out += text));
    child.stderr.on("data", (text) => (err += text));
    const limit = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`still running after ${LIMIT} ms: ${out}${err}`));
    }, LIMIT);
    child.once("close", (code, signal) => {
      clearTimeout(limit);
      resolve({ code, signal, out: out.trim(), err });
    });
  });
}

/** Runs CommonJS source that finds the package, the server's URL and a client. */
const script = (url, source, options) =>
  run(
    [
      "-e",
      `const { InfraiClient } = require("@infrai/sdk");
       const make = () => new InfraiClient({ apiKey: ${JSON.stringify(KEY)}, baseUrl: ${JSON.stringify(url)}, polling: { minIntervalMs: 1, maxIntervalMs: 20 } });
       ${source}`,
    ],
    options,
  );

test("a limit of open files has a name, and may end", { skip: process.platform === "win32" && "no such limit there" }, async () => {
  const { url } = await serve(() => ok({ balance_usd: 1, currency: "USD" }));
  const source = `
    const { openSync, closeSync } = require("node:fs");
    const { InfraiClient } = require("@infrai/sdk");
    const infrai = new InfraiClient({ apiKey: ${JSON.stringify(KEY)}, baseUrl: ${JSON.stringify(url)}, maxRetries: 0 });
    (async () => {
      const files = [];
      try {
        for (;;) files.push(openSync("/dev/null"));
      } catch {}
      await infrai.account.balance().catch((error) => console.log(error.code, error.hint.includes("ulimit -n"), error.hint.includes("report")));
      files.forEach(closeSync);
      console.log((await infrai.account.balance()).balance_usd);
    })();`;
  const { code, out, err } = await run(["-c", 'ulimit -n 256 && exec "$0" -e "$1"', process.execPath, source], { program: "/bin/sh" });
  assert.deepEqual([code, out], [0, "RESOURCE_LIMIT true false\n1"], err);
});

const threads = "require('node:fs').readdirSync('/proc/self/task').length";

test("importing and making a client start no thread; calls run on one", { skip: process.platform !== "linux" && "threads are counted in /proc" }, async () => {
  const { url } = await serve(() => ok(job("queued")));
  const { out, err } = await run([
    "-e",
    `const before = ${threads};
     const { InfraiClient } = require("@infrai/sdk");
     const client = new InfraiClient({ apiKey: "${KEY}", baseUrl: "${url}" });
     const made = ${threads};
     client.video.status("vid_1").then(() => console.log(made - before, ${threads} - before));`,
  ]);
  assert.equal(out, "0 1", err);
});

test("1,500 awaited calls fit into 1,024 open files", { skip: process.platform === "win32" && "no such limit there" }, async () => {
  const { url, seen } = await serve(() => ok({ balance_usd: 1, currency: "USD" }));
  const source = `const { InfraiClient } = require("@infrai/sdk");
    const client = new InfraiClient({ apiKey: "${KEY}", baseUrl: "${url}" });
    Promise.all(Array.from({ length: 1500 }, () => client.account.balance())).then((all) => console.log(all.length));`;
  const { out, err } = await run(["-c", 'ulimit -n 1024 && exec "$0" -e "$1"', process.execPath, source], { program: "sh" });
  assert.equal(out, "1500", err);
  assert.equal(seen.length, 1500);
});

test("a script ends when its work is done, with its connections still open", async () => {
  const { url } = await serve(() => ok(job("succeeded")));
  const ended = await script(url, `make().video.wait("vid_1").then(({ state }) => console.log(state));`);
  assert.deepEqual([ended.code, ended.out], [0, "succeeded"], ended.err);
});

test("a pending wait keeps the process alive until it ends", async () => {
  const { url } = await serve((n) => ok(job(n < 20 ? "running" : "succeeded")));
  const ended = await script(url, `make().video.wait("vid_1").then(({ state }) => console.log(state));`);
  assert.deepEqual([ended.code, ended.out], [0, "succeeded"], ended.err);
});

test("a wait with unref keeps nothing alive", async () => {
  const { url } = await serve(() => ok(job("running")));
  const ended = await script(url, `make().video.wait("vid_1", { unref: true }).then(() => console.log("never"));`);
  assert.deepEqual([ended.code, ended.out], [0, ""], ended.err);
});

test("an iterator that was left half read keeps nothing alive", async () => {
  const { url } = await serve((n) => ok(job("running", { progress: n })));
  const ended = await script(url, `const watch = make().video.watch("vid_1"); watch.next().then(({ value }) => console.log(value.state));`);
  assert.deepEqual([ended.code, ended.out], [0, "running"], ended.err);
});

test("process.exit ends at once with its code, whatever is pending", async () => {
  const { url } = await serve(() => "never");
  const source = `const client = make();
    for (let n = 0; n < 100; n++) client.video.status("vid_" + n).catch(() => {});
    client.video.wait("vid_1").catch(() => {});
    setTimeout(() => process.exit(7), 50);`;
  const ended = await script(url, source);
  assert.deepEqual([ended.code, ended.signal], [7, null], ended.err);
});

test("an uncaught error ends the process with its own code, whatever is pending", async () => {
  const { url } = await serve(() => "never");
  const ended = await script(url, `make().video.status("vid_1").catch(() => {}); setTimeout(() => { throw new Error("mine"); }, 50);`);
  assert.deepEqual([ended.code, ended.signal], [1, null], ended.err);
  assert.match(ended.err, /Error: mine/);
});

test("a hook that throws is an uncaught exception", async () => {
  const { url } = await serve(() => ok(job("queued")));
  const source = `const client = new InfraiClient({ apiKey: "k", baseUrl: "${url}", onRequest() { throw new Error("hook"); } });
    process.on("uncaughtException", (error) => console.log(error.message));
    client.video.status("vid_1").then(({ state }) => console.log(state));`;
  const ended = await script(url, source);
  assert.deepEqual(ended.out.split("\n").sort(), ["hook", "queued"], ended.err);
});

test("an unhandled rejection names the error and shows no key", async () => {
  const { url } = await serve(() => ({ status: 401, json: { ok: false, error: { code: "UNAUTHORIZED", message: "no" } } }));
  const ended = await script(url, `make().video.status("vid_1");`);
  assert.equal(ended.code, 1);
  assert.match(ended.err, /AuthenticationError: no/);
  assert.ok(!ended.err.includes("WXYZ"));
});

const WORKER = (url) => `
  const { InfraiClient } = require("@infrai/sdk");
  const client = new InfraiClient({ apiKey: "${KEY}", baseUrl: "${url}", polling: { minIntervalMs: 1, maxIntervalMs: 2, maxRequestsPerSecond: 10000 }, onRequest() {}, apiKey: async () => "k" });`;

test("several workers have connections of their own, end by themselves, and leave the main thread's alone", async () => {
  const { url } = await serve(() => ok(job("succeeded")));
  const worker = `${WORKER(url)} client.video.wait("vid_1").then(({ state }) => require("node:worker_threads").parentPort.postMessage(state));`;
  const source = `const { Worker } = require("node:worker_threads");
    const one = () => new Promise((resolve, reject) => {
      let told;
      const worker = new Worker(${JSON.stringify(worker)}, { eval: true });
      worker.on("message", (message) => (told = message)).on("error", reject).on("exit", (code) => resolve(told + code));
    });
    (async () => {
      const client = make();
      const told = await Promise.all([one(), one(), one(), one()]);
      console.log(told.join(), (await client.video.status("vid_1")).state);
    })();`;
  const ended = await script(url, source);
  assert.deepEqual([ended.code, ended.out], [0, "succeeded0,succeeded0,succeeded0,succeeded0 succeeded"], ended.err);
});

test("workers that are terminated in the middle of calls take nothing with them", async () => {
  const asked = (url) => url.split("/").pop();
  const { url } = await serve((n, { url }) => (n % 3 ? ok(job("running", { job_id: asked(url), progress: n })) : "never"));
  const worker = `${WORKER(url)}
    for (let n = 0; n < 50; n++) {
      client.video.wait("vid_" + n, { onUpdate() {} }).catch(() => {});
      client.video.status("s_" + n).catch(() => {});
    }
    (async () => { for await (const _ of client.video.watch("vid_1")); })().catch(() => {});
    setTimeout(() => require("node:worker_threads").parentPort.postMessage("busy"), 20);`;
  const source = `const { Worker } = require("node:worker_threads");
    (async () => {
      const client = make();
      for (let round = 0; round < 8; round++) {
        const workers = Array.from({ length: 3 }, () => new Worker(${JSON.stringify(worker)}, { eval: true }));
        await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("message", resolve))));
        await Promise.all(workers.map((worker) => worker.terminate()));
      }
      const watch = client.video.watch("mine");
      console.log((await watch.next()).value.state);
      await watch.return();
    })();`;
  const ended = await script(url, source);
  assert.deepEqual([ended.code, ended.signal, ended.out], [0, null, "running"], ended.err);
});

test("a process that exits while its workers call does not crash", async () => {
  const { url } = await serve(() => "never");
  const worker = `${WORKER(url)} for (let n = 0; n < 50; n++) client.video.status("s_" + n); setTimeout(() => require("node:worker_threads").parentPort.postMessage("busy"), 20);`;
  const source = `const { Worker } = require("node:worker_threads");
    const workers = [1, 2, 3].map(() => new Worker(${JSON.stringify(worker)}, { eval: true }));
    Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("message", resolve)))).then(() => process.exit(3));`;
  const ended = await script(url, source);
  assert.deepEqual([ended.code, ended.signal], [3, null], ended.err);
});

test("ten thousand pending waits leave the event loop about as punctual as an idle one, and free for half its time", async () => {
  const { url } = await serve(() => ok(job("running")));
  const source = `const { monitorEventLoopDelay, performance } = require("node:perf_hooks");
    const sleep = require("node:timers/promises").setTimeout;
    const measured = async () => {
      const before = performance.eventLoopUtilization();
      const delay = monitorEventLoopDelay({ resolution: 10 });
      delay.enable();
      await sleep(1000);
      delay.disable();
      return [delay.mean, performance.eventLoopUtilization(before).utilization];
    };
    (async () => {
      const client = make();
      const [idle] = await measured();
      for (let n = 0; n < 10_000; n++) client.video.wait("vid_" + n, { unref: true }).catch(() => {});
      await sleep(500);
      const [delay, busy] = await measured();
      console.log(delay / idle, busy);
    })();`;
  const ended = await script(url, source);
  const [ratio, busy] = ended.out.trim().split(" ").map(Number);
  assert.ok(ratio < 10, `the loop was ${ratio} times as late as an idle one: ${ended.err}`);
  assert.ok(busy < 0.5, `the loop was busy for ${busy} of its time: ${ended.err}`);
});

/** In a test file of a runner: a call with a key of the file's own environment. */
const OWN_KEY = (name, url) => `
       test("its own key", async () => {
         process.env.INFRAI_API_KEY = "ifr_pk_proj_${name}";
         process.env.INFRAI_BASE_URL = "${url}";
         await new InfraiClient().video.status("own_${name}");
       });`;
/** The keys of those calls, by the name of the file. */
const ownKeys = (seen) => Object.fromEntries(seen.flatMap(({ url, headers }) => (url.includes("/own_") ? [[url.split("/own_")[1], headers.authorization.slice(-1)]] : [])));

test("jest runs the package, each file in a registry and an environment of its own", async () => {
  const { url, seen } = await serve(() => ok(job("succeeded")));
  const folder = join(PROJECT, "jest");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "jest": { "testEnvironment": "node" } }');
  for (const name of ["a", "b"]) {
    writeFileSync(
      join(folder, `${name}.test.js`),
      `const { InfraiClient, NotFoundError, InfraiError } = require("@infrai/sdk");
       const client = new InfraiClient({ apiKey: "k", baseUrl: "${url}" });
       test("a call", async () => { expect((await client.video.wait("vid_1")).state).toBe("succeeded"); });
       test("an error", async () => { await expect(client.video.status("")).rejects.toBeInstanceOf(InfraiError); });
       test("left pending", () => { client.video.watch("vid_1").next(); });${OWN_KEY(name, url)}`,
    );
  }
  const jest = join(ROOT, "node_modules/jest/bin/jest.js");
  const ended = await run([jest, "--ci", "--runInBand", "--rootDir", folder], { cwd: folder });
  assert.deepEqual([ended.code, /Tests: +8 passed, 8 total/.test(ended.err)], [0, true], ended.err);
  assert.deepEqual(ownKeys(seen), { a: "a", b: "b" });
});

test("vitest runs the package in threads and in forks, each with an environment of its own", async () => {
  const { url, seen } = await serve(() => ok(job("succeeded")));
  const folder = join(PROJECT, "vitest");
  mkdirSync(folder, { recursive: true });
  for (const name of ["a", "b", "c"]) {
    writeFileSync(
      join(folder, `${name}.test.mjs`),
      `import { InfraiClient, InfraiError } from "@infrai/sdk";
       import { expect, test } from ${JSON.stringify(join(ROOT, "node_modules/vitest/dist/index.js"))};
       const client = new InfraiClient({ apiKey: "k", baseUrl: "${url}" });
       test("a call", async () => { expect((await client.video.wait("vid_1")).state).toBe("succeeded"); });
       test("an error", async () => { await expect(client.video.status("")).rejects.toBeInstanceOf(InfraiError); });
       test("left pending", () => { client.video.watch("vid_1").next(); });${OWN_KEY(name, url)}`,
    );
  }
  for (const pool of ["threads", "forks"]) {
    const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
    const ended = await run([vitest, "run", "--root", folder, `--pool=${pool}`], { cwd: folder, env: { NO_COLOR: "1" } });
    assert.deepEqual([ended.code, /Tests +12 passed/.test(ended.out)], [0, true], ended.out + ended.err);
    assert.deepEqual(ownKeys(seen.splice(0)), { a: "a", b: "b", c: "c" });
  }
  assert.ok(readdirSync(folder).length >= 3);
});
