// Webhooks: arguments and refusals of both implementations, and receivers of the sandbox's deliveries.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import vm from "node:vm";
import { PROJECT, require, sdk } from "./helper.mjs";

const { webhooks } = sdk;
const web = require("@infrai/sdk/webhooks");
const { startSandbox } = require("@infrai/sdk/testing");
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const EXAMPLES = join(ROOT, "..", "examples", "node");
const run = promisify(execFile);

const SECRET = "whsec_test";
const BODY = '{"id":"evt_1","type":"video.done","data":{"job_id":"vid_1","state":"succeeded"},"more":[1]}';
const sign = (body, secret = SECRET) => createHmac("sha256", secret).update(body).digest("hex");
const EVENT = { id: "evt_1", type: "video.done", data: { job_id: "vid_1", state: "succeeded" }, job: { job_id: "vid_1", state: "succeeded" }, raw: JSON.parse(BODY) };

/** Both implementations, awaited. */
const IMPLEMENTATIONS = { native: async (...args) => webhooks.verify(...args), "Web Crypto": web.verify };
const thrown = (verify, ...args) => verify(...args).then(() => assert.fail("it should have thrown"), (error) => error);

let sandbox;
before(async () => (sandbox = await startSandbox()));
after(() => sandbox.stop());

for (const [name, verify] of Object.entries(IMPLEMENTATIONS)) {
  test(`${name}: a body is bytes or a string, a header what a server hands over`, async () => {
    const bytes = new TextEncoder().encode(BODY);
    const padded = new Uint8Array([1, ...bytes, 2]).subarray(1, bytes.length + 1);
    const foreign = vm.runInNewContext("new Uint8Array(bytes)", { bytes: [...bytes] });
    for (const body of [BODY, Buffer.from(BODY), bytes, padded, bytes.buffer, foreign]) {
      assert.deepEqual(await verify(body, sign(BODY), SECRET), EVENT);
    }
    for (const header of [[sign(BODY)], `sha256=${sign(BODY)}`]) assert.deepEqual(await verify(BODY, header, Buffer.from(SECRET)), EVENT);
    for (const header of [undefined, null, []]) assert.equal((await thrown(verify, BODY, header, SECRET)).details.reason, "signature_missing");
    assert.equal((await thrown(verify, BODY, [sign(BODY), sign(BODY)], SECRET)).details.reason, "signature_malformed");
  });

  test(`${name}: another type is refused without its value`, async () => {
    for (const [field, args] of [
      ["body", [{ id: "evt_1" }, sign(BODY), SECRET]],
      ["body", [undefined, sign(BODY), SECRET]],
      ["header", [BODY, 5, SECRET]],
      ["secret", [BODY, sign(BODY), undefined]],
      ["secret", [BODY, sign(BODY), { hidden: SECRET }]],
    ]) {
      const error = await thrown(verify, ...args);
      assert.ok(error instanceof sdk.InvalidRequestError, String(error.stack));
      assert.equal(error.details.field, field);
      assert.ok(!JSON.stringify(error).includes(SECRET));
    }
  });

  test(`${name}: a refusal has its class, its line and no secret`, async () => {
    const error = await thrown(verify, BODY, sign(BODY, "other"), SECRET);
    assert.ok(error instanceof sdk.WebhookVerificationError && error instanceof sdk.InfraiError);
    assert.deepEqual([error.name, error.kind, error.details], ["WebhookVerificationError", "webhook_verification", { reason: "signature_mismatch" }]);
    assert.match(error.stack, /webhooks\.test\.mjs/);
    const text = `${error.stack} ${JSON.stringify(error)}`;
    assert.ok(!text.includes(SECRET) && !text.includes(sign(BODY)), text);
  });
}

/** Outcome of a verification: its event without undefined members and in one order of names, or its refusal. */
const outcome = async (verify, ...args) => {
  const sorted = (value) => (Array.isArray(value) ? value.map(sorted) : value !== null && typeof value === "object" ? Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])])) : value);
  try {
    return sorted(JSON.parse(JSON.stringify(await verify(...args))));
  } catch (error) {
    return { name: error.name, message: error.message, hint: error.hint, docs_url: error.docs_url, details: error.details };
  }
};
const signed = (body) => [body, sign(body), SECRET];
const eventOf = (raw, more = {}) => ({ ...more, raw });
const refusal = (reason) => ({ reason });
const levels = (count) => `{"a":${"[".repeat(count - 1)}${"]".repeat(count - 1)}}`;
const jobBody = (members) => `{"data":{"job_id":"vid_1","state":"running",${members}}}`;
const NO_JOB = "no job";

/** Cases of both implementations: a name, the arguments, and the event, a refusal's reason, or `NO_JOB`. Without one, the implementations agree. */
const CASES = [
  // Numbers as ids.
  ["an id of zero", signed('{"id":0}'), eventOf({ id: 0 }, { id: "0" })],
  ["an id of minus zero", signed('{"id":-0}'), eventOf({ id: 0 }, { id: "0" })],
  ["a whole float", signed('{"id":1.0}'), eventOf({ id: 1 }, { id: "1" })],
  ["the largest safe integer", signed('{"id":9007199254740991}'), eventOf({ id: 9007199254740991 }, { id: "9007199254740991" })],
  ["an integer beyond 64 bits", signed('{"id":18446744073709551616}'), eventOf({ id: 18446744073709552000 })],
  ["an integer in scientific form beyond the safe ones", signed('{"id":1e21}'), eventOf({ id: 1e21 })],
  ["a fraction", signed('{"id":1.5,"created":1e-7}'), eventOf({ id: 1.5, created: 1e-7 }, { id: "1.5", created: "1e-7" })],
  ["a time in seconds", signed('{"created":1732968000.0}'), eventOf({ created: 1732968000 }, { created: "1732968000" })],
  ["a number beyond a double", signed('{"a":1e400}'), refusal("body_invalid")],
  ["a number beneath a double", signed('{"a":1e-999}'), eventOf({ a: 0 })],
  ["values that are no text", signed('{"id":true,"type":5,"created":[]}'), eventOf({ id: true, type: 5, created: [] })],
  ["empty texts", signed('{"id":"","type":"","created":""}'), eventOf({ id: "", type: "", created: "" }, { type: "" })],
  // Jobs.
  ["a job with an integer id", signed('{"data":{"job_id":9007199254740991,"state":"x"}}')],
  ["a job with a fraction as id", signed('{"data":{"job_id":1.5,"state":"x"}}'), NO_JOB],
  ["a job with an id beyond 64 bits", signed('{"data":{"job_id":18446744073709551616,"state":"x"}}'), NO_JOB],
  ["a job with an empty id and another name", signed('{"data":{"job_id":"","id":"vid_2","status":"x"}}')],
  ["a job without a state", signed('{"data":{"job_id":"vid_1"}}'), NO_JOB],
  ["a job with an empty state", signed('{"data":{"job_id":"vid_1","state":""}}')],
  ["a job with a wrong id beside the right one", signed(jobBody('"id":[]'))],
  ["a job with a wrong state beside the right one", signed(jobBody('"status":5'))],
  ["a job with a URL of another type", signed(jobBody('"video_url":5')), NO_JOB],
  ["a job with a progress of another type", signed(jobBody('"progress":"1"')), NO_JOB],
  ["a job with an error of another type", signed(jobBody('"error":5')), NO_JOB],
  ["a job with an empty error", signed(jobBody('"error":""'))],
  ["a job with an error object", signed(jobBody('"error":{"code":5}'))],
  ["a job with nulls", signed(jobBody('"video_url":null,"n":{"a":null}'))],
  ["a job with metadata", signed(jobBody('"_metadata":{"request_id":"r","a":null}'))],
  ["a job with empty metadata", signed(jobBody('"_metadata":{}'))],
  ["a job with metadata of another type", signed(jobBody('"_metadata":5'))],
  ["a job in a job", signed(jobBody('"job":{"job_id":"vid_2","state":"x"}'))],
  ["a job in a list", signed('{"data":[{"job_id":"vid_1","state":"x"}]}'), NO_JOB],
  ["data of every other type", signed('{"data":false}'), eventOf({ data: false }, { data: false })],
  // Text and names.
  ["a name twice", signed('{"id":"a","id":"b"}'), eventOf({ id: "b" }, { id: "b" })],
  ["a name of Object's prototype", signed('{"constructor":1,"toString":2,"data":{"job_id":"vid_1","state":"x","valueOf":3}}')],
  ["the name __proto__", signed('{"__proto__":{"id":"x"},"data":{"__proto__":{"job_id":"vid_1","state":"x"}}}'), NO_JOB],
  ["half a pair in a name", signed('{"\\ud83d":1,"\\ude00":2}'), eventOf({ "\ufffd": 2 })],
  ["half a pair in a job's id", signed('{"data":{"job_id":"\\ud83d","state":"x"}}')],
  ["a whole pair", signed('{"id":"\\ud83d\\ude00"}'), eventOf({ id: "😀" }, { id: "😀" })],
  ["a control character in a text", signed('{"a":"\u0001"}'), refusal("body_invalid")],
  ["an escaped control character", signed('{"a":"\\u0000"}'), eventOf({ a: "\0" })],
  // Syntax and bounds.
  ["white space of JSON around", signed('\t\r\n {"a":1} \n'), eventOf({ a: 1 })],
  ["other white space around", signed('\u00a0{"a":1}'), refusal("body_invalid")],
  ["a byte order mark", signed('\ufeff{"a":1}'), eventOf({ a: 1 })],
  ["a byte order mark after a space", signed(' \ufeff{"a":1}'), refusal("body_invalid")],
  ...['{"a":1,}', "{'a':1}", '{"a":01}', '{"a":.5}', '{"a":1.}', '{"a":+1}', '{"a":NaN}', '{"a":"\\x"}', '{"a":"\\u12"}', "{}{}", "// c\n{}", '"x"', "5", "null", "[]", "", " "].map((body) => [`the body ${JSON.stringify(body)}`, signed(body), refusal("body_invalid")]),
  ["127 levels", signed(levels(127)), eventOf(JSON.parse(levels(127)))],
  ["128 levels", signed(levels(128)), refusal("body_invalid")],
  ["20,000 levels", signed(levels(20_000)), refusal("body_invalid")],
  // Headers and secrets.
  ...[(tag) => tag, (tag) => tag.toUpperCase(), (tag) => `sha256=${tag}`, (tag) => `SHA256=${tag}`, (tag) => ` ${tag}\n`, (tag) => `\f${tag}`].map((spell) => [`the header ${JSON.stringify(spell("…"))}`, ["{}", spell(sign("{}")), SECRET], eventOf({})]),
  ...[(tag) => `\v${tag}`, (tag) => `\u00a0${tag}`, (tag) => `\ufeff${tag}`, (tag) => `${tag}\0`, (tag) => `sha256= ${tag}`, (tag) => `\u017fha256=${tag}`, (tag) => tag.slice(1), (tag) => `${tag}0`, () => "\v", () => "\u212a".repeat(64), () => ["", ""]].map((spell) => [`the header ${JSON.stringify(spell("…"))}`, ["{}", spell(sign("{}")), SECRET], refusal("signature_malformed")]),
  ...["", "\t", " \n\f\r ", null, undefined, []].map((header) => [`the header ${JSON.stringify(header)}`, ["{}", header, SECRET], refusal("signature_missing")]),
  ...["", " ", "\n", "\t\n\f\r "].map((secret) => [`the secret ${JSON.stringify(secret)}`, ["{}", sign("{}", secret), secret], refusal("secret_empty")]),
  ...["\v", "\u00a0", "\ufeff", "\ufeff ", "\0", "x".repeat(64), "x".repeat(65)].map((secret) => [`the secret ${JSON.stringify(secret)}`, ["{}", sign("{}", secret), secret], eventOf({})]),
  ...[[255], [0], [0xef, 0xbb, 0xbf]].map((secret) => [`the secret of the bytes ${secret}`, ["{}", sign("{}", Buffer.from(secret)), Uint8Array.from(secret)], eventOf({})]),
  ["a zero tag", ["{}", "0".repeat(64), SECRET], refusal("signature_mismatch")],
];

test("both implementations agree", async (t) => {
  for (const [what, args, expected] of CASES) {
    await t.test(what, async () => {
      const [native, own] = await Promise.all(Object.values(IMPLEMENTATIONS).map((verify) => outcome(verify, ...args)));
      assert.deepEqual(own, native);
      if (expected === NO_JOB) assert.equal(native.job ?? NO_JOB, NO_JOB);
      else if (expected?.reason !== undefined) assert.deepEqual(native.details, expected);
      else if (expected !== undefined) assert.deepEqual(native, JSON.parse(JSON.stringify(expected)));
      else assert.ok(native.raw !== undefined, JSON.stringify(native));
    });
  }
});

test("an integer beyond the safe ones is exact in the native module and absent with Web Crypto", async () => {
  for (const id of ["9007199254740993", "-9007199254740993", "18446744073709551615"]) {
    const body = `{"id":${id},"created":${id},"data":{"job_id":${id},"state":"x"}}`;
    const [native, own] = [webhooks.verify(...signed(body)), await web.verify(...signed(body))];
    assert.deepEqual([native.id, native.created, native.job.job_id], [id, id, id]);
    // Rounded, it would be the id of another event or job.
    assert.deepEqual([own.id, own.created, own.job], [undefined, undefined, undefined]);
  }
});

test("seen events tell the new from the known", () => {
  const seen = new webhooks.SeenEvents({ capacity: 2, ttlMs: 60_000 });
  assert.deepEqual(["a", "b", "a", "c", "a"].map((id) => seen.add(id)), [true, true, false, true, true]);
  seen.remove("c");
  assert.equal(seen.add("c"), true);
  assert.throws(() => seen.add(undefined), sdk.InvalidRequestError);
  assert.throws(() => new webhooks.SeenEvents({ ttlMs: 0 }), /invalid `ttlMs`/);
  assert.throws(() => new webhooks.SeenEvents({ capacity: "many" }), /invalid `capacity`/);
  assert.equal(new webhooks.SeenEvents().add("a"), true);
});

for (const condition of ["browser", "worker", "workerd", "edge-light"]) {
  test(`under the condition ${condition}, Web Crypto verifies without the native module`, async () => {
    const source = `
      import { verify, WebhookVerificationError } from "@infrai/sdk/webhooks";
      const event = await verify(${JSON.stringify(BODY)}, "${sign(BODY)}", "${SECRET}");
      const error = await verify("{}", "${sign(BODY)}", "${SECRET}").catch((error) => error);
      console.log(event.id, error instanceof WebhookVerificationError);`;
    const { stdout } = await run(process.execPath, ["-C", condition, "--input-type=module", "-e", source], { cwd: PROJECT });
    assert.equal(stdout, "evt_1 true\n");
  });
}

test("the Web Crypto file and what it imports use nothing of Node.js", async () => {
  const source = `
    const { Module } = require("node:module");
    const load = Module._load;
    Module._load = (name, ...rest) => {
      if (name.startsWith("node:") || name.endsWith(".node")) throw new Error(name);
      return load(name, ...rest);
    };
    const { log } = console;
    delete globalThis.process;
    delete globalThis.Buffer;
    log(Object.keys(require("@infrai/sdk/webhooks")).sort().join());`;
  const { stdout } = await run(process.execPath, ["-e", source], { cwd: PROJECT });
  assert.equal(stdout, "InfraiError,InvalidRequestError,WebhookVerificationError,verify\n");
});

test("the sandbox delivers what verify accepts, again after a failure", { timeout: 120_000 }, async () => {
  const { client } = sandbox;
  const deliveries = [];
  let ended;
  const end = new Promise((resolve) => (ended = resolve));
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const event = webhooks.verify(Buffer.concat(chunks), request.headers["x-infrai-signature"], SECRET);
    deliveries.push(event);
    response.writeHead(deliveries.length === 1 ? 503 : 204).end();
    if (event.type === "video.succeeded") ended();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const url = `http://127.0.0.1:${server.address().port}/hooks`;
    await client.request("POST", "/v1/account/webhooks/register", { url, events: ["video.queued", "video.succeeded"], secret: SECRET });
    const job = await client.video.generate({ prompt: "a paper boat", duration_seconds: 1 });
    await end;
    const seen = new webhooks.SeenEvents();
    const fresh = deliveries.filter(({ id }) => seen.add(id));
    assert.deepEqual(fresh.map(({ type }) => type).sort(), ["video.queued", "video.succeeded"]);
    assert.ok(deliveries.length >= 3 && deliveries.every((event) => event.job.job_id === job.job_id));
    assert.equal((await client.video.status(fresh.find(({ type }) => type === "video.succeeded").job.job_id)).state, "succeeded");
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

/** A folder of the project with an example in it. */
function example(name, to = name) {
  const folder = mkdtempSync(join(PROJECT, "example-"));
  copyFileSync(join(EXAMPLES, name), join(folder, to));
  return folder;
}

test("examples/node/webhook-express.mjs handles each event once", { timeout: 120_000 }, async () => {
  const folder = example("webhook-express.mjs");
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(join(ROOT, "node_modules", "express"), join(folder, "node_modules", "express"), "dir");
  writeFileSync(
    join(folder, "run.mjs"),
    `import { register } from "./webhook-express.mjs";
     process.stdin.once("data", async (url) => { await register(String(url), process.env.INFRAI_WEBHOOK_SECRET); console.log("registered"); });`,
  );
  const env = { ...process.env, INFRAI_API_KEY: sandbox.apiKey, INFRAI_BASE_URL: sandbox.url, INFRAI_WEBHOOK_SECRET: SECRET, PORT: "0" };
  const child = spawn(process.execPath, ["run.mjs"], { cwd: folder, env, stdio: ["pipe", "pipe", "ignore"] });
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { value: url } = await lines.next();
    const post = (body, signature) => fetch(`${url}/webhooks/infrai`, { method: "POST", body, headers: { "content-type": "application/json", ...(signature && { "x-infrai-signature": signature }) } });
    for (const signature of [undefined, sign("{}")]) assert.equal((await post(BODY, signature)).status, 400);
    child.stdin.write(`${url}/webhooks/infrai`);
    assert.equal((await lines.next()).value, "registered");
    const { job_id } = await sandbox.client.video.generate({ prompt: "a paper boat", duration_seconds: 1, model: "sandbox/stuck" });
    assert.match((await lines.next()).value, new RegExp(`^video\\.(queued|running) ${job_id} `));
    const replay = JSON.stringify({ id: "evt_replay", type: "replayed", data: { job_id, state: "queued" } });
    for (let times = 0; times < 2; times += 1) assert.equal((await post(replay, sign(replay))).status, 204);
    await sandbox.client.video.cancel(job_id);
    const printed = [];
    for (let line = (await lines.next()).value; !line.startsWith("video.cancelled"); line = (await lines.next()).value) printed.push(line);
    assert.equal(printed.filter((line) => line.startsWith("replayed")).length, 1, printed.join("\n"));
  } finally {
    child.kill();
  }
});

test("examples/node/webhook-route.ts compiles strictly and answers on an edge runtime", async () => {
  const folder = example("webhook-route.ts", "route.mts");
  const tsc = [join(ROOT, "node_modules/typescript/bin/tsc"), "--strict", "--target", "es2022", "--module", "nodenext", "--types", "node", "--typeRoots", join(ROOT, "node_modules/@types"), "route.mts"];
  await run(process.execPath, tsc, { cwd: folder });
  const source = `import { POST } from "./route.mjs";
    const post = (body, signature) => POST(new Request("http://x.test/", { method: "POST", body, headers: { "x-infrai-signature": signature } }));
    const statuses = [(await post(process.argv[2], process.argv[3])).status, (await post("{}", process.argv[3])).status];
    console.log(statuses.join());`;
  writeFileSync(join(folder, "run.mjs"), source);
  const { stdout } = await run(process.execPath, ["-C", "edge-light", "run.mjs", BODY, sign(BODY)], { cwd: folder, env: { ...process.env, INFRAI_WEBHOOK_SECRET: SECRET } });
  assert.equal(stdout, "evt_1 video.done succeeded\n204,400\n");
});
