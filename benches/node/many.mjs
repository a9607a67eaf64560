// Worker for many concurrent waits: `many.mjs infrai URL RATE CONCURRENCY`. Run with --expose-gc.

import { cpu, KEY, load, now, serve } from "./worker.mjs";

const [, url, rate, concurrency] = process.argv.slice(2);

await serve(async () => {
  const { InfraiClient } = await load("@infrai/sdk");
  const polling = { maxRequestsPerSecond: Number(rate), concurrency: Number(concurrency) };
  const { video } = new InfraiClient({ apiKey: KEY, baseUrl: url, polling });
  const wait = async (jobs) => {
    const ids = Array.from({ length: jobs }, (_, number) => `job-${number}`);
    const wrong = [];
    await Promise.all(
      ids.map(async (id) => {
        try {
          const job = await video.wait(id, { timeoutMs: null });
          if (job.job_id !== id || job.video_url === undefined) wrong.push(`${JSON.stringify(job)} for ${id}`);
        } catch (error) {
          wrong.push(String(error));
        }
      }),
    );
    return { found: ids.length - wrong.length, wrong: wrong.length, first_wrong: wrong[0] ?? null };
  };
  await wait(1);
  globalThis.gc?.();
  return async ({ jobs }) => {
    const [begun, used] = [now(), cpu()];
    return { ...(await wait(jobs)), seconds: now() - begun, cpu: cpu() - used };
  };
});
process.exit();
