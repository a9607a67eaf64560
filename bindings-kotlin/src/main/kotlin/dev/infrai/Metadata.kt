package dev.infrai

import dev.infrai.internal.core.MetadataRecord as NativeMetadata

/**
 * Metadata of a response. All fields are optional.
 *
 * @property costUsd cost of the call in US dollars.
 * @property latencyMs the API's processing time in milliseconds.
 * @property vendor vendor that did the work.
 * @property cacheHit whether the response came from a cache.
 * @property requestId the API's id of the request, for support.
 * @property json all fields, as the JSON text of an object.
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
