package dev.infrai

import dev.infrai.internal.core.SavedVideo as NativeSavedVideo
import dev.infrai.internal.ffi.GenerateManyEvent
import java.nio.file.Path
import java.nio.file.Paths
import kotlin.time.Duration

/**
 * Options of one video; [Video.generate] describes each.
 *
 * @property prompt description of the video.
 * @property referenceImageUrl the http(s) URL of a reference image.
 * @property durationSeconds duration of the video in seconds, more than 0.
 * @property aspect `16:9`, `9:16` or `1:1`.
 * @property resolution `720p` (default), `1080p` or `4k`.
 * @property prefer `balanced` (default), `cheapest` or `smartest`.
 * @property model model by name.
 * @property vendor vendor by name.
 * @property idempotencyKey 1 to 255 visible ASCII characters. Default: a new one per call.
 */
public data class GenerateRequest @JvmOverloads constructor(
    public val prompt: String,
    public val referenceImageUrl: String? = null,
    public val durationSeconds: Double? = null,
    public val aspect: String? = null,
    public val resolution: String? = null,
    public val prefer: String? = null,
    public val model: String? = null,
    public val vendor: String? = null,
    public val idempotencyKey: String? = null,
) {
    internal fun options(place: String): Json = options(
        "prompt" to prompt,
        "reference_image_url" to referenceImageUrl,
        "duration_seconds" to durationSeconds,
        "aspect" to aspect,
        "resolution" to resolution,
        "prefer" to prefer,
        "model" to model,
        "vendor" to vendor,
        "idempotency_key" to idempotencyKey,
        place = place,
    )
}

/**
 * Progress of a download.
 *
 * @property received number of bytes received so far.
 * @property total length of the file in bytes, if the server announced it.
 */
public data class DownloadProgress(public val received: Long, public val total: Long?)

/**
 * A finished download.
 *
 * @property path path of the file.
 * @property bytes length of the file in bytes.
 * @property job the job whose video it is.
 */
public class Download internal constructor(public val path: Path, public val bytes: Long, public val job: VideoJob) {
    override fun toString(): String = "Download($bytes bytes at $path)"
}

/**
 * Further options of a batch; see [Video.generateMany].
 *
 * @property checkpoint file that keeps each item's job: JSON Lines, created if it does not exist. A rerun waits for the stored
 *   jobs, however old, and submits only items without one. Default: none.
 * @property idempotencyWindow time for which the API remembers an idempotency key. Default: 24 hours.
 * @property onAmbiguous handling of an item whose submission, older than [idempotencyWindow], may have been processed:
 *   `error`, the error `SUBMIT_AMBIGUOUS`, or `retry`, which may pay for it twice. Default: `error`.
 * @property retryFailed submits items again whose jobs ended without a video in an earlier run, with the key `<key>-r1`,
 *   `<key>-r2` and so on. Without it, a job that failed under its key stays failed. Needs [checkpoint].
 * @property maxCostUsd most that the batch may cost in US dollars, with the jobs of its checkpoint and without refunds. Items
 *   that would pass it at the last known price have the error `COST_LIMIT`. While no price is known, one job is submitted to
 *   learn it. Default: no limit.
 * @property outputDir folder in which each video is saved as `<key>.mp4` when its job ends, created if it does not exist.
 *   Complete files are kept. Default: no downloads.
 * @property onSubmit called with each job that the API accepted, in the flow's context. An exception ends the flow.
 * @property onUpdate called with each job's first state and every change, in the flow's context. An exception ends the flow.
 */
public class BatchOptions @JvmOverloads constructor(
    public val checkpoint: Path? = null,
    public val idempotencyWindow: Duration? = null,
    public val onAmbiguous: String? = null,
    public val retryFailed: Boolean = false,
    public val maxCostUsd: Double? = null,
    public val outputDir: Path? = null,
    public val onSubmit: (suspend (ManyUpdate) -> Unit)? = null,
    public val onUpdate: (suspend (ManyUpdate) -> Unit)? = null,
)

/**
 * A job of a batch and its item.
 *
 * @property index index of the request, from 0.
 * @property key key of the item.
 * @property job the job in its last known state.
 */
public class ManyUpdate internal constructor(public val index: Int, public val key: String, public val job: VideoJob) {
    override fun toString(): String = "$index: $job"
}

/**
 * File of an item of a batch.
 *
 * @property path path of the file.
 * @property bytes length of the file in bytes.
 * @property downloaded whether this run downloaded it. `false` for a complete file of an earlier run.
 */
public class SavedVideo internal constructor(public val path: Path, public val bytes: Long, public val downloaded: Boolean) {
    internal constructor(native: NativeSavedVideo) : this(Paths.get(native.path), native.bytes.toLong(), native.downloaded)

    override fun toString(): String = "SavedVideo($bytes bytes at $path)"
}

/** Item of a batch; see [Video.generateMany]. */
public sealed class ManyItem {
    /** Index of the request, from 0. */
    public abstract val index: Int

    /** Key of the item: the idempotency key of its first try. The key of retry `n` is `<key>-r<n>`. */
    public abstract val key: String

    /** Returns the job, or throws its error. */
    public abstract fun getOrThrow(): VideoJob

    /**
     * A job that succeeded.
     *
     * @property job the job.
     * @property file file of the video, with [BatchOptions.outputDir].
     */
    public class Finished internal constructor(
        override val index: Int,
        override val key: String,
        public val job: VideoJob,
        public val file: SavedVideo?,
    ) : ManyItem() {
        override fun getOrThrow(): VideoJob = job

        override fun toString(): String = "$index: $job"
    }

    /**
     * A request without a video.
     *
     * @property error its error.
     */
    public class Failed internal constructor(
        override val index: Int,
        override val key: String,
        public val error: InfraiException,
    ) : ManyItem() {
        override fun getOrThrow(): VideoJob = throw error

        override fun toString(): String = "$index: $error"
    }

    internal companion object {
        fun of(item: GenerateManyEvent, client: InfraiClient): ManyItem {
            val (index, key) = item.index.toInt() to item.key
            item.job?.let { return Finished(index, key, VideoJob(it, client), item.file?.let(::SavedVideo)) }
            val exception = item.error?.let { translated(it, client, client.exceptions) as? InfraiException }
            return Failed(index, key, exception ?: fault("an item without an outcome", client))
        }
    }
}
