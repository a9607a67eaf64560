package dev.infrai

/**
 * Where a job stands: an open list. A state that this version does not know is kept as the API wrote it, and counts as
 * still going.
 *
 * @property value the state as the API wrote it.
 */
@JvmInline
public value class VideoState(public val value: String) {
    override fun toString(): String = value

    /** The states that are known. */
    public companion object {
        /** Accepted, not begun. */
        public val Queued: VideoState = VideoState("queued")

        /** Being made. */
        public val Running: VideoState = VideoState("running")

        /** Made: success. */
        public val Succeeded: VideoState = VideoState("succeeded")

        /** Made: success. */
        public val Completed: VideoState = VideoState("completed")

        /** Made: success. */
        public val Done: VideoState = VideoState("done")

        /** Ended without a video. */
        public val Failed: VideoState = VideoState("failed")

        /** Ended without a video. */
        public val Error: VideoState = VideoState("error")

        /** Ended without a video: too old. */
        public val Expired: VideoState = VideoState("expired")

        /** Cancelled. */
        public val Cancelled: VideoState = VideoState("cancelled")

        /** Cancelled, as the API may spell it too. */
        public val Canceled: VideoState = VideoState("canceled")
    }
}
