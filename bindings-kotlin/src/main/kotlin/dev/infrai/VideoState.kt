package dev.infrai

/**
 * State of a job. The API may add states. An unknown state keeps its text and is not terminal.
 *
 * @property value the state as the API spelled it.
 */
@JvmInline
public value class VideoState(public val value: String) {
    override fun toString(): String = value

    /** The known states. */
    public companion object {
        /** Accepted but not started. */
        public val Queued: VideoState = VideoState("queued")

        /** In progress. */
        public val Running: VideoState = VideoState("running")

        /** Success: the video exists. */
        public val Succeeded: VideoState = VideoState("succeeded")

        /** Success, in another spelling of the API. */
        public val Completed: VideoState = VideoState("completed")

        /** Success, in another spelling of the API. */
        public val Done: VideoState = VideoState("done")

        /** Failed without a video. */
        public val Failed: VideoState = VideoState("failed")

        /** Failed, in another spelling of the API. */
        public val Error: VideoState = VideoState("error")

        /** Failed because the job became too old. */
        public val Expired: VideoState = VideoState("expired")

        /** Cancelled. */
        public val Cancelled: VideoState = VideoState("cancelled")

        /** Cancelled, in another spelling of the API. */
        public val Canceled: VideoState = VideoState("canceled")
    }
}
