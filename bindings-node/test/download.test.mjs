// Videos into files, and as streams of bytes.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { client, InfraiClient, job, KEY, ok, rejection, sdk, until } from "./helper.mjs";

const FILE = Buffer.from(Array.from({ length: 300_000 }, (_, n) => (n * 7) % 251));
const folder = () => mkdtempSync(join(tmpdir(), "infrai-"));

/** A server whose job has ended and whose file is this. */
async function ready(file = () => ({ headers: { "content-type": "video/mp4", "content-length": FILE.length }, body: FILE })) {
  const made = await client((_, { url }) => (url === "/file" ? file() : ok(job("succeeded", { video_url: `${made.url}/file` }))));
  return made;
}

test("a video is saved whole, with its length, its progress and its job", async () => {
  const { client: infrai, seen } = await ready();
  const path = join(folder(), "ü v.mp4");
  let last;
  const saved = await infrai.video.download("vid_1", path, { onProgress: (progress) => (last = progress) });
  assert.deepEqual([saved.path, saved.bytes, saved.job.state], [path, FILE.length, "succeeded"]);
  assert.deepEqual(last, { received: FILE.length, total: FILE.length });
  assert.ok(readFileSync(path).equals(FILE));
  assert.equal(seen.find(({ url }) => url === "/file").headers.authorization, undefined, "the key stays with the API");
});

test("however many downloads are under way, other calls find their host", async () => {
  const { client: infrai, url, arrived } = await client((_, { url }) => (url === "/file" ? "never" : ok(job("queued"))));
  const ender = new AbortController();
  const into = folder();
  const known = job("succeeded", { video_url: `${url}/file` });
  const { signal } = ender;
  const held = Array.from({ length: 40 }, (_, n) => rejection(infrai.video.download(known, join(into, `${n}.mp4`), { signal })));
  await arrived(16);
  const other = new InfraiClient({ apiKey: KEY, baseUrl: url.replace("127.0.0.1", "localhost"), timeoutMs: 10_000 });
  assert.equal((await other.video.status("vid_1")).state, "queued");
  ender.abort();
  assert.ok((await Promise.all(held)).every(({ name }) => name === "AbortError"));
});

test("a path may be a file URL; an existing file is replaced only when asked to", async () => {
  const { client: infrai, seen } = await ready();
  const path = pathToFileURL(join(folder(), "v.mp4"));
  await infrai.video.download("vid_1", path);
  const before = seen.length;
  const error = await rejection(infrai.video.download("vid_1", path));
  assert.deepEqual([error.code, seen.length], ["FILE_EXISTS", before]);
  await infrai.video.download("vid_1", path, { overwrite: true });
});

test("a relative path starts from the folder at the time of the call", async () => {
  const { client: infrai } = await ready();
  const [here, there, before] = [realpathSync(folder()), folder(), process.cwd()];
  try {
    process.chdir(here);
    const saved = [infrai.video.download("vid_1", "a.mp4"), infrai.video.download("vid_1", new URL("b.mp4", pathToFileURL(join(here, "/"))))];
    process.chdir(there);
    assert.deepEqual((await Promise.all(saved)).map(({ path }) => path), [join(here, "a.mp4"), join(here, "b.mp4")]);
    assert.deepEqual([readdirSync(here).sort(), readdirSync(there)], [["a.mp4", "b.mp4"], []]);
  } finally {
    process.chdir(before);
  }
});

test("an onProgress that throws ends the download with that error and leaves nothing", async () => {
  const { client: infrai } = await ready();
  const into = folder();
  const mine = new Error("mine");
  assert.equal(await rejection(infrai.video.download("vid_1", join(into, "v.mp4"), { onProgress: () => { throw mine; } })), mine);
  await until(() => !readdirSync(into).some((name) => name.endsWith(".part")));
});

test("a video is a web stream of bytes", async () => {
  const { client: infrai } = await ready();
  const stream = await infrai.video.downloadStream("vid_1");
  assert.ok(stream instanceof ReadableStream);
  const bytes = Buffer.from(await new Response(stream).arrayBuffer());
  assert.ok(bytes.equals(FILE));
});

test("size and type of a stream are known before its first byte", async () => {
  const { client: infrai } = await ready(() => ({ headers: { "content-type": "video/mp4", "content-length": FILE.length }, body: FILE }));
  const { size, contentType } = await infrai.video.downloadStream("vid_1");
  assert.deepEqual([size, contentType], [FILE.length, "video/mp4"]);
});

test("a stream that is not wanted any more is cancelled, and an aborted one errors", async () => {
  const { client: infrai } = await ready();
  const reader = (await infrai.video.downloadStream("vid_1")).getReader();
  assert.ok((await reader.read()).value instanceof Uint8Array);
  await reader.cancel();
  assert.deepEqual(await reader.read(), { done: true, value: undefined });

  const ender = new AbortController();
  const other = (await infrai.video.downloadStream("vid_1", { signal: ender.signal })).getReader();
  await other.read();
  ender.abort();
  const drained = (async () => {
    while (!(await other.read()).done);
  })();
  assert.equal((await rejection(drained)).name, "AbortError");
});

test("a timeout ends a download and a stream, and leaves nothing", async () => {
  // More is announced than comes.
  const { client: infrai } = await ready(() => ({ headers: { "content-type": "video/mp4", "content-length": FILE.length + 1 }, body: FILE }));
  const into = folder();
  const error = await rejection(infrai.video.download("vid_1", join(into, "v.mp4"), { timeoutMs: 700 }));
  assert.ok(error instanceof sdk.TimeoutError && error.code === "DOWNLOAD_TIMEOUT", String(error));
  assert.deepEqual(readdirSync(into), []);
  const reader = (await infrai.video.downloadStream("vid_1", { timeoutMs: 700 })).getReader();
  const drained = (async () => {
    while (!(await reader.read()).done);
  })();
  assert.equal((await rejection(drained)).code, "DOWNLOAD_TIMEOUT");
});

test("no timeout is null or Infinity", async () => {
  const { client: infrai } = await ready();
  for (const timeoutMs of [null, Infinity, undefined]) {
    assert.equal((await infrai.video.download("vid_1", join(folder(), "v.mp4"), { timeoutMs })).bytes, FILE.length);
    assert.ok((await infrai.video.downloadStream("vid_1", { timeoutMs })) instanceof ReadableStream);
  }
});

test("onProgress is called in the async context of the line that downloads", async () => {
  const { client: infrai } = await ready();
  const storage = new AsyncLocalStorage();
  const seen = new Set();
  const onProgress = () => seen.add(storage.getStore());
  await storage.run("mine", () => infrai.video.download("vid_1", join(folder(), "v.mp4"), { onProgress }));
  assert.deepEqual([...seen], ["mine"]);
});

test("a stream that nobody is reading errors as soon as its signal aborts", async () => {
  const { client: infrai } = await ready();
  const ender = new AbortController();
  const stream = await infrai.video.downloadStream("vid_1", { signal: ender.signal });
  const reader = stream.getReader();
  await reader.read();
  // The next piece lies ready: nothing is asked for until it is taken.
  await sleep(100);
  let told;
  reader.closed.catch((error) => (told = error));
  ender.abort("enough");
  await new Promise(setImmediate);
  assert.deepEqual([told?.name, told?.cause], ["AbortError", "enough"]);
  assert.match(told.stack.split("\n")[1], /download\.test\.mjs/);
  assert.equal(await rejection(reader.read()), told);
});

test("a job that is still going has no stream yet, and says to wait", async () => {
  const { client: infrai } = await client(() => ok(job("running")));
  const error = await rejection(infrai.video.downloadStream("vid_1"));
  assert.ok(error instanceof sdk.InvalidRequestError && error.code === "JOB_NOT_READY" && error.hint.includes("Wait"));
});

test("a file that its host refuses is a permission error after one fresh URL", async () => {
  const { client: infrai, seen } = await ready(() => ({ status: 403, body: "no" }));
  const error = await rejection(infrai.video.download("vid_1", join(folder(), "v.mp4")));
  assert.ok(error instanceof sdk.PermissionError, String(error));
  assert.equal(seen.filter(({ url }) => url === "/file").length, 2);
});
