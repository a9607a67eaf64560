// A sentence becomes a file, as the README shows it: node readme.mjs

import { InfraiClient } from "@infrai/sdk";

const client = new InfraiClient();
await client.activate();
const job = await client.video.generate({
  prompt: "a paper boat",
  resolution: "1080p",
});
const done = await client.video.wait(job, {
  onUpdate: ({ state }) => console.log(state),
});
await client.video.download(
  done, "boat.mp4", { overwrite: true },
);
