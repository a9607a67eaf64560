package dev.infrai

import dev.infrai.internal.ffi.ApiKeyProviderException
import dev.infrai.internal.ffi.CallbackKinds
import dev.infrai.internal.ffi.Callbacks
import dev.infrai.internal.ffi.RequestEvent as NativeRequestEvent
import dev.infrai.internal.ffi.ResponseEvent as NativeResponseEvent
import kotlin.coroutines.ContinuationInterceptor
import kotlin.coroutines.CoroutineContext
import kotlinx.coroutines.Job
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext

/** The key function and the hooks of a client. */
internal class ClientCallbacks(
    private val key: (suspend () -> String)?,
    private val onRequest: ((RequestEvent) -> Unit)?,
    private val onResponse: ((ResponseEvent) -> Unit)?,
) {
    /** The exceptions of the key function. */
    val exceptions: KeyExceptions = KeyExceptions()

    val kinds: CallbackKinds = CallbackKinds(key != null, onRequest != null || onResponse != null)

    val isEmpty: Boolean get() = !kinds.key && !kinds.hooks

    /** Returns the callbacks of one call, whose caller has this context. */
    fun inContext(context: CoroutineContext): Callbacks = ContextCallbacks(context)

    private inner class ContextCallbacks(context: CoroutineContext) : Callbacks {
        // On a thread of the SDK: the caller's dispatcher may be blocked by the call itself.
        private val context = context.minusKey(Job).minusKey(ContinuationInterceptor)

        override suspend fun key(): String {
            // Caught inside, because withContext may copy an exception that leaves it.
            val result = withContext(context) { runCatching { checked("api_key", key!!.invoke()) } }
            return result.getOrElse { throw ApiKeyProviderException.Exception(exceptions.keep(it), it.toString()) }
        }

        override fun onRequest(event: NativeRequestEvent) {
            onRequest?.let { hook -> run { hook(RequestEvent(event.method, event.path, event.attempt.toInt())) } }
        }

        override fun onResponse(event: NativeResponseEvent) {
            onResponse?.let { hook ->
                run {
                    hook(
                        ResponseEvent(
                            event.method, event.path, event.attempt.toInt(), event.status?.toInt(), event.latency, event.requestId,
                        ),
                    )
                }
            }
        }

        /** Runs a hook. Drops its failure: the thread's handler would end an app on Android. */
        @Suppress("TooGenericExceptionCaught")
        private fun run(hook: () -> Unit) {
            try {
                runBlocking(context) { hook() }
            } catch (_: Throwable) {
                // The call goes on.
            }
        }
    }
}
