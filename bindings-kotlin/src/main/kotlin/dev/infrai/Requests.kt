package dev.infrai

import dev.infrai.internal.ffi.GenerateManyItem
import java.nio.file.Path

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

/** Item of a batch; see [Video.generateMany]. */
public sealed class ManyItem {
    /** Index of the request, from 0. */
    public abstract val index: Int

    /** Returns the job, or throws its error. */
    public abstract fun getOrThrow(): VideoJob

    /**
     * A job that succeeded.
     *
     * @property job the job.
     */
    public class Finished internal constructor(override val index: Int, public val job: VideoJob) : ManyItem() {
        override fun getOrThrow(): VideoJob = job

        override fun toString(): String = "$index: $job"
    }

    /**
     * A request without a video.
     *
     * @property error its error.
     */
    public class Failed internal constructor(override val index: Int, public val error: InfraiException) : ManyItem() {
        override fun getOrThrow(): VideoJob = throw error

        override fun toString(): String = "$index: $error"
    }

    internal companion object {
        fun of(item: GenerateManyItem, client: InfraiClient): ManyItem {
            val (index, job, error) = item
            if (job != null) return Finished(index.toInt(), VideoJob(job, client))
            val exception = error?.let { translated(it, client, client.exceptions) as? InfraiException }
            return Failed(index.toInt(), exception ?: fault("an item without an outcome", client))
        }
    }
}
