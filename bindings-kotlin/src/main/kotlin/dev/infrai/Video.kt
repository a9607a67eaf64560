package dev.infrai

import dev.infrai.internal.ffi.GenerateManyKind
import dev.infrai.internal.ffi.JobRef
import dev.infrai.internal.ffi.ProgressListener
import dev.infrai.internal.ffi.UpdateListener
import dev.infrai.internal.ffi.defaultWaitTimeout
import dev.infrai.internal.core.DownloadProgress as NativeProgress
import dev.infrai.internal.core.VideoJob as NativeJob
import java.nio.file.Path
import java.nio.file.Paths
import kotlin.coroutines.cancellation.CancellationException
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.launch

/** Methods for videos; see [InfraiClient.video]. */
public class Video internal constructor(private val client: InfraiClient) {
    /**
     * Submits a job: `POST /v1/video/generate`. The SDK checks the prompt, the duration and the URL. It sends all other
     * values unchanged, and the API checks whether a vendor supports them.
     *
     * ```kotlin
     * val job = client.video.generate("a paper boat on a pond", durationSeconds = 4.0, aspect = "9:16")
     * println("${job.jobId} ${job.state}")
     * ```
     *
     * @param prompt description of the video, not empty.
     * @param referenceImageUrl the http(s) URL of a reference image.
     * @param durationSeconds duration of the video in seconds, more than 0.
     * @param aspect `16:9`, `9:16` or `1:1`.
     * @param resolution `720p` (default), `1080p` or `4k`.
     * @param prefer `balanced` (default), `cheapest` or `smartest`.
     * @param model model by name. Default: the API's choice.
     * @param vendor vendor by name. Default: the API's choice.
     * @param idempotencyKey 1 to 255 visible ASCII characters. The same key with the same options returns the same job,
     *   charged once, within the API's window (24 hours by default). Default: a new one per call.
     * @throws InfraiException.InvalidRequest before any request if an argument is invalid.
     * @throws InfraiException.PaymentRequired if the account needs credit, with [InfraiException.checkoutUrl].
     * @throws InfraiException as every call. If [InfraiException.mayHaveBeenProcessed], a call with its
     *   [InfraiException.idempotencyKey] returns the same job, charged once.
     */
    @JvmOverloads
    public suspend fun generate(
        prompt: String,
        referenceImageUrl: String? = null,
        durationSeconds: Double? = null,
        aspect: String? = null,
        resolution: String? = null,
        prefer: String? = null,
        model: String? = null,
        vendor: String? = null,
        idempotencyKey: String? = null,
    ): VideoJob = generate(
        GenerateRequest(
            prompt, referenceImageUrl, durationSeconds, aspect, resolution, prefer, model, vendor, idempotencyKey,
        ),
    )

    /** Submits a job from a prepared request. */
    public suspend fun generate(request: GenerateRequest): VideoJob {
        val options = request.options("")
        return job(client.call { it.generate(options.text, null) })
    }

    /**
     * Fetches the job's current state: `GET /v1/video/jobs/{id}`.
     *
     * @throws InfraiException.InvalidRequest if the id is empty, `"."` or `".."`.
     * @throws InfraiException.NotFound if the id is unknown.
     */
    public suspend fun status(id: String): VideoJob = status(byId(id))

    /** Fetches the job's current state. */
    public suspend fun status(job: VideoJob): VideoJob = status(job.reference)

    private suspend fun status(job: JobRef): VideoJob = job(client.call { it.status(job, null) })

    /**
     * Cancels a job: `POST /v1/video/jobs/{id}/cancel`. For a job that has already ended, [CancelResult.ok] is `false`.
     *
     * @throws InfraiException as [status].
     */
    public suspend fun cancel(id: String): CancelResult = cancel(byId(id))

    /** Cancels a job. */
    public suspend fun cancel(job: VideoJob): CancelResult = cancel(job.reference)

    private suspend fun cancel(job: JobRef): CancelResult {
        val result = client.call { it.cancel(job, null) }
        return CancelResult(result.ok, Metadata(result.metadata), result.toJson())
    }

    /**
     * Waits for the end of a job and returns the job. Polls `GET /v1/video/jobs/{id}`. Waits of the same job share their
     * polls. Cancelling the coroutine ends the wait, and the job continues.
     *
     * ```kotlin
     * val done = client.video.wait(job.jobId) { println("${it.state} ${it.progress}") }
     * ```
     *
     * @param id the job's id.
     * @param timeout timeout of the wait, which polls once more before it ends. Default: 30 minutes ([DEFAULT_TIMEOUT]).
     *   `null` and [Duration.INFINITE]: no limit.
     * @param cancelOnTimeout whether to cancel the job at the timeout. The cancel may take 5 seconds. If the job has
     *   succeeded meanwhile, the call returns it, because it was paid for.
     * @param cancelOnAbort whether to cancel the job when the coroutine is cancelled, which may then take 5 seconds to end.
     * @param onUpdate called with the first state and with every change, in the caller's context. Its exception ends the
     *   wait. Never called once the coroutine is cancelled.
     * @throws InfraiException.JobFailed and [InfraiException.JobCancelled] with the job.
     * @throws InfraiException.WaitTimeout with the job, which continues.
     */
    @JvmOverloads
    @JvmName("wait")
    public suspend fun wait(
        id: String,
        timeout: Duration? = DEFAULT_TIMEOUT,
        cancelOnTimeout: Boolean = false,
        cancelOnAbort: Boolean = false,
        onUpdate: (suspend (VideoJob) -> Unit)? = null,
    ): VideoJob = wait(byId(id), timeout, cancelOnTimeout, cancelOnAbort, onUpdate)

    /** Waits for the end of a job and returns the job; see the other `wait`. */
    @JvmOverloads
    @JvmName("wait")
    public suspend fun wait(
        job: VideoJob,
        timeout: Duration? = DEFAULT_TIMEOUT,
        cancelOnTimeout: Boolean = false,
        cancelOnAbort: Boolean = false,
        onUpdate: (suspend (VideoJob) -> Unit)? = null,
    ): VideoJob = wait(job.reference, timeout, cancelOnTimeout, cancelOnAbort, onUpdate)

    private suspend fun wait(
        job: JobRef,
        timeout: Duration?,
        cancelOnTimeout: Boolean,
        cancelOnAbort: Boolean,
        onUpdate: (suspend (VideoJob) -> Unit)?,
    ): VideoJob {
        val options = options(
            "timeout" to waitTimeout(timeout),
            "cancel_on_timeout" to cancelOnTimeout,
            "cancel_on_abort" to cancelOnAbort,
        ).text
        val wait: suspend (UpdateListener?) -> VideoJob = { listener ->
            val done = when {
                cancelOnAbort -> client.callToItsEnd { native, cancellation -> native.wait(job, options, listener, cancellation) }
                else -> client.call { it.wait(job, options, listener, null) }
            }
            job(done)
        }
        if (onUpdate == null) return wait(null)
        return notifying(Channel(Channel.UNLIMITED), onUpdate) { updates ->
            wait(
                object : UpdateListener {
                    override fun onUpdate(job: NativeJob) {
                        updates.trySend(job(job))
                    }
                },
            )
        }
    }

    /**
     * Returns the states of a job: the first one and every change, including the terminal one. A failed job is the last
     * item, and no exception. The client polls only while the flow is collected.
     *
     * @throws InfraiException from the collector, if a poll cannot be retried.
     */
    public fun watch(id: String): Flow<VideoJob> = watch { byId(id) }

    /** Returns the states of a job; see the other `watch`. */
    public fun watch(job: VideoJob): Flow<VideoJob> = watch { job.reference }

    private fun watch(job: () -> JobRef): Flow<VideoJob> = flow {
        val reference = job()
        client.open { it.watch(reference) }.use { states ->
            try {
                while (true) {
                    emit(job(next { states.next(null) } ?: break))
                }
            } finally {
                states.stop()
            }
        }
    }

    /**
     * Downloads a job's video to a temporary file beside the target, and renames it when it is complete. The client resumes
     * after a broken connection if the server can, and fetches a new URL once if the URL has expired. A process runs eight
     * downloads at once; the timeout of a further one begins with its turn. A cancelled download has removed its temporary
     * file when its coroutine ends.
     *
     * ```kotlin
     * val saved = client.video.download(job.jobId, Path("boat.mp4"))
     * println(saved.bytes)
     * ```
     *
     * @param id the job's id.
     * @param path path of the target in an existing folder.
     * @param overwrite whether to replace an existing file. Default: no.
     * @param timeout timeout of the download, including its status call, retries and pauses. Default: no limit, as with
     *   `null` and [Duration.INFINITE]. The client's `timeout` limits the status call alone.
     * @param onProgress called with the progress, in the caller's context. It skips steps that come faster than it returns.
     *   Its exception ends the download. Never called once the coroutine is cancelled.
     * @throws InfraiException.InvalidRequest with the code `FILE_EXISTS`, before any request; `JOB_NOT_READY` for a job that
     *   has not ended.
     * @throws InfraiException.JobFailed and [InfraiException.JobCancelled] for a job without a video.
     * @throws InfraiException.Timeout with the code `DOWNLOAD_TIMEOUT` if the timeout passed. Nothing is saved.
     */
    @JvmOverloads
    @JvmName("download")
    public suspend fun download(
        id: String,
        path: Path,
        overwrite: Boolean = false,
        timeout: Duration? = null,
        onProgress: (suspend (DownloadProgress) -> Unit)? = null,
    ): Download = download(byId(id), path, overwrite, timeout, onProgress)

    /** Downloads a job's video to a file; see the other `download`. */
    @JvmOverloads
    @JvmName("download")
    public suspend fun download(
        job: VideoJob,
        path: Path,
        overwrite: Boolean = false,
        timeout: Duration? = null,
        onProgress: (suspend (DownloadProgress) -> Unit)? = null,
    ): Download = download(job.reference, path, overwrite, timeout, onProgress)

    private suspend fun download(
        job: JobRef,
        path: Path,
        overwrite: Boolean,
        timeout: Duration?,
        onProgress: (suspend (DownloadProgress) -> Unit)?,
    ): Download {
        val file = file("path", path)
        val options = options("overwrite" to overwrite, "timeout" to timeout?.takeIf { it != Duration.INFINITE })
        val save: suspend (ProgressListener?) -> Download = { listener ->
            val saved = client.callToItsEnd { native, cancellation ->
                native.download(job, file, options.text, listener, cancellation)
            }
            Download(Paths.get(saved.path), saved.bytes.toLong(), job(saved.job))
        }
        if (onProgress == null) return save(null)
        return notifying(Channel(Channel.CONFLATED), onProgress) { steps ->
            save(
                object : ProgressListener {
                    override fun onProgress(progress: NativeProgress) {
                        steps.trySend(DownloadProgress(progress.received.toLong(), progress.total?.toLong()))
                    }
                },
            )
        }
    }

    /**
     * Submits many jobs, a limited number at once, waits for each, and emits each as it ends. The error of an item does not
     * end the flow. After the first 401 or 402 the client submits nothing more. Leaving the flow stops the waits and cancels
     * no job.
     *
     * ```kotlin
     * client.video.generateMany(listOf("a red kite", "a blue kite"), keyPrefix = "kites-1").collect(::println)
     * ```
     *
     * @param prompts descriptions of the videos.
     * @param concurrency most jobs in progress at once. Default: 8.
     * @param keyPrefix prefix of the items' keys. An item gets the idempotency key `<keyPrefix>-<hash>-<n>`: the hash of its
     *   content, and the number of equal items before it. A rerun returns the same jobs, charged once, even if the list has
     *   grown or changed its order. Default: the checkpoint's, else a new key per item.
     * @param timeout timeout of the wait for each job. Default: 30 minutes. `null`: no limit.
     * @param options checkpoint, cost limit, output folder and callbacks.
     * @throws InfraiException.Configuration with the code `CHECKPOINT_LOCKED`, `CHECKPOINT_INVALID`, `CHECKPOINT_UNWRITABLE`
     *   or `FILE_ERROR`, before anything is sent.
     */
    public fun generateMany(
        prompts: List<String>,
        concurrency: Int? = null,
        keyPrefix: String? = null,
        timeout: Duration? = DEFAULT_TIMEOUT,
        options: BatchOptions = BatchOptions(),
    ): Flow<ManyItem> {
        val items = { prompts.mapIndexed { at, prompt -> GenerateRequest(prompt).options("prompts[$at].") } }
        return many(items, concurrency, keyPrefix, timeout, options)
    }

    /** Submits many jobs from prepared requests; see the other `generateMany`. */
    @JvmName("generateManyRequests")
    public fun generateMany(
        requests: List<GenerateRequest>,
        concurrency: Int? = null,
        keyPrefix: String? = null,
        timeout: Duration? = DEFAULT_TIMEOUT,
        options: BatchOptions = BatchOptions(),
    ): Flow<ManyItem> {
        val items = { requests.mapIndexed { at, request -> request.options("requests[$at].") } }
        return many(items, concurrency, keyPrefix, timeout, options)
    }

    private fun many(
        items: () -> List<Json>,
        concurrency: Int?,
        keyPrefix: String?,
        timeout: Duration?,
        batch: BatchOptions,
    ): Flow<ManyItem> = flow {
        val options = options(
            "concurrency" to concurrency,
            "key_prefix" to keyPrefix,
            "timeout" to waitTimeout(timeout),
            "checkpoint" to batch.checkpoint,
            "idempotency_window" to batch.idempotencyWindow,
            "on_ambiguous" to batch.onAmbiguous,
            "retry_failed" to batch.retryFailed,
            "max_cost_usd" to batch.maxCostUsd,
            "output_dir" to batch.outputDir,
        )
        val requests = items().map { it.text }
        val (onSubmit, onUpdate) = batch.onSubmit to batch.onUpdate
        client.open { it.generateMany(requests, options.text, onSubmit != null, onUpdate != null) }.use { many ->
            try {
                while (true) {
                    val event = next { many.next(null) } ?: break
                    val callback = when (event.kind) {
                        GenerateManyKind.SUBMITTED -> onSubmit
                        GenerateManyKind.UPDATED -> onUpdate
                        GenerateManyKind.ENDED -> null
                    }
                    if (event.kind == GenerateManyKind.ENDED) emit(ManyItem.of(event, client))
                    event.job?.let { callback?.invoke(ManyUpdate(event.index.toInt(), event.key, job(it))) }
                }
            } finally {
                many.stop()
            }
        }
    }

    /** Returns the next item of a stream, unless its reader was cancelled. */
    private suspend fun <T> next(read: suspend () -> T): T {
        currentCoroutineContext().ensureActive()
        return client.guarded { read() }
    }

    private fun job(native: NativeJob) = VideoJob(native, client)

    private fun byId(id: String) = JobRef.Id(checked("id", id))

    /** Values that do not depend on a client. */
    public companion object {
        /** Default timeout of a wait: 30 minutes. */
        public val DEFAULT_TIMEOUT: Duration by lazy { defaultWaitTimeout().seconds }
    }
}

/**
 * Runs a call whose listener fills the channel, and calls `notify` with each event in the caller's context: with the last
 * one before the call returns or fails, and never once the caller was cancelled.
 */
private suspend fun <E, T> notifying(channel: Channel<E>, notify: suspend (E) -> Unit, call: suspend (Channel<E>) -> T): T =
    coroutineScope {
        val notifier = launch {
            for (event in channel) {
                // The channel delivers buffered events without a check of the cancellation.
                ensureActive()
                notify(event)
            }
        }
        val outcome = runCatching { call(channel) }
        channel.close()
        if (outcome.exceptionOrNull() !is CancellationException) notifier.join()
        outcome.getOrThrow()
    }
