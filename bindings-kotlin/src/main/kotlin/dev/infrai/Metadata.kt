package dev.infrai

import dev.infrai.internal.core.MetadataRecord as NativeMetadata

/**
 * What a response said about itself.
 *
 * @property costUsd what the call cost, in US dollars.
 * @property latencyMs how long the API took, in milliseconds.
 * @property vendor who did the work.
 * @property cacheHit whether the answer came from a cache.
 * @property requestId the API's id of the request, for its support.
 * @property json everything that came, as the JSON text of an object.
 */
public class Metadata internal constructor(
    public val costUsd: Double?,
    public val latencyMs: Double?,
    public val vendor: String?,
    public val cacheHit: Boolean?,
    public val requestId: String?,
    public val json: String,
) {
    internal constructor(native: NativeMetadata) : this(
        native.costUsd, native.latencyMs, native.vendor, native.cacheHit, native.requestId, native.json,
    )

    override fun equals(other: Any?): Boolean = other is Metadata && other.json == json

    override fun hashCode(): Int = json.hashCode()

    override fun toString(): String = json
}
