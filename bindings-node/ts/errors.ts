// Errors: one base class, and one class per kind.

import type { VideoJob } from "./types.js";

/** Kind of an {@link InfraiError}, which its class stands for. */
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
  | "webhook_verification"
  | "internal"
  | "aborted";

/** Fields of an {@link InfraiError}, for mocks. */
export interface InfraiErrorFields {
  kind?: InfraiErrorKind | undefined;
  code: string;
  message: string;
  hint?: string | undefined;
  docsUrl?: string | undefined;
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
 * Base class of every error of the SDK. Catch the class of a kind (`PaymentRequiredError`, `RateLimitError`, …), or check
 * `kind` and `code`. No error contains a key.
 */
export class InfraiError extends Error {
  /** Kind of the error, one of a closed list. */
  declare readonly kind: InfraiErrorKind;
  /** Stable code: the API's (`INSUFFICIENT_CREDIT`), or the SDK's own (`INVALID_ARGUMENT`, `WAIT_TIMEOUT`, …). */
  declare readonly code: string;
  /** Remedy, in one sentence. */
  declare readonly hint?: string;
  /** URL of the documentation's entry for the code. */
  declare readonly docsUrl?: string;
  /** HTTP status, if there was a response. */
  declare readonly status?: number;
  /** The API's id of the request, for its support. */
  declare readonly requestId?: string;
  /** Whether the same call may succeed later. The SDK has then already retried it. */
  declare readonly retryable: boolean;
  /** Pause that the server asked for, in seconds. */
  declare readonly retryAfter?: number;
  /** Number of requests that were sent for the call. */
  declare readonly attempts: number;
  /** Idempotency key of the call. Another call with the key returns the same result and is charged once, within the API's window (24 hours by default). */
  declare readonly idempotencyKey?: string;
  /** Whether the server may have processed the call, although no response says so. */
  declare readonly mayHaveBeenProcessed: boolean;
  /** Further fields of the API's error, or the facts behind an error of the SDK. */
  declare readonly details?: Record<string, unknown>;
  /** URL of the payment page, if the API returned one. */
  declare readonly checkoutUrl?: string;
  /** Last known state of the job. */
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

  /** Returns all fields as plain data. */
  toJSON(): InfraiErrorFields & { name: string } {
    return { ...this, name: this.name, message: this.message };
  }
}

/** The key is missing, or the API rejects it (401). */
export class AuthenticationError extends InfraiError {}
/** The key does not allow the call (403). */
export class PermissionError extends InfraiError {}
/** The credit does not suffice (402); see `checkoutUrl`. */
export class PaymentRequiredError extends InfraiError {}
/** An argument is invalid. The SDK found it before sending, or the API rejected it. */
export class InvalidRequestError extends InfraiError {}
/** The resource does not exist, or belongs to another account (404, 410). */
export class NotFoundError extends InfraiError {}
/** The request contradicts an earlier one (409). */
export class ConflictError extends InfraiError {}
/** Too many requests (429); see `retryAfter`. */
export class RateLimitError extends InfraiError {}
/** The API, or a gateway in front of it, failed (5xx). */
export class ServerError extends InfraiError {}
/** The API could not be reached, or the connection broke. */
export class ConnectionError extends InfraiError {}
/** There was no response in time. */
export class TimeoutError extends InfraiError {}
/** The job ended in failure; see `job`. */
export class JobFailedError extends InfraiError {}
/** The job was cancelled; see `job`. */
export class JobCancelledError extends InfraiError {}
/** The wait timed out. The job continues. */
export class WaitTimeoutError extends InfraiError {}
/** The credentials file cannot be read, written or parsed. */
export class CredentialsError extends InfraiError {}
/** An option of the client, or a setting of the machine, is invalid. */
export class ConfigurationError extends InfraiError {}
/** The response does not follow the API's contract. */
export class UnexpectedResponseError extends InfraiError {}
/** A webhook's delivery has no valid signature, or its body is no event. `details.reason` says why. */
export class WebhookVerificationError extends InfraiError {}
/** A bug in the SDK. Please report it. */
export class InternalError extends InfraiError {}
/** The caller's `AbortSignal` ended the call. `cause` is the signal's reason. */
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
  webhook_verification: WebhookVerificationError,
  internal: InternalError,
  aborted: AbortError,
};

for (const Kind of [InfraiError, ...Object.values(CLASSES)]) {
  Object.defineProperty(Kind.prototype, "name", { value: Kind.name, configurable: true, writable: true });
}

/** An error as the native module returns it. */
export interface ErrorData {
  kind: InfraiErrorKind;
  code: string;
  message: string;
  hint?: string;
  docs_url?: string;
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
  /** Number of the exception of a function of the caller. */
  exception?: number;
}

// An edge runtime may have no `process`.
const IS_BUN = globalThis.process?.versions?.["bun"] !== undefined;

/** Stack of the caller, captured at the start of a call. */
export interface Trace {
  stack?: string;
}

/** Captures the stack below a function of this package. */
export function captureTrace(caller: Function): Trace {
  const trace: Trace = {};
  // Bun's engine reuses the frame of a function that ends with a call, so that `caller` may be on no stack.
  Error.captureStackTrace(trace, IS_BUN ? captureTrace : caller);
  return trace;
}

/** Returns the lines of a stack below its message, in Bun without this package's own. */
function frames(stack: string): string {
  const lines = stack.split("\n").filter((line) => line.startsWith("    at ") && !(IS_BUN && line.includes(__dirname)));
  return lines.map((line) => `\n${line}`).join("");
}

/** Makes an error of the class of its kind, with the stack of the line that made the call. */
export function infraiError(data: ErrorData, trace?: Trace, cause?: unknown): InfraiError {
  const Kind = CLASSES[data.kind] ?? InternalError;
  const error = new Kind(
    {
      kind: data.kind,
      code: data.code,
      message: data.message,
      hint: data.hint,
      docsUrl: data.docs_url,
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
    const stack = `${error.name}: ${error.message}${frames(trace.stack)}`;
    Object.defineProperty(error, "stack", { value: stack, configurable: true, writable: true });
  }
  return error;
}

function causeOf(causes: string[] | undefined): { cause?: unknown } | undefined {
  if (causes === undefined) return undefined;
  return causes.reduceRight<{ cause?: unknown } | undefined>((inner, text) => ({ cause: new Error(text, inner) }), undefined);
}

/** Makes the error of an argument that this layer rejects. */
export function invalidArgument(field: string, expected: string, got: string, trace?: Trace): Error {
  const message = `invalid \`${field}\`: expected ${expected}, got ${got}`;
  const details = { field, expected, got };
  return infraiError({ kind: "invalid_request", code: "INVALID_ARGUMENT", message, details }, trace);
}

/** Makes the error of a call that its caller aborted. */
export function abortError(reason: unknown, data: Partial<ErrorData>, trace?: Trace): AbortError {
  const fields: ErrorData = {
    kind: "aborted",
    code: "ABORTED",
    message: "the call was aborted by its caller",
    hint: "A job that was submitted continues. Wait for it with its id, or cancel it.",
    ...data,
  };
  return infraiError(fields, trace, reason);
}
