// The examples of the README and the cookbook: compiled strictly, and run.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startSandbox } from "@infrai/sdk/testing";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const EXAMPLES = join(ROOT, "..", "..", "examples", "node");
const FILES = ["ai-sdk.ts", "ai-sdk-route.ts"];
const run = promisify(execFile);

let sandbox, env;
// Within this package, where its name leads to it.
const folder = mkdtempSync(join(ROOT, "dist", "example-"));
before(async () => {
  sandbox = await startSandbox();
  env = { ...process.env, INFRAI_BASE_URL: sandbox.url, INFRAI_API_KEY: sandbox.apiKey };
  for (const file of FILES) copyFileSync(join(EXAMPLES, file), join(folder, file));
  const compiler = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node", "--skipLibCheck", "--ignoreConfig"];
  await run(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), ...compiler, ...FILES], { cwd: folder });
});
after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await sandbox.stop();
});

test("ai-sdk.ts saves a video and prints its cost", async () => {
  const { stdout } = await run(process.execPath, ["ai-sdk.js"], { cwd: folder, env, timeout: 60_000 });
  assert.match(stdout, /^vid_\w+ for \$0\.\d+, with 0 warnings$/m);
  assert.equal(readFileSync(join(folder, "boat.mp4")).toString("latin1", 4, 8), "ftyp");
});

test("ai-sdk-route.ts starts a video once and says how it is", async () => {
  const source = `import { setTimeout } from "node:timers/promises";
    import { POST, PUT } from "./ai-sdk-route.js";
    const send = (route, body) => route(new Request("http://x.test/", { method: "POST", body: JSON.stringify(body) }));
    const started = await send(POST, { prompt: "a boat", request_id: "form-1" });
    const operation = await started.json();
    const again = await (await send(POST, { prompt: "a boat", request_id: "form-1" })).json();
    const wrong = await send(POST, { prompt: "" });
    let seen = { status: "pending" };
    while (seen.status === "pending") {
      await setTimeout(100);
      seen = await (await send(PUT, operation)).json();
    }
    console.log(JSON.stringify([started.status, again.jobId === operation.jobId, wrong.status, seen]));`;
  writeFileSync(join(folder, "run.mjs"), source);
  const { stdout } = await run(process.execPath, ["run.mjs"], { cwd: folder, env, timeout: 60_000 });
  const [started, same, wrong, seen] = JSON.parse(stdout);
  assert.deepEqual([started, same, wrong, seen.status], [202, true, 400, "completed"]);
  assert.match(seen.url, /^http.*video\.mp4$/);
});

const README = readFileSync(join(ROOT, "README.md"), "utf8");
const blocks = (info) => [...README.matchAll(new RegExp(`^\`\`\`${info}\\n(.*?)^\`\`\`$`, "gms"))].map(([, code]) => code);

test("the README's commands name the scripts that made the packages", () => {
  const [commands] = blocks("sh");
  const [, sdk, provider] = /^node (\S+) --out (?:\S+)\nnode (\S+) --out (?:\S+)\nnpm install ai \S+\/\*\.tgz\n$/.exec(commands);
  const runner = readFileSync(join(ROOT, "scripts", "test.mjs"), "utf8");
  for (const script of [sdk, provider.replace("integrations/ai-sdk/", "")]) assert.ok(runner.includes(`"${script}"`), script);
});

test("the README's test runs", async () => {
  const [code] = blocks("js");
  writeFileSync(join(folder, "readme.mjs"), code);
  const { stdout } = await run(process.execPath, ["readme.mjs"], { cwd: folder, env: process.env, timeout: 60_000 });
  assert.equal(stdout, "video/mp4\n");
});
