package dev.infrai

import dev.infrai.internal.core.ErrorKind
import dev.infrai.internal.core.Language
import dev.infrai.internal.ffi.InternalException
import dev.infrai.internal.ffi.NativeException
import dev.infrai.internal.ffi.internalError
import dev.infrai.internal.ffi.invalidArgument
import java.util.concurrent.atomic.AtomicLong
import kotlin.coroutines.cancellation.CancellationException

// Conversion of the native half's errors.

/** Runs a call that needs no client. */
internal inline fun <T> direct(call: () -> T): T =
    try {
        call()
    } catch (error: NativeException) {
        throw translated(error, client = null, exceptions = null)
    } catch (fault: InternalException) {
        throw fault(fault.message)
    }

/** Returns the exception of an error of the native half. */
internal fun translated(error: NativeException, client: InfraiClient?, exceptions: KeyExceptions?): Throwable = when (error) {
    is NativeException.Cancelled -> CancellationException("the call was cancelled")
    is NativeException.Failed -> when (error.error.kind) {
        ErrorKind.ABORTED -> CancellationException(error.error.message)
        else -> InfraiException.of(error.error, client, error.exception?.let { exceptions?.take(it) })
    }
}

/** Returns the exception of a bug in the native half or its generated code. */
internal fun fault(message: String?, client: InfraiClient? = null): InfraiException =
    InfraiException.of(internalError(message ?: "no message", Language.KOTLIN), client)

/** Returns the exception of an argument that the native half cannot carry. */
internal fun refusal(field: String, got: String, expected: String): InfraiException =
    InfraiException.of(invalidArgument(field, got, expected, Language.KOTLIN))

/** The exceptions of key functions, until the call that needed the key throws. */
internal class KeyExceptions {
    private val next = AtomicLong()
    private val kept = LinkedHashMap<Long, Throwable>()

    fun keep(exception: Throwable): Long {
        val number = next.getAndIncrement()
        synchronized(kept) {
            kept[number] = exception
            // A cancelled call takes none.
            if (kept.size > CAPACITY) kept.remove(kept.keys.first())
        }
        return number
    }

    fun take(number: Long): Throwable? = synchronized(kept) { kept.remove(number) }

    private companion object {
        const val CAPACITY = 64
    }
}
