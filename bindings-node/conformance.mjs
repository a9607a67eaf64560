// Plays the conformance scenarios with the npm package and says how many kept their promise.
//
//   node conformance.mjs [--server PROGRAM] [WORDS]
//
// Plays the scenarios whose names contain the words, or all. PROGRAM is the scripted server; without it, the one that
// INFRAI_CONFORMANCE_SERVER names. INFRAI_SDK names the package's folder or entry, if it is not the one beside this file.

import { AsyncLocalStorage } from "node:async_hooks";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";

const LANGUAGE = "node";
const AT_ONCE = 16;
/** Set for the process that makes the calls: its environment is the scenario's alone. */
const CLEAN = "INFRAI_CONFORMANCE_CLEAN";
/** The argument that makes a process play one scenario, which it reads from its input. */
const PLAY_ONE = "--play-one";
const SELF = fileURLToPath(import.meta.url);
const KEPT = ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "TEMP", "TMP", "SystemRoot", "INFRAI_SDK", "INFRAI_CONFORMANCE_SERVER"];

const args = process.argv.slice(2);
/** Runs this program again without the caller's home, keys, settings and proxies. */
function runClean() {
  const home = mkdtempSync(join(tmpdir(), "infrai-conformance-"));
  const env = { HOME: home, USERPROFILE: home, [CLEAN]: "1" };
  for (const name of KEPT) if (process.env[name] !== undefined) env[name] = process.env[name];
  const ran = spawnSync(process.execPath, [SELF, ...args], { env, stdio: "inherit" });
  rmSync(home, { recursive: true, force: true });
  return ran.status ?? 2;
}

async function run() {
  const named = args[0] === "--server" ? args.splice(0, 2)[1] : process.env.INFRAI_CONFORMANCE_SERVER;
  if (named === undefined) {
    console.error("name the scripted server with --server PROGRAM or INFRAI_CONFORMANCE_SERVER");
    return 2;
  }
  const words = args.join(" ");
  const server = spawn(named, { stdio: ["pipe", "pipe", "inherit"] });
  const gone = new Promise((_, reject) => {
    server.once("error", (error) => reject(new Error(`${named} does not start: ${error.message}`)));
    server.once("exit", (code) => reject(new Error(`${named} ended with ${code}`)));
  });
  gone.catch(() => {});
  const line = await Promise.race([gone, new Promise((resolve) => createInterface({ input: server.stdout }).once("line", resolve))]);
  const ask = async (method, path, body) => {
    const answer = await fetch(line + path, { method, ...(body && { body: JSON.stringify(body) }) });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${text}`);
    return text;
  };
  const { scenarios } = JSON.parse(await ask("GET", "/scenarios"));
  const waiting = scenarios.filter((scenario) => scenario.name.includes(words));
  let [passed, failed, exempt] = [0, 0, 0];
  const work = async () => {
    for (let scenario = waiting.shift(); scenario; scenario = waiting.shift()) {
      const reason = scenario.exempt?.[LANGUAGE];
      if (reason !== undefined) {
        exempt += 1;
        console.log(`EXEMPT ${scenario.name}: ${reason}`);
        continue;
      }
      const difference = await verdict(ask, scenario).catch((error) => `  ${error.stack}`);
      if (difference === undefined) passed += 1;
      else {
        failed += 1;
        console.log(`FAILED ${scenario.name}\n${difference}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  server.removeAllListeners("exit");
  server.stdin.end();
  if (exempt > 0) console.log(`${exempt} exempt`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

/** What differs in a scenario; one with an environment of its own is played in a process and in a worker of this one. */
async function verdict(ask, { path, own_process }) {
  for (const player of own_process ? [inProcess, inWorker] : [(start) => play(JSON.parse(start))]) {
    const start = await ask("POST", `${path}/start`);
    const outcomes = await player(start);
    const { pass, difference } = JSON.parse(await ask("POST", `${path}/finish`, { language: LANGUAGE, outcomes }));
    if (!pass) return player === inWorker ? `  in a worker:\n${difference}` : difference;
  }
  return undefined;
}

/** Plays a scenario in a process of its own, which has the environment that the scenario asks for. */
async function inProcess(start) {
  const child = spawn(process.execPath, [SELF, PLAY_ONE], {
    env: { ...process.env, ...JSON.parse(start).env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.end(start);
  let told = "";
  for await (const text of child.stdout.setEncoding("utf8")) told += text;
  return JSON.parse(told);
}

/** The same in a worker, whose environment is not the process's. */
function inWorker(start) {
  const env = { ...process.env, ...JSON.parse(start).env };
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { env, workerData: start });
    worker.once("message", resolve).once("error", reject);
    worker.once("exit", (code) => reject(new Error(`the worker ended with ${code}`)));
  });
}

async function playOne() {
  let text = "";
  for await (const piece of process.stdin.setEncoding("utf8")) text += piece;
  process.stdout.write(JSON.stringify(await play(JSON.parse(text))));
}

/** What came of each of a scenario's calls, in order. A call that never ends is one more outcome. */
async function play(start) {
  const outcomes = [];
  const hung = { error: { kind: "hung", message: `no outcome within ${start.limit} s` } };
  const limit = new AbortController();
  const over = sleep(start.limit * 1000, "over", { signal: limit.signal }).catch(() => {});
  if ((await Promise.race([steps(start, outcomes), over])) === "over") outcomes.push(hung);
  limit.abort();
  return outcomes;
}

async function steps(start, outcomes) {
  const { InfraiClient } = createRequire(import.meta.url)(process.env.INFRAI_SDK || "./dist/index.js");
  const make = () => {
    try {
      return { client: new InfraiClient(settings(start.client)) };
    } catch (error) {
      return { error };
    }
  };
  let made = make();
  const jobs = [];
  for (const step of start.calls) {
    const together = step.together ?? [step];
    if (together.some((call) => call.new_client)) made = make();
    const told = await Promise.all(together.map((call) => one(made, call, jobs)));
    for (const { report, job } of told) {
      outcomes.push(report);
      jobs.push(job);
    }
  }
}

const storage = new AsyncLocalStorage();

/** Makes a call in the context that the scenario gives it, and reports what the hook recorded there. */
async function one(made, call, jobs) {
  const context = { text: call.context ?? "", hooks: [] };
  const outcome = await storage.run(context, () => oneHere(made, call, jobs));
  if (call.context != null) outcome.report.hooks = context.hooks;
  return outcome;
}

async function oneHere({ client, error }, call, jobs) {
  if (error) return { report: { error: neutral(error) } };
  const updates = [];
  let outcome;
  try {
    const { timeout, max_retries, headers } = call.options ?? {};
    const chosen = client.withOptions({ timeoutMs: ms(timeout), maxRetries: max_retries, headers });
    if (call.after) await sleep(call.after * 1000);
    const signal = call.abort_after === undefined || call.abort_after === null ? undefined : AbortSignal.timeout(call.abort_after * 1000);
    outcome = await CALLS[call.call](chosen, decode(call.args ?? {}), { signal, jobs, updates });
  } catch (thrown) {
    outcome = { report: { error: neutral(thrown) } };
  }
  if (call.args?.on_update) outcome.report.updates = updates;
  return outcome;
}

const value = (value) => ({ report: { value } });
const job = (job) => ({ report: { value: job }, job });

const CALLS = {
  "video.generate": async (client, args, { signal }) => job(await client.video.generate(args, { signal })),
  "video.status": async (client, { id }, { signal }) => job(await client.video.status(id, { signal })),
  "video.cancel": async (client, { id }, { signal }) => value(await client.video.cancel(id, { signal })),
  "video.wait": async (client, { id, from_call, timeout, cancel_on_timeout, cancel_on_abort, on_update }, { signal, updates, jobs }) =>
    job(
      await client.video.wait(jobs[from_call] ? JSON.parse(JSON.stringify(jobs[from_call])) : id, {
        signal,
        timeoutMs: timeout === null ? null : ms(timeout),
        cancelOnTimeout: cancel_on_timeout,
        cancelOnAbort: cancel_on_abort,
        onUpdate: on_update ? (job) => updates.push(job) : undefined,
      }),
    ),
  "video.watch": async (client, { id }, { signal }) => {
    const states = [];
    try {
      for await (const state of client.video.watch(id, { signal })) states.push(state);
    } catch (error) {
      return { report: { value: states, error: neutral(error) } };
    }
    return value(states);
  },
  "video.download": async (client, { id, from_call, path, overwrite, timeout }, { signal, jobs }) => {
    const saved = await client.video.download(jobs[from_call] ?? id, path, { overwrite, timeoutMs: ms(timeout), signal });
    return value({ path: saved.path, bytes: saved.bytes });
  },
  "video.generate_many": async (client, { items, key_prefix, idempotency_window, on_ambiguous, retry_failed, max_cost_usd, output_dir, ...rest }, { signal }) => {
    const options = {
      ...rest, keyPrefix: key_prefix, onAmbiguous: on_ambiguous, retryFailed: retry_failed, maxCostUsd: max_cost_usd, outputDir: output_dir,
      idempotencyWindowMs: idempotency_window && idempotency_window * 1000, signal,
    };
    const results = [];
    for await (const { index, key, job, error } of client.video.generateMany(items, options)) {
      const result = error ? { error: neutral(error) } : job;
      results.push(rest.checkpoint === undefined ? [index, result] : [index, result, key]);
    }
    return value(results.sort(([a], [b]) => a - b));
  },
  discover: async (client, { capability }, { signal }) => value(await client.discover(capability, { signal })),
  "account.balance": async (client, _, { signal }) => value(await client.account.balance({ signal })),
  "account.topup": async (client, { idempotency_key, ...request }, { signal }) =>
    value(await client.account.topup(request, { idempotencyKey: idempotency_key, signal })),
  "account.wait_for_credit": async (client, { min_usd, timeout }, { signal }) =>
    value(await client.account.waitForCredit(min_usd, { timeoutMs: timeout === null ? null : ms(timeout), signal })),
  "client.spent_usd": (client) => value(client.spentUsd),
  activate: async (client, { region, device_kind, profile, force, write_credentials }, { signal }) =>
    value(await client.activate({ region, device_kind }, { profile, force, writeCredentials: write_credentials, signal })),
  request: async (client, { method, path, query, body, idempotency_key }, { signal }) => {
    const { data, metadata, status } = await client.request(method, path, body, { query, idempotencyKey: idempotency_key, signal });
    return { report: { value: data, metadata, status } };
  },
  "webhooks.verify": (client, args) => verifyWebhook(args),
  "webhooks.seen": async (client, { capacity, ttl, steps }) => {
    const { webhooks } = createRequire(import.meta.url)(process.env.INFRAI_SDK || "./dist/index.js");
    const seen = new webhooks.SeenEvents({ capacity, ttlMs: ms(ttl) });
    return value(steps.map(([step, id]) => seen[step](id)).filter((added) => added !== undefined));
  },
};

/** Verifies with the native module and with Web Crypto, and reports where they differ. */
async function verifyWebhook({ body, body_base64, header, secret }) {
  const require = createRequire(import.meta.url);
  const folder = process.env.INFRAI_SDK || "./dist/index.js";
  const { webhooks } = require(folder);
  const web = require(folder.endsWith(".js") ? folder.replace("index.js", "webhooks.js") : `${folder}/dist/webhooks.js`);
  const bytes = body_base64 === undefined ? body : Buffer.from(body_base64, "base64");
  const attempt = async (verify) => {
    try {
      return { value: await verify(bytes, header, secret) };
    } catch (error) {
      return { error: neutral(error) };
    }
  };
  const [native, own] = [await attempt(webhooks.verify), await attempt(web.verify)];
  if (!isDeepStrictEqual(native, own)) return value({ native, "Web Crypto": own });
  return { report: native };
}

/** A client's settings under their names here. */
function settings(given) {
  const own = {};
  const seconds = ["timeout", "attempt_timeout", "connect_timeout", "download_idle_timeout", "retry_base", "retry_cap"];
  for (const [name, value] of Object.entries(given ?? {})) {
    if (name === "on_request") own.onRequest = ({ path }) => void storage.getStore().hooks.push(path);
    else if (name === "api_key" && value?.$context) own.apiKey = () => storage.getStore().text;
    else if (name === "api_key" && value?.$function) own.apiKey = keyFunction(value.$function);
    else if (name === "polling") own.polling = polling(value);
    else if (seconds.includes(name)) own[`${camel(name)}Ms`] = ms(value);
    else own[camel(name)] = value;
  }
  return own;
}

function polling({ request_cost, min_interval, max_interval, expected_duration, refresh, max_requests_per_second, ...rest }) {
  return {
    ...rest,
    requestCost: request_cost,
    minIntervalMs: ms(min_interval),
    maxIntervalMs: ms(max_interval),
    expectedDurationMs: ms(expected_duration),
    refreshMs: ms(refresh),
    maxRequestsPerSecond: max_requests_per_second,
  };
}

/** A function that gives these keys in turn, and the last one again. */
function keyFunction(keys) {
  const left = [...keys];
  return async () => (left.length > 1 ? left.shift() : left[0]);
}

const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const ms = (seconds) => (typeof seconds === "number" ? seconds * 1000 : undefined);

/** An error under the names of every language. */
function neutral(error) {
  if (typeof error.toJSON !== "function") return { kind: `not of the SDK: ${error.stack}` };
  const { name, ...fields } = error.toJSON();
  if (typeof fields.details?.field === "string") fields.details = { ...fields.details, field: snake(fields.details.field) };
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [snake(name), value]));
}

/** Arguments with what JSON cannot say: integers of any length, NaN, half characters. */
function decode(value) {
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== "object" || value === null) return value;
  if ("$integer" in value) return BigInt(value.$integer);
  if ("$number" in value) return Number(value.$number);
  if ("$utf16" in value) return String.fromCharCode(...value.$utf16);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, decode(member)]));
}

if (!isMainThread) parentPort.postMessage(await play(JSON.parse(workerData)));
else if (process.env[CLEAN] === undefined) process.exitCode = runClean();
else if (args[0] === PLAY_ONE) await playOne();
else process.exitCode = await run();
