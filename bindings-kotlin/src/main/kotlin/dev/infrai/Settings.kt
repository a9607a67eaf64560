package dev.infrai

import dev.infrai.internal.core.Language
import dev.infrai.internal.ffi.Client
import dev.infrai.internal.ffi.CredentialStoreException
import dev.infrai.internal.ffi.CredentialStore as NativeStore
import java.nio.file.Path
import kotlin.time.Duration

/** Routes of the calls for a job's status and cancel. */
public enum class VideoRoutes {
    /** `/v1/video/jobs/{id}`, and after a 404 the routes of [STATUS], until one of them has succeeded. */
    AUTO,

    /** `GET /v1/video/jobs/{id}` and `POST /v1/video/jobs/{id}/cancel`. */
    JOBS,

    /** `GET /v1/video/status/{id}` and `POST /v1/video/cancel/{id}`. */
    STATUS,
}

/**
 * Options of polling. An option that is `null` has its default.
 *
 * @property requestCost seconds of detection delay that one request is worth. A lower cost polls more often. Default: 0.05.
 * @property minInterval shortest pause between two polls of a job. Default: 0.25 s.
 * @property maxInterval longest pause between two polls of a job. Default: 30 s.
 * @property expectedDuration usual duration of a job, while none has been observed. Default: 30 s.
 * @property refresh longest pause between two polls of a job whose progress is observed, by `onUpdate` or `watch`. A
 * value above `maxInterval` has no effect. Default: 3 s.
 * @property jitter share by which a pause is lengthened or shortened at random. Default: 0.1.
 * @property maxRequestsPerSecond most polls per second, over all waits of the client. Default: 20.
 * @property concurrency most polls in flight, over all waits of the client. Default: 32.
 */
public class PollingOptions(
    public val requestCost: Double? = null,
    public val minInterval: Duration? = null,
    public val maxInterval: Duration? = null,
    public val expectedDuration: Duration? = null,
    public val refresh: Duration? = null,
    public val jitter: Double? = null,
    public val maxRequestsPerSecond: Double? = null,
    public val concurrency: Int? = null,
) {
    internal val options: Json
        get() = options(
            "request_cost" to requestCost,
            "min_interval" to minInterval,
            "max_interval" to maxInterval,
            "expected_duration" to expectedDuration,
            "refresh" to refresh,
            "jitter" to jitter,
            "max_requests_per_second" to maxRequestsPerSecond,
            "concurrency" to concurrency,
        )
}

/**
 * An attempt that is about to be sent.
 *
 * @property method HTTP method: `GET`, `POST`, ….
 * @property path path without origin, query and keys.
 * @property attempt number of the attempt within the call, starting at 1.
 */
public class RequestEvent internal constructor(
    public val method: String,
    public val path: String,
    public val attempt: Int,
) {
    override fun toString(): String = "$method $path (attempt $attempt)"
}

/**
 * An attempt that has a response or has failed.
 *
 * @property method HTTP method: `GET`, `POST`, ….
 * @property path path without origin, query and keys.
 * @property attempt number of the attempt within the call, starting at 1.
 * @property status HTTP status. `null` if the connection failed or the response did not arrive in time.
 * @property latencySeconds seconds from the request to the end of the response.
 * @property requestId the API's id of the request.
 */
public class ResponseEvent internal constructor(
    public val method: String,
    public val path: String,
    public val attempt: Int,
    public val status: Int?,
    public val latencySeconds: Double,
    public val requestId: String?,
) {
    override fun toString(): String = "$method $path (attempt $attempt): ${status ?: "no answer"}"
}

/**
 * Store that replaces the credentials file, such as an app's encrypted storage: named entries of text. The SDK chooses the
 * names (`profile:default`, `device`) and the content of the entries. Its threads call the methods, which may block for a
 * short time. An exception of a method becomes an [InfraiException.Credentials].
 */
public interface CredentialStore {
    /** Name of the store in errors: `the app's encrypted storage`. */
    public val name: String

    /** Returns the text of an entry. `null` if there is none. */
    public fun read(entry: String): String?

    /** Replaces the text of an entry atomically. */
    public fun write(entry: String, text: String)
}

/** Options of a client. */
internal class Settings(
    private val apiKey: String?,
    apiKeyProvider: (suspend () -> String)?,
    private val baseUrl: String?,
    private val profile: String?,
    private val credentialsFile: Path?,
    private val credentialStore: CredentialStore?,
    private val timeout: Duration?,
    private val attemptTimeout: Duration?,
    private val connectTimeout: Duration?,
    private val downloadIdleTimeout: Duration?,
    private val maxRetries: Int?,
    private val retryBase: Duration?,
    private val retryCap: Duration?,
    private val maxConnections: Int?,
    private val polling: PollingOptions?,
    private val routes: VideoRoutes?,
    private val defaultHeaders: Map<String, String>,
    private val proxy: String?,
    private val caFile: Path?,
    private val userAgentSuffix: String?,
    private val allowInsecureHttp: Boolean?,
    onRequest: ((RequestEvent) -> Unit)?,
    onResponse: ((ResponseEvent) -> Unit)?,
) {
    val callbacks: ClientCallbacks = ClientCallbacks(apiKeyProvider, onRequest, onResponse)

    /** Creates the native client. */
    fun open(): Client {
        val options = options(
            "api_key" to apiKey,
            "base_url" to baseUrl,
            "profile" to profile,
            "credentials_file" to credentialsFile,
            "timeout" to timeout,
            "attempt_timeout" to attemptTimeout,
            "connect_timeout" to connectTimeout,
            "download_idle_timeout" to downloadIdleTimeout,
            "max_retries" to maxRetries,
            "retry_base" to retryBase,
            "retry_cap" to retryCap,
            "max_connections" to maxConnections,
            "polling" to polling?.options,
            "routes" to routes?.name?.lowercase(),
            "default_headers" to defaultHeaders,
            "proxy" to proxy,
            "ca_file" to caFile,
            "user_agent_suffix" to userAgentSuffix,
            "allow_insecure_http" to allowInsecureHttp,
        )
        return direct {
            Client(options.text, Language.KOTLIN, runtime(), callbacks.kinds, credentialStore?.let(::Store))
        }
    }
}

/** The runtime in the `User-Agent`. */
private fun runtime(): String {
    val version = System.getProperty("java.version").orEmpty().filter { it.isLetterOrDigit() || it in "._-" }
    return if (System.getProperty("java.vm.name") == "Dalvik") "Android $version" else "JVM $version"
}

private class Store(private val store: CredentialStore) : NativeStore {
    override fun name(): String = runCatching { store.name }.getOrDefault("the app's credential store")

    override fun read(entry: String): String? = failing { store.read(entry) }

    override fun write(entry: String, text: String) = failing { store.write(entry, text) }

    @Suppress("TooGenericExceptionCaught") // Any exception is the reason.
    private inline fun <T> failing(work: () -> T): T = try {
        work()
    } catch (problem: Throwable) {
        throw CredentialStoreException.Failed(problem.toString())
    }
}
