// What `@infrai/sdk` exports.

export { InfraiClient } from "./client.js";
export type { Account } from "./account.js";
export type { JobLike, Video } from "./video.js";
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
} from "./errors.js";
export type { InfraiErrorFields, InfraiErrorKind } from "./errors.js";
export type * from "./types.js";
