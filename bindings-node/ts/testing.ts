// `@infrai/sdk/testing`: a local sandbox of the API, for tests without account and network.

import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { InfraiClient } from "./client.js";
import { ConfigurationError } from "./errors.js";
import type { InfraiClientOptions } from "./types.js";

/** Options of a sandbox. */
export interface SandboxOptions {
  /** The `infrai` command. Default: `INFRAI_CLI`, else `infrai` on the `PATH`. */
  command?: string | undefined;
  /** Folder of the sandbox's state, which the next sandbox finds again: a new or empty one, or that of a sandbox. Default: a temporary folder, removed at the end. */
  dataDir?: string | undefined;
  /** Faults on demand, such as `"POST /v1/video/generate: status=503 times=2"`. */
  faults?: readonly string[] | undefined;
  /** Further arguments of `infrai sandbox`; `infrai sandbox --help` lists them. */
  args?: readonly string[] | undefined;
  /** Further options of the client. */
  client?: InfraiClientOptions | undefined;
}

/** A running sandbox. It ends with `stop()`, or with this process, and does not keep the process alive. */
export interface RunningSandbox {
  /** Its address, for the `baseUrl` of clients. */
  url: string;
  /** A client with an account of its own, with the sandbox's trial credit. */
  client: InfraiClient;
  /** The account's key, for clients in other processes. */
  apiKey: string;
  /** Stops the sandbox. Resolves once it has ended. */
  stop(): Promise<void>;
}

/**
 * Starts a sandbox and activates an account on it.
 *
 * ```ts
 * import { startSandbox } from "@infrai/sdk/testing";
 *
 * const sandbox = await startSandbox();
 * const job = await sandbox.client.video.generate({ prompt: "a paper boat" });
 * await sandbox.stop();
 * ```
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<RunningSandbox> {
  const command = options.command || process.env["INFRAI_CLI"] || "infrai";
  const dataDirArgs = options.dataDir === undefined ? ["--temporary"] : ["--data-dir", options.dataDir];
  const faults = (options.faults ?? []).flatMap((fault) => ["--fault", fault]);
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
    const client = new InfraiClient({ ...endpoint, ...options.client, apiKey });
    return { url, client, apiKey, stop };
  } catch (error) {
    await stop();
    throw error;
  }
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
      const hint = "Run `infrai sandbox` in a shell to see its message.";
      fail(`the sandbox ended with ${code} before it was ready: ${stderr.trim()}`, hint);
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

/** Lets this process end without the sandbox. The end closes its input, which ends the sandbox. */
function detach(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as { unref?: () => void } | null)?.unref?.();
  child.stdout?.resume();
}
