package dev.infrai

import dev.infrai.internal.ffi.InternalException
import dev.infrai.internal.ffi.NativeErrorKind
import dev.infrai.internal.ffi.NativeException
import dev.infrai.internal.ffi.NativeFailure
import dev.infrai.internal.ffi.NativePatience
import dev.infrai.internal.ffi.nativeInternal
import dev.infrai.internal.ffi.nativeInvalidArgument
import java.util.concurrent.atomic.AtomicLong
import kotlin.coroutines.cancellation.CancellationException
import kotlin.time.Duration
import kotlin.time.DurationUnit

// How a call of the native half becomes one of Kotlin's: its errors, and the arguments that it cannot carry.

/** Runs a call that needs no client. */
internal inline fun <T> direct(call: () -> T): T =
    try {
        call()
    } catch (failure: NativeException) {
        throw translated(failure, client = null, thrown = null)
    } catch (fault: InternalException) {
        throw InfraiException.of(nativeInternal(fault.message ?: "no message"))
    }

/** The exception of what the native half failed with. */
internal fun translated(failure: NativeException, client: InfraiClient?, thrown: Thrown?): Throwable = when (failure) {
    is NativeException.Cancelled -> CancellationException("the call was cancelled")
    is NativeException.Failed -> when {
        failure.failure.kind == NativeErrorKind.ABORTED -> CancellationException(failure.failure.message)
        else -> InfraiException.of(failure.failure, client, thrown?.by(failure.failure))
    }
}

/** The exception of an argument that is refused here, because the native half cannot be handed it. */
internal fun refusal(field: String, got: String, expected: String): InfraiException =
    InfraiException.of(nativeInvalidArgument(field, got, expected))

/** A text, if UTF-8 can carry it: half a surrogate pair would become another text, or none. */
internal fun checked(field: String, text: String): String {
    var at = 0
    while (at < text.length) {
        val unit = text[at]
        at += when {
            !unit.isSurrogate() -> 1
            unit.isHighSurrogate() && at + 1 < text.length && text[at + 1].isLowSurrogate() -> 2
            // The text is not repeated: it may be a key, or as long as a book.
            else -> throw refusal(field, "a string that has half of a surrogate pair", "text of whole characters")
        }
    }
    return text
}

@JvmName("checkedOrNull")
internal fun checked(field: String, text: String?): String? = text?.let { checked(field, it) }

internal fun Duration.inSeconds(): Double = toDouble(DurationUnit.SECONDS)

/** How long to wait: `null` and an infinite time are for ever. */
internal fun patience(timeout: Duration?): NativePatience =
    if (timeout == null || timeout == Duration.INFINITE) NativePatience.Forever else NativePatience.Seconds(timeout.inSeconds())

/** What key functions threw, kept while the native half carries the error to the call that asked. */
internal class Thrown {
    private val next = AtomicLong()
    private val kept = LinkedHashMap<Long, Throwable>()

    fun keep(thrown: Throwable): Long {
        val number = next.getAndIncrement()
        synchronized(kept) {
            kept[number] = thrown
            // A call that was cancelled meanwhile never fetches its own.
            if (kept.size > MOST) kept.remove(kept.keys.first())
        }
        return number
    }

    /** What the application's own function threw, if that is what this failure is about. */
    fun by(failure: NativeFailure): Throwable? {
        val number = failure.thrown ?: return null
        return synchronized(kept) { kept.remove(number) }
    }

    private companion object {
        const val MOST = 64
    }
}
