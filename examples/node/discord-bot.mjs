// A Discord bot without a library: the command /video PROMPT is answered with the video. Discord posts each interaction to
// this server, whose public address is the application's "Interactions Endpoint URL".
//
//   DISCORD_PUBLIC_KEY=… node discord-bot.mjs

import { createPublicKey, verify } from "node:crypto";
import { createServer } from "node:http";
import { InfraiClient, InfraiError } from "@infrai/sdk";

const DISCORD = process.env.DISCORD_API ?? "https://discord.com/api/v10";
// Discord shows the 32 bytes of an Ed25519 key; the prefix makes them a key in DER.
const der = Buffer.from(`302a300506032b6570032100${process.env.DISCORD_PUBLIC_KEY}`, "hex");
const publicKey = createPublicKey({ key: der, format: "der", type: "spki" });
const client = new InfraiClient();

/**
 * @typedef {{ type: number, id: string, application_id: string, token: string, data: { options: { value: string }[] } }} Interaction
 * @param {Interaction} interaction
 */
async function makeVideo({ id, application_id, token, data }) {
  const prompt = data.options[0]?.value ?? "";
  const form = new FormData();
  try {
    // Discord may deliver an interaction twice: its id as the key makes it one job.
    const job = await client.video.generate({ prompt, idempotency_key: `discord-${id}` });
    // The interaction's token is valid for 15 minutes.
    const done = await client.video.wait(job, { timeoutMs: 14 * 60_000, cancelOnTimeout: true });
    const stream = await client.video.downloadStream(done);
    form.append("files[0]", await new Response(/** @type {any} */ (stream)).blob(), "video.mp4");
    form.append("payload_json", JSON.stringify({ content: prompt, allowed_mentions: { parse: [] } }));
  } catch (error) {
    if (!(error instanceof InfraiError)) throw error;
    form.append("payload_json", JSON.stringify({ content: error.message, allowed_mentions: { parse: [] } }));
  }
  const url = `${DISCORD}/webhooks/${application_id}/${token}/messages/@original`;
  const edited = await fetch(url, { method: "PATCH", body: form });
  if (!edited.ok) console.error(`Discord answered ${edited.status}`);
}

const server = createServer(async (request, response) => {
  /** @type {Buffer[]} */
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const signed = Buffer.concat([Buffer.from(String(request.headers["x-signature-timestamp"])), body]);
  const signature = Buffer.from(String(request.headers["x-signature-ed25519"]), "hex");
  if (!verify(null, signed, publicKey, signature)) return void response.writeHead(401).end();

  /** @type {Interaction} */
  const interaction = JSON.parse(body.toString());
  const isPing = interaction.type === 1;
  response.setHeader("content-type", "application/json");
  // 1 answers a ping. 5 shows "thinking…" until the message is edited: Discord allows three seconds for this response.
  response.end(JSON.stringify({ type: isPing ? 1 : 5 }));
  if (!isPing) makeVideo(interaction).catch((error) => console.error(error.message));
});
server.listen(process.env.PORT ?? 3000, () => {
  const address = server.address();
  console.log(`http://localhost:${typeof address === "object" ? address?.port : address}`);
});
