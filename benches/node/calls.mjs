// Worker for `status` calls: `calls.mjs PEER URL`, with a peer of `peers.mjs`. Calls run one after another or concurrently.

import { PEERS } from "./peers.mjs";
import { cpu, now, serve } from "./worker.mjs";

const [peer, url] = process.argv.slice(2);

/** Calls until `end` and appends the time of each call to the list. */
async function until(call, end, latencies) {
  let begun = now();
  for (;;) {
    await call();
    const ended = now();
    latencies.push(ended - begun);
    begun = ended;
    if (ended >= end) return;
  }
}

await serve(async () => {
  const call = await PEERS[peer](url);
  await call();
  return async ({ seconds, concurrency }) => {
    const latencies = [];
    const [begun, used] = [now(), cpu()];
    await Promise.all(Array.from({ length: concurrency }, () => until(call, begun + seconds, latencies)));
    const totals = { calls: latencies.length, seconds: now() - begun, cpu: cpu() - used };
    latencies.sort((a, b) => a - b);
    const at = (share) => latencies[Math.floor((latencies.length - 1) * share)] * 1e6;
    return { ...totals, p50: at(0.5), p99: at(0.99) };
  };
});
// Pools of idle connections keep a process alive.
process.exit();
