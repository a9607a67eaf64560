// Bun and Deno: the package works there, and an error's stack starts at the caller's line.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { PROJECT } from "./helper.mjs";

const { INFRAI_BUN: bun, INFRAI_DENO: deno, NO_COLOR: _, ...rest } = process.env;
const env = { ...rest, NO_COLOR: "1" };
const PERMISSIONS = ["--allow-net", "--allow-read", "--allow-env", "--allow-ffi"];
const RUNTIMES = { Bun: [bun, []], Deno: [deno, ["run", "--no-prompt", ...PERMISSIONS]] };

copyFileSync(fileURLToPath(new URL("smoke.mjs", import.meta.url)), join(PROJECT, "smoke-runtimes.mjs"));
writeFileSync(
  join(PROJECT, "stacks.mjs"),
  `import { InfraiClient } from "@infrai/sdk";
const client = new InfraiClient({ apiKey: "ifr_pk_proj_x", baseUrl: "http://127.0.0.1:1", maxRetries: 0 });
async function status() { await client.video.status("vid_1"); }
async function generate() { await client.video.generate({ prompt: "" }); }
async function watch() { for await (const job of client.video.watch("..")) console.log(job); }
async function stream() { await client.video.downloadStream("vid_1"); }
async function wait() { await client.video.wait("vid_1", { timeoutMs: -1 }); }
for (const call of [status, generate, watch, stream, wait]) {
  await call().then(() => console.log("no error"), (error) => console.log(error.stack.split("\\n").find((line) => line.startsWith("    at "))));
}
`,
);

for (const [name, [program, args]] of Object.entries(RUNTIMES)) {
  const run = (file, own = args) => {
    const { status, stdout, stderr } = spawnSync(program, [...own, file], { cwd: PROJECT, env, encoding: "utf8", timeout: 60_000 });
    return { status, text: stdout + stderr };
  };
  const options = { skip: program ? false : `${name} is not on this machine` };

  test(`a call works in ${name}`, options, () => {
    assert.deepEqual(run("smoke-runtimes.mjs"), { status: 0, text: "@infrai/sdk works\n" });
  });

  test(`stacks start at the caller's line in ${name}`, options, () => {
    const { status, text } = run("stacks.mjs");
    const lines = text.trim().split("\n").map((line) => /stacks\.mjs:(\d+):/.exec(line)?.[1]);
    assert.deepEqual([status, lines], [0, ["3", "4", "5", "6", "7"]], text);
  });
}

test("Deno without --allow-read names the flag", { skip: deno ? false : "Deno is not on this machine" }, () => {
  const { stderr } = spawnSync(deno, ["run", "--no-prompt", "--allow-net", "--allow-env", "--allow-ffi", "smoke-runtimes.mjs"], { cwd: PROJECT, env, encoding: "utf8" });
  assert.match(stderr, /--allow-read/);
});
