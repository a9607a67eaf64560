// A receiver of webhooks with Express: verifies, handles each event once, and answers at once.

import express from "express";
import { InfraiClient, WebhookVerificationError, webhooks } from "@infrai/sdk";

// docs: register
const client = new InfraiClient();

export async function register(url, secret) {
  const webhook = { url, events: ["*"], description: "example", secret };
  await client.request("POST", "/v1/account/webhooks/register", webhook);
}
// docs: end

// docs: receive
export const app = express();
const secret = process.env.INFRAI_WEBHOOK_SECRET;
if (!secret) throw new Error("set INFRAI_WEBHOOK_SECRET to the secret of the webhook's registration");
const seen = new webhooks.SeenEvents();

// The raw body: express.json() would lose the signed bytes.
app.post("/webhooks/infrai", express.raw({ type: () => true }), (request, response) => {
  // A request without a body has none here.
  const body = request.body ?? Buffer.alloc(0);
  let event;
  try {
    event = webhooks.verify(body, request.headers["x-infrai-signature"], secret);
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    console.error(error.message);
    return response.sendStatus(400);
  }
  // Answer first: an answer that is late is a failed delivery.
  response.sendStatus(204);
  // An event without an id is known by its body: one signature has several spellings.
  if (seen.add(event.id ?? body.toString())) handle(event).catch(console.error);
});

async function handle(event) {
  if (event.job === undefined) return;
  // The signature covers no time: fetch the state instead of trusting an old event.
  const job = await client.video.status(event.job.job_id);
  console.log(event.type, job.job_id, job.state, job.video_url);
}
// docs: end

const server = app.listen(process.env.PORT ?? 3000, () => console.log(`http://localhost:${server.address().port}`));
