// ES module form, with every exported name: without one, a bundler's error would hide the sentence.

import "./unsupported.js";

const nothing = undefined as never;

export {
  nothing as AbortError,
  nothing as AuthenticationError,
  nothing as ConfigurationError,
  nothing as ConflictError,
  nothing as ConnectionError,
  nothing as CredentialsError,
  nothing as InfraiClient,
  nothing as InfraiError,
  nothing as InternalError,
  nothing as InvalidRequestError,
  nothing as JobCancelledError,
  nothing as JobFailedError,
  nothing as NotFoundError,
  nothing as PaymentRequiredError,
  nothing as PermissionError,
  nothing as RateLimitError,
  nothing as ServerError,
  nothing as TimeoutError,
  nothing as UnexpectedResponseError,
  nothing as WaitTimeoutError,
  nothing as WebhookVerificationError,
  nothing as startSandbox,
  nothing as webhooks,
};
