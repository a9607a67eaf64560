// The errors: one base, a class for each kind that people catch, made of what the core knows.

import type { VideoJob } from "./types.js";

/** The kind of an {@link InfraiError}: what its class stands for, as data. */
export type InfraiErrorKind =
  | "authentication"
  | "permission"
  | "payment_required"
  | "invalid_request"
  | "not_found"
  | "conflict"
  | "rate_limit"
  | "server"
  | "connection"
  | "timeout"
  | "job_failed"
  | "job_cancelled"
  | "wait_timeout"
  | "credentials"
  | "configuration"
  | "unexpected_response"
  | "internal"
  | "aborted";

/** What an {@link InfraiError} is made of. */
export interface InfraiErrorFields {
  kind?: InfraiErrorKind | undefined;
  code: string;
  message: string;
  hint?: string | undefined;
  status?: number | undefined;
  requestId?: string | undefined;
  retryable?: boolean | undefined;
  retryAfter?: number | undefined;
  attempts?: number | undefined;
  idempotencyKey?: string | undefined;
  mayHaveBeenProcessed?: boolean | undefined;
  details?: Record<string, unknown> | undefined;
  checkoutUrl?: string | undefined;
  job?: VideoJob | undefined;
}

/**
 * What every call rejects with. Catch the class of a kind (`PaymentRequiredError`, `RateLimitError`, …) or look at
 * `kind` and `code`. No key is ever part of it.
 */
export class InfraiError extends Error {
  /** The kind of error: one of a closed list. */
  declare readonly kind: InfraiErrorKind;
  /** The stable code: the API's (`INSUFFICIENT_CREDIT`), or the SDK's own (`INVALID_ARGUMENT`, `WAIT_TIMEOUT`, …). */
  declare readonly code: string;
  /** What to do about it, in one sentence. */
  declare readonly hint?: string;
  /** The HTTP status, where there was a response. */
  declare readonly status?: number;
  /** The API's id of the request, for its support. */
  declare readonly requestId?: string;
  /** Whether the same call may succeed when made again unchanged; the SDK has then already tried. */
  declare readonly retryable: boolean;
  /** How long the server asked to wait, in seconds. */
  declare readonly retryAfter?: number;
  /** How many requests were sent for the call. */
  declare readonly attempts: number;
  /** The idempotency key that was sent: a call repeated with it gives the same result and is charged once. */
  declare readonly idempotencyKey?: string;
  /** Whether the API may have carried the call out although no answer says so. */
  declare readonly mayHaveBeenProcessed: boolean;
  /** What else the API's error carried, or the facts behind an error of the SDK. */
  declare readonly details?: Record<string, unknown>;
  /** Where to pay, when the API said so. */
  declare readonly checkoutUrl?: string;
  /** The job it is about, as last seen. */
  declare readonly job?: VideoJob;

  constructor(fields: InfraiErrorFields, options?: { cause?: unknown }) {
    super(fields.message, options);
    const { message: _, ...own } = fields;
    const always = { kind: this.#ownKind(), retryable: false, attempts: 0, mayHaveBeenProcessed: false };
    for (const [name, value] of [...Object.entries(always), ...Object.entries(own)]) {
      if (value !== undefined) {
        Object.defineProperty(this, name, { value, enumerable: true, configurable: true, writable: true });
      }
    }
  }

  #ownKind(): InfraiErrorKind {
    for (const [kind, Kind] of Object.entries(CLASSES)) {
      if (this instanceof Kind) return kind as InfraiErrorKind;
    }
    return "internal";
  }

  /** All that is known, as plain data. */
  toJSON(): InfraiErrorFields & { name: string } {
    return { ...this, name: this.name, message: this.message };
  }
}

/** No key, or one that the API does not accept (401). */
export class AuthenticationError extends InfraiError {}
/** The key may not do this (403). */
export class PermissionError extends InfraiError {}
/** Money is needed first (402); see `checkoutUrl`. */
export class PaymentRequiredError extends InfraiError {}
/** An argument was refused: by the SDK before anything was sent, or by the API. */
export class InvalidRequestError extends InfraiError {}
/** The thing asked for does not exist, or is another account's (404, 410). */
export class NotFoundError extends InfraiError {}
/** The request contradicts an earlier one (409). */
export class ConflictError extends InfraiError {}
/** Too many requests (429); see `retryAfter`. */
export class RateLimitError extends InfraiError {}
/** The API, or what stands before it, failed (5xx). */
export class ServerError extends InfraiError {}
/** The API could not be reached, or the connection broke. */
export class ConnectionError extends InfraiError {}
/** No answer in time. */
export class TimeoutError extends InfraiError {}
/** The job ended in failure; see `job`. */
export class JobFailedError extends InfraiError {}
/** The job was cancelled; see `job`. */
export class JobCancelledError extends InfraiError {}
/** The wait's own time ran out; the job goes on. */
export class WaitTimeoutError extends InfraiError {}
/** The credentials file cannot be read, written or understood. */
export class CredentialsError extends InfraiError {}
/** The client's settings, or the machine's, do not fit what was asked. */
export class ConfigurationError extends InfraiError {}
/** The API answered with something that is not its contract. */
export class UnexpectedResponseError extends InfraiError {}
/** A fault of the SDK itself: please report it. */
export class InternalError extends InfraiError {}
/** The caller's own `AbortSignal` ended the call; `cause` is the signal's reason. */
export class AbortError extends InfraiError {}

const CLASSES: Record<InfraiErrorKind, typeof InfraiError> = {
  authentication: AuthenticationError,
  permission: PermissionError,
  payment_required: PaymentRequiredError,
  invalid_request: InvalidRequestError,
  not_found: NotFoundError,
  conflict: ConflictError,
  rate_limit: RateLimitError,
  server: ServerError,
  connection: ConnectionError,
  timeout: TimeoutError,
  job_failed: JobFailedError,
  job_cancelled: JobCancelledError,
  wait_timeout: WaitTimeoutError,
  credentials: CredentialsError,
  configuration: ConfigurationError,
  unexpected_response: UnexpectedResponseError,
  internal: InternalError,
  aborted: AbortError,
};

for (const Kind of [InfraiError, ...Object.values(CLASSES)]) {
  Object.defineProperty(Kind.prototype, "name", { value: Kind.name, configurable: true, writable: true });
}

/** An error as the native module writes it. */
export interface ErrorData {
  kind: InfraiErrorKind;
  code: string;
  message: string;
  hint?: string;
  status?: number;
  request_id?: string;
  retryable?: boolean;
  retry_after?: number;
  attempts?: number;
  idempotency_key?: string;
  may_have_been_processed?: boolean;
  details?: Record<string, unknown>;
  checkout_url?: string;
  job?: VideoJob;
  causes?: string[];
  /** The number under which a function of the caller's left what it threw. */
  thrown?: number;
}

/** Frames of the caller's stack, taken when a call began. */
export interface Trace {
  stack?: string;
}

/** The error that an outcome stands for, with the stack of the line that made the call. */
export function infraiError(data: ErrorData, trace?: Trace, cause?: unknown): InfraiError {
  const Kind = CLASSES[data.kind] ?? InternalError;
  const error = new Kind(
    {
      kind: data.kind,
      code: data.code,
      message: data.message,
      hint: data.hint,
      status: data.status,
      requestId: data.request_id,
      retryable: data.retryable,
      retryAfter: data.retry_after,
      attempts: data.attempts,
      idempotencyKey: data.idempotency_key,
      mayHaveBeenProcessed: data.may_have_been_processed,
      details: data.details,
      checkoutUrl: data.checkout_url,
      job: data.job,
    },
    cause !== undefined ? { cause } : causeOf(data.causes),
  );
  if (typeof trace?.stack === "string") {
    const frames = trace.stack.indexOf("\n    at ");
    const stack = `${error.name}: ${error.message}${frames < 0 ? "" : trace.stack.slice(frames)}`;
    Object.defineProperty(error, "stack", { value: stack, configurable: true, writable: true });
  }
  return error;
}

function causeOf(causes: string[] | undefined): { cause?: unknown } | undefined {
  if (causes === undefined) return undefined;
  return causes.reduceRight<{ cause?: unknown } | undefined>((inner, text) => ({ cause: new Error(text, inner) }), undefined);
}

/** The error of a call that its caller aborted. */
export function abortError(reason: unknown, data: Partial<ErrorData>, trace?: Trace): AbortError {
  const told: ErrorData = {
    kind: "aborted",
    code: "ABORTED",
    message: "the call was aborted by its caller",
    hint: "The job, if one was submitted, goes on: wait for it with its id, or cancel it.",
    ...data,
  };
  return infraiError(told, trace, reason);
}
