// Exports of `@infrai/sdk`.

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
