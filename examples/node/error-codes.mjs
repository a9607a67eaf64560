// One handler per group of error codes, each against a sandbox that provokes it: node error-codes.mjs

import { writeFileSync } from "node:fs";
import * as infrai from "@infrai/sdk";
import { startSandbox } from "@infrai/sdk/testing";

/** @type {Record<string, (client: infrai.InfraiClient) => Promise<void>>} */
const handlers = {
  async payment(client) {
    const { PaymentRequiredError } = infrai;
    // docs: payment
    try {
      await client.video.generate({ prompt: "a boat", idempotency_key: "order-1" });
    } catch (error) {
      if (!(error instanceof PaymentRequiredError)) throw error;
      // The same key after the payment: one job, one charge.
      console.log(error.code, "pay at", error.checkoutUrl);
    }
    // docs: end
  },

  async access(client) {
    const { AuthenticationError, PermissionError } = infrai;
    // docs: access
    try {
      await client.account.balance();
    } catch (error) {
      const refused = error instanceof AuthenticationError || error instanceof PermissionError;
      if (!refused) throw error;
      console.log(error.code, error.hint, error.requestId);
    }
    // docs: end
  },

  async conflict(client) {
    const { ConflictError } = infrai;
    await client.video.generate({ prompt: "a boat", idempotency_key: "order-2" });
    // docs: conflict
    try {
      await client.video.generate({ prompt: "a kite", idempotency_key: "order-2" });
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      // Another request needs another key.
      await client.video.generate({ prompt: "a kite", idempotency_key: "order-2-kite" });
    }
    // docs: end
  },

  async busy(client) {
    const { RateLimitError, ServerError } = infrai;
    // docs: busy
    try {
      await client.video.generate({ prompt: "a boat", idempotency_key: "order-3" });
    } catch (error) {
      const busy = error instanceof RateLimitError || error instanceof ServerError;
      if (!busy) throw error;
      // The client has retried already: put the order back into the queue.
      console.log(error.code, "again in", error.retryAfter ?? 60, "s");
    }
    // docs: end
  },

  async connection(client) {
    const { ConnectionError, TimeoutError } = infrai;
    // docs: connection
    try {
      await client.video.generate({ prompt: "a boat" });
    } catch (error) {
      const lost = error instanceof ConnectionError || error instanceof TimeoutError;
      if (!lost) throw error;
      // The request may have arrived: its key gives the same job.
      const idempotency_key = error.idempotencyKey;
      await client.video.generate({ prompt: "a boat", idempotency_key });
    }
    // docs: end
  },

  async arguments(client) {
    const { InvalidRequestError } = infrai;
    // docs: arguments
    try {
      await client.video.generate({ prompt: "" });
    } catch (error) {
      if (!(error instanceof InvalidRequestError)) throw error;
      console.log(error.code, error.details, error.message);
    }
    // docs: end
  },

  async jobs(client) {
    const { JobFailedError, WaitTimeoutError } = infrai;
    // docs: jobs
    const job = await client.video.generate({ prompt: "a boat", model: "sandbox/fail" });
    try {
      await client.video.wait(job, { timeoutMs: 600_000 });
    } catch (error) {
      if (error instanceof JobFailedError) console.log(error.code, error.message);
      // The job continues: store its id and wait again later.
      else if (error instanceof WaitTimeoutError) console.log("still running:", job.job_id);
      else throw error;
    }
    // docs: end
  },

  async files(client) {
    const { InvalidRequestError } = infrai;
    const job = await client.video.generate({ prompt: "a boat", duration_seconds: 1 });
    await client.video.wait(job);
    writeFileSync("taken.mp4", "");
    // docs: files
    try {
      await client.video.download(job, "taken.mp4");
    } catch (error) {
      const taken = error instanceof InvalidRequestError && error.code === "FILE_EXISTS";
      if (!taken) throw error;
      await client.video.download(job, `${job.job_id}.mp4`, { overwrite: true });
    }
    // docs: end
  },

  async settings() {
    const { ConfigurationError, CredentialsError, InfraiClient } = infrai;
    // docs: settings
    try {
      await new InfraiClient({ baseUrl: "http://example.com" }).account.balance();
    } catch (error) {
      const wrong = error instanceof ConfigurationError || error instanceof CredentialsError;
      if (!wrong) throw error;
      console.log(error.code, error.message, "-", error.hint);
    }
    // docs: end
  },

  async responses(client) {
    const { UnexpectedResponseError } = infrai;
    // docs: responses
    try {
      await client.account.balance();
    } catch (error) {
      if (!(error instanceof UnexpectedResponseError)) throw error;
      // A proxy or gateway in front of the API may have answered.
      console.log(error.code, error.status, error.message);
    }
    // docs: end
  },
};

/** @type {Record<string, string>} */
const faults = {
  payment: "POST /v1/video/generate: status=402 times=1",
  access: "GET /v1/account/balance: status=403 code=KEY_REVOKED times=1",
  busy: "POST /v1/video/generate: status=503 code=VENDOR_DOWN retry-after=1 times=1",
  connection: "POST /v1/video/generate: drop=after times=1",
  responses: "GET /v1/account/balance: status=302 times=1",
};
for (const [name, handle] of Object.entries(handlers)) {
  console.log(`- ${name}`);
  const fault = faults[name];
  const sandbox = await startSandbox({ faults: fault === undefined ? [] : [fault] });
  await handle(sandbox.client.withOptions({ maxRetries: 0 }));
  await sandbox.stop();
}
