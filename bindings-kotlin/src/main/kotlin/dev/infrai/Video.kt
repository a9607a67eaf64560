package dev.infrai

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

/** The calls about videos; see [InfraiClient.video]. */
public class Video internal constructor(private val client: InfraiClient) {
    /**
     * Starts a job: `POST /v1/video/generate`. Values that the SDK does not know are sent as they are: what a vendor can do
     * is for the API to say.
     *
     * @param prompt what the video shows.
     * @param referenceImageUrl an image to go by: an http(s) URL.
     * @param durationSeconds how long the video should be, in seconds.
     * @param aspect `16:9`, `9:16` or `1:1`.
     * @param resolution `720p` (default), `1080p` or `4k`.
     * @param prefer `balanced` (default), `cheapest` or `smartest`.
     * @param model a model by name.
     * @param vendor a vendor by name.
     * @param idempotencyKey 1 to 255 visible ASCII characters: the same key with the same options gives the same job,
     *   charged once. Default: a fresh one for each call.
     * @throws InfraiException.InvalidRequest before anything is sent: an empty prompt, a duration that is no positive
     *   number, a URL that is not http(s), an idempotency key that no header can carry.
     * @throws InfraiException.PaymentRequired when the credit does not suffice, with [InfraiException.checkoutUrl].
     * @throws InfraiException as every call. When [InfraiException.mayHaveBeenProcessed], call again with
     *   [InfraiException.idempotencyKey]: it gives the same job and is charged once.
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

    /** Starts a job from a request that was put together before. */
    public suspend fun generate(request: GenerateRequest): VideoJob {
        val options = request.options("")
        return job(client.call { it.generate(options.text, null) })
    }

    /**
     * Looks at a job once: `GET /v1/video/jobs/{id}`.
     *
     * @throws InfraiException.InvalidRequest for an empty id, `"."` or `".."`.
     * @throws InfraiException.NotFound for an unknown one.
     */
    public suspend fun status(id: String): VideoJob = status(byId(id))

    /** Looks at a job once. */
    public suspend fun status(job: VideoJob): VideoJob = status(job.reference)

    private suspend fun status(job: JobRef): VideoJob = job(client.call { it.status(job, null) })

    /**
     * Cancels a job: `POST /v1/video/jobs/{id}/cancel`. A job that had already ended is no error: its answer is not
     * [CancelResult.ok].
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
     * Waits until a job has ended and returns it. All waits of a client share one budget of requests, and ten waits of one
     * job cost one request; cancelling the coroutine ends the looking at once, and the job itself goes on.
     *
     * @param id the job's id.
     * @param timeout how long to wait. Default: 30 minutes ([DEFAULT_TIMEOUT]); `null` and [Duration.INFINITE] are for
     *   ever. At the end comes one last look.
     * @param cancelOnTimeout cancels the job when the wait's time is over. The cancel gets 5 seconds; a job that turns out
     *   to have succeeded meanwhile is returned, because it was paid for.
     * @param cancelOnAbort cancels the job when the coroutine is cancelled, which then takes up to 5 seconds to end.
     * @param onUpdate called with the job's first state and with every change of it, in the caller's own context; what it
     *   throws ends the wait. Never called after the coroutine was cancelled.
     * @throws InfraiException.JobFailed and [InfraiException.JobCancelled], carrying the job, when it ended so.
     * @throws InfraiException.WaitTimeout carrying the job as last seen; it goes on.
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

    /** Waits until a job has ended and returns it; see the other `wait`. */
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
     * A job's states as they change: the first, and every change, the last included; then the flow ends. A job that ends
     * badly is its last item, and no exception. Nothing is asked before it is collected, and nothing after.
     *
     * @throws InfraiException from the collecting, when the job cannot be looked at.
     */
    public fun watch(id: String): Flow<VideoJob> = watch { byId(id) }

    /** A job's states as they change; see the other `watch`. */
    public fun watch(job: VideoJob): Flow<VideoJob> = watch { job.reference }

    private fun watch(job: () -> JobRef): Flow<VideoJob> = flow {
        val reference = job()
        client.withNative { it.watch(reference) }.use { states ->
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
     * Saves a job's video to a file: whole, or not at all. A broken connection is resumed where the server can; an expired
     * URL is asked for anew once. Eight downloads of a process are under way at once; a further one waits for its turn, and
     * then its time begins. One that is cancelled has cleared up when its coroutine ends.
     *
     * @param id the job's id.
     * @param path the file's name; its folder exists.
     * @param overwrite whether a file of this name may be replaced.
     * @param timeout how long the download may take in all, its status call, retries and pauses included. Default: no
     *   limit, as with `null` and [Duration.INFINITE], since a file's size has none. The client's `timeout` bounds the
     *   status call alone.
     * @param onProgress called as the download gets on, in the caller's own context; steps that come faster than it returns
     *   are left out. What it throws ends the download. Never called after the coroutine was cancelled.
     * @throws InfraiException.InvalidRequest with the code `FILE_EXISTS`, before anything is sent; `JOB_NOT_READY` for a
     *   job that is still going.
     * @throws InfraiException.JobFailed and [InfraiException.JobCancelled] for a job without a video.
     * @throws InfraiException.Timeout with the code `DOWNLOAD_TIMEOUT` when the timeout passed; nothing is saved.
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

    /** Saves a job's video to a file; see the other `download`. */
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
     * Starts many jobs, some at once, waits for each, and gives them as they end. No item's error ends the flow; after the
     * first 401 or 402 nothing further is submitted. Leaving the flow stops the waiting and cancels no job.
     *
     * @param prompts what the videos show.
     * @param concurrency how many jobs are under way at once, submitted and waited for. Default: 8.
     * @param keyPrefix item `i` gets the idempotency key `<keyPrefix>-<i>`, so that a rerun after a crash gets the same
     *   jobs and is charged once.
     * @param timeout how long to wait for each job. Default: 30 minutes; `null` is for ever.
     */
    public fun generateMany(
        prompts: List<String>,
        concurrency: Int? = null,
        keyPrefix: String? = null,
        timeout: Duration? = DEFAULT_TIMEOUT,
    ): Flow<ManyItem> {
        val items = { prompts.mapIndexed { at, prompt -> GenerateRequest(prompt).options("prompts[$at].") } }
        return many(items, concurrency, keyPrefix, timeout)
    }

    /** Starts many jobs of these requests; see the other `generateMany`. */
    @JvmName("generateManyRequests")
    public fun generateMany(
        requests: List<GenerateRequest>,
        concurrency: Int? = null,
        keyPrefix: String? = null,
        timeout: Duration? = DEFAULT_TIMEOUT,
    ): Flow<ManyItem> {
        val items = { requests.mapIndexed { at, request -> request.options("requests[$at].") } }
        return many(items, concurrency, keyPrefix, timeout)
    }

    private fun many(
        items: () -> List<Json>,
        concurrency: Int?,
        keyPrefix: String?,
        timeout: Duration?,
    ): Flow<ManyItem> = flow {
        val options =
            options("concurrency" to concurrency, "key_prefix" to keyPrefix, "timeout" to waitTimeout(timeout))
        val requests = items().map { it.text }
        client.withNative { it.generateMany(requests, options.text) }.use { many ->
            try {
                while (true) {
                    val item = next { many.next(null) } ?: break
                    emit(ManyItem.of(item, client))
                }
            } finally {
                many.stop()
            }
        }
    }

    /** The next of a stream, unless its reader was cancelled. */
    private suspend fun <T> next(read: suspend () -> T): T {
        currentCoroutineContext().ensureActive()
        return client.guarded { read() }
    }

    private fun job(native: NativeJob) = VideoJob(native, client)

    private fun byId(id: String) = JobRef.Id(checked("id", id))

    /** Values that do not depend on a client. */
    public companion object {
        /** How long a wait lasts unless told otherwise: 30 minutes. */
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
