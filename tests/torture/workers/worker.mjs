// A worker of the money section that makes its calls with the npm package of the folder it runs in: a spec comes in, a line of JSON a call goes out.
import { createRequire } from "node:module";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

const { InfraiClient, InfraiError } = createRequire(join(process.cwd(), "worker.cjs"))("@infrai/sdk");
const AT_ONCE = 8;

function failure(error) {
  if (!(error instanceof InfraiError)) throw error;
  const { kind, code, attempts, idempotencyKey, mayHaveBeenProcessed } = error;
  return { kind, code, attempts, key: idempotencyKey ?? null, may_have_been_processed: mayHaveBeenProcessed };
}

async function call(client, number, { prompt, model, resolution, prefer, duration_ms, key, cancel }) {
  const made = { number, job: null, error: null, cancelled: null };
  try {
    const options = { prompt, model, resolution, prefer, duration_seconds: duration_ms / 1000, idempotency_key: key };
    const job = await client.video.generate(options);
    made.job = job.job_id;
    if (cancel) {
      made.cancelled = await client.video.cancel(job).then(
        ({ ok }) => ({ Ok: ok }),
        (error) => ({ Err: failure(error) }),
      );
    }
  } catch (error) {
    made.error = failure(error);
    // While nobody serves, not all calls are to be used up.
    await sleep(60);
  }
  process.stdout.write(`${JSON.stringify(made)}\n`);
}

const spec = await json(process.stdin);
const client = new InfraiClient({
  apiKey: spec.key,
  baseUrl: spec.url,
  maxRetries: spec.retries,
  attemptTimeoutMs: spec.attempt_ms,
  timeoutMs: 8000,
  retryBaseMs: 20,
  retryCapMs: 200,
});
const calls = spec.planned.entries();
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (const [number, planned] of calls) await call(client, number, planned);
  }),
);
