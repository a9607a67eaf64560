// Loop of a worker, which answers each line of its input with one line. `benches/README.md` describes the lines.

import { createInterface } from "node:readline";

/** A well-formed key. The server does not check it. */
export const KEY = "ifr_pk_proj_bench_0000000000000000";
/** The job of every call. */
export const ID = "video_0190b3c45d6e7f809a1b2c3d4e5f6071";

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const failed = (error) => {
  console.error(error);
  return { failed: String(error) };
};

/** Opens a client, reports it, and runs the command of each line. An error is an answer too. */
export async function serve(open) {
  let answer;
  try {
    answer = await open();
  } catch (error) {
    say(failed(error));
    return;
  }
  say({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      say(await answer(JSON.parse(line)));
    } catch (error) {
      say(failed(error));
    }
  }
}

/** Throws unless an answer is the server's. */
export function right(id, state, expected) {
  if (id !== ID || state !== expected) throw new Error(`a wrong answer: ${id}, ${state}`);
}

/** Returns the processor time of this process so far, in seconds. */
export function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Returns the current time, in seconds. */
export const now = () => performance.now() / 1e3;

/** Loads a package as code of the project in `BENCH_PROJECT` would. */
export async function load(name) {
  const { createRequire } = await import("node:module");
  const { join } = await import("node:path");
  return createRequire(join(process.env.BENCH_PROJECT, "package.json"))(name);
}
