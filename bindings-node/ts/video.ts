// Videos: what can be asked of `/v1/video`, and waiting for what was asked.

import { call, failureOf, misplaced, prepareAnew, refusal, split, StreamContext, type Client } from "./calls.js";
import { abortError, infraiError, type ErrorData, type InfraiError, type Trace } from "./errors.js";
import type { Given, NativeStream } from "./native.js";
import { pathOf } from "./paths.js";
import { Pieces } from "./pieces.js";
import type {
  CallOptions,
  CancelResult,
  Download,
  DownloadOptions,
  DownloadStreamOptions,
  GenerateManyItem,
  GenerateManyOptions,
  VideoGenerateOptions,
  VideoJob,
  WaitOptions,
} from "./types.js";

/** A job's id, or the job as a call returned it. */
export type JobLike = string | VideoJob;

const refusePath = (expected: string, got: string): Error => infraiError(refusal("path", expected, got), {});

/** The calls about videos: `client.video`. */
export class Video {
  readonly #client: Client;

  /** @internal */
  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Starts a job: `POST /v1/video/generate`. Returns the job as the API accepted it; `wait` for its end.
   *
   * Rejects with an `InvalidRequestError` before anything is sent for an argument that cannot work, and with a
   * `PaymentRequiredError` (see `checkoutUrl`) when the credit does not suffice. When an error's `mayHaveBeenProcessed` is
   * set, call again with its `idempotencyKey`: it gives the same job and is charged once.
   *
   * ```ts
   * const job = await client.video.generate({ prompt: "a paper boat on a pond", aspect: "9:16", duration_seconds: 4 });
   * console.log(job.job_id, job.state);
   * ```
   */
  generate(opts: VideoGenerateOptions, options?: CallOptions): Promise<VideoJob> {
    const [settings, own] = split(options);
    return call(this.#client, settings, this.generate, (number, abortable) => {
      return misplaced(opts) ?? this.#client.native.generate(number, opts, own, abortable);
    });
  }

  /** Looks at a job once: `GET /v1/video/jobs/{id}`. */
  status(jobId: string, options?: CallOptions): Promise<VideoJob> {
    const [settings, own] = split(options);
    return call(this.#client, settings, this.status, (number) => this.#client.native.status(number, jobId, own));
  }

  /** Cancels a job: `POST /v1/video/jobs/{id}/cancel`. For a job that had ended already, `ok` is `false`. */
  cancel(jobId: string, options?: CallOptions): Promise<CancelResult> {
    const [settings, own] = split(options);
    return call(this.#client, settings, this.cancel, (number) => this.#client.native.cancel(number, jobId, own));
  }

  /**
   * Waits until a job has ended and returns it: 30 minutes at most, unless told otherwise. Rejects with a `JobFailedError`
   * or a `JobCancelledError` for a job that ended badly, with a `WaitTimeoutError` when the time is over; each carries the
   * `job`. Ten waits for one job cost one request.
   *
   * ```ts
   * const done = await client.video.wait(job, { timeoutMs: 600_000, onUpdate: (job) => console.log(job.state) });
   * ```
   */
  wait(job: JobLike, options?: WaitOptions): Promise<VideoJob> {
    const [{ signal, unref, listen }, own] = split(options, "onUpdate");
    const settings = { signal, unref, listen, politely: signal != null && options?.cancelOnAbort === true };
    return call(this.#client, settings, this.wait, (number) =>
      this.#client.native.wait(number, job, own, listen !== undefined),
    );
  }

  /**
   * The job's first state and every change of it, the last included; then it ends. A job that ends badly is its last
   * item, and no error. Leaving the loop stops the looking; the job itself goes on.
   *
   * ```ts
   * for await (const { state, progress } of client.video.watch(job)) console.log(state, progress);
   * ```
   */
  watch(job: JobLike, options?: CallOptions): AsyncIterableIterator<VideoJob> {
    const [settings, own] = split(options);
    const open = (number: number): Given<NativeStream> => this.#client.native.watch(number, job, own);
    const context = new StreamContext(this.#client);
    return new Pieces<VideoJob>(settings, () => context.open(open), context, (told) => told as VideoJob);
  }

  /**
   * Starts many jobs, some at once, waits for each, and yields each as it ends, in that order. No item's error ends it;
   * after the first 401 or 402 nothing further is submitted. Leaving the loop stops the waiting and cancels nothing.
   *
   * ```ts
   * for await (const { index, job, error } of client.video.generateMany(["a red kite", "a blue kite"], { keyPrefix: "kites-1" })) {
   *   console.log(index, error ?? job.video_url);
   * }
   * ```
   */
  generateMany(
    items: ReadonlyArray<string | VideoGenerateOptions>,
    options?: GenerateManyOptions,
  ): AsyncIterableIterator<GenerateManyItem> {
    const [settings, own] = split(options);
    const trace: Trace = {};
    Error.captureStackTrace(trace, this.generateMany);
    const open = (number: number): Given<NativeStream> => this.#client.native.generateMany(number, items, own);
    const context = new StreamContext(this.#client);
    return new Pieces<GenerateManyItem>(settings, () => context.open(open), context, (told) => {
      const { index, job, error } = told as { index: number; job: VideoJob; error?: ErrorData };
      return error === undefined ? { index, job } : { index, error: failureOf(error, trace) as InfraiError };
    });
  }

  /**
   * Saves a job's video to a file: whole, or not at all. A broken connection is resumed, an expired URL asked for anew.
   * Asks for the job first where its URL is not known; one that is still going is an error that says to wait.
   *
   * ```ts
   * const { bytes } = await client.video.download(job, "video.mp4", { overwrite: true });
   * ```
   */
  download(job: JobLike, path: string | URL, options?: DownloadOptions): Promise<Download> {
    const [{ signal, unref, listen }, own] = split(options, "onProgress");
    return call(this.#client, { signal, unref, listen }, this.download, (number) => {
      prepareAnew();
      return this.#client.native.download(number, job, pathOf(path, refusePath), own, listen !== undefined);
    });
  }

  /**
   * Opens a job's video as a stream of bytes, for a response or an upload. Rejects with what is known before the first
   * byte; the stream errors with the rest.
   *
   * ```ts
   * return new Response(await client.video.downloadStream(job), { headers: { "content-type": "video/mp4" } });
   * ```
   */
  async downloadStream(job: JobLike, options?: DownloadStreamOptions): Promise<ReadableStream<Uint8Array>> {
    const [settings, own] = split(options);
    const trace: Trace = {};
    Error.captureStackTrace(trace, this.downloadStream);
    let opened: NativeStream | undefined;
    const context = new StreamContext(this.#client);
    await call(undefined, settings, this.downloadStream, (number) => {
      prepareAnew();
      const told = context.open((stream) => this.#client.native.downloadStream(number, stream, job, own));
      if (typeof told === "string") return told;
      opened = told;
      return undefined;
    });
    const stream = opened as NativeStream;
    const make = (told: unknown): Uint8Array => told as Uint8Array;
    let aborted: ((reason: unknown) => void) | undefined;
    const pieces = new Pieces<Uint8Array>(settings, () => stream, context, make, (reason) => aborted?.(reason));
    return new ReadableStream<Uint8Array>({
      start(controller) {
        aborted = (reason) => controller.error(abortError(reason, {}, trace));
      },
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await pieces.return();
      },
    });
  }
}
