// The same as ES modules, with every name that an importer may ask for: a bundler that misses one says less than the
// sentence does.

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
  nothing as startSandbox,
};
