package dev.infrai

import dev.infrai.internal.core.ErrorKind
import dev.infrai.internal.core.ErrorRecord
import dev.infrai.internal.core.Language
import dev.infrai.internal.ffi.internalError
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * What every call of the SDK throws: a class a kind, to catch the ones that one can do something about.
 *
 * [message] is one line with the code, the status and the request id; [reason] is the words alone; [hint] says what to do.
 * No key is ever part of it. Through Java's serialization it keeps its class, message, causes and stack, and no more.
 */
public sealed class InfraiException(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
    RuntimeException(error.description, cause ?: error.causes.firstOrNull()?.let(::Cause)) {
    @Transient
    private val given: ErrorRecord? = error

    private val error: ErrorRecord get() = given ?: internalError(message.orEmpty(), Language.KOTLIN)

    /** The kind's name in data, the same in every language: `payment_required`. */
    public val kind: String get() = error.kind.name.lowercase()

    /**
     * The stable code: the API's (`INSUFFICIENT_CREDIT`), `HTTP_503` where a failed response gave none, or the SDK's own
     * (`INVALID_ARGUMENT`, `CONNECTION_FAILED`, `WAIT_TIMEOUT`, …).
     */
    public val code: String get() = error.code

    /** What happened, in words, without code or status. */
    public val reason: String get() = error.message

    /** What to do about it, in one sentence. */
    public val hint: String get() = error.hint

    /** The HTTP status, where there was a response. */
    public val status: Int? get() = error.status?.toInt()

    /** The API's id of the request, for its support. */
    public val requestId: String? get() = error.requestId

    /** Whether the same call may succeed when made again unchanged; the SDK has then already tried. */
    public val isRetryable: Boolean get() = error.retryable

    /** How long the server asked to wait. */
    @get:JvmName("getRetryAfter")
    public val retryAfter: Duration? get() = error.retryAfter?.seconds

    /** How many requests were sent for the call. */
    public val attempts: Int get() = error.attempts.toInt()

    /** The idempotency key that was sent: a call repeated with it gives the same result and is charged once. */
    public val idempotencyKey: String? get() = error.idempotencyKey

    /** Whether the API may have carried the call out although no answer says so. */
    public val mayHaveBeenProcessed: Boolean get() = error.mayHaveBeenProcessed

    /** What else the API's error carried, or the facts behind an error of the SDK, as JSON text. */
    public val detailsJson: String? get() = error.details

    /** Where to pay, when the API said so. */
    public val checkoutUrl: String? get() = error.checkoutUrl

    /** The job it is about, as last seen. */
    @Transient
    public val job: VideoJob? = error.job?.let { VideoJob(it, client) }

    /** No key, or one that the API does not accept (401). */
    public class Authentication internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The key may not do this (403). */
    public class Permission internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** Money is needed first (402): pay at [checkoutUrl], then call again with the same [idempotencyKey]. */
    public class PaymentRequired internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** An argument was refused, by the SDK before anything was sent or by the API (400, 413, 422). */
    public class InvalidRequest internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The thing asked for does not exist, or is another account's (404, 410). */
    public class NotFound internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The request contradicts an earlier one (409): use a fresh idempotency key for a different request. */
    public class Conflict internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** Too many requests (429); [retryAfter] says how long to wait. */
    public class RateLimit internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The API, or what stands before it, failed (5xx). */
    public class Server internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The API could not be reached, or the connection broke. */
    public class Connection internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** No answer in time: of an attempt, or of the call in all. */
    public class Timeout internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The job ended in error; [job] says why. */
    public class JobFailed internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The job was cancelled. */
    public class JobCancelled internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The wait's own time ran out; the [job] goes on: wait again, or cancel it. */
    public class WaitTimeout internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The credentials cannot be read, written or understood. */
    public class Credentials internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The client's settings, or the machine's, do not fit what was asked. */
    public class Configuration internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** The API answered with something that is not its contract. */
    public class UnexpectedResponse internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** A fault of the SDK itself: please report it. */
    public class Internal internal constructor(error: ErrorRecord, client: InfraiClient?, cause: Throwable?) :
        InfraiException(error, client, cause)

    /** What the native half knows of an error's cause. */
    private class Cause(text: String) : Exception(text, null, false, false)

    internal companion object {
        /** The exception of a error's kind. */
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
                // A wait that was to cancel its job and was cancelled: its coroutine is, and sees no exception of ours.
                ErrorKind.ABORTED, ErrorKind.INTERNAL -> ::Internal
            }
            return make(error, client, cause)
        }
    }
}
