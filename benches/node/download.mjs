// Worker for downloads of a job's file: `download.mjs infrai URL`.

import { cpu, ID, KEY, load, now, serve } from "./worker.mjs";

const [, url] = process.argv.slice(2);

await serve(async () => {
  const { InfraiClient } = await load("@infrai/sdk");
  const { video } = new InfraiClient({ apiKey: KEY, baseUrl: url });
  await video.status(ID);
  return async ({ bytes, path }) => {
    const [begun, used] = [now(), cpu()];
    const saved = await video.download(`file-${bytes}`, path, { overwrite: true });
    return { bytes: saved.bytes, seconds: now() - begun, cpu: cpu() - used };
  };
});
process.exit();
