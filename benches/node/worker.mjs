// A worker's side of the benchmarks: answers each line of its input with a line. `benches/README.md` describes the lines.

import { createInterface } from "node:readline";

/** What a key has to look like; the server asks nobody for one. */
export const KEY = "ifr_pk_proj_bench_0000000000000000";
/** The job that is asked about. */
export const ID = "video_0190b3c45d6e7f809a1b2c3d4e5f6071";

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const failed = (error) => {
  console.error(error);
  return { failed: String(error) };
};

/** Opens a client, says so, and does what each line says; what goes wrong is an answer too. */
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

/** An answer that is not the server's is no call. */
export function right(id, state, expected) {
  if (id !== ID || state !== expected) throw new Error(`a wrong answer: ${id}, ${state}`);
}

/** What this process has used of the processor so far, in seconds. */
export function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** The time of this moment, in seconds. */
export const now = () => performance.now() / 1e3;

/** Loads a package out of the project that `BENCH_PROJECT` names, as that project's own code would. */
export async function load(name) {
  const { createRequire } = await import("node:module");
  const { join } = await import("node:path");
  return createRequire(join(process.env.BENCH_PROJECT, "package.json"))(name);
}
