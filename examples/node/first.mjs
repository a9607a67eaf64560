// A sentence becomes a file: node first.mjs

// docs: first
import { InfraiClient } from "@infrai/sdk";

const client = new InfraiClient();
// Once per device: an anonymous account with a trial credit.
await client.activate();
const job = await client.video.generate({
  prompt: "a timelapse of a city skyline at dusk",
  resolution: "1080p",
});
const done = await client.video.wait(job, {
  onUpdate: ({ state, progress = 0 }) => {
    console.log(state, `${Math.round(100 * progress)} %`);
  },
});
const saved = await client.video.download(done, "skyline.mp4", {
  overwrite: true,
});
console.log(saved.bytes, "bytes at", saved.path);
// docs: end
