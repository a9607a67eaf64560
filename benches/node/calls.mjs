// A worker that calls: `calls.mjs PEER URL`, a peer of `peers.mjs`. One call after another, or many at once.

import { PEERS } from "./peers.mjs";
import { cpu, now, serve } from "./worker.mjs";

const [peer, url] = process.argv.slice(2);

/** Calls until the time is over; the time that each call took goes into the list. */
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
    const told = { calls: latencies.length, seconds: now() - begun, cpu: cpu() - used };
    latencies.sort((a, b) => a - b);
    const at = (share) => latencies[Math.floor((latencies.length - 1) * share)] * 1e6;
    return { ...told, p50: at(0.5), p99: at(0.99) };
  };
});
// Pools of idle connections keep a process alive.
process.exit();
