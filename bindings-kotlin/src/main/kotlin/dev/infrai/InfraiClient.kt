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
 * A client of the Infrai API. Create one and keep it: its calls share connections, a retry budget, and one scheduler for the
 * polls of all waits. Any number of coroutines may use it at once.
 *
 * ```kotlin
 * InfraiClient().use { client ->
 *     client.activate() // once per device: an anonymous account with a trial credit
 *     val job = client.video.generate("a timelapse of a city skyline at dusk", resolution = "1080p")
 *     client.video.wait(job).download(Path("skyline.mp4"))
 * }
 * ```
 *
 * Every call is a suspend function for any thread, including that of a user interface, and throws an [InfraiException].
 * Cancelling its coroutine stops its requests, polls and callbacks at once.
 */
public class InfraiClient private constructor(private val native: Client, private val callbacks: ClientCallbacks) : Closeable {
    @Volatile
    private var closed = false

    @Volatile
    private var spentBeforeClose: Double? = null

    internal val exceptions: KeyExceptions get() = callbacks.exceptions

    /** Methods for videos: generate, status, cancel, wait, watch, download, generateMany. */
    public val video: Video = Video(this)

    /** Methods of the account: balance and top-up. */
    public val account: Account = Account(this)

    private constructor(settings: Settings) : this(settings.open(), settings.callbacks)

    /**
     * Creates a client. It reads no file and sends no request yet: a missing key is an error of the first call. An option
     * that is `null` is the environment variable's, else the profile's, else the default. An empty string counts as unset.
     *
     * @param apiKey the project key; else `INFRAI_API_KEY`, else the profile's. Do not ship it in an app: see
     *   [apiKeyProvider].
     * @param apiKeyProvider key function, for an app that gets a token from its own backend. Each call runs it once, and once
     *   more after a 401, on a thread of the SDK, with the coroutine context of the call. Its exception is the [cause][Throwable.cause] of the call's [InfraiException.Configuration].
     * @param baseUrl the base URL of the API; else `INFRAI_BASE_URL`, else the profile's, else `https://api.infrai.cc`.
     * @param profile the profile of the credentials file; else `INFRAI_PROFILE`, else `default`.
     * @param credentialsFile the credentials file; else `INFRAI_CREDENTIALS_FILE`, else `~/.infrai/credentials`.
     * @param credentialStore store that replaces the credentials file, such as an app's encrypted storage.
     * @param timeout timeout of a call, including retries and the pauses between them. Default: 60 s.
     * @param attemptTimeout timeout of one attempt, from connecting to the end of the response. Default: 20 s.
     * @param connectTimeout timeout of connecting within an attempt. Default: 10 s.
     * @param downloadIdleTimeout longest time that a download may receive no byte. Default: 30 s.
     * @param maxRetries number of retries after a failed attempt. Default: 2.
     * @param retryBase longest pause before the first retry. It doubles with each further retry. Default: 0.5 s.
     * @param retryCap longest pause before a retry. A server's `Retry-After` may exceed it. Default: 8 s.
     * @param maxConnections connections in use at once. Further requests and downloads wait within their timeouts. Default: 256.
     * @param polling options of polling.
     * @param routes routes of `status` and `cancel`. Default: [VideoRoutes.AUTO], those that the server turns out to have.
     * @param defaultHeaders headers of every call to the API. Headers that the SDK sets itself are an error.
     * @param proxy URL of a proxy for all hosts except loopback hosts; else `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`.
     * @param caFile PEM file of root certificates, which replace the platform's, or on Android the bundled Mozilla roots.
     * @param userAgentSuffix suffix of the `User-Agent`, such as the app's name and version.
     * @param allowInsecureHttp whether plain `http` is allowed to hosts other than loopback, such as an emulator's
     *   `10.0.2.2`; else `INFRAI_ALLOW_HTTP=1`. Do not allow it over the internet.
     * @param onRequest called before every attempt, on a thread of the SDK, with the coroutine context of the call: its
     *   thread-local elements are set. The event contains no body and no key.
     * @param onResponse called after every attempt, as `onRequest`. The event contains no body and no key.
     * @throws InfraiException.Configuration if an option is invalid.
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
        maxConnections: Int? = null,
        polling: PollingOptions? = null,
        routes: VideoRoutes? = null,
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
            connectTimeout, downloadIdleTimeout, maxRetries, retryBase, retryCap, maxConnections, polling, routes, defaultHeaders, proxy,
            caFile, userAgentSuffix, allowInsecureHttp, onRequest, onResponse,
        ),
    )

    /** The base URL. Throws the errors of the first call. */
    public val baseUrl: String get() = withNative { it.baseUrl() }

    /** The key's redacted form, `ifr_pk_proj_…abcd`. `null` if there is none. Throws the errors of the first call. */
    public val keyHint: String? get() = withNative { it.keyHint() }

    /**
     * Sum of what the client's jobs cost, in US dollars: the known costs of jobs that it submitted, less refunds. A job that
     * a repeated idempotency key returned again counts once. Clients of [withOptions] share the sum. After [close] it stays.
     */
    public val spentUsd: Double get() = spentBeforeClose ?: withNative { it.spentUsd() }

    /**
     * Returns the same client with other options for its calls. It is closed by itself.
     *
     * @param timeout timeout of a call, including retries.
     * @param maxRetries number of retries after a failed attempt.
     * @param headers additional headers. Each replaces the client's header of the same name.
     * @throws InfraiException.InvalidRequest if a duration or a number is invalid.
     * @throws InfraiException.Configuration if a header is invalid.
     */
    public fun withOptions(
        timeout: Duration? = null,
        maxRetries: Int? = null,
        headers: Map<String, String> = emptyMap(),
    ): InfraiClient {
        val options = options("timeout" to timeout, "max_retries" to maxRetries, "headers" to headers)
        return InfraiClient(withNative { it.withOptions(options.text) }, callbacks)
    }

    /**
     * Creates an anonymous account with a trial credit for this device, and stores its key: `POST /v1/activate`. If the
     * profile already has a key for this base URL, the call returns that key and sends nothing.
     *
     * ```kotlin
     * val account = client.activate()
     * println(account.trialCreditUsd)
     * ```
     *
     * @param region `auto` (default), `western` or `china`.
     * @param deviceKind kind of this device. Default: `cli`.
     * @param writeCredentials whether to store the key. Default: yes.
     * @param force whether to request a key even if the profile has one. The old profile is kept under another name.
     * @param profile profile that stores the key. Default: the client's.
     * @throws InfraiException.Configuration if the profile belongs to another origin.
     * @throws InfraiException.Credentials, before any request, if the credentials cannot be parsed or written.
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
     * Returns the API's capabilities with their routes, prices and parameters: `GET /v1/discovery`. The call sends no key
     * and needs none.
     *
     * @throws InfraiException.NotFound if the server has no discovery.
     */
    public suspend fun discover(): Discovery = Discovery(call { it.discover(null) })

    /**
     * Returns one capability: `GET /v1/discovery/{capability}`. The call sends no key and needs none.
     *
     * ```kotlin
     * println(client.discover("video.generate").billing?.priceUsd)
     * ```
     *
     * @param capability id of the capability.
     * @throws InfraiException.InvalidRequest if the id is empty, `.` or `..`.
     * @throws InfraiException.NotFound if the server does not have the capability, or no discovery.
     */
    public suspend fun discover(capability: String): Capability {
        checked("capability", capability)
        return Capability(call { it.discoverCapability(capability, null) })
    }

    /**
     * Calls any other route of the API, with the same key, retries, envelope and errors.
     *
     * @param method `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
     * @param path path below the base URL. It starts with exactly one `/`.
     * @param body JSON text, sent in canonical form; none with `GET` and `HEAD`.
     * @param query names and values. The SDK encodes them. A name may occur more than once.
     * @param idempotencyKey 1 to 255 visible ASCII characters. Default: a new one per call; none for `GET` and
     *   `HEAD`.
     * @throws InfraiException.InvalidRequest if the method, the path or the body is invalid.
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

    /** Closes the client. Calls in flight continue; later calls are an error. */
    override fun close() {
        if (!closed) spentBeforeClose = native.spentUsd()
        closed = true
        native.destroy()
    }

    override fun toString(): String = if (closed) "InfraiClient(closed)" else "InfraiClient"

    /** Makes a call of the native half. */
    internal suspend fun <T> call(made: suspend (Client) -> T): T {
        // The native half would begin the call of a cancelled coroutine.
        currentCoroutineContext().ensureActive()
        return guarded { inContext { made(it) } }
    }

    /** Opens a stream, whose callbacks run in the context of its collector. */
    internal suspend fun <T> open(made: (Client) -> T): T = guarded { inContext { made(it) } }

    /** Runs a call whose callbacks run in the caller's context. */
    private suspend inline fun <T> inContext(made: (Client) -> T): T {
        if (callbacks.isEmpty) return made(native)
        return native.inContext(callbacks.inContext(currentCoroutineContext())).use(made)
    }

    /**
     * Makes a call that cleans up after a cancel: it cancels a job or removes a file. The clean-up has ended when this
     * returns.
     */
    internal suspend fun <T> callToItsEnd(made: suspend (Client, Cancellation) -> T): T =
        // The native cancellation lets the call return a result, unlike the coroutine's.
        coroutineScope {
            Cancellation().use { cancellation ->
                // Unconfined runs at the moment of the cancel, even while a callback occupies the caller's only thread.
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

    /** Makes a call that does not suspend. */
    internal fun <T> withNative(made: (Client) -> T): T = guarded { made(native) }

    /** Runs a call and converts its errors. A stream stays usable after [close]. */
    internal inline fun <T> guarded(made: () -> T): T {
        try {
            if (closed) throw gone()
            return made()
        } catch (error: NativeException) {
            throw translated(error, this, exceptions)
        } catch (fault: InternalException) {
            throw fault(fault.message, this)
        } catch (fault: IllegalStateException) {
            // Another thread closed the client meanwhile.
            throw if (closed && fault !is java.util.concurrent.CancellationException) gone() else fault
        }
    }

    private fun gone(): InfraiException = refusal("client", "one that was closed", "a client that is open")

    /** Functions without a client, and a constructor for Java. */
    public companion object {
        /** Returns a new idempotency key, for an application that stores it before the call. */
        @JvmStatic
        public fun newIdempotencyKey(): String = direct { dev.infrai.internal.ffi.newIdempotencyKey(Language.KOTLIN) }

        /** Creates a client for callers in Java, which cannot name the constructor's durations. */
        @JvmStatic
        @JvmOverloads
        public fun create(apiKey: String? = null, baseUrl: String? = null, profile: String? = null): InfraiClient =
            InfraiClient(apiKey = apiKey, baseUrl = baseUrl, profile = profile)
    }
}
