package dev.infrai

import dev.infrai.internal.core.Language
import dev.infrai.internal.ffi.JobRef
import dev.infrai.internal.ffi.jobFromJson
import dev.infrai.internal.core.VideoJob as NativeJob
import java.nio.file.Path
import kotlin.time.Duration
import kotlinx.coroutines.flow.Flow

/**
 * A video job as last seen. Plain data that never changes: [refresh], [wait] and [watch] give newer ones.
 *
 * Its methods use the client that made it. A job read from JSON ([fromJson]) was made by none, and is handed to a client's
 * [Video] instead.
 */
public class VideoJob internal constructor(private val native: NativeJob, private val client: InfraiClient?) {
    /** The job's id: opaque, whatever characters it holds. */
    public val jobId: String get() = native.jobId

    /** Where it stands. */
    @get:JvmName("getState")
    public val state: VideoState get() = VideoState(native.state)

    /** Where the video is, once there is one. Presigned: it carries its own authorization and expires. */
    public val videoUrl: String? get() = native.videoUrl

    /** Where a still of it is. */
    public val thumbnailUrl: String? get() = native.thumbnailUrl

    /** Why it failed. */
    public val error: JobError? = native.error?.let { JobError(it.code, it.message, it.raw) }

    /** How far it is, from 0 to 1, if the API says so. */
    public val progress: Double? get() = native.progress

    /** What the response said about itself. */
    public val metadata: Metadata by lazy(LazyThreadSafetyMode.PUBLICATION) { Metadata(native.metadata) }

    /** The fields that this version does not know, as the JSON text of an object; `null` where there are none. */
    public val extraJson: String? get() = native.extraJson()

    /** Whether it has ended, one way or another. */
    public val isDone: Boolean get() = native.isTerminal()

    /** Whether there is a video. */
    public val isSucceeded: Boolean get() = native.isSuccess()

    /** Whether it was cancelled. */
    public val isCancelled: Boolean get() = native.isCancelled()

    /**
     * Everything that is known of it as JSON text, which [fromJson] reads: to keep a job while the app is not running. It
     * holds no key; a [videoUrl] in it is an authorization of its own.
     */
    public fun toJson(): String = native.toJson()

    /** Looks at it once: `GET /v1/video/jobs/{id}`. See [Video.status]. */
    public suspend fun refresh(): VideoJob = client().video.status(this)

    /** Cancels it: `POST /v1/video/jobs/{id}/cancel`. See [Video.cancel]. */
    public suspend fun cancel(): CancelResult = client().video.cancel(this)

    /** Waits until it has ended. See [Video.wait]. */
    public suspend fun wait(
        timeout: Duration? = Video.DEFAULT_TIMEOUT,
        cancelOnTimeout: Boolean = false,
        cancelOnAbort: Boolean = false,
        onUpdate: (suspend (VideoJob) -> Unit)? = null,
    ): VideoJob = client().video.wait(this, timeout, cancelOnTimeout, cancelOnAbort, onUpdate)

    /** Its states: the first, and every change, the last included. See [Video.watch]. */
    public fun watch(): Flow<VideoJob> = client().video.watch(this)

    /** Saves its video to a file: whole, or not at all. See [Video.download]. */
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

    /** Reads jobs. */
    public companion object {
        /**
         * Reads a job from JSON text, as [toJson] or the API writes it.
         *
         * @throws InfraiException.InvalidRequest if the text is no job.
         */
        @JvmStatic
        public fun fromJson(text: String): VideoJob =
            VideoJob(direct { jobFromJson(checked("job", text), Language.KOTLIN) }, client = null)
    }
}

/**
 * Why a job failed.
 *
 * @property code a code, if the API gave one.
 * @property message what happened, in words.
 * @property rawJson the error as it came, as JSON text.
 */
public class JobError internal constructor(
    public val code: String?,
    public val message: String,
    public val rawJson: String,
) {
    override fun toString(): String = if (code == null) message else "$message ($code)"
}

/**
 * What a cancel answered.
 *
 * @property ok whether the job is cancelled; `false` when it had ended otherwise.
 * @property metadata what the response said about itself.
 * @property json everything, as JSON text.
 */
public class CancelResult internal constructor(
    public val ok: Boolean,
    public val metadata: Metadata,
    public val json: String,
) {
    override fun toString(): String = "CancelResult(ok=$ok)"
}
