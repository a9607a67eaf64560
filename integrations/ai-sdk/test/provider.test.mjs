// The provider under the AI SDK itself, against the sandbox.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";
import { APICallError, InvalidArgumentError, LoadAPIKeyError, NoSuchModelError, UnsupportedFunctionalityError } from "@ai-sdk/provider";
import {
  createProviderRegistry,
  experimental_generateVideo as generateVideo,
  experimental_getVideoStatus as getVideoStatus,
  experimental_startVideo as startVideo,
  RetryError,
} from "ai";
import { InfraiError } from "@infrai/sdk";
import { startSandbox } from "@infrai/sdk/testing";
import { createInfrai, infrai as standard } from "@infrai/ai-sdk";

globalThis.AI_SDK_LOG_WARNINGS = false;
let sandbox, infrai;
before(async () => {
  sandbox = await startSandbox();
  infrai = createInfrai({ client: sandbox.client });
});
after(() => sandbox.stop());
beforeEach(() => sandbox.clearFaults());

const prompt = "a paper boat on a pond";
const second = { prompt, duration: 1 };
const charges = async () => (await sandbox.ledger()).filter(({ kind }) => kind === "charge");
/** The requests to a route that arrive during `run`, and what it returns. */
async function seen(path, run) {
  const earlier = (await sandbox.requests()).length;
  const result = await run();
  return [result, (await sandbox.requests()).slice(earlier).filter((request) => request.path.startsWith(path))];
}
const rejection = (promise) => promise.then(() => assert.fail("it should have rejected"), (error) => error);
const isMp4 = (bytes) => assert.equal(Buffer.from(bytes).toString("latin1", 4, 8), "ftyp");
/** An error that the AI SDK retried is the last one of its RetryError. */
const last = (error) => (RetryError.isInstance(error) ? error.lastError : error);

test("a prompt becomes a video with its job and cost", async () => {
  const { video, warnings, providerMetadata, responses } = await generateVideo({ model: infrai.video(), ...second, aspectRatio: "9:16", resolution: "1080x1920" });
  isMp4(video.uint8Array);
  assert.equal(video.mediaType, "video/mp4");
  assert.deepEqual(warnings, []);
  const [{ jobId, costUsd, vendor, videoUrl }] = providerMetadata.infrai.videos;
  const job = await sandbox.client.video.status(jobId);
  assert.deepEqual([job.prompt, job.aspect, job.resolution, job.duration_seconds, job.video_url], [prompt, "9:16", "1080p", 1, videoUrl]);
  assert.deepEqual([costUsd, vendor], [(await charges()).at(-1).amount_usd * -1, "sandbox"]);
  assert.equal(responses[0].modelId, "sandbox/default");
});

test("several videos are several jobs with their own metadata", async () => {
  const before = (await charges()).length;
  const { videos, providerMetadata } = await generateVideo({ model: infrai.video("sandbox/default"), ...second, n: 2 });
  assert.equal(videos.length, 2);
  assert.equal(new Set(providerMetadata.infrai.videos.map(({ jobId }) => jobId)).size, 2);
  assert.equal((await charges()).length, before + 2);
});

test("provider options reach the body and the wait", async () => {
  const providerOptions = { infrai: { prefer: "cheapest", vendor: "sandbox-lite", idempotency_key: "own-key-1", output: "url" } };
  const download = async ({ url }) => ({ data: new TextEncoder().encode(url.pathname), mediaType: "video/mp4" });
  const [result, requests] = await seen("/v1/video/generate", () => generateVideo({ model: infrai.video(), ...second, providerOptions, download }));
  assert.deepEqual(requests.map(({ idempotency_key }) => idempotency_key), ["own-key-1"]);
  const [{ jobId, videoUrl }] = result.providerMetadata.infrai.videos;
  assert.equal(new TextDecoder().decode(result.video.uint8Array), new URL(videoUrl).pathname);
  const job = await sandbox.client.video.status(jobId);
  assert.deepEqual([job.prefer, job.vendor], ["cheapest", "sandbox-lite"]);
});

test("a wrong provider option is refused before anything is sent", async () => {
  for (const [option, argument] of [[{ preferr: "cheapest" }, /preferr/], [{ output: "gif" }, /output/]]) {
    const [error, requests] = await seen("/v1/video/generate", () => rejection(generateVideo({ model: infrai.video(), ...second, providerOptions: { infrai: option } })));
    assert.deepEqual(requests, []);
    assert.ok(InvalidArgumentError.isInstance(error), String(error));
    assert.match(error.message, argument);
  }
});

test("settings without effect are warnings", async () => {
  const { warnings } = await generateVideo({
    model: infrai.video(), ...second, fps: 24, seed: 7, generateAudio: true, aspectRatio: "adaptive",
    frameImages: [{ image: "https://example.org/last.png", frameType: "last_frame" }],
  });
  assert.deepEqual(warnings.map(({ feature }) => feature).sort(), ["aspectRatio", "fps", "frameImages", "generateAudio", "seed"]);
  const other = await generateVideo({ model: infrai.video(), ...second, aspectRatio: "1:1", resolution: "1280x720" });
  assert.match(other.warnings[0].details, /aspectRatio 1:1 decides the shape, and of 1280x720 only 720p is used/);
});

test("an image is passed by its URL, and refused as bytes", async () => {
  const url = "https://example.org/boat.png";
  for (const given of [{ prompt: { image: url, text: prompt } }, { prompt, frameImages: [{ image: url, frameType: "first_frame" }] }, { prompt, inputReferences: [url] }]) {
    const { providerMetadata, warnings } = await generateVideo({ model: infrai.video(), duration: 1, ...given });
    const job = await sandbox.client.video.status(providerMetadata.infrai.videos[0].jobId);
    assert.equal(job.reference_image_url, url);
    assert.deepEqual(warnings, []);
  }
  const before = (await charges()).length;
  const error = await rejection(generateVideo({ model: infrai.video(), prompt: { image: new Uint8Array([137, 80, 78, 71]), text: prompt } }));
  assert.ok(UnsupportedFunctionalityError.isInstance(error), String(error));
  assert.equal((await charges()).length, before);
});

test("a retry of the AI SDK is charged once", async () => {
  const before = (await charges()).length;
  // The client gives up after each of its attempts, whose responses are lost.
  const once = createInfrai({ client: sandbox.newClient({ maxRetries: 0 }) });
  await sandbox.addFault("POST /v1/video/generate: drop=after times=1");
  const [{ video }, requests] = await seen("/v1/video/generate", () => generateVideo({ model: once.video(), ...second }));
  isMp4(video.uint8Array);
  assert.equal(requests.length, 2);
  assert.equal(new Set(requests.map(({ idempotency_key }) => idempotency_key)).size, 1);
  assert.equal((await charges()).length, before + 1);
});

test("a retry after a failed download continues the job", async () => {
  const before = (await charges()).length;
  const { video } = sandbox.client;
  let downloads = 0;
  const flaky = {
    video: {
      generate: (...args) => video.generate(...args),
      wait: (...args) => video.wait(...args),
      downloadStream: (...args) => {
        if (++downloads > 1) return video.downloadStream(...args);
        throw new InfraiError({ kind: "connection", code: "CONNECTION_FAILED", message: "broken", retryable: true });
      },
    },
  };
  const [result, requests] = await seen("/v1/video/generate", () => generateVideo({ model: createInfrai({ client: flaky }).video(), ...second }));
  isMp4(result.video.uint8Array);
  assert.deepEqual([downloads, requests.length, (await charges()).length], [2, 1, before + 1]);
});

test("the start and status flow polls with the AI SDK", async () => {
  const [{ video, providerMetadata }, requests] = await seen("/v1/video/generate", () => generateVideo({ model: infrai.video(), ...second, poll: { intervalMs: 50 } }));
  isMp4(video.uint8Array);
  assert.equal(providerMetadata.infrai.videos.length, 1);
  assert.equal(providerMetadata.infrai.jobId, providerMetadata.infrai.videos[0].jobId);
  assert.match(requests[0].idempotency_key, /^aisdk_vid_/);
});

test("an operation continues in another process", async () => {
  const started = await startVideo({ model: infrai.video("sandbox/slow"), ...second, webhookUrl: "https://example.org/hook" });
  assert.deepEqual(started.warnings.map(({ feature }) => feature), ["webhookUrl"]);
  const operation = JSON.parse(JSON.stringify(started.operation));
  assert.equal(operation.jobId, started.providerMetadata.infrai.jobId);
  const other = createInfrai({ client: sandbox.newClient() }).video();
  assert.equal((await getVideoStatus(other, { operation })).status, "pending");
  await sandbox.client.video.cancel(operation.jobId);
  const ended = await getVideoStatus(other, { operation: operation.jobId });
  assert.equal(ended.status, "error");
  assert.match(ended.error, /cancelled/);
  const error = await rejection(getVideoStatus(other, { operation: { id: 7 } }));
  assert.ok(InvalidArgumentError.isInstance(error));
});

let lastJob;
/** Calls of the sandbox's client; `started` is called when a wait begins. */
function watchStart(started) {
  const { video } = sandbox.client;
  return {
    generate: async (...args) => {
      const job = await video.generate(...args);
      lastJob = job.job_id;
      return job;
    },
    wait: (...args) => {
      setTimeout(started, 20);
      return video.wait(...args);
    },
  };
}

test("a completed operation has the video, or its URL", async () => {
  const { operation } = await startVideo({ model: infrai.video(), ...second, providerOptions: { infrai: { output: "url" } } });
  await sandbox.client.video.wait(operation.jobId);
  const { status, videos, providerMetadata } = await getVideoStatus(infrai.video(), { operation });
  assert.deepEqual([status, videos[0].type, videos[0].url], ["completed", "url", providerMetadata.infrai.videos[0].videoUrl]);
  assert.equal(providerMetadata.infrai.videos[0].costUsd, operation.costUsd);
  isMp4((await getVideoStatus(infrai.video(), { operation: operation.jobId })).videos[0].data);
});

test("an abort ends the wait, and cancels the job on request", async () => {
  for (const cancelOnAbort of [false, true]) {
    const ender = new AbortController();
    const watched = createInfrai({ client: { video: watchStart(() => ender.abort(new Error("enough"))) } });
    const providerOptions = { infrai: { cancelOnAbort } };
    const error = await rejection(generateVideo({ model: watched.video("sandbox/stuck"), ...second, abortSignal: ender.signal, providerOptions }));
    assert.deepEqual([error.name, error.cause.message], ["AbortError", "enough"]);
    const { state } = await sandbox.client.video.status(lastJob);
    assert.equal(state === "cancelled", cancelOnAbort, state);
    if (!cancelOnAbort) await sandbox.client.video.cancel(lastJob);
  }
});

test("errors are those of the AI SDK", async () => {
  const tooDear = await rejection(generateVideo({ model: infrai.video(), prompt, resolution: "3840x2160", duration: 60 }));
  assert.ok(APICallError.isInstance(tooDear), String(tooDear));
  assert.deepEqual([tooDear.statusCode, tooDear.isRetryable, tooDear.data.code, tooDear.url], [402, false, "INSUFFICIENT_CREDIT", "/v1/video/generate"]);
  assert.equal(tooDear.requestBodyValues.resolution, "4k");
  assert.match(tooDear.message, /Add credit at http/);
  assert.equal(tooDear.cause.name, "PaymentRequiredError");

  const shape = await rejection(generateVideo({ model: infrai.video(), prompt, resolution: "854x480" }));
  assert.deepEqual([APICallError.isInstance(shape), shape.statusCode], [true, 400]);
  assert.match(shape.message, /expected one of/);

  const empty = await rejection(generateVideo({ model: infrai.video(), prompt: "" }));
  assert.deepEqual([InvalidArgumentError.isInstance(empty), empty.argument], [true, "prompt"]);

  const failed = await rejection(generateVideo({ model: infrai.video("sandbox/fail"), ...second }));
  assert.deepEqual([failed.name, failed.cause.job.state], ["AI_InfraiJobFailedError", "failed"]);

  const providerOptions = { infrai: { timeoutMs: 1, cancelOnTimeout: true } };
  const late = await rejection(generateVideo({ model: infrai.video("sandbox/stuck"), ...second, providerOptions }));
  assert.equal(late.name, "AI_InfraiWaitTimeoutError");
  assert.equal((await sandbox.client.video.status(late.cause.job.job_id)).state, "cancelled");

  await sandbox.addFault("POST /v1/video/generate: status=503 retry-after=0");
  const once = createInfrai({ client: sandbox.newClient({ maxRetries: 0 }) });
  const [down, requests] = await seen("/v1/video/generate", () => rejection(generateVideo({ model: once.video(), ...second, maxRetries: 1 })));
  assert.deepEqual([last(down).statusCode, last(down).responseHeaders["retry-after"], requests.length], [503, "0", 2]);

  const keyless = createInfrai({ baseUrl: sandbox.url, credentialsFile: "/nonexistent/credentials" });
  const missing = await rejection(generateVideo({ model: keyless.video(), prompt }));
  assert.ok(LoadAPIKeyError.isInstance(missing), String(missing));
  assert.match(missing.message, /INFRAI_API_KEY/);
});

test("headers of a call are sent, but for those of the SDK", async () => {
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(request.headers);
    response.writeHead(400, { "content-type": "application/json" }).end("{}");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const own = createInfrai({ apiKey: "ifr_pk_proj_0123456789abcdefghijWXYZ", baseUrl: `http://127.0.0.1:${server.address().port}` });
    await rejection(generateVideo({ model: own.video(), prompt, headers: { "x-tenant": "7", "Idempotency-Key": "given-1" } }));
    assert.deepEqual([requests[0]["x-tenant"], requests[0]["idempotency-key"]], ["7", "given-1"]);
    assert.match(requests[0]["user-agent"], / ai-sdk$/);
  } finally {
    server.close();
  }
});

test("a registry finds the models, and none of another kind", () => {
  const registry = createProviderRegistry({ infrai });
  assert.equal(registry.videoModel("infrai:sandbox/default").modelId, "sandbox/default");
  assert.deepEqual([standard.video().provider, standard.video().modelId, standard.video().specificationVersion], ["infrai.video", "auto", "v4"]);
  for (const kind of ["languageModel", "embeddingModel", "imageModel"]) assert.throws(() => infrai[kind]("x"), (error) => NoSuchModelError.isInstance(error));
});

test("the default provider reads the environment at its first call", async () => {
  Object.assign(process.env, { INFRAI_BASE_URL: sandbox.url, INFRAI_API_KEY: sandbox.apiKey });
  const { video } = await generateVideo({ model: standard.video(), ...second });
  isMp4(video.uint8Array);
});
