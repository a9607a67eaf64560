package dev.infrai

import dev.infrai.internal.core.Language
import dev.infrai.internal.ffi.Cancellation
import dev.infrai.internal.ffi.Client
import dev.infrai.internal.ffi.InternalException
import dev.infrai.internal.ffi.NativeException
import java.io.Closeable
import java.nio.file.Path
import kotlin.time.Duration
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/**
 * A client of the Infrai API: its settings, its connections, and the groups of calls that it makes. Make one and keep it;
 * it may be used by any number of coroutines at once.
 *
 * ```kotlin
 * InfraiClient().use { client ->
 *     client.activate() // once a device: an anonymous account with a trial credit
 *     val job = client.video.generate("a timelapse of a city skyline at dusk", resolution = "1080p")
 *     client.video.wait(job).download(Path("skyline.mp4"))
 * }
 * ```
 *
 * Every call is a suspend function that may be made from any thread, a user interface's included, and throws an
 * [InfraiException]. Cancelling its coroutine stops it at once: no request, no polling and no callback of it goes on.
 */
public class InfraiClient private constructor(private val native: Client, internal val exceptions: KeyExceptions) : Closeable {
    @Volatile
    private var closed = false

    /** Videos: generate, status, cancel, wait, watch, download, many at once. */
    public val video: Video = Video(this)

    /** The account: balance and top-up. */
    public val account: Account = Account(this)

    private constructor(settings: Settings) : this(settings.open(), settings.exceptions)

    /**
     * Makes a client. Nothing is read and nothing is sent yet: a missing key is an error of the first call. A setting that
     * is not given comes from the environment, then from the profile, then from the default; an empty string counts as
     * not given.
     *
     * @param apiKey the project key; else `INFRAI_API_KEY`, else the profile's. Not for an app that is given to others:
     *   see [apiKeyProvider].
     * @param apiKeyProvider gives the key: asked once a call, and once more after a 401. For an app that gets a token from
     *   its own backend. What it throws is the [cause][Throwable.cause] of the [InfraiException.Configuration] that the call throws.
     * @param baseUrl the API's address; else `INFRAI_BASE_URL`, else the profile's, else `https://api.infrai.cc`.
     * @param profile the table of the credentials file; else `INFRAI_PROFILE`, else `default`.
     * @param credentialsFile where keys are kept; else `INFRAI_CREDENTIALS_FILE`, else `~/.infrai/credentials`.
     * @param credentialStore where keys are kept in place of the file, such as an app's encrypted storage.
     * @param timeout how long a call may take in all, retries and the pauses between them included. Default: 60 s.
     * @param attemptTimeout how long one attempt may take to be answered in full. Default: 20 s.
     * @param connectTimeout how much of an attempt may go into connecting. Default: 10 s.
     * @param downloadIdleTimeout how long a download may go without a byte. Default: 30 s.
     * @param maxRetries how many times a failed attempt may be made again. Default: 2.
     * @param retryBase the first retry comes after at most this long, each further one after at most twice as long.
     *   Default: 0.5 s.
     * @param retryCap no retry waits longer than this, unless the server asks for it. Default: 8 s.
     * @param polling how waits poll.
     * @param defaultHeaders headers for every call to the API; those that the SDK sets itself are refused.
     * @param proxy a proxy for everything but loopback hosts; else what `HTTPS_PROXY` and its like say.
     * @param caFile a PEM file of certificate authorities to trust instead of the platform's; on Android, where the
     *   bundled roots of Mozilla are trusted, instead of those.
     * @param userAgentSuffix words for the end of the `User-Agent`, such as the app's name and version.
     * @param allowInsecureHttp allows plain `http` to hosts other than loopback, such as an emulator's `10.0.2.2`; else
     *   `INFRAI_ALLOW_HTTP=1`. Never for the internet.
     * @param onRequest called before every attempt, on a thread of the SDK's; it sees no body and no key.
     * @param onResponse called after every attempt, on a thread of the SDK's; it sees no body and no key.
     * @throws InfraiException.Configuration for a setting that can never work.
     */
    public constructor(
        apiKey: String? = null,
        apiKeyProvider: (suspend () -> String)? = null,
        baseUrl: String? = null,
        profile: String? = null,
        credentialsFile: Path? = null,
        credentialStore: CredentialStore? = null,
        timeout: Duration? = null,
        attemptTimeout: Duration? = null,
        connectTimeout: Duration? = null,
        downloadIdleTimeout: Duration? = null,
        maxRetries: Int? = null,
        retryBase: Duration? = null,
        retryCap: Duration? = null,
        polling: PollingOptions? = null,
        defaultHeaders: Map<String, String> = emptyMap(),
        proxy: String? = null,
        caFile: Path? = null,
        userAgentSuffix: String? = null,
        allowInsecureHttp: Boolean? = null,
        onRequest: ((RequestEvent) -> Unit)? = null,
        onResponse: ((ResponseEvent) -> Unit)? = null,
    ) : this(
        Settings(
            apiKey, apiKeyProvider, baseUrl, profile, credentialsFile, credentialStore, timeout, attemptTimeout,
            connectTimeout, downloadIdleTimeout, maxRetries, retryBase, retryCap, polling, defaultHeaders, proxy, caFile,
            userAgentSuffix, allowInsecureHttp, onRequest, onResponse,
        ),
    )

    /** The base URL that calls go to. Throws as the first call would. */
    public val baseUrl: String get() = withNative { it.baseUrl() }

    /** The key's form that may be shown, `ifr_pk_proj_…abcd`; `null` where there is none. Throws as the first call would. */
    public val keyHint: String? get() = withNative { it.keyHint() }

    /**
     * The same client with other settings for the calls made through what this returns; it is closed by itself.
     *
     * @param timeout how long a call may take in all.
     * @param maxRetries how many times a failed attempt may be made again.
     * @param headers headers to send beside, or instead of, the client's own of the same name.
     * @throws InfraiException.InvalidRequest for a time or a number that cannot be.
     * @throws InfraiException.Configuration for a header that cannot be sent.
     */
    public fun withOptions(
        timeout: Duration? = null,
        maxRetries: Int? = null,
        headers: Map<String, String> = emptyMap(),
    ): InfraiClient {
        val options = options("timeout" to timeout, "max_retries" to maxRetries, "headers" to headers)
        return InfraiClient(withNative { it.withOptions(options.text) }, exceptions)
    }

    /**
     * Makes this device an anonymous account with a trial credit, and stores its key: `POST /v1/activate`. Where the
     * profile has a key for this base URL already, that is returned and nothing is sent.
     *
     * @param region `auto` (default), `western` or `china`.
     * @param deviceKind what kind of device this is. Default: `cli`.
     * @param writeCredentials whether to store the key. Default: yes.
     * @param force asks for a key even where the profile has one; the old one is kept under another name.
     * @param profile the profile to store it as. Default: the client's.
     * @throws InfraiException.Configuration when the profile belongs to another origin.
     * @throws InfraiException.Credentials when what is stored cannot be understood or written, before anything is sent.
     */
    @JvmOverloads
    public suspend fun activate(
        region: String? = null,
        deviceKind: String? = null,
        writeCredentials: Boolean? = null,
        force: Boolean = false,
        profile: String? = null,
    ): Activation {
        val options = options(
            "region" to region,
            "device_kind" to deviceKind,
            "write_credentials" to writeCredentials,
            "force" to force,
            "profile" to profile,
        )
        return Activation(callToItsEnd { native, cancellation -> native.activate(options.text, cancellation) })
    }

    /**
     * Any other route of the API, with the same key, retries, envelope and errors.
     *
     * @param method `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
     * @param path starts with exactly one `/`, and goes below the base URL.
     * @param body JSON text, sent in canonical form; none with `GET` and `HEAD`.
     * @param query names and values, encoded by the SDK; a name may come more than once.
     * @param idempotencyKey 1 to 255 visible ASCII characters. Default: a fresh one for every call that is not `GET` or
     *   `HEAD`.
     * @throws InfraiException.InvalidRequest for a method, a path or a body that cannot be sent.
     */
    @JvmOverloads
    public suspend fun request(
        method: String,
        path: String,
        body: String? = null,
        query: List<Pair<String, String>> = emptyList(),
        idempotencyKey: String? = null,
    ): ApiResponse {
        checked("method", method)
        checked("path", path)
        body?.let { checked("body", it) }
        val options = options("query" to query, "idempotency_key" to idempotencyKey)
        return ApiResponse(call { it.request(method, path, body, options.text, null) })
    }

    /** Gives the connections back. Calls under way go on; later ones are refused. */
    override fun close() {
        closed = true
        native.destroy()
    }

    override fun toString(): String = if (closed) "InfraiClient(closed)" else "InfraiClient"

    /** Makes a call of the native half, its failure as an exception of ours. */
    internal suspend fun <T> call(made: suspend (Client) -> T): T {
        // The native half begins a call before it looks whether anybody waits for it.
        currentCoroutineContext().ensureActive()
        return guarded { made(native) }
    }

    /**
     * The same for a call that has something to do when it is cancelled, a job to cancel or a file to clear away: it is over
     * when this ends.
     */
    internal suspend fun <T> callToItsEnd(made: suspend (Client, Cancellation) -> T): T =
        // The coroutine's cancellation becomes one that the call may still answer to.
        coroutineScope {
            Cancellation().use { cancellation ->
                // Unconfined: in the moment of the cancel, even while the caller's only thread is inside a callback.
                val watcher = launch(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) {
                    try {
                        awaitCancellation()
                    } finally {
                        cancellation.cancel()
                    }
                }
                try {
                    withContext(NonCancellable) { call { made(it, cancellation) } }
                } finally {
                    watcher.cancel()
                    withContext(NonCancellable) { watcher.join() }
                }
            }
        }

    /** The same for what does not suspend. */
    internal fun <T> withNative(made: (Client) -> T): T = guarded { made(native) }

    /** For calls of streams, which stay open with them. */
    internal inline fun <T> guarded(made: () -> T): T {
        try {
            if (closed) throw gone()
            return made()
        } catch (error: NativeException) {
            throw translated(error, this, exceptions)
        } catch (fault: InternalException) {
            throw fault(fault.message, this)
        } catch (fault: IllegalStateException) {
            // Closed by another thread in this moment.
            throw if (closed && fault !is java.util.concurrent.CancellationException) gone() else fault
        }
    }

    private fun gone(): InfraiException = refusal("client", "one that was closed", "a client that is open")

    /** What needs no client, and a constructor for Java. */
    public companion object {
        /** A fresh idempotency key, to know it before a call that may be cancelled. */
        @JvmStatic
        public fun newIdempotencyKey(): String = direct { dev.infrai.internal.ffi.newIdempotencyKey(Language.KOTLIN) }

        /** A client for callers in Java, where the constructor's times cannot be named. */
        @JvmStatic
        @JvmOverloads
        public fun create(apiKey: String? = null, baseUrl: String? = null, profile: String? = null): InfraiClient =
            InfraiClient(apiKey = apiKey, baseUrl = baseUrl, profile = profile)
    }
}
