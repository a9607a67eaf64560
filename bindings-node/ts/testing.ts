// `@infrai/sdk/testing`: the API on this machine, for tests that need no account and no network.

import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { InfraiClient } from "./client.js";
import { ConfigurationError } from "./errors.js";
import type { InfraiClientOptions } from "./types.js";

/** How to start a sandbox. */
export interface SandboxOptions {
  /** The `infrai` command. Default: `INFRAI_CLI`, else `infrai` on the `PATH`. */
  command?: string | undefined;
  /** Where the sandbox keeps its state, found again by the next: a new or empty folder, or a sandbox's own. Default: a temporary folder, removed at the end. */
  dataDir?: string | undefined;
  /** What goes wrong on demand, such as `"POST /v1/video/generate: status=503 times=2"`. */
  faults?: readonly string[] | undefined;
  /** Further words for `infrai sandbox`; `infrai sandbox --help` lists them. */
  args?: readonly string[] | undefined;
  /** Further settings of the client. */
  client?: InfraiClientOptions | undefined;
}

/** A sandbox that is running. It ends with `stop()`, at the latest with this process, and keeps no process alive. */
export interface RunningSandbox {
  /** Its address: the `baseUrl` of clients. */
  url: string;
  /** A client of an account of its own, with the sandbox's trial credit. */
  client: InfraiClient;
  /** That account's key, for clients of other processes. */
  apiKey: string;
  /** Ends it; resolves when it is gone. */
  stop(): Promise<void>;
}

/**
 * Starts a sandbox and makes an account on it.
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
  const where = options.dataDir === undefined ? ["--temporary"] : ["--data-dir", options.dataDir];
  const faults = (options.faults ?? []).flatMap((fault) => ["--fault", fault]);
  const words = ["sandbox", "--json", "--exit-with-parent", ...where, ...faults, ...(options.args ?? [])];
  const child = spawn(command, words, { stdio: ["pipe", "pipe", "pipe"], windowsHide: true });
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
    const { url, credentials_file } = await announcement(child, command);
    letGo(child);
    const place = { baseUrl: url, credentialsFile: credentials_file };
    const { primary_api_key: apiKey } = await new InfraiClient(place).activate({ writeCredentials: false });
    const client = new InfraiClient({ ...place, ...options.client, apiKey });
    return { url, client, apiKey, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The first line that it prints: where it is. */
function announcement(child: ChildProcess, command: string): Promise<{ url: string; credentials_file: string }> {
  return new Promise((resolve, reject) => {
    let complaint = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (complaint = (complaint + text).slice(-4096)));
    const refuse = (what: string, hint: string, cause?: unknown): void =>
      reject(new ConfigurationError({ code: "SANDBOX_UNAVAILABLE", message: what, hint }, cause === undefined ? {} : { cause }));
    child.once("error", (error) => {
      const hint = "Put the infrai command on the PATH, or name it with INFRAI_CLI or `command`.";
      refuse(`the command ${command} cannot be started: ${error.message}`, hint, error);
    });
    child.once("close", (code) => {
      const hint = "Run `infrai sandbox` in a shell to see what it says.";
      refuse(`the sandbox ended with ${code} before it was there: ${complaint.trim()}`, hint);
    });
    const lines = createInterface({ input: child.stdout! });
    lines.once("line", (line) => {
      lines.close();
      try {
        resolve(JSON.parse(line) as { url: string; credentials_file: string });
      } catch (error) {
        refuse(`the sandbox announced itself with ${JSON.stringify(line.slice(0, 200))}`, "Check what INFRAI_CLI names.", error);
      }
    });
  });
}

/** From now on it keeps this process alive no longer: its input closes when this process ends, and that ends it. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as { unref?: () => void } | null)?.unref?.();
  child.stdout?.resume();
}
