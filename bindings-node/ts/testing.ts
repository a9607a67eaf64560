/**
 * `@infrai/sdk/testing`: a local sandbox of the API for tests. HTTP, accounts, a wallet, and jobs that render an MP4.
 *
 * It needs no account and no network, and fails on demand. The command `infrai` serves it, from the `PATH` or from
 * `INFRAI_CLI`. `infrai sandbox --help` is its manual.
 *
 * ```ts
 * import { startSandbox } from "@infrai/sdk/testing";
 *
 * const sandbox = await startSandbox({ faults: ["POST /v1/video/generate: status=503 times=2"] });
 * const job = await sandbox.client.video.generate({ prompt: "a paper boat", duration_seconds: 1 });
 * const done = await sandbox.client.video.wait(job);
 * await sandbox.stop();
 * ```
 *
 * Code that makes its own client, such as an application under test, finds the sandbox through the environment:
 * `INFRAI_BASE_URL` is `sandbox.url`, and `INFRAI_API_KEY` is `sandbox.apiKey`. Such a client polls at the application's pace,
 * so that a wait takes a second or two. Code that gets `sandbox.client` does not wait for a pause.
 *
 * **Faults** are texts `[METHOD] PATH: EFFECT…`; `*` in the path stands for any characters. The first one in force that
 * applies to a request is used. Routes under `/sandbox/` never meet one. Effects:
 *
 * | word | effect |
 * | --- | --- |
 * | `status=503` | responds with this status (200 to 599) without processing the request |
 * | `code=VENDOR_DOWN` | the error code of `status` or `job`; by default the status's usual one |
 * | `retry-after=1` | adds `Retry-After` in seconds, to the fault's response or the real one |
 * | `delay=200ms` | waits first (`ms` or `s`, at most 600 s) |
 * | `drop=before` | closes the connection before the request is processed |
 * | `drop=after` | processes the request, then closes the connection without a response |
 * | `cut=100` | sends this many bytes of the response's body, then closes the connection |
 * | `job=fail` | accepts the job of `POST /v1/video/generate`, which then fails and is refunded |
 * | `times=2` | applies to this many requests; by default to every one |
 * | `probability=0.3` | applies to a request with this chance, from a generator that `--seed` seeds |
 *
 * ```text
 * POST /v1/video/generate: status=503 times=2                 an outage that ends
 * GET /v1/video/jobs/*: status=429 retry-after=1 times=3      a rate limit
 * POST /v1/video/generate: job=fail code=VENDOR_DOWN times=1  an accepted job that fails later
 * POST /v1/video/generate: drop=after times=1                 a charged call whose response is lost
 * GET /files/*: cut=10000 times=1                             an interrupted download
 * ```
 *
 * **Models**: the jobs of `sandbox/default` succeed, those of `sandbox/fail` fail and are refunded, those of
 * `sandbox/slow` run for the time of `--slow` (30 s), and those of `sandbox/stuck` run until they are cancelled. The vendor
 * `sandbox` renders every resolution, `sandbox-lite` has no 4k.
 *
 * **Money**: an account starts with $2.00. A second of video costs $0.01 to $0.32 by resolution and `prefer`, and a job
 * that fails or is cancelled is refunded. A 4k video of 60 seconds is more than the account has, which is a 402.
 *
 * **Routes for tests**, beside those of the API: `GET /sandbox/requests`, `GET /sandbox/ledger`, `POST /sandbox/credit`,
 * `POST /sandbox/topups/{id}/pay` and `/sandbox/faults` (functions of {@link RunningSandbox} call them),
 * `GET /openapi.json`, and the payment page of a top-up, which is its `next_action_url`.
 *
 * @module
 */

import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { InfraiClient } from "./client.js";
import { ConfigurationError } from "./errors.js";
import type { InfraiClientOptions, RequestOptions, TopupRecord } from "./types.js";

/** Options of a sandbox. */
export interface SandboxOptions {
  /** The `infrai` command. Default: `INFRAI_CLI`, else `infrai` on the `PATH`. */
  command?: string | undefined;
  /** Folder of the sandbox's state, which the next sandbox finds again: a new or empty one, or that of a sandbox. Default: a temporary folder, removed at the end. */
  dataDir?: string | undefined;
  /** A fault, or several: `["POST /v1/video/generate: status=503 times=2"]`. Default: none. */
  faults?: string | readonly string[] | undefined;
  /** Further arguments of `infrai sandbox`, such as `["--rate-limit", "20/s"]`; `infrai sandbox --help` lists them. */
  args?: readonly string[] | undefined;
  /** Options of `client`, over those of `newClient()`. */
  client?: InfraiClientOptions | undefined;
}

/** A request that the sandbox answered. */
export interface SandboxRequest {
  /** Time of its arrival, as an ISO date. */
  at: string;
  method: string;
  path: string;
  /** HTTP status; `null` for a dropped connection. */
  status: number | null;
  latency_ms: number;
  request_id: string;
  idempotency_key: string | null;
  /** Fault that it met. */
  fault: string | null;
}

/** An entry of an account's ledger. */
export interface LedgerEntry {
  seq: number;
  kind: "trial" | "topup" | "charge" | "refund" | (string & {});
  /** The job, the top-up or the account that it belongs to. */
  reference: string;
  /** Amount in US dollars; negative for a charge. */
  amount_usd: number;
  amount_micros: number;
  /** Balance after the entry, in millionths of a US dollar. */
  balance_micros: number;
  created_at: string;
}

/** A running sandbox. It ends with `stop()`, or with this process, and does not keep the process alive. */
export interface RunningSandbox {
  /** Its address, for the `baseUrl` of clients. */
  url: string;
  /** A client with an account of its own, with the sandbox's trial credit. */
  client: InfraiClient;
  /** The account's key, for clients in other processes. */
  apiKey: string;
  /**
   * Returns another client of the account. By default it polls and retries after at most 100 ms, so that a test does not
   * wait for a pause; `polling: {}` polls as the application does.
   */
  newClient(options?: InfraiClientOptions): InfraiClient;
  /**
   * Adds a fault after those in force: `POST /sandbox/faults`. Rejects with an `InvalidRequestError` that says what is
   * expected if the fault is invalid.
   */
  addFault(fault: string): Promise<void>;
  /** Removes all faults: `DELETE /sandbox/faults`. */
  clearFaults(): Promise<void>;
  /**
   * Adds credit to the account, in US dollars (above 0 and at most 10000), and resolves to the new balance:
   * `POST /sandbox/credit`.
   */
  addCredit(usd: number): Promise<number>;
  /**
   * Pays a top-up, as the button of its payment page does, and resolves to the new balance. A paid one stays as it is:
   * `POST /sandbox/topups/{id}/pay`.
   *
   * ```ts
   * await sandbox.pay(await sandbox.client.account.topup({ amount_usd: 20 }));
   * ```
   */
  pay(topup: string | Pick<TopupRecord, "topup_id">): Promise<number>;
  /**
   * Resolves to the last 1000 requests, oldest first, without those to `/sandbox/…`: `GET /sandbox/requests`. The first one
   * is the activation of the account.
   */
  requests(): Promise<SandboxRequest[]>;
  /** Resolves to the entries of the account's ledger, oldest first: `GET /sandbox/ledger`. */
  ledger(): Promise<LedgerEntry[]>;
  /** Stops the sandbox. Resolves once it has ended. */
  stop(): Promise<void>;
}

/** The sandbox renders a job in milliseconds and serves one client. */
const FAST: InfraiClientOptions = {
  polling: { minIntervalMs: 20, maxIntervalMs: 100, expectedDurationMs: 200, maxRequestsPerSecond: 1000 },
  retryBaseMs: 20,
};

/**
 * Starts a sandbox and activates an account on it. Rejects with a `ConfigurationError` if the command is missing or does not
 * start, or if a fault or an argument is invalid.
 *
 * ```ts
 * import { startSandbox } from "@infrai/sdk/testing";
 *
 * const sandbox = await startSandbox({ faults: ["POST /v1/video/generate: job=fail times=1"] });
 * const job = await sandbox.client.video.generate({ prompt: "a paper boat" }); // accepted, and fails later
 * await sandbox.stop();
 * ```
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<RunningSandbox> {
  const command = options.command || process.env["INFRAI_CLI"] || "infrai";
  const dataDirArgs = options.dataDir === undefined ? ["--temporary"] : ["--data-dir", options.dataDir];
  const faults = [options.faults ?? []].flat().flatMap((fault) => ["--fault", fault]);
  const args = ["sandbox", "--json", "--exit-with-parent", ...dataDirArgs, ...faults, ...(options.args ?? [])];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], windowsHide: true });
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
  const stop = async (): Promise<void> => {
    child.ref();
    child.kill();
    await ended;
  };
  try {
    const { url, credentials_file } = await readReadyLine(child, command);
    detach(child);
    const endpoint = { baseUrl: url, credentialsFile: credentials_file };
    const { primary_api_key: apiKey } = await new InfraiClient(endpoint).activate({}, { writeCredentials: false });
    const newClient = (more?: InfraiClientOptions): InfraiClient => new InfraiClient({ ...endpoint, ...FAST, ...more, apiKey });
    return { url, client: newClient(options.client), apiKey, newClient, ...controls(newClient()), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Controls = Pick<RunningSandbox, "addFault" | "clearFaults" | "addCredit" | "pay" | "requests" | "ledger">;

/** The routes for tests, as functions. */
function controls(client: InfraiClient): Controls {
  const send = async <T>(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<T> =>
    (await client.request<T>(method, path, body, options)).data;
  const pay = async (path: string, body?: unknown): Promise<number> =>
    (await send<{ balance_usd: number }>("POST", path, body)).balance_usd;
  return {
    addFault: async (fault) => void (await send("POST", "/sandbox/faults", { fault })),
    clearFaults: async () => void (await send("DELETE", "/sandbox/faults")),
    addCredit: (usd) => pay("/sandbox/credit", { amount_usd: usd }),
    pay: (topup) => pay(`/sandbox/topups/${encodeURIComponent(typeof topup === "string" ? topup : topup.topup_id)}/pay`),
    requests: async () => {
      const { requests } = await send<{ requests: SandboxRequest[] }>("GET", "/sandbox/requests");
      return requests.filter(({ path }) => !path.startsWith("/sandbox/"));
    },
    ledger: async () => {
      const all: LedgerEntry[] = [];
      for (;;) {
        const query = { after: all.at(-1)?.seq ?? 0 };
        const { entries, count } = await send<{ entries: LedgerEntry[]; count: number }>("GET", "/sandbox/ledger", undefined, { query });
        all.push(...entries);
        if (entries.length === 0 || all.length >= count) return all;
      }
    },
  };
}

/** Reads the first line of the sandbox, which has its address. */
function readReadyLine(child: ChildProcess, command: string): Promise<{ url: string; credentials_file: string }> {
  return new Promise((resolve, reject) => {
    let stderr = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-4096)));
    const fail = (message: string, hint: string, cause?: unknown): void =>
      reject(new ConfigurationError({ code: "SANDBOX_UNAVAILABLE", message, hint }, cause === undefined ? {} : { cause }));
    child.once("error", (error) => {
      const hint = "Put the infrai command on the PATH, or name it with INFRAI_CLI or `command`.";
      fail(`the command ${command} cannot be started: ${error.message}`, hint, error);
    });
    child.once("close", (code) => {
      const { message, hint } = readError(stderr);
      fail(`the sandbox ended with ${code} before it was ready: ${message}`, hint);
    });
    const lines = createInterface({ input: child.stdout! });
    lines.once("line", (line) => {
      lines.close();
      try {
        resolve(JSON.parse(line) as { url: string; credentials_file: string });
      } catch (error) {
        fail(`the sandbox printed no address but ${JSON.stringify(line.slice(0, 200))}`, "Check what INFRAI_CLI names.", error);
      }
    });
  });
}

/** Returns message and remedy of a sandbox that ended: its error is a line of JSON. */
function readError(stderr: string): { message: string; hint: string } {
  const text = stderr.trim();
  try {
    const { message, hint } = JSON.parse(text.slice(text.lastIndexOf("\n") + 1)) as { message: unknown; hint: unknown };
    if (typeof message === "string" && typeof hint === "string") return { message, hint };
  } catch {
    // No error of the sandbox.
  }
  return { message: text || "it said nothing", hint: "Run `infrai sandbox` in a shell to see its message." };
}

/** Lets this process end without the sandbox. The end closes its input, which ends the sandbox. */
function detach(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as { unref?: () => void } | null)?.unref?.();
  child.stdout?.resume();
}
