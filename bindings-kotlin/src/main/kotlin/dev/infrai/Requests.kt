package dev.infrai

import dev.infrai.internal.ffi.GenerateManyItem
import java.nio.file.Path

/**
 * What to generate; see [Video.generate] for what each option means.
 *
 * @property prompt what the video shows.
 * @property referenceImageUrl an image to go by: an http(s) URL.
 * @property durationSeconds how long the video should be, in seconds.
 * @property aspect `16:9`, `9:16` or `1:1`.
 * @property resolution `720p` (default), `1080p` or `4k`.
 * @property prefer `balanced` (default), `cheapest` or `smartest`.
 * @property model a model by name.
 * @property vendor a vendor by name.
 * @property idempotencyKey 1 to 255 visible ASCII characters. Default: a fresh one for each call.
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
 * How far a download is.
 *
 * @property received bytes so far.
 * @property total bytes in all, if the server says so.
 */
public data class DownloadProgress(public val received: Long, public val total: Long?)

/**
 * A finished download.
 *
 * @property path where the file is.
 * @property bytes how long it is.
 * @property job the job it came from.
 */
public class Download internal constructor(public val path: Path, public val bytes: Long, public val job: VideoJob) {
    override fun toString(): String = "Download($bytes bytes at $path)"
}

/** One of many; see [Video.generateMany]. */
public sealed class ManyItem {
    /** Its place in the list, from 0. */
    public abstract val index: Int

    /** The job, or its error thrown. */
    public abstract fun getOrThrow(): VideoJob

    /**
     * One whose video is there.
     *
     * @property job the job.
     */
    public class Finished internal constructor(override val index: Int, public val job: VideoJob) : ManyItem() {
        override fun getOrThrow(): VideoJob = job

        override fun toString(): String = "$index: $job"
    }

    /**
     * One that has no video.
     *
     * @property error why.
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
