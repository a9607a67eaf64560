// app/webhooks/infrai/route.ts of a Next.js application on the edge runtime: Web Crypto, without the native module.

import { verify, WebhookVerificationError } from "@infrai/sdk/webhooks";

export const runtime = "edge";

export async function POST(request: Request): Promise<Response> {
  const signature = request.headers.get("x-infrai-signature");
  const secret = process.env["INFRAI_WEBHOOK_SECRET"] ?? "";
  try {
    // The raw body: request.json() would lose the signed bytes.
    const event = await verify(await request.arrayBuffer(), signature, secret);
    console.log(event.id, event.type, event.job?.state);
    return new Response(null, { status: 204 });
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    console.error(error.message);
    return new Response(null, { status: 400 });
  }
}
