// Code that TypeScript has to accept or refuse. Compiled under every resolution, and run against the sandbox.

import { AbortError, InfraiClient, InfraiError, PaymentRequiredError } from "@infrai/sdk";
import type { AccountApi, Balance, CallOptions, GenerateManyItem, InfraiClientApi, Metadata, VideoApi, VideoGenerateOptions, VideoJob, VideoState } from "@infrai/sdk";
import { startSandbox } from "@infrai/sdk/testing";

/** The documented signatures. */
export function documented(client: InfraiClient): {
  generate: (opts: VideoGenerateOptions) => Promise<VideoJob>;
  status: (jobId: string) => Promise<VideoJob>;
  cancel: (jobId: string) => Promise<{ ok: boolean }>;
} {
  return {
    generate: (opts) => client.video.generate(opts),
    status: (jobId) => client.video.status(jobId),
    cancel: (jobId) => client.video.cancel(jobId),
  };
}

export async function uses(client: InfraiClient): Promise<string[]> {
  const texts: string[] = [];
  const job = await client.video.generate({ prompt: "a paper boat", resolution: "720p", prefer: "balanced", duration_seconds: 1 });
  texts.push(typeof job.job_id);
  // Lists of values stay open.
  const open: VideoGenerateOptions = { prompt: "a", resolution: "8k", aspect: "21:9", prefer: "fastest", model: null };
  texts.push(open.prompt);
  const { signal } = new AbortController();
  const done = await client.video.wait(job, { timeoutMs: 120_000, signal, onUpdate: (job) => void texts.push(typeof job.state) });
  const url: string | undefined = done.video_url;
  texts.push(typeof url);
  // What the API sends besides can be read, as what it is.
  const fields: Record<string, unknown> = done;
  const later: unknown = fields["a_field_of_tomorrow"];
  texts.push(typeof later);
  // @ts-expect-error: of an unknown type
  const guessed: string = fields["a_field_of_tomorrow"];
  texts.push(typeof guessed);
  const costs: Record<string, unknown> = done._metadata ?? {};
  texts.push(typeof costs["a_field_of_tomorrow"], ...misspelt(done), (await render(fake)).job_id);
  // Options of the SDK are in the last argument of every call.
  const every: CallOptions = { timeoutMs: 60_000, maxRetries: 1, headers: { "x-tenant": "a" }, signal, unref: false };
  texts.push(typeof (await client.video.status(job.job_id, every)).state);
  // @ts-expect-error: fields of the body are in the first argument
  const misplaced = (): unknown => client.account.topup({ amount_usd: 5 }, { return_url: "https://me.test/" });
  // @ts-expect-error: options of the SDK are in the last argument
  const mistaken = (): unknown => client.video.generate({ prompt: "a", timeoutMs: 5 });
  texts.push(typeof misplaced, typeof mistaken);
  // A job that was stored as JSON has a state that may be any text.
  const stored: { job_id: string; state: string } = { job_id: done.job_id, state: done.state };
  texts.push((await client.video.wait(stored)).state);
  for await (const { state, progress } of client.video.watch(done.job_id, { signal })) texts.push(`${state} ${progress === undefined}`);
  for await (const item of client.video.generateMany([{ prompt: "b", duration_seconds: 1 }, "c"], { concurrency: 2, keyPrefix: "types" })) {
    const typed: GenerateManyItem = item;
    if (typed.error === undefined) texts.push(typed.job.state);
    else texts.push(typed.error.code);
  }
  const stream: ReadableStream<Uint8Array> = await client.video.downloadStream(done, { timeoutMs: 600_000 });
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
    texts.push(String(chunk.byteLength > 0));
    break;
  }
  const balance: Balance = await client.account.balance();
  texts.push(typeof balance.balance_usd);
  const { data, status } = await client.request<{ balance_usd: number }>("GET", "/v1/account/balance", undefined, { signal });
  texts.push(`${data.balance_usd === balance.balance_usd} ${status}`);
  try {
    await client.video.status("vid_of_nobody");
  } catch (error) {
    if (error instanceof PaymentRequiredError) texts.push(error.checkoutUrl ?? "");
    else if (error instanceof AbortError) texts.push(error.name);
    else if (error instanceof InfraiError) texts.push(error.kind);
  }
  // @ts-expect-error: a misspelt option
  const wrong: VideoGenerateOptions = { promt: "a" };
  // @ts-expect-error: a duration is a number
  const text: VideoGenerateOptions = { prompt: "a", duration_seconds: "5" };
  // @ts-expect-error: a key is a string or a function
  const key = (): unknown => new InfraiClient({ apiKey: 5 });
  texts.push(typeof wrong, typeof text, typeof key);
  return texts;
}

/** A misspelt field or state is an error, and a state of a later version is not. */
function misspelt(job: VideoJob): string[] {
  // @ts-expect-error: video_url
  const url: unknown = job.videoUrl;
  // @ts-expect-error: cost_usd
  const cost: unknown = job._metadata?.costUsd;
  // @ts-expect-error: succeeded
  const done = job.state === "suceeded";
  // @ts-expect-error: succeeded
  const state: VideoState = "suceeded";
  // @ts-expect-error: cost_usd
  const metadata: Metadata = { costUsd: 1 };
  const paused = (job.state as string) === "paused";
  return [url, cost, done, state, metadata, paused].map((value) => typeof value);
}

/** Takes what a fake is as well as what a client is. */
export async function render(client: InfraiClientApi): Promise<VideoJob> {
  return client.withOptions({ maxRetries: 0 }).video.generate({ prompt: "a" });
}

const fakeJob: VideoJob = { job_id: "vid_1", state: "succeeded", video_url: "https://example.com/v.mp4" };
const fakeVideo: VideoApi = {
  generate: async () => fakeJob,
  status: async (job) => ({ ...fakeJob, job_id: typeof job === "string" ? job : job.job_id }),
  cancel: async () => ({ ok: true }),
  wait: async () => fakeJob,
  async *watch() {
    yield fakeJob;
  },
  async *generateMany(items) {
    for (const index of items.keys()) yield { index, key: `fake-${index}`, job: fakeJob };
  },
  download: async (_job, path) => ({ path: String(path), bytes: 1, job: fakeJob }),
  downloadStream: async () => new ReadableStream<Uint8Array>(),
};
const fakeAccount: AccountApi = {
  balance: async () => ({ balance_usd: 1 }),
  waitForCredit: async () => ({ balance_usd: 5 }),
  topup: async ({ amount_usd }) => ({ topup_id: "top_1", amount_usd }),
};
/** A fake client needs no cast. */
export const fake: InfraiClientApi = {
  video: fakeVideo,
  account: fakeAccount,
  withOptions: () => fake,
  discover: (() => Promise.reject(new Error("not faked"))) as InfraiClientApi["discover"],
  activate: async () => ({ ok: true, primary_api_key: "ifr_pk_proj_fake", reused: false }),
  request: async <T,>() => ({ data: null as T, metadata: {}, status: 200 }),
};
/** A client is what a fake stands for. */
export const real = (client: InfraiClient): InfraiClientApi => client;

export async function main(): Promise<void> {
  const sandbox = await startSandbox();
  const client = new InfraiClient({ apiKey: process.env["INFRAI_API_KEY"] ?? sandbox.apiKey, baseUrl: sandbox.url, polling: { minIntervalMs: 20, maxIntervalMs: 100 } });
  try {
    const job: VideoJob = await documented(client).generate({ prompt: "a timelapse of a city skyline at dusk", resolution: "1080p" });
    const seen: VideoJob = await documented(client).status(job.job_id);
    const { ok }: { ok: boolean } = await documented(client).cancel(job.job_id);
    console.log(JSON.stringify([seen.job_id === job.job_id, typeof ok, ...(await uses(client))]));
  } finally {
    await sandbox.stop();
  }
}
