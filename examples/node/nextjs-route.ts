// app/api/videos/route.ts of a Next.js application: starts a job and streams its states as server-sent events.
//
// next.config.mjs needs serverExternalPackages: ["@infrai/sdk"], since no bundler takes in a native module.

import { InfraiClient, InfraiError } from "@infrai/sdk";

export const runtime = "nodejs";
export const dynamic = "force-dynamic";

const client = new InfraiClient();

export async function POST(request: Request): Promise<Response> {
  const { prompt } = (await request.json()) as { prompt: string };
  let id: string;
  try {
    const job = await client.video.generate({ prompt }, { signal: request.signal });
    id = job.job_id;
  } catch (error) {
    if (!(error instanceof InfraiError)) throw error;
    return Response.json({ message: error.message, hint: error.hint }, { status: error.status ?? 400 });
  }

  const encoder = new TextEncoder();
  // Whoever leaves the page ends the polling, and the job goes on.
  const watch = client.video.watch(id, { signal: request.signal });
  const events = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await watch.next();
      if (done) return controller.close();
      const { state, progress, video_url } = value;
      controller.enqueue(encoder.encode(`data: ${JSON.stringify({ id, state, progress, video_url })}\n\n`));
    },
    async cancel() {
      await watch.return?.();
    },
  });
  return new Response(events, { headers: { "content-type": "text/event-stream", "cache-control": "no-cache" } });
}
