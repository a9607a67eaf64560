// What goes in and what comes out: the documented names, with lists of values that stay open.

import type { InfraiError } from "./errors.js";

/** Any string, while the documented ones are proposed. */
type Other = string & {};

/** What every call takes besides its own options. */
export interface CallOptions {
  /** Ends the call at once when it aborts: the promise rejects with an `AbortError` whose `cause` is the signal's reason. */
  signal?: AbortSignal | null | undefined;
  /** Does not keep the process alive for this call, as a timer after `unref()`. Default: `false`. */
  unref?: boolean | undefined;
}

/** What to generate: the names are those of the API. */
export interface VideoGenerateOptions {
  /** A description of the video. */
  prompt: string;
  /** An image to go by: an http(s) URL. */
  reference_image_url?: string | null | undefined;
  /** How long the video should be, in seconds. */
  duration_seconds?: number | null | undefined;
  /** The aspect ratio. */
  aspect?: "16:9" | "9:16" | "1:1" | Other | null | undefined;
  /** The resolution; which of them a vendor can do is for the API to say. Default: `"720p"`. */
  resolution?: "720p" | "1080p" | "4k" | Other | null | undefined;
  /** What to optimise for: the best value, the lowest price, or the best result. Default: `"balanced"`. */
  prefer?: "balanced" | "cheapest" | "smartest" | Other | null | undefined;
  /** A model by name. */
  model?: string | null | undefined;
  /** A vendor by name. */
  vendor?: string | null | undefined;
  /**
   * 1 to 255 visible ASCII characters: the same key with the same options gives the same job, charged once.
   * Default: a fresh one for each call.
   */
  idempotency_key?: string | null | undefined;
}

/** Where a job stands. The list is not closed: an unknown state counts as still going. */
export type VideoState =
  | "queued"
  | "running"
  | "succeeded"
  | "completed"
  | "done"
  | "failed"
  | "error"
  | "expired"
  | "cancelled"
  | "canceled"
  | Other;

/** What a response says about itself. */
export interface Metadata {
  /** What the call cost, in US dollars. */
  cost_usd?: number;
  /** How long the API took, in milliseconds. */
  latency_ms?: number;
  /** Who did the work. */
  vendor?: string;
  /** Whether the answer came from a cache. */
  cache_hit?: boolean;
  /** The API's id of the request, for its support. */
  request_id?: string;
  [name: string]: unknown;
}

/** A video job as last seen: a plain object with every field that the API sent. It holds no client and no key. */
export interface VideoJob {
  /** The job's id. */
  job_id: string;
  /** Where it stands. */
  state: VideoState;
  /** Where the video is, once there is one. Presigned: it carries its own authorization, and expires. */
  video_url?: string;
  /** Where a still of it is. */
  thumbnail_url?: string;
  /** Why it failed, as the API put it. */
  error?: string | Record<string, unknown>;
  /** How far it is, from 0 to 1, if the API says so. */
  progress?: number;
  /** What the response said about itself. */
  _metadata?: Metadata;
  /** Whatever else the API sent. */
  [field: string]: unknown;
}

/** What a cancel answered. */
export interface CancelResult {
  /** Whether the job is cancelled; `false` when it had ended otherwise. */
  ok: boolean;
  _metadata?: Metadata;
}

/** How to wait. */
export interface WaitOptions extends CallOptions {
  /** How long to wait, in milliseconds; `null` or `Infinity`: for ever. Default: 30 minutes. At its end comes one last look. */
  timeoutMs?: number | null | undefined;
  /** Called with the job's first state and with every change of it. What it throws ends the wait with that error. */
  onUpdate?: ((job: VideoJob) => unknown) | null | undefined;
  /**
   * Cancels the job when the wait's time is over. The cancel gets 5 seconds; a job that turns out to have succeeded
   * meanwhile is returned, because it was paid for. Default: `false`.
   */
  cancelOnTimeout?: boolean | undefined;
  /**
   * Cancels the job when `signal` aborts. The promise rejects once the cancel is answered, within 5 seconds;
   * `details.cancelled` of the error says whether it was. Default: `false`.
   */
  cancelOnAbort?: boolean | undefined;
}

/** How far a download is, in bytes. */
export interface DownloadProgress {
  received: number;
  /** In all, if the server says so. */
  total: number | null;
}

/** How to download as a stream. */
export interface DownloadStreamOptions extends CallOptions {
  /**
   * How long the download may take in all, from the call to the last byte, in milliseconds: the status call, retries and
   * pauses included, and the time that the reader of a stream takes. At its end comes a `TimeoutError` with the code
   * `DOWNLOAD_TIMEOUT`, and nothing is saved. Default: no limit, as with `null` and `Infinity`, since a file's size has
   * none. The client's `timeoutMs` bounds the status call alone.
   */
  timeoutMs?: number | null | undefined;
}

/** How to download to a file. */
export interface DownloadOptions extends DownloadStreamOptions {
  /** Whether a file of this name may be replaced. Default: `false`. */
  overwrite?: boolean | undefined;
  /** Called after every piece that was written. What it throws ends the download with that error. */
  onProgress?: ((progress: DownloadProgress) => unknown) | null | undefined;
}

/** A finished download. */
export interface Download {
  /** Where the file is. */
  path: string;
  /** How long it is. */
  bytes: number;
  /** The job it came from. */
  job: VideoJob;
}

/** How to generate many. */
export interface GenerateManyOptions extends CallOptions {
  /** How many jobs are under way at once, submitted and waited for. Default: 8. */
  concurrency?: number | undefined;
  /**
   * Item `i` without a key of its own gets the idempotency key `<keyPrefix>-<i>`, so that a rerun after a crash gets the
   * same jobs and is charged once.
   */
  keyPrefix?: string | null | undefined;
  /** How long to wait for each job, in milliseconds; `null` or `Infinity`: for ever. Default: 30 minutes. */
  timeoutMs?: number | null | undefined;
}

/** An item that has ended: its place in the list, and its job or its error. */
export type GenerateManyItem =
  | { index: number; job: VideoJob; error?: undefined }
  | { index: number; job?: undefined; error: InfraiError };

/** What is left on the account. */
export interface Balance {
  /** In US dollars. */
  balance_usd: number;
  /** The currency the account is kept in. */
  currency?: string;
  _metadata?: Metadata;
}

/** How to top up: the names are those of the API. */
export interface TopupOptions extends CallOptions {
  /** Where the payment page leads back to. */
  return_url?: string | null | undefined;
  /** 1 to 255 visible ASCII characters. Default: a fresh one. */
  idempotency_key?: string | null | undefined;
}

/** A top-up as the API recorded it. */
export interface TopupRecord {
  topup_id: string;
  /** In US dollars. */
  amount_usd?: number;
  state?: string;
  /** Where to go to complete the payment. */
  next_action_url?: string;
  _metadata?: Metadata;
}

/** How to activate this device. */
export interface ActivateOptions extends CallOptions {
  /** Default: `"auto"`. */
  region?: "auto" | "western" | "china" | Other | null | undefined;
  /** Default: `"cli"`. */
  deviceKind?: string | null | undefined;
  /** The profile to store the key as. Default: the client's, else `INFRAI_PROFILE`, else `default`. */
  profile?: string | null | undefined;
  /** Asks for a key even where the profile has one; the old one is kept under another name. Default: `false`. */
  force?: boolean | undefined;
  /** Whether to store the key in the credentials file. Default: `true`. */
  writeCredentials?: boolean | undefined;
}

/** An account, and the key for it. `console.log` shows the key's end at most; the field holds all of it. */
export interface ActivateResult {
  ok: true;
  account_id?: string;
  project_id?: string;
  primary_api_key: string;
  /** The trial credit, in US dollars; not there when the key was stored already. */
  trial_credit_usd?: number;
  /** Where to add credit. */
  checkout_url?: string;
  /** Whether the profile already had a key, so that nothing was sent. */
  reused: boolean;
  _metadata?: Metadata;
}

/** The value of a query parameter; a list repeats the name, `null` and `undefined` leave it out. */
export type QueryValue = string | number | boolean | bigint | null | undefined;

/** What a request takes besides its body. */
export interface RequestOptions extends CallOptions {
  /** Query parameters, encoded for you. */
  query?: Record<string, QueryValue | QueryValue[]> | Array<[string, QueryValue]> | null | undefined;
  /** 1 to 255 visible ASCII characters. Default: a fresh one for every call that is not `GET` or `HEAD`. */
  idempotencyKey?: string | null | undefined;
}

/** What an API call answered. */
export interface ApiResponse<T = unknown> {
  /** The envelope's data, or the whole body where there was no envelope. */
  data: T;
  /** The envelope's metadata. */
  metadata: Metadata;
  /** The HTTP status. */
  status: number;
}

/** An attempt about to be sent: no body, no key. */
export interface RequestEvent {
  method: string;
  /** Without origin and query. */
  path: string;
  /** 1 for the first attempt of the call. */
  attempt: number;
}

/** An attempt that has been answered, or has failed: no body, no key. */
export interface ResponseEvent extends RequestEvent {
  /** `null` when the connection failed or no answer came in time. */
  status: number | null;
  latencyMs: number;
  /** The API's id of the request. */
  requestId: string | null;
}

/** Options of polling. All waits of a client share one scheduler. */
export interface PollingOptions {
  /** Seconds of detection delay that one request is worth. A lower cost polls more often. Default: 0.05. */
  requestCost?: number | undefined;
  /** Shortest pause between two polls of a job, in milliseconds. Default: 250. */
  minIntervalMs?: number | undefined;
  /** Longest pause between two polls of a job, in milliseconds. Default: 30,000. */
  maxIntervalMs?: number | undefined;
  /** Usual duration of a job, in milliseconds, while none has been observed. Default: 30,000. */
  expectedDurationMs?: number | undefined;
  /**
   * Longest pause between two polls of a job whose progress is observed, by `onUpdate` or `watch`, in milliseconds. A
   * value above `maxIntervalMs` has no effect. Default: 3,000.
   */
  refreshMs?: number | undefined;
  /** Share by which a pause is lengthened or shortened at random. Default: 0.1. */
  jitter?: number | undefined;
  /** Most polls per second, over all waits of the client. Default: 20. */
  maxRequestsPerSecond?: number | undefined;
  /** Most polls in flight, over all waits of the client. Default: 32. */
  concurrency?: number | undefined;
}

/**
 * A client's settings. One that is not given comes from the environment, then from the profile of the credentials file,
 * then from the default; an empty string counts as not given.
 */
export interface InfraiClientOptions {
  /**
   * The project key, or a function that gives it, called once per call and once more after a 401, in the async context
   * (`AsyncLocalStorage`) of the call. Waits share the polls of a job where their key is the same; a shared poll calls it
   * in the context of the oldest wait that goes on.
   * Default: `INFRAI_API_KEY`, else the profile's.
   */
  apiKey?: string | (() => string | Promise<string>) | null | undefined;
  /** The API's address. Default: `INFRAI_BASE_URL`, else the profile's, else `https://api.infrai.cc`. */
  baseUrl?: string | URL | null | undefined;
  /** The table of the credentials file to use. Default: `INFRAI_PROFILE`, else `default`. */
  profile?: string | null | undefined;
  /** Default: `INFRAI_CREDENTIALS_FILE`, else `~/.infrai/credentials`. */
  credentialsFile?: string | URL | null | undefined;
  /** How long a call may take in all, retries included. Default: 60,000. */
  timeoutMs?: number | undefined;
  /** How long one attempt may take to be answered in full. Default: 20,000. */
  attemptTimeoutMs?: number | undefined;
  /** How much of an attempt may go into connecting. Default: 10,000. */
  connectTimeoutMs?: number | undefined;
  /** How long a download may go without a byte. Default: 30,000. */
  downloadIdleTimeoutMs?: number | undefined;
  /** How many times a failed attempt may be made again. Default: 2. */
  maxRetries?: number | undefined;
  /** The first retry comes after at most this long, each further one after at most twice as long. Default: 500. */
  retryBaseMs?: number | undefined;
  /** No retry waits longer than this, unless the server asks for it. Default: 8,000. */
  retryCapMs?: number | undefined;
  /** How waits poll. */
  polling?: PollingOptions | undefined;
  /** Headers for every call to the API. */
  defaultHeaders?: Record<string, string> | undefined;
  /** A proxy for everything but loopback hosts. Default: `HTTPS_PROXY` and its kin. */
  proxy?: string | URL | null | undefined;
  /** A PEM file of certificate authorities to trust instead of the platform's. */
  caFile?: string | URL | null | undefined;
  /** Words to put at the end of the `User-Agent`. */
  userAgentSuffix?: string | null | undefined;
  /** Allows plain `http` to hosts other than loopback, where everyone on the way reads the key. Default: `false`. */
  allowInsecureHttp?: boolean | undefined;
  /** Called before every attempt, in the async context of `apiKey`. What it throws is an uncaught exception. */
  onRequest?: ((event: RequestEvent) => void) | null | undefined;
  /** Called after every attempt, in the async context of `apiKey`. What it throws is an uncaught exception. */
  onResponse?: ((event: ResponseEvent) => void) | null | undefined;
}

/** Settings for some calls only; see `InfraiClient.withOptions`. */
export interface ClientCallOptions {
  /** How long a call may take in all. */
  timeoutMs?: number | undefined;
  /** How many times a failed attempt may be made again. */
  maxRetries?: number | undefined;
  /** Headers to send beside, or instead of, the client's own of the same name. */
  headers?: Record<string, string> | undefined;
}
