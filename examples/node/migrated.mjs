// The same as raw.mjs with the SDK: node migrated.mjs

// docs: migrated
import { InfraiClient } from "@infrai/sdk";

const client = new InfraiClient();
const job = await client.video.generate({ prompt: "a paper boat", duration_seconds: 1 });
await client.video.download(await client.video.wait(job), "boat.mp4", { overwrite: true });
// docs: end
