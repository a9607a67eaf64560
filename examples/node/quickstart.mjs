// A sentence becomes a video: node quickstart.mjs ["a paper boat on a pond"] [boat.mp4]

import { InfraiClient, PaymentRequiredError } from "@infrai/sdk";

const [prompt = "a timelapse of a city skyline at dusk", path = "skyline.mp4"] = process.argv.slice(2);
const client = new InfraiClient();

try {
  // Once per device: activate an anonymous account with a trial credit. With INFRAI_API_KEY set, leave this out.
  if (!process.env.INFRAI_API_KEY) await client.activate();

  const job = await client.video.generate({ prompt });
  console.log(`job ${job.job_id} is ${job.state}`);

  const done = await client.video.wait(job, { onUpdate: ({ state, progress }) => console.log(state, progress ?? "") });
  const saved = await client.video.download(done, path, { overwrite: true });
  console.log(`${saved.bytes} bytes at ${saved.path}`);
} catch (error) {
  if (!(error instanceof PaymentRequiredError)) throw error;
  console.error(`${error.message}. ${error.hint}`);
  process.exitCode = 1;
}
