package dev.infrai

import dev.infrai.internal.core.Capability as NativeCapability
import dev.infrai.internal.core.Discovery as NativeDiscovery

/**
 * The capabilities of the API; see [InfraiClient.discover].
 *
 * @property capabilities the capabilities, in the API's order.
 * @property metadata metadata of the response.
 * @property json all fields that the API sent, as JSON text.
 */
public class Discovery internal constructor(
    public val capabilities: List<Capability>,
    public val metadata: Metadata,
    public val json: String,
) {
    internal constructor(native: NativeDiscovery) :
        this(native.capabilities.map { Capability(it) }, Metadata(native.metadata), native.toJson())

    override fun toString(): String = "Discovery(${capabilities.size} capabilities)"
}

/**
 * A capability of the API. A field that the API omits, or sends with another type, is absent.
 *
 * @property id id, such as `video.generate`. Empty if the API sent none.
 * @property method HTTP method of its route.
 * @property path path of its route, with `{…}` for each parameter.
 * @property summary description in one line.
 * @property available whether it can be called at present.
 * @property regions regions that have it.
 * @property vendors vendors behind it.
 * @property billing price.
 * @property parameters JSON Schema of its parameters, as JSON text.
 * @property errors errors that it may return.
 * @property examples examples in the API's form, each as JSON text.
 * @property metadata metadata of the response. Empty in a [Discovery], which has its own.
 * @property json all fields that the API sent, as JSON text.
 */
public class Capability internal constructor(
    public val id: String,
    public val method: String?,
    public val path: String?,
    public val summary: String?,
    public val available: Boolean?,
    public val regions: List<String>,
    public val vendors: List<String>,
    public val billing: Billing?,
    public val parameters: String?,
    public val errors: List<CapabilityError>,
    public val examples: List<String>,
    public val metadata: Metadata,
    public val json: String,
) {
    internal constructor(native: NativeCapability) : this(
        native.id, native.method, native.path, native.summary, native.available, native.regions, native.vendors,
        native.billing?.let { Billing(it.isBillable, it.free, it.unit, it.priceUsd, it.currency) }, native.parameters,
        native.errors.map { CapabilityError(it.code, it.retryable) }, native.examples, Metadata(native.metadata), native.toJson(),
    )

    override fun toString(): String = "Capability($id)"
}

/**
 * Price of a [Capability].
 *
 * @property isBillable whether calls are charged.
 * @property free whether calls are free.
 * @property unit unit of the price, such as `second`.
 * @property priceUsd price per unit, in US dollars.
 * @property currency currency of the price.
 */
public class Billing internal constructor(
    public val isBillable: Boolean?,
    public val free: Boolean?,
    public val unit: String?,
    public val priceUsd: Double?,
    public val currency: String?,
) {
    override fun toString(): String = "Billing($priceUsd USD per $unit)"
}

/**
 * Error that a [Capability] may return.
 *
 * @property code stable code.
 * @property retryable whether the same call may succeed later.
 */
public class CapabilityError internal constructor(public val code: String, public val retryable: Boolean?) {
    override fun toString(): String = "CapabilityError($code)"
}
