// Snippets of the README, and the examples.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { PROJECT, require } from "./helper.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const EXAMPLES = join(ROOT, "..", "examples", "node");
const run = promisify(execFile);
const { startSandbox } = require("@infrai/sdk/testing");

let sandbox, env;
before(async () => {
  sandbox = await startSandbox();
  env = { ...process.env, INFRAI_BASE_URL: sandbox.url, INFRAI_API_KEY: sandbox.apiKey };
});
after(() => sandbox.stop());

const README = readFileSync(join(ROOT, "README.md"), "utf8");
const snippets = [...README.matchAll(/^```js run\n(.*?)^```$/gms)].map(([, source]) => source);

test("the README has snippets to run", () => assert.equal(snippets.length, 6));

test("the README's two commands install the package from a checkout", { skip: process.platform === "win32" && "/tmp" }, async () => {
  const [, pack, install] = /not published yet.*?^```sh\n(node .*?)\n(npm install .*?)\n```$/ms.exec(README);
  // The first has made the tarballs that the tests run from.
  const [, script, folder] = /^node (\S+) --out (\S+)$/.exec(pack);
  assert.equal(script, "bindings-node/scripts/local.mjs");
  assert.ok(existsSync(join(ROOT, "..", script)));
  const packs = dirname(process.env.INFRAI_TEST_TARBALL);
  const project = mkdtempSync(join(tmpdir(), "infrai-readme-"));
  writeFileSync(join(project, "package.json"), "{}");
  await run("sh", ["-c", `${install.replaceAll(folder, packs)} --offline --no-audit --no-fund`], { cwd: project });
  const { stdout } = await run(process.execPath, ["-p", "typeof new (require('@infrai/sdk').InfraiClient)().video.generate"], { cwd: project });
  assert.equal(stdout.trim(), "function");
});

for (const [at, source] of snippets.entries()) {
  test(`snippet ${at + 1} of the README runs`, async () => {
    const folder = mkdtempSync(join(PROJECT, "readme-"));
    writeFileSync(join(folder, "snippet.mjs"), source);
    const { stdout } = await run(process.execPath, ["snippet.mjs"], { cwd: folder, env, timeout: 120_000 });
    if (source.includes("skyline.mp4")) assert.ok(statSync(join(folder, "skyline.mp4")).size > 1000);
    if (source.includes("console.log")) assert.ok(stdout.trim().length > 0);
  });
}

/** An example in a folder of the project, where it finds the package. */
function example(name, to = name) {
  const folder = mkdtempSync(join(PROJECT, "example-"));
  copyFileSync(join(EXAMPLES, name), join(folder, to));
  return folder;
}

test("examples/node/quickstart.mjs makes a video", async () => {
  const folder = example("quickstart.mjs");
  const { stdout } = await run(process.execPath, ["quickstart.mjs", "a paper boat", "boat.mp4"], { cwd: folder, env, timeout: 120_000 });
  assert.match(stdout, /succeeded/);
  assert.ok(statSync(join(folder, "boat.mp4")).size > 1000);
});

/** What shows how the package is used, and nothing of Node.js: under the first of several versions alone. */
const once = { skip: process.env.INFRAI_TEST_FIRST === "" && "it ran under the first version" };

for (const [name, files] of [
  ["readme.mjs", ["boat.mp4"]],
  ["first.mjs", ["skyline.mp4"]],
  ["guide.mjs", ["boat.mp4", "kite-0.mp4", "kite-1.mp4"]],
  ["calls.mjs", ["kite.mp4", "copy.mp4"]],
  ["skill.mjs", ["order-17.mp4"]],
  ["raw.mjs", ["boat.mp4"]],
  ["migrated.mjs", ["boat.mp4"]],
]) {
  test(`examples/node/${name} does what the guide says`, once, async () => {
    const folder = example(name);
    // An account of its own where it activates one, so that it has its credit to itself.
    const own = ["guide.mjs", "calls.mjs", "skill.mjs"].includes(name) ? { INFRAI_API_KEY: "", INFRAI_CREDENTIALS_FILE: join(folder, "credentials") } : {};
    const { stdout } = await run(process.execPath, [name], { cwd: folder, env: { ...env, ...own }, timeout: 240_000 });
    for (const file of files) assert.equal(readFileSync(join(folder, file)).toString("latin1", 4, 8), "ftyp", file);
    if (name === "guide.mjs") assert.match(stdout, /^stopped: cancelled$/m);
  });
}

test("examples/node/error-codes.mjs handles each group of codes", once, async () => {
  const folder = example("error-codes.mjs");
  const { stdout } = await run(process.execPath, ["error-codes.mjs"], { cwd: folder, env, timeout: 120_000 });
  const codes = ["INSUFFICIENT_CREDIT", "KEY_REVOKED", "VENDOR_DOWN", "INVALID_ARGUMENT", "JOB_FAILED", "INSECURE_HTTP", "REDIRECT"];
  assert.deepEqual([...stdout.matchAll(/^([A-Z_]{5,}) /gm)].map(([, code]) => code), codes);
});

test("examples/node/video.test.mjs passes", once, async () => {
  const folder = example("video.test.mjs");
  const { NODE_TEST_CONTEXT: _, ...outside } = env; // a test runner inside a test runner runs nothing
  const { stdout } = await run(process.execPath, ["--test", "--test-reporter=tap", "video.test.mjs"], { cwd: folder, env: outside, timeout: 120_000 });
  assert.match(stdout, /^# pass 4$/m);
});

test("examples/node/next.config.mjs leaves the package to Node.js", async () => {
  const { default: config } = await import(pathToFileURL(join(EXAMPLES, "next.config.mjs")));
  const { name } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  assert.deepEqual(config, { serverExternalPackages: [name] });
});

const TSC = [join(ROOT, "node_modules/typescript/bin/tsc"), "--strict", "--target", "es2022", "--module", "nodenext", "--types", "node"];
TSC.push("--typeRoots", join(ROOT, "node_modules/@types"));

test("the examples pass tsc --strict --checkJs", once, async () => {
  const folder = mkdtempSync(join(PROJECT, "example-"));
  // Express has no types of its own.
  const files = readdirSync(EXAMPLES).filter((name) => name.endsWith(".mjs") && !name.includes("express"));
  for (const file of files) copyFileSync(join(EXAMPLES, file), join(folder, file));
  await run(process.execPath, [...TSC, "--allowJs", "--checkJs", "--noEmit", ...files], { cwd: folder });
});

test("examples/node/batch.ts compiles strictly and makes every video once, however often it runs", async () => {
  const folder = example("batch.ts", "batch.mts");
  await run(process.execPath, [...TSC, "batch.mts"], { cwd: folder });
  writeFileSync(join(folder, "prompts.txt"), "a red kite\n\na blue kite\n");
  const made = () => run(process.execPath, ["batch.mjs", "prompts.txt", "out"], { cwd: folder, env, timeout: 120_000 });
  await made();
  const { balance_usd } = await sandbox.client.account.balance();
  const { stdout } = await made();
  assert.equal(stdout.trim().split("\n").length, 2);
  assert.equal((await sandbox.client.account.balance()).balance_usd, balance_usd);
  assert.ok(existsSync(join(folder, "out", "1.mp4")) && existsSync(join(folder, "out", "2.mp4")));
});

test("examples/node/express-sse.mjs streams the states and the file", async () => {
  const folder = example("express-sse.mjs");
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(join(ROOT, "node_modules", "express"), join(folder, "node_modules", "express"), "dir");
  const child = spawn(process.execPath, ["express-sse.mjs"], { cwd: folder, env: { ...env, PORT: "0" }, stdio: ["ignore", "pipe", "inherit"] });
  try {
    const url = await new Promise((resolve) => createInterface({ input: child.stdout }).once("line", resolve));
    const post = (prompt) => fetch(`${url}/videos`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ prompt }) });
    const { id } = await (await post("a paper boat")).json();
    const events = await (await fetch(`${url}/videos/${id}/events`)).text();
    const states = events.trim().split("\n\n").map((event) => JSON.parse(event.replace("data: ", "")).state);
    assert.equal(states.at(-1), "succeeded");
    const part = await fetch(`${url}/videos/${id}/file`, { headers: { range: "bytes=4-7" } });
    assert.deepEqual([part.status, part.redirected, await part.text()], [206, true, "ftyp"]);
    const whole = await fetch(`${url}/videos/${id}/copy`);
    const file = Buffer.from(await whole.arrayBuffer());
    assert.equal(file.toString("latin1", 4, 8), "ftyp");
    assert.deepEqual([whole.headers.get("content-type"), whole.headers.get("content-length")], ["video/mp4", String(file.length)]);
    assert.equal((await post("")).status, 400);
  } finally {
    child.kill();
  }
});

test("examples/node/nextjs-route.ts compiles strictly and streams the states", async () => {
  const folder = example("nextjs-route.ts", "route.mts");
  await run(process.execPath, [...TSC, "route.mts"], { cwd: folder });
  const source = `import { POST } from "./route.mjs";
    const ask = (prompt) => POST(new Request("http://x.test/", { method: "POST", body: JSON.stringify({ prompt }) }));
    console.log(JSON.stringify([(await ask("")).status, await (await ask("a paper boat")).text()]));`;
  writeFileSync(join(folder, "run.mjs"), source);
  const { stdout } = await run(process.execPath, ["run.mjs"], { cwd: folder, env, timeout: 120_000 });
  const [refused, events] = JSON.parse(stdout);
  assert.equal(refused, 400);
  assert.match(events, /"state":"succeeded".*"video_url":"http/);
});

test("examples/node/serverless.mjs starts a video and resumes it by its id", once, async () => {
  const folder = example("serverless.mjs");
  const source = `import { setTimeout } from "node:timers/promises";
    import handler from "./serverless.mjs";
    const post = (body) => handler.fetch(new Request("http://x.test/videos", { method: "POST", body: JSON.stringify(body) }));
    const get = (id) => handler.fetch(new Request("http://x.test/videos/" + id));
    const started = await post({ prompt: "a boat", request_id: "form-1" });
    const { id } = await started.json();
    const again = await (await post({ prompt: "a boat", request_id: "form-1" })).json();
    let seen = await (await get(id)).json();
    while (!seen.done) {
      await setTimeout(100);
      seen = await (await get(id)).json();
    }
    console.log(JSON.stringify([started.status, again.id === id, seen.state, (await get("vid_unknown")).status, (await post({ prompt: "" })).status]));`;
  writeFileSync(join(folder, "run.mjs"), source);
  const { stdout } = await run(process.execPath, ["run.mjs"], { cwd: folder, env, timeout: 120_000 });
  assert.deepEqual(JSON.parse(stdout), [202, true, "succeeded", 404, 400]);
});

test("examples/node/discord-bot.mjs answers a command with the video", once, async () => {
  const folder = example("discord-bot.mjs");
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const edits = [];
  const discord = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    edits.push({ method: request.method, url: request.url, body: Buffer.concat(chunks).toString("latin1") });
    response.end("{}");
    if (edits.length === 1) edited();
  });
  let edited;
  const edit = new Promise((resolve) => (edited = resolve));
  await new Promise((resolve) => discord.listen(0, "127.0.0.1", resolve));
  const own = {
    DISCORD_API: `http://127.0.0.1:${discord.address().port}`,
    DISCORD_PUBLIC_KEY: publicKey.export({ format: "der", type: "spki" }).subarray(12).toString("hex"),
    PORT: "0",
  };
  const child = spawn(process.execPath, ["discord-bot.mjs"], { cwd: folder, env: { ...env, ...own }, stdio: ["ignore", "pipe", "inherit"] });
  try {
    const url = await new Promise((resolve) => createInterface({ input: child.stdout }).once("line", resolve));
    const post = async (interaction, forged = "") => {
      const body = JSON.stringify(interaction);
      const signature = sign(null, Buffer.from(`1${body}`), privateKey).toString("hex");
      const answer = await fetch(url, { method: "POST", body: body + forged, headers: { "x-signature-timestamp": "1", "x-signature-ed25519": signature } });
      return [answer.status, answer.ok ? (await answer.json()).type : undefined];
    };
    assert.deepEqual(await post({ type: 1 }, " "), [401, undefined]);
    assert.deepEqual(await post({ type: 1 }), [200, 1]);
    const command = { type: 2, id: "7", application_id: "app", token: "tok", data: { options: [{ value: "a paper boat" }] } };
    assert.deepEqual(await post(command), [200, 5]);
    await edit;
    assert.deepEqual([edits[0].method, edits[0].url], ["PATCH", "/webhooks/app/tok/messages/@original"]);
    assert.match(edits[0].body, /"content":"a paper boat"/);
    assert.match(edits[0].body, /video\.mp4[^]*ftyp/);
  } finally {
    child.kill();
    discord.close();
  }
});
