// Arguments and results of calls. Fields of a request's body and of a response are spelled as on the wire, options of the
// SDK in camelCase.

import type { InfraiError } from "./errors.js";

/** Options of `InfraiClient.withOptions`. They replace the client's. */
export interface ClientCallOptions {
  /** Timeout of the whole call in milliseconds, including retries. Default: the client's. */
  timeoutMs?: number | null | undefined;
  /** Number of retries after a failed attempt. Default: the client's. */
  maxRetries?: number | null | undefined;
  /** Further headers. A header replaces the client's header of the same name. */
  headers?: Record<string, string> | null | undefined;
}

/** Options of every call. They are its last argument, with the call's own options. */
export interface CallOptions extends ClientCallOptions {
  /** Ends the call when it aborts: the promise rejects with an `AbortError` whose `cause` is the signal's reason. */
  signal?: AbortSignal | null | undefined;
  /** Lets the process end during this call, as `unref()` of a timer does. Default: `false`. */
  unref?: boolean | undefined;
}

/** Body of `generate`, spelled as on the wire. */
export interface VideoGenerateOptions {
  /** Description of the video. */
  prompt: string;
  /** The http(s) URL of a reference image. */
  reference_image_url?: string | null | undefined;
  /** Duration of the video in seconds. Default: the API's choice. */
  duration_seconds?: number | null | undefined;
  /** Aspect ratio. Default: the API's choice. */
  aspect?: "16:9" | "9:16" | "1:1" | (string & {}) | null | undefined;
  /** Resolution. The API rejects one that the vendor does not support. Default: `"720p"`. */
  resolution?: "720p" | "1080p" | "4k" | (string & {}) | null | undefined;
  /** Preference between vendors: the best value, the lowest price, or the best result. Default: `"balanced"`. */
  prefer?: "balanced" | "cheapest" | "smartest" | (string & {}) | null | undefined;
  /** Model by name. Default: the API's choice. */
  model?: string | null | undefined;
  /** Vendor by name. Default: the API's choice. */
  vendor?: string | null | undefined;
  /**
   * Idempotency key: 1 to 255 visible ASCII characters. The same key with the same options returns the same job, charged
   * once, within the API's window (24 hours by default). Default: a new one per call.
   */
  idempotency_key?: string | null | undefined;
}

/**
 * State of a job. A comparison with any other text is a compile error. The API may add states, which count as running:
 * to handle one by name, compare `job.state as string`.
 */
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
  | "canceled";

/**
 * Metadata of a response. It also has fields that this version does not know: `const fields: Record<string, unknown> =
 * metadata` shows all of them.
 */
export type Metadata = {
  /** Cost of the request in US dollars. A job's own is its `cost_usd`. */
  cost_usd?: number;
  /** Duration of the call in the API, in milliseconds. */
  latency_ms?: number;
  /** Vendor that did the work. */
  vendor?: string;
  /** Whether the response came from a cache. */
  cache_hit?: boolean;
  /** The API's id of the request, for its support. */
  request_id?: string;
};

/**
 * Last known state of a video job: a plain object with every field of the response. It contains no client and no key. It
 * also has fields that this version does not know: `const fields: Record<string, unknown> = job` shows all of them.
 */
export type VideoJob = {
  /** Id of the job. */
  job_id: string;
  /** State of the job. */
  state: VideoState;
  /** URL of the video, once it exists. It needs no key, and expires. */
  video_url?: string;
  /** URL of a still of the video. */
  thumbnail_url?: string;
  /** Reason of a failure, in the API's form. */
  error?: string | Record<string, unknown>;
  /** Progress from 0 to 1, if the API reports it. */
  progress?: number;
  /**
   * Cost in US dollars, before any refund: the API's field, else what the response to `generate` named. The client
   * remembers it for its last 10,000 jobs, and the job's JSON keeps it. Absent if it is unknown.
   */
  cost_usd?: number;
  /** Part of the cost that the API gave back after a failure or a cancel. Absent if the API does not say. */
  refunded_usd?: number;
  /** Metadata of the last response. Its cost is that of the request: 0 for a status. */
  _metadata?: Metadata;
};

/** A job for a call: its id, or the job as a call returned it, also after it was stored as JSON. */
export type JobLike = string | { readonly job_id: string; readonly state: string };

/** Result of a cancel request. */
export interface CancelResult {
  /** Whether the job is cancelled. `false` if it had already ended. */
  ok: boolean;
  _metadata?: Metadata;
}

/** Options of `wait`. */
export interface WaitOptions extends CallOptions {
  /**
   * Timeout of the wait in milliseconds. `null` or `Infinity`: without limit. Default: 30 minutes. The wait polls once more
   * before it times out.
   */
  timeoutMs?: number | null | undefined;
  /** Called with the job's first state and with every change. An exception ends the wait with that exception. */
  onUpdate?: ((job: VideoJob) => unknown) | null | undefined;
  /**
   * Cancels the job when the wait times out. The cancel request has a timeout of 5 seconds. If the job has succeeded in the
   * meantime, the wait returns it, because the account was charged for it. Default: `false`.
   */
  cancelOnTimeout?: boolean | undefined;
  /**
   * Cancels the job when `signal` aborts. The promise rejects after the response to the cancel request, within 5 seconds.
   * The error's `details.cancelled` says whether the job was cancelled. Default: `false`.
   */
  cancelOnAbort?: boolean | undefined;
}

/** Progress of a download, in bytes. */
export interface DownloadProgress {
  received: number;
  /** Size of the file, if the server reports it. */
  total: number | null;
}

/** Options of `downloadStream`. */
export interface DownloadStreamOptions extends CallOptions {
  /**
   * Timeout of the whole download in milliseconds, from the call to the last byte. It includes the status call, retries,
   * pauses, and the time that the reader of a stream takes. Then the download fails with a `TimeoutError` with the code
   * `DOWNLOAD_TIMEOUT`, and nothing is saved. `null` or `Infinity`: without limit. Default: without limit. The client's
   * `timeoutMs` bounds the status call alone.
   */
  timeoutMs?: number | null | undefined;
}

/** Bytes of a video, with what its host announced about the file. */
export interface VideoStream extends ReadableStream<Uint8Array> {
  /** Size of the file in bytes, for a `content-length`. */
  readonly size?: number;
  /** Media type of the file, such as `video/mp4`. */
  readonly contentType?: string;
}

/** Options of `download`. */
export interface DownloadOptions extends DownloadStreamOptions {
  /** Replaces an existing file. Default: `false`. */
  overwrite?: boolean | undefined;
  /** Called after every chunk that was written. An exception ends the download with that exception. */
  onProgress?: ((progress: DownloadProgress) => unknown) | null | undefined;
}

/** A finished download. */
export interface Download {
  /** Absolute path of the file. */
  path: string;
  /** Size of the file in bytes. */
  bytes: number;
  /** The job of the video. */
  job: VideoJob;
}

/** Options of `generateMany`. */
export interface GenerateManyOptions extends CallOptions {
  /** Number of jobs that are submitted and waited for at a time. Default: 8. */
  concurrency?: number | undefined;
  /**
   * Prefix of the items' keys. An item without a key of its own gets the key `<keyPrefix>-<hash>-<n>`: the hash of its
   * content, and the number of equal items before it. A rerun then gets the same jobs and is charged once, even if the list
   * has grown or changed its order. Default: the checkpoint's, else a new key per item.
   */
  keyPrefix?: string | null | undefined;
  /** Timeout of the wait for each job in milliseconds. `null` or `Infinity`: without limit. Default: 30 minutes. */
  timeoutMs?: number | null | undefined;
  /**
   * File that keeps each item's job, a path or a `file:` URL: JSON Lines, created if it does not exist. A rerun waits for the
   * stored jobs, however old, and submits only items without one. Default: none.
   */
  checkpoint?: string | URL | null | undefined;
  /** Time for which the API remembers an idempotency key, in milliseconds. Default: 24 hours. */
  idempotencyWindowMs?: number | undefined;
  /**
   * Handling of an item whose submission, older than `idempotencyWindowMs`, may have been processed: `"error"`, the error
   * `SUBMIT_AMBIGUOUS`, or `"retry"`, which may pay for it twice. Default: `"error"`.
   */
  onAmbiguous?: "error" | "retry" | undefined;
  /**
   * Submits items again whose jobs ended without a video in an earlier run, with the key `<key>-r1`, `<key>-r2` and so on.
   * Without it, a job that failed under its key stays failed. Needs `checkpoint`. Default: `false`.
   */
  retryFailed?: boolean | undefined;
  /**
   * Most that the batch may cost in US dollars, with the jobs of its checkpoint and without refunds. Items that would pass it
   * at the last known price have the error `COST_LIMIT`. While no price is known, one job is submitted to learn it. Default:
   * no limit.
   */
  maxCostUsd?: number | null | undefined;
  /**
   * Folder in which each video is saved as `<key>.mp4` when its job ends, a path or a `file:` URL; created if it does not
   * exist. Complete files are kept. Default: no downloads.
   */
  outputDir?: string | URL | null | undefined;
  /** Called with each job that the API accepted. An exception ends the loop with that exception. */
  onSubmit?: ((update: GenerateManyUpdate) => unknown) | null | undefined;
  /** Called with each job's first state and every change. An exception ends the loop with that exception. */
  onUpdate?: ((update: GenerateManyUpdate) => unknown) | null | undefined;
  /** Cancels the jobs if `signal` aborts the batch. Default: `false`. */
  cancelOnAbort?: boolean | undefined;
}

/** A job of a batch and its item. */
export interface GenerateManyUpdate {
  /** Index of the item in the list. */
  index: number;
  /** Key of the item. */
  key: string;
  /** The job in its last known state. */
  job: VideoJob;
}

/** File of an item of a batch. */
export interface SavedVideo {
  /** Absolute path of the file. */
  path: string;
  /** Size of the file in bytes. */
  bytes: number;
  /** Whether this run downloaded it. `false` for a complete file of an earlier run. */
  downloaded: boolean;
}

/**
 * An item of a batch that has ended: its index in the list, its key, and its job or its error. The key is the idempotency key
 * of its first try. The key of retry `n` is `<key>-r<n>`.
 */
export type GenerateManyItem =
  | { index: number; key: string; job: VideoJob; file?: SavedVideo; error?: undefined }
  | { index: number; key: string; job?: undefined; file?: undefined; error: InfraiError };

/** Balance of the account. */
export interface Balance {
  /** Balance in US dollars. */
  balance_usd: number;
  /** Currency of the account. */
  currency?: string;
  _metadata?: Metadata;
}

/** A capability of the API. A field that the API omits, or sends with another type, is absent. */
export interface Capability {
  /** Id, such as `video.generate`. Absent if the API sent none. */
  id?: string;
  /** HTTP method of its route. */
  method?: string;
  /** Path of its route, with `{…}` for each parameter. */
  path?: string;
  /** Description in one line. */
  summary?: string;
  /** Whether it can be called at present. */
  available?: boolean;
  /** Regions that have it. */
  regions?: string[];
  /** Vendors behind it. */
  vendors?: string[];
  /** Price. */
  billing?: Billing;
  /** JSON Schema of its parameters. */
  parameters?: Record<string, unknown>;
  /** Errors that it may return. */
  errors?: CapabilityError[];
  /** Examples, in the API's form. */
  examples?: unknown[];
  /** Other fields. */
  [name: string]: unknown;
  _metadata?: Metadata;
}

/** Price of a capability. */
export interface Billing {
  /** Whether calls are charged. */
  is_billable?: boolean;
  /** Whether calls are free. */
  free?: boolean;
  /** Unit of the price, such as `second`. */
  unit?: string;
  /** Price per unit, in US dollars. */
  price_usd?: number;
  /** Currency of the price. */
  currency?: string;
  /** Other fields. */
  [name: string]: unknown;
}

/** Error that a capability may return. */
export interface CapabilityError {
  /** Stable code. */
  code: string;
  /** Whether the same call may succeed later. */
  retryable?: boolean;
  /** Other fields. */
  [name: string]: unknown;
}

/** The capabilities of the API. */
export interface Discovery {
  /** The capabilities, in the API's order. */
  capabilities: Capability[];
  /** Other fields. */
  [name: string]: unknown;
  _metadata?: Metadata;
}

/** Body of `topup`, spelled as on the wire. */
export interface TopupRequest {
  /** Amount in US dollars. */
  amount_usd: number;
  /** URL to which the payment page returns. */
  return_url?: string | null | undefined;
}

/** Options of `topup`. */
export interface TopupOptions extends CallOptions {
  /** Idempotency key: 1 to 255 visible ASCII characters. Default: a new one per call. */
  idempotencyKey?: string | null | undefined;
}

/** Options of `waitForCredit`. */
export interface WaitForCreditOptions extends CallOptions {
  /**
   * Timeout of the wait in milliseconds. `null` or `Infinity`: without limit. Default: 30 minutes. The wait polls once more
   * before it times out.
   */
  timeoutMs?: number | null | undefined;
}

/** Record of a payment. */
export interface TopupRecord {
  topup_id: string;
  /** Amount in US dollars. */
  amount_usd?: number;
  /** State when the API answered: `"pending"` until a person has paid; any other is the API's. */
  state?: string;
  /** URL of the page on which a person pays this top-up. `checkoutUrl` of a 402 is the account's page, for any amount. */
  next_action_url?: string;
  _metadata?: Metadata;
}

/** Body of `activate`, spelled as on the wire. */
export interface ActivateRequest {
  /** Region of the account. Default: `"auto"`. */
  region?: "auto" | "western" | "china" | (string & {}) | null | undefined;
  /** Kind of this device. Default: `"cli"`. */
  device_kind?: string | null | undefined;
}

/** Options of `activate`. */
export interface ActivateOptions extends CallOptions {
  /** Profile that stores the key. Default: the client's, else `INFRAI_PROFILE`, else `default`. */
  profile?: string | null | undefined;
  /** Requests a key although the profile has one. The old key stays under another profile name. Default: `false`. */
  force?: boolean | undefined;
  /** Stores the key in the credentials file. Default: `true`. */
  writeCredentials?: boolean | undefined;
}

/** An account and its key. `console.log` shows at most the end of the key. The field has all of it. */
export interface ActivateResult {
  ok: true;
  account_id?: string;
  project_id?: string;
  primary_api_key: string;
  /** Trial credit in US dollars. Absent if the key was stored before, and with an `existing_profile`. */
  trial_credit_usd?: number;
  /** URL of the page to add credit. */
  checkout_url?: string;
  /** Whether the profile already had a key, so that nothing was sent. */
  reused: boolean;
  /** Another profile of this origin with a key of the same account: a device has one account per origin, with one balance. */
  existing_profile?: string;
  _metadata?: Metadata;
}

/** Value of a query parameter. A list repeats the name. `null` and `undefined` leave it out. */
export type QueryValue = string | number | boolean | bigint | null | undefined;

/** Options of `request`. */
export interface RequestOptions extends CallOptions {
  /** Query parameters. Names and values are percent-encoded. */
  query?: Record<string, QueryValue | QueryValue[]> | Array<[string, QueryValue]> | null | undefined;
  /** Idempotency key: 1 to 255 visible ASCII characters. Default: a new one per call. `GET` and `HEAD` send none. */
  idempotencyKey?: string | null | undefined;
}

/** Response of a route. */
export interface ApiResponse<T = unknown> {
  /** Data of the envelope, or the whole body if it is no envelope. */
  data: T;
  /** Metadata of the envelope. */
  metadata: Metadata;
  /** HTTP status. */
  status: number;
}

/** An attempt before it is sent, without body and key. */
export interface RequestEvent {
  method: string;
  /** Path without origin and query. */
  path: string;
  /** 1 for the first attempt of the call. */
  attempt: number;
}

/** An attempt after its response or its failure, without body and key. */
export interface ResponseEvent extends RequestEvent {
  /** `null` if the connection failed or timed out. */
  status: number | null;
  /** Duration of the attempt in milliseconds. */
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
 * Options of a client. An option that is not set comes from the environment, then from the profile in the credentials file,
 * then from the default. An empty string counts as unset.
 */
export interface InfraiClientOptions {
  /**
   * The project key, or a function that returns it. The client calls the function once per call and again after a 401, in
   * the async context (`AsyncLocalStorage`) of the call. Waits share the polls of a job if their key is the same. A shared
   * poll calls the function in the context of the oldest wait that is still active.
   * Default: `INFRAI_API_KEY`, else the profile's.
   */
  apiKey?: string | (() => string | Promise<string>) | null | undefined;
  /** Base URL of the API. Default: `INFRAI_BASE_URL`, else the profile's, else `https://api.infrai.cc`. */
  baseUrl?: string | URL | null | undefined;
  /** Profile of the credentials file. Default: `INFRAI_PROFILE`, else `default`. */
  profile?: string | null | undefined;
  /** Path of the credentials file. Default: `INFRAI_CREDENTIALS_FILE`, else `~/.infrai/credentials`. */
  credentialsFile?: string | URL | null | undefined;
  /** Timeout of a whole call in milliseconds, including retries. Default: 60,000. */
  timeoutMs?: number | undefined;
  /** Timeout of one attempt in milliseconds, up to the end of its response. Default: 20,000. */
  attemptTimeoutMs?: number | undefined;
  /** Timeout to connect in milliseconds, within an attempt. Default: 10,000. */
  connectTimeoutMs?: number | undefined;
  /** Longest time of a download without a byte, in milliseconds. Default: 30,000. */
  downloadIdleTimeoutMs?: number | undefined;
  /** Number of retries after a failed attempt. Default: 2. */
  maxRetries?: number | undefined;
  /** Longest pause before the first retry in milliseconds. Each further pause is at most twice as long. Default: 500. */
  retryBaseMs?: number | undefined;
  /** Longest pause before a retry in milliseconds, unless the server asks for a longer one. Default: 8,000. */
  retryCapMs?: number | undefined;
  /** Connections in use at once. Further requests and downloads wait within their timeouts. Default: 256. */
  maxConnections?: number | undefined;
  /** Options of polling. */
  polling?: PollingOptions | undefined;
  /**
   * Routes of `status` and `cancel`: `"jobs"` for `/v1/video/jobs/{id}`, `"status"` for `/v1/video/status/{id}` and
   * `/v1/video/cancel/{id}`, `"auto"` for those that the server turns out to have. Default: `"auto"`.
   */
  routes?: "auto" | "jobs" | "status" | undefined;
  /** Headers of every call to the API. */
  defaultHeaders?: Record<string, string> | undefined;
  /** Proxy for all hosts except loopback. Default: `HTTPS_PROXY` and the related variables. */
  proxy?: string | URL | null | undefined;
  /** PEM file of certificate authorities that replace the platform's. */
  caFile?: string | URL | null | undefined;
  /** Text at the end of `User-Agent`. */
  userAgentSuffix?: string | null | undefined;
  /** Allows plain `http` to hosts other than loopback, which exposes the key to the network. Default: `false`. */
  allowInsecureHttp?: boolean | undefined;
  /** Called before every attempt, in the async context of its call. An exception becomes an uncaught exception. */
  onRequest?: ((event: RequestEvent) => void) | null | undefined;
  /** Called after every attempt, in the async context of its call. An exception becomes an uncaught exception. */
  onResponse?: ((event: ResponseEvent) => void) | null | undefined;
}

/** Bytes of a request's body, or a secret. A string counts as UTF-8. */
export type WebhookBytes = string | Uint8Array | ArrayBuffer;

/** Value of a header as servers hand it over: that of `request.headers`, or `null` of `Headers.get`. */
export type WebhookHeader = string | readonly string[] | null | undefined;

/**
 * An event of a webhook. The API does not document the fields of events: one that is absent or has another type is absent
 * here, and `raw` has all of them.
 */
export interface WebhookEvent {
  /** Id of the event, the same in each of its deliveries. */
  id?: string;
  /** Name of the event. */
  type?: string;
  /** Time of the event in the API's spelling. */
  created?: string;
  /** Content of the event. */
  data?: unknown;
  /** The video job, if `data` or its field `job` is one. */
  job?: VideoJob;
  /** All fields of the body. */
  raw: Record<string, unknown>;
}
