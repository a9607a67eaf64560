package dev.infrai

import dev.infrai.internal.core.Language
import dev.infrai.internal.ffi.JobRef
import dev.infrai.internal.ffi.jobFromJson
import dev.infrai.internal.core.VideoJob as NativeJob
import java.nio.file.Path
import kotlin.time.Duration
import kotlinx.coroutines.flow.Flow

/**
 * A video job in its last known state. Immutable: [refresh], [wait] and [watch] return newer ones.
 *
 * Its methods use the client that made it. A job from JSON ([fromJson]) has no client: pass it to the methods of a client's
 * [Video] instead.
 */
public class VideoJob internal constructor(private val native: NativeJob, private val client: InfraiClient?) {
    /** The job's id. It is opaque and may have any characters. */
    public val jobId: String get() = native.jobId

    /** Current state. */
    @get:JvmName("getState")
    public val state: VideoState get() = VideoState(native.state)

    /** URL of the finished video. Presigned: it carries its own authorization and expires. */
    public val videoUrl: String? get() = native.videoUrl

    /** URL of a still image of the video. */
    public val thumbnailUrl: String? get() = native.thumbnailUrl

    /** Error of a failed job. */
    public val error: JobError? = native.error?.let { JobError(it.code, it.message, it.raw) }

    /** Progress from 0 to 1, if the API sends it. */
    public val progress: Double? get() = native.progress

    /**
     * Cost in US dollars, before any refund: the API's field, else what the response to `generate` named. The client
     * remembers it for its last 10,000 jobs, and [toJson] keeps it. `null` if it is unknown.
     */
    public val costUsd: Double? get() = native.costUsd

    /** Part of the cost that the API gave back after a failure or a cancel. `null` if the API does not say. */
    public val refundedUsd: Double? get() = native.refundedUsd

    /** Metadata of the last response. Its cost is that of the request: 0 for a status. */
    public val metadata: Metadata by lazy(LazyThreadSafetyMode.PUBLICATION) { Metadata(native.metadata) }

    /** The fields that this version does not know, as the JSON text of an object. `null` if there are none. */
    public val extraJson: String? get() = native.extraJson()

    /** Whether the job has ended, with or without success. */
    public val isDone: Boolean get() = native.isTerminal()

    /** Whether there is a video. */
    public val isSucceeded: Boolean get() = native.isSuccess()

    /** Whether the job was cancelled. */
    public val isCancelled: Boolean get() = native.isCancelled()

    /**
     * Returns the job as JSON text, which [fromJson] parses, so that an app can store it. The text has no key. A [videoUrl]
     * in it carries its own authorization.
     */
    public fun toJson(): String = native.toJson()

    /** Fetches the current state: `GET /v1/video/jobs/{id}`. See [Video.status]. */
    public suspend fun refresh(): VideoJob = client().video.status(this)

    /** Cancels the job: `POST /v1/video/jobs/{id}/cancel`. See [Video.cancel]. */
    public suspend fun cancel(): CancelResult = client().video.cancel(this)

    /** Waits for the end of the job. See [Video.wait]. */
    public suspend fun wait(
        timeout: Duration? = Video.DEFAULT_TIMEOUT,
        cancelOnTimeout: Boolean = false,
        cancelOnAbort: Boolean = false,
        onUpdate: (suspend (VideoJob) -> Unit)? = null,
    ): VideoJob = client().video.wait(this, timeout, cancelOnTimeout, cancelOnAbort, onUpdate)

    /** Returns the states of the job: the first one and every change, including the terminal one. See [Video.watch]. */
    public fun watch(): Flow<VideoJob> = client().video.watch(this)

    /** Downloads the video to a file. See [Video.download]. */
    @JvmOverloads
    @JvmName("download")
    public suspend fun download(
        path: Path,
        overwrite: Boolean = false,
        timeout: Duration? = null,
        onProgress: (suspend (DownloadProgress) -> Unit)? = null,
    ): Download = client().video.download(this, path, overwrite, timeout, onProgress)

    internal val reference: JobRef get() = JobRef.Known(native)

    private fun client(): InfraiClient = client ?: throw refusal(
        "job", "a job that was read from JSON", "a job that a client made; hand this one to the client: client.video.wait(job)",
    )

    override fun equals(other: Any?): Boolean = other is VideoJob && other.native == native

    override fun hashCode(): Int = native.hashCode()

    override fun toString(): String = "VideoJob($jobId, ${native.state})"

    /** Parses jobs. */
    public companion object {
        /**
         * Parses a job from the JSON of [toJson] or of the API.
         *
         * @throws InfraiException.InvalidRequest if the text is not a job.
         */
        @JvmStatic
        public fun fromJson(text: String): VideoJob =
            VideoJob(direct { jobFromJson(checked("job", text), Language.KOTLIN) }, client = null)
    }
}

/**
 * Error of a failed job.
 *
 * @property code error code, if the API sent one.
 * @property message error message.
 * @property rawJson the unchanged error, as JSON text.
 */
public class JobError internal constructor(
    public val code: String?,
    public val message: String,
    public val rawJson: String,
) {
    override fun toString(): String = if (code == null) message else "$message ($code)"
}

/**
 * Result of a cancel request.
 *
 * @property ok whether the job is cancelled. `false` if it had already ended another way.
 * @property metadata metadata of the response.
 * @property json all fields that the API sent, as JSON text.
 */
public class CancelResult internal constructor(
    public val ok: Boolean,
    public val metadata: Metadata,
    public val json: String,
) {
    override fun toString(): String = "CancelResult(ok=$ok)"
}
