// What TypeScript has to accept, and what it has to refuse. Compiled under every resolution, and run against the sandbox.

import { AbortError, InfraiClient, InfraiError, PaymentRequiredError } from "@infrai/sdk";
import type { Balance, GenerateManyItem, VideoGenerateOptions, VideoJob } from "@infrai/sdk";
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
  const told: string[] = [];
  const job = await client.video.generate({ prompt: "a paper boat", resolution: "720p", prefer: "balanced", duration_seconds: 1 });
  told.push(typeof job.job_id);
  // Lists of values stay open.
  const open: VideoGenerateOptions = { prompt: "a", resolution: "8k", aspect: "21:9", prefer: "fastest", model: null };
  told.push(open.prompt);
  const { signal } = new AbortController();
  const done = await client.video.wait(job, { timeoutMs: 120_000, signal, onUpdate: (job) => void told.push(typeof job.state) });
  const url: string | undefined = done.video_url;
  told.push(typeof url);
  // What the API sends besides can be read, as what it is.
  const later: unknown = done["a_field_of_tomorrow"];
  told.push(typeof later);
  // @ts-expect-error: of an unknown type
  const guessed: string = done["a_field_of_tomorrow"];
  told.push(typeof guessed);
  for await (const { state, progress } of client.video.watch(done.job_id, { signal })) told.push(`${state} ${progress === undefined}`);
  for await (const item of client.video.generateMany([{ prompt: "b", duration_seconds: 1 }, "c"], { concurrency: 2, keyPrefix: "types" })) {
    const typed: GenerateManyItem = item;
    if (typed.error === undefined) told.push(typed.job.state);
    else told.push(typed.error.code);
  }
  const stream: ReadableStream<Uint8Array> = await client.video.downloadStream(done, { timeoutMs: 600_000 });
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
    told.push(String(chunk.byteLength > 0));
    break;
  }
  const balance: Balance = await client.account.balance();
  told.push(typeof balance.balance_usd);
  const { data, status } = await client.request<{ balance_usd: number }>("GET", "/v1/account/balance", undefined, { signal });
  told.push(`${data.balance_usd === balance.balance_usd} ${status}`);
  try {
    await client.video.status("vid_of_nobody");
  } catch (error) {
    if (error instanceof PaymentRequiredError) told.push(error.checkoutUrl ?? "");
    else if (error instanceof AbortError) told.push(error.name);
    else if (error instanceof InfraiError) told.push(error.kind);
  }
  // @ts-expect-error: a misspelt option
  const wrong: VideoGenerateOptions = { promt: "a" };
  // @ts-expect-error: a duration is a number
  const text: VideoGenerateOptions = { prompt: "a", duration_seconds: "5" };
  // @ts-expect-error: a key is a string or a function
  const key = (): unknown => new InfraiClient({ apiKey: 5 });
  told.push(typeof wrong, typeof text, typeof key);
  return told;
}

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
