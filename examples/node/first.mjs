// A sentence becomes a file: node first.mjs

// docs: first
import { InfraiClient } from "@infrai/sdk";

const client = new InfraiClient();
await client.activate(); // once a device: an anonymous account with a trial credit, its key in ~/.infrai/credentials
const job = await client.video.generate({ prompt: "a timelapse of a city skyline at dusk", resolution: "1080p" });
const done = await client.video.wait(job, { onUpdate: ({ state }) => console.log(state) });
await client.video.download(done, "skyline.mp4", { overwrite: true });
// docs: end
