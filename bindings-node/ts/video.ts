// Calls for videos.

import { NativeAsyncIterator } from "./async-iterator.js";
import { call, prepareAnew, splitCallOptions, StreamContext, toError, type Client } from "./calls.js";
import { abortError, captureTrace, invalidArgument, type ErrorData, type InfraiError } from "./errors.js";
import type { NativeResult, NativeStream } from "./native.js";
import { absolutePath } from "./paths.js";
import type {
  CallOptions,
  CancelResult,
  Download,
  DownloadOptions,
  DownloadStreamOptions,
  GenerateManyItem,
  GenerateManyOptions,
  GenerateManyUpdate,
  JobLike,
  SavedVideo,
  VideoGenerateOptions,
  VideoJob,
  VideoStream,
  WaitOptions,
} from "./types.js";

/** An event of a batch; see `src/stream.rs`. */
interface BatchEvent {
  kind: "submit" | "update" | "item";
  index: number;
  key: string;
  job: VideoJob;
  error?: ErrorData;
  file?: SavedVideo;
}

type OnBatchUpdate = ((update: GenerateManyUpdate) => unknown) | undefined;

/** Splits the options of a batch into its callbacks and those of the native module, with absolute paths. */
function splitBatchOptions(options: unknown): { own: unknown; onSubmit: OnBatchUpdate; onUpdate: OnBatchUpdate } {
  if (options === undefined || typeof options !== "object" || Array.isArray(options)) {
    return { own: options, onSubmit: undefined, onUpdate: undefined };
  }
  const { onSubmit, onUpdate, ...own } = options as GenerateManyOptions & Record<string, unknown>;
  for (const name of ["checkpoint", "outputDir"]) {
    const path = own[name];
    if (path == null) continue;
    own[name] = absolutePath(path as string | URL, (expected, got) => invalidArgument(name, expected, got));
  }
  for (const [name, callback] of Object.entries({ onSubmit, onUpdate })) {
    if (callback != null && typeof callback !== "function") {
      throw invalidArgument(name, "a function", `a value of type ${typeof callback}`);
    }
  }
  return { own, onSubmit: onSubmit ?? undefined, onUpdate: onUpdate ?? undefined };
}

const invalidPath = (expected: string, got: string): Error => invalidArgument("path", expected, got);

/** Public calls of {@link Video}, for a fake in tests. */
export interface VideoApi extends Pick<Video, keyof Video> {}

/** Calls for videos: `client.video`. */
export class Video implements VideoApi {
  readonly #client: Client;

  /** @internal */
  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Submits a job: `POST /v1/video/generate`. Returns the job as the API accepted it. `wait` returns it at its end.
   *
   * Rejects with an `InvalidRequestError` before anything is sent if an argument is invalid, and with a
   * `PaymentRequiredError` (see `checkoutUrl`) if the credit does not suffice. If an error's `mayHaveBeenProcessed` is
   * set, call again with its `idempotencyKey`: the call returns the same job and is charged once.
   *
   * ```ts
   * const job = await client.video.generate({ prompt: "a paper boat on a pond", aspect: "9:16", duration_seconds: 4 });
   * console.log(job.job_id, job.state);
   * ```
   */
  generate(opts: VideoGenerateOptions, options?: CallOptions): Promise<VideoJob> {
    const [settings, own] = splitCallOptions(options);
    return call(this.#client, settings, this.generate, (id, abortable) =>
      this.#client.native.generate(id, opts, own, abortable),
    );
  }

  /**
   * Returns the job's current state: `GET /v1/video/jobs/{id}`.
   *
   * ```ts
   * const { state, video_url } = await client.video.status(job);
   * ```
   */
  status(job: JobLike, options?: CallOptions): Promise<VideoJob> {
    const [settings, own] = splitCallOptions(options);
    return call(this.#client, settings, this.status, (id) => this.#client.native.status(id, job, own));
  }

  /**
   * Cancels a job: `POST /v1/video/jobs/{id}/cancel`. `ok` is `false` if the job had already ended.
   *
   * ```ts
   * const { ok } = await client.video.cancel(job);
   * ```
   */
  cancel(job: JobLike, options?: CallOptions): Promise<CancelResult> {
    const [settings, own] = splitCallOptions(options);
    return call(this.#client, settings, this.cancel, (id) => this.#client.native.cancel(id, job, own));
  }

  /**
   * Waits until the job has ended and returns it, by default at most 30 minutes. Rejects with a `JobFailedError` or a
   * `JobCancelledError` if the job ends badly, and with a `WaitTimeoutError` if the wait times out. Each error has the
   * `job`. Ten waits for one job cost one request.
   *
   * ```ts
   * const done = await client.video.wait(job, { timeoutMs: 600_000, onUpdate: (job) => console.log(job.state) });
   * console.log(done.video_url);
   * ```
   */
  wait(job: JobLike, options?: WaitOptions): Promise<VideoJob> {
    const [settings, own] = splitCallOptions(options, "onUpdate");
    const graceful = settings.signal != null && options?.cancelOnAbort === true;
    return call(this.#client, { ...settings, graceful }, this.wait, (id) =>
      this.#client.native.wait(id, job, own, settings.listener !== undefined, graceful),
    );
  }

  /**
   * Yields the job's first state and every change, including the terminal state. A job that ends badly is the last item,
   * and no error. Leaving the loop stops the polls. The job continues.
   *
   * ```ts
   * for await (const { state, progress } of client.video.watch(job)) console.log(state, progress);
   * ```
   */
  watch(job: JobLike, options?: CallOptions): AsyncIterableIterator<VideoJob> {
    const [settings, own] = splitCallOptions(options);
    const open = (id: number): NativeResult<NativeStream> => this.#client.native.watch(id, job, own);
    const context = new StreamContext(this.#client);
    return new NativeAsyncIterator(settings, () => context.open(open), context, (item) => item as VideoJob);
  }

  /**
   * Submits many jobs, some at a time, waits for each, and yields each when it ends. An item's error is in the item, and
   * does not end the loop. After the first 401 or 402, no further job is submitted. Leaving the loop stops the waits and
   * cancels no job.
   *
   * The loop throws a `ConfigurationError` (`CHECKPOINT_LOCKED`, `CHECKPOINT_INVALID`, `CHECKPOINT_UNWRITABLE`, `FILE_ERROR`)
   * before anything is sent, and an `AbortError` after `signal`, whose `details.jobs` names the jobs that continue.
   *
   * ```ts
   * const options = { checkpoint: "kites.jsonl", outputDir: "kites" };
   * for await (const { index, file, error } of client.video.generateMany(["a red kite", "a blue kite"], options)) {
   *   console.log(index, error ?? file.path);
   * }
   * ```
   */
  generateMany(
    items: ReadonlyArray<string | VideoGenerateOptions>,
    options?: GenerateManyOptions,
  ): AsyncIterableIterator<GenerateManyItem> {
    const [settings, given] = splitCallOptions(options);
    const { own, onSubmit, onUpdate } = splitBatchOptions(given);
    const trace = captureTrace(this.generateMany);
    const open = (id: number): NativeResult<NativeStream> => {
      const submits = onSubmit !== undefined;
      return this.#client.native.generateMany(id, items, own, submits, onUpdate !== undefined);
    };
    const context = new StreamContext(this.#client);
    const convert = (event: unknown): GenerateManyItem | undefined => {
      const { kind, index, key, job, error, file } = event as BatchEvent;
      if (error !== undefined) return { index, key, error: toError(error, trace) as InfraiError };
      if (kind === "item") return file === undefined ? { index, key, job } : { index, key, job, file };
      (kind === "submit" ? onSubmit : onUpdate)?.({ index, key, job });
      return undefined;
    };
    const graceful = { ...settings, graceful: settings.signal != null };
    return new NativeAsyncIterator<GenerateManyItem>(graceful, () => context.open(open), context, convert);
  }

  /**
   * Saves the video of a job to a file, completely or not at all. A broken connection is resumed, and an expired URL
   * renewed. Requests the job first if its URL is unknown. Rejects if the job has not ended.
   *
   * ```ts
   * const { path, bytes } = await client.video.download(job, "video.mp4", { overwrite: true });
   * console.log(`${bytes} bytes in ${path}`);
   * ```
   *
   * @param path A path or a `file:` URL. A relative path starts from the current folder at the time of the call.
   */
  download(job: JobLike, path: string | URL, options?: DownloadOptions): Promise<Download> {
    const [settings, own] = splitCallOptions(options, "onProgress");
    return call(this.#client, settings, this.download, (id) => {
      prepareAnew();
      const target = absolutePath(path, invalidPath);
      return this.#client.native.download(id, job, target, own, settings.listener !== undefined);
    });
  }

  /**
   * Opens the video of a job as a stream of bytes, for a response or an upload. Its `size` and `contentType` are known
   * before the first byte. Rejects with an error that is known by then. The stream fails with a later one.
   *
   * ```ts
   * const stream = await client.video.downloadStream(job);
   * return new Response(stream, { headers: { "content-type": stream.contentType ?? "video/mp4" } });
   * ```
   */
  async downloadStream(job: JobLike, options?: DownloadStreamOptions): Promise<VideoStream> {
    const [settings, own] = splitCallOptions(options);
    const trace = captureTrace(this.downloadStream);
    let opened: NativeStream | undefined;
    const context = new StreamContext(this.#client);
    const facts = await call<Pick<VideoStream, "size" | "contentType">>(undefined, settings, this.downloadStream, (id) => {
      prepareAnew();
      const result = context.open((streamId) => this.#client.native.downloadStream(id, streamId, job, own));
      if (typeof result === "string") return result;
      opened = result;
      return undefined;
    });
    const stream = opened as NativeStream;
    const convert = (item: unknown): Uint8Array => item as Uint8Array;
    let aborted: ((reason: unknown) => void) | undefined;
    const chunks = new NativeAsyncIterator(settings, () => stream, context, convert, (reason) => aborted?.(reason));
    const bytes = new ReadableStream<Uint8Array>({
      start(controller) {
        aborted = (reason) => controller.error(abortError(reason, {}, trace));
      },
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await chunks.return();
      },
    });
    return Object.assign(bytes, facts);
  }
}
