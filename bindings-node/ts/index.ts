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
