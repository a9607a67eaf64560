// The snippets of the skill for coding agents (skills/infrai-video/SKILL.md): node skill.mjs

import { InfraiClient, PaymentRequiredError } from "@infrai/sdk";

const client = new InfraiClient();
await client.activate();

{
  // docs: credit
  try {
    await client.video.generate({
      prompt: "a long river",
      resolution: "4k",
      duration_seconds: 60,
      idempotency_key: "river-1",
    });
  } catch (error) {
    if (!(error instanceof PaymentRequiredError)) throw error;
    // Nothing was charged. A person pays; the same call with the
    // same key then makes the job.
    const { balance_usd } = await client.account.balance();
    console.log(`$${balance_usd} left; pay at ${error.checkoutUrl}`);
  }
  // docs: end
}

{
  // docs: resume
  // Known before the call and after a crash: the number of an order,
  // the name of a file.
  const job = await client.video.generate({
    prompt: "a paper boat",
    idempotency_key: "order-17",
  });
  const done = await client.video.wait(job);
  await client.video.download(done, "order-17.mp4", { overwrite: true });
  // docs: end

  // docs: by-id
  const again = await client.video.wait(job.job_id);
  // docs: end
  console.log(again.state);
}
