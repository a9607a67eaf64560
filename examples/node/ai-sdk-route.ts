// Two routes with the Vercel AI SDK: one starts a video and returns, the other one says how it is.

import {
  APICallError,
  experimental_getVideoStatus as getVideoStatus,
  experimental_startVideo as startVideo,
} from "ai";
import { infrai, type InfraiVideoModelOptions } from "@infrai/ai-sdk";

export async function POST(request: Request): Promise<Response> {
  const { prompt, request_id } = (await request.json()) as { prompt: string; request_id: string };
  // The page gets the URL. The key makes a request that is delivered twice one job.
  const options: InfraiVideoModelOptions = { output: "url", idempotency_key: request_id };
  try {
    const { operation } = await startVideo({ model: infrai.video(), prompt, providerOptions: { infrai: options } });
    return Response.json(operation, { status: 202 });
  } catch (error) {
    const status = APICallError.isInstance(error) ? (error.statusCode ?? 502) : 400;
    return Response.json({ message: (error as Error).message }, { status });
  }
}

export async function PUT(request: Request): Promise<Response> {
  const result = await getVideoStatus(infrai.video(), { operation: await request.json() });
  if (result.status === "error") return Response.json({ status: result.status, message: result.error });
  if (result.status === "pending") return Response.json({ status: result.status });
  const [video] = result.videos;
  return Response.json({ status: result.status, url: video?.type === "url" ? video.url : undefined });
}
