package dev.infrai

import dev.infrai.internal.core.ErrorKind
import dev.infrai.internal.core.ErrorRecord
import dev.infrai.internal.core.Language
import dev.infrai.internal.ffi.internalError
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * Error of a call. Each kind has its class.
 *
 * [message] describes the error in one line, with code, status and request id. [reason] is the message alone. [hint] names a
 * remedy. The error never contains a key. Java's serialization keeps its class, message, causes and stack alone.
 */
public sealed class InfraiException(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
    RuntimeException(error.description, cause ?: error.causes.firstOrNull()?.let(::Cause)) {
    @Transient
    private val given: ErrorRecord? = error

    private val error: ErrorRecord get() = given ?: internalError(message.orEmpty(), Language.KOTLIN)

    /** Name of the kind in data, the same in every language: `payment_required`. */
    public val kind: String get() = error.kind.name.lowercase()

    /**
     * Stable code: the API's (`INSUFFICIENT_CREDIT`), `HTTP_503` for a failed response without one, or the SDK's own
     * (`INVALID_ARGUMENT`, `CONNECTION_FAILED`, `WAIT_TIMEOUT`, …).
     */
    public val code: String get() = error.code

    /** Message, without code or status. */
    public val reason: String get() = error.message

    /** Hint on how to resolve the error. */
    public val hint: String get() = error.hint

    /** URL of the documentation's entry for the code. */
    public val docsUrl: String get() = error.docsUrl

    /** HTTP status, if there was a response. */
    public val status: Int? get() = error.status?.toInt()

    /** The API's id of the request, for support. */
    public val requestId: String? get() = error.requestId

    /** Whether the same call may succeed later. The SDK has already retried it. */
    public val isRetryable: Boolean get() = error.retryable

    /** Time that the server asked the client to wait. */
    @get:JvmName("getRetryAfter")
    public val retryAfter: Duration? get() = error.retryAfter?.seconds

    /** Number of attempts of the call. */
    public val attempts: Int get() = error.attempts.toInt()

    /** Idempotency key that was sent. A call repeated with it has the same result and is charged once, within the API's window (24 hours by default). */
    public val idempotencyKey: String? get() = error.idempotencyKey

    /** Whether the API may have processed the call although no response confirms it. */
    public val mayHaveBeenProcessed: Boolean get() = error.mayHaveBeenProcessed

    /** Other fields of the API's error, or details of an error of the SDK, as JSON text. */
    public val detailsJson: String? get() = error.details

    /** URL of the payment page, if the API sent one. */
    public val checkoutUrl: String? get() = error.checkoutUrl

    /** The job that the error concerns, in its last known state. */
    @Transient
    public val job: VideoJob? = error.job?.let { VideoJob(it, client) }

    /** The key is missing or the API does not accept it (401). */
    public class Authentication internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The key has no permission for the call (403). */
    public class Permission internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The account needs credit (402): pay at [checkoutUrl], then call again with the same [idempotencyKey]. */
    public class PaymentRequired internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The SDK refused an argument before sending, or the API refused it (400, 413, 422). */
    public class InvalidRequest internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The resource does not exist or belongs to another account (404, 410). */
    public class NotFound internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The request conflicts with an earlier one (409): use a new idempotency key for a different request. */
    public class Conflict internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** Too many requests (429). See [retryAfter]. */
    public class RateLimit internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The API or a gateway in front of it failed (5xx). */
    public class Server internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The client could not reach the API, or the connection broke. */
    public class Connection internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The response did not arrive in time. */
    public class Timeout internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The job failed. See [job]. */
    public class JobFailed internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The job was cancelled. */
    public class JobCancelled internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The wait's timeout passed. The [job] continues: wait again, or cancel it. */
    public class WaitTimeout internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The credentials cannot be read, written or parsed. */
    public class Credentials internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The client's or the machine's settings do not allow the call. */
    public class Configuration internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The response breaks the API's contract. */
    public class UnexpectedResponse internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** A webhook's delivery has no valid signature, or its body is no event. See [detailsJson] for the reason. */
    public class WebhookVerification internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** A bug in the SDK. Please report it. */
    public class Internal internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** Cause of an error in the native half. */
    private class Cause(text: String) : Exception(text, null, false, false)

    internal companion object {
        /** Returns the exception of the error's kind. */
        fun of(error: ErrorRecord, client: InfraiClient? = null, cause: Throwable? = null): InfraiException {
            val make: (ErrorRecord, InfraiClient?, Throwable?) -> InfraiException = when (error.kind) {
                ErrorKind.AUTHENTICATION -> ::Authentication
                ErrorKind.PERMISSION -> ::Permission
                ErrorKind.PAYMENT_REQUIRED -> ::PaymentRequired
                ErrorKind.INVALID_REQUEST -> ::InvalidRequest
                ErrorKind.NOT_FOUND -> ::NotFound
                ErrorKind.CONFLICT -> ::Conflict
                ErrorKind.RATE_LIMIT -> ::RateLimit
                ErrorKind.SERVER -> ::Server
                ErrorKind.CONNECTION -> ::Connection
                ErrorKind.TIMEOUT -> ::Timeout
                ErrorKind.JOB_FAILED -> ::JobFailed
                ErrorKind.JOB_CANCELLED -> ::JobCancelled
                ErrorKind.WAIT_TIMEOUT -> ::WaitTimeout
                ErrorKind.CREDENTIALS -> ::Credentials
                ErrorKind.CONFIGURATION -> ::Configuration
                ErrorKind.UNEXPECTED_RESPONSE -> ::UnexpectedResponse
                ErrorKind.WEBHOOK_VERIFICATION -> ::WebhookVerification
                // The coroutine of an aborted wait is cancelled and sees no exception of the SDK.
                ErrorKind.ABORTED, ErrorKind.INTERNAL -> ::Internal
            }
            return make(error, client, cause)
        }
    }
}
