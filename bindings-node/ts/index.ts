/**
 * Infrai's SDK for Node.js: turn a sentence into a video.
 *
 * ```js
 * import { InfraiClient } from "@infrai/sdk";
 *
 * const client = new InfraiClient();
 * await client.activate(); // once per device: an account with a trial credit
 * const job = await client.video.generate({ prompt: "a timelapse of a city skyline at dusk", resolution: "1080p" });
 * const done = await client.video.wait(job, { onUpdate: ({ state, progress }) => console.log(state, progress) });
 * await client.video.download(done, "skyline.mp4", { overwrite: true });
 * ```
 *
 * | task | call |
 * | --- | --- |
 * | a batch, once paid | `client.video.generateMany(prompts, { checkpoint: "b.jsonl", outputDir: "videos" })` |
 * | a rerun after a crash | the same call with the same `checkpoint`, `keyPrefix` or `idempotency_key` |
 * | out of credit | `checkoutUrl` of a `PaymentRequiredError`; after the payment, the same call again |
 * | any other failure | `InfraiError`: `code`, `hint`, `mayHaveBeenProcessed`, `idempotencyKey` |
 * | several at once, cancel one | `client.video.wait(job, { signal, cancelOnAbort: true })` |
 * | a web route with events | `for await (const job of client.video.watch(id, { signal }))` |
 * | offline tests, faults | `startSandbox` of `@infrai/sdk/testing` |
 *
 * Calls are in `client.d.ts`, `video.d.ts` and `account.d.ts`, their options and results in `types.d.ts`, errors in `errors.d.ts`, the sandbox for
 * offline tests in `testing.d.ts`. The folder `docs` of the package has the documentation of this version as Markdown; its first page is
 * `node_modules/@infrai/sdk/docs/index.md`.
 *
 * @packageDocumentation
 */

export { InfraiClient, type InfraiClientApi } from "./client.js";
export type { Account, AccountApi } from "./account.js";
export type { Video, VideoApi } from "./video.js";
export {
  AbortError,
  AuthenticationError,
  ConfigurationError,
  ConflictError,
  ConnectionError,
  CredentialsError,
  InfraiError,
  InternalError,
  InvalidRequestError,
  JobCancelledError,
  JobFailedError,
  NotFoundError,
  PaymentRequiredError,
  PermissionError,
  RateLimitError,
  ServerError,
  TimeoutError,
  UnexpectedResponseError,
  WaitTimeoutError,
  WebhookVerificationError,
} from "./errors.js";
export type { InfraiErrorFields, InfraiErrorKind } from "./errors.js";
export type * from "./types.js";
export * as webhooks from "./native-webhooks.js";
