package dev.infrai

import dev.infrai.internal.core.Language
import dev.infrai.internal.ffi.SeenEventIds
import dev.infrai.internal.ffi.verifyWebhook
import dev.infrai.internal.core.WebhookEvent as NativeEvent
import java.io.Closeable
import kotlin.time.Duration
import kotlin.time.DurationUnit

/** Verification of webhook deliveries. It sends nothing and needs no key. */
public object Webhooks {
    /**
     * Verifies the signature of a delivery and returns its event. Compares in constant time.
     *
     * ```
     * val event = Webhooks.verify(body, request.getHeader("X-Infrai-Signature"), secret)
     * if (event.id == null || seen.add(event.id)) handle(event)
     * ```
     *
     * @param body the body as it was received, byte for byte. A parsed and rewritten body has another signature.
     * @param header value of the header `X-Infrai-Signature`: 64 hexadecimal digits in any case, with or without `sha256=`
     *   before them. `null` if the request has none.
     * @param secret secret of the webhook's registration.
     * @throws InfraiException.WebhookVerification if the secret is empty, the signature is missing, malformed or of another
     *   body or secret, or the body is no JSON object. [InfraiException.detailsJson] names the `reason`. It contains neither
     *   secret nor signature.
     * @throws InfraiException.InvalidRequest if the header or the secret has half of a surrogate pair.
     */
    @JvmStatic
    public fun verify(body: ByteArray, header: String?, secret: String): WebhookEvent = direct {
        WebhookEvent(verifyWebhook(body, header?.let { checked("header", it) }, checked("secret", secret), Language.KOTLIN))
    }
}

/**
 * An event of a webhook. The API does not document the fields of events: one that is absent or has another type is `null`,
 * and [rawJson] has all of them.
 *
 * @property id id of the event, the same in each of its deliveries.
 * @property type name of the event.
 * @property created time of the event in the API's spelling.
 * @property dataJson content of the event, as JSON text.
 * @property job the job, if the content or its field `job` is one. It has no client: pass it to the methods of a client's
 *   [Video].
 * @property rawJson all fields of the body, as JSON text.
 */
public class WebhookEvent internal constructor(
    public val id: String?,
    public val type: String?,
    public val created: String?,
    public val dataJson: String?,
    public val job: VideoJob?,
    public val rawJson: String,
) {
    internal constructor(native: NativeEvent) : this(
        native.id, native.eventType, native.created, native.data, native.job?.let { VideoJob(it, client = null) }, native.raw,
    )

    override fun toString(): String = "WebhookEvent($id, $type)"
}

/**
 * A memory of event ids, bounded in size and time, so that a receiver handles each event once.
 *
 * The API delivers an event at least once, and an attacker may repeat a recorded delivery: the signature covers no time. The
 * memory belongs to the process. Several processes, or a restart, need a shared store, such as a unique column of a database.
 * Usable from several threads.
 *
 * ```
 * val seen = SeenEvents()
 * if (seen.add(id)) handle(event)
 * ```
 *
 * @param capacity number of ids; a full memory forgets the oldest one. Default: 10,000, about 1.2 MB.
 * @param ttl time for which it remembers an id. Default: a day.
 * @throws InfraiException.InvalidRequest if the capacity is less than 1 or the time is not positive.
 */
public class SeenEvents @JvmOverloads constructor(capacity: Int? = null, ttl: Duration? = null) : Closeable {
    private val native = direct { SeenEventIds(capacity?.toDouble(), ttl?.toDouble(DurationUnit.SECONDS), Language.KOTLIN) }

    /**
     * Adds an id and returns whether it is new. Of several threads that add the same id, one gets `true`.
     *
     * @param id id of the event. For an event without one: the body as text.
     */
    public fun add(id: String): Boolean = direct { native.add(checked("id", id)) }

    /**
     * Forgets an id, so that the next delivery of its event counts as new. For an event whose handling failed.
     *
     * @param id id of the event.
     */
    public fun remove(id: String): Unit = direct { native.remove(checked("id", id)) }

    /** Frees the memory. Not needed for one that lives as long as the process. */
    override fun close(): Unit = native.close()
}
