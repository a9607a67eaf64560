// Shared helpers: the package as installed from its tarball, and a scripted server.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after } from "node:test";

/** The project that the tarballs were installed into. */
export const PROJECT = process.env.INFRAI_TEST_PROJECT;
if (PROJECT === undefined) throw new Error("run the tests with bindings-node/run-tests");

export const require = createRequire(join(PROJECT, "index.cjs"));
export const sdk = require("@infrai/sdk");
export const { InfraiClient } = sdk;
export const KEY = "ifr_pk_proj_0123456789abcdefghijWXYZ";

/** A job in a state. */
export const job = (state, more = {}) => ({ job_id: "vid_1", state, ...more });
/** An envelope with this data. */
export const ok = (data, metadata = { request_id: "req-1", cost_usd: 0.01 }) => ({ json: { ok: true, data, error: null, metadata } });
/** A failed envelope. */
export const fail = (status, code, more = {}) => ({
  status,
  json: { ok: false, data: null, error: { code, message: `because of ${code}`, ...more }, metadata: { request_id: "req-2" } },
});

/**
 * A server that answers the n-th request, from 0, with what `answer(n, request)` gives: {status, headers, json | body},
 * or "never". It ends with the test file.
 */
export async function serve(answer) {
  const seen = [];
  const waiting = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url, headers } = request;
    const told = { method, url, headers, body: Buffer.concat(chunks).toString() };
    const number = seen.push(told) - 1;
    for (const wake of waiting.splice(0)) wake();
    const given = await answer(number, told);
    if (given === "never") return;
    if (given === "reset") return void request.socket.destroy();
    const { status = 200, headers: own = {}, json, body } = given;
    response.writeHead(status, { "content-type": "application/json", ...own });
    // A job is the one that was asked for.
    const id = /^\/v1\/video\/jobs\/([^/?]+)$/.exec(url)?.[1];
    const text = JSON.stringify(json);
    response.end(body ?? (id === undefined ? text : text?.replace('"job_id":"vid_1"', () => `"job_id":${JSON.stringify(decodeURIComponent(id))}`)));
  });
  server.keepAliveTimeout = 60_000;
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${server.address().port}`;
  /** Resolves once so many requests have come. */
  const arrived = async (count) => {
    while (seen.length < count) await new Promise((resolve) => waiting.push(resolve));
  };
  return { url, seen, arrived, server };
}

/** A client of a server that answers so, retrying and polling within milliseconds. */
export async function client(answer, settings = {}) {
  const server = await serve(answer);
  const polling = { minIntervalMs: 1, maxIntervalMs: 5, expectedDurationMs: 5, maxRequestsPerSecond: 10_000, concurrency: 64 };
  const client = new InfraiClient({ apiKey: KEY, baseUrl: server.url, retryBaseMs: 1, retryCapMs: 2, polling, ...settings });
  return { client, ...server };
}

/** Returns the error that a promise rejects with. */
export async function rejection(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it should have rejected");
}

/** Resolves when the condition holds; the test's own time limit ends it otherwise. */
export async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Waits until nothing has arrived for a quarter of a second; fails if that does not happen within ten. */
export async function quiet(seen) {
  const end = Date.now() + 10_000;
  let [count, since] = [seen.length, Date.now()];
  await until(() => {
    if (Date.now() > end) throw new Error("requests go on arriving");
    if (seen.length !== count) [count, since] = [seen.length, Date.now()];
    return Date.now() - since > 250;
  });
}
