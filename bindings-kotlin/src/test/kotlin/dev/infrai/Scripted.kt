package dev.infrai

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import java.net.InetAddress
import java.net.InetSocketAddress
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeout

internal const val KEY = "ifr_pk_proj_0123456789abcdefghijklmnopqrstuv"

/** A request as it came. */
internal class Request(val method: String, val path: String, val headers: Map<String, List<String>>, val body: String) {
    val line: String get() = "$method $path"

    fun header(name: String): String? = headers.entries.firstOrNull { it.key.equals(name, ignoreCase = true) }?.value?.first()
}

/** Response of the server; `hold` answers nothing until the server is closed. */
internal class Reply(
    val data: String = "null",
    val status: Int = 200,
    val error: String? = null,
    val body: ByteArray? = null,
    val hold: Boolean = false,
)

/** A server that answers as told and keeps every request. */
internal class Scripted(private val answer: (Int, Request) -> Reply) : AutoCloseable {
    private val seen = CopyOnWriteArrayList<Request>()
    private val closed = CountDownLatch(1)
    private val threads = Executors.newCachedThreadPool { Thread(it, "scripted").apply { isDaemon = true } }
    private val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1024).apply {
        executor = threads
        createContext("/") { exchange -> exchange.use(::serve) }
        start()
    }

    val url: String = "http://127.0.0.1:${server.address.port}"
    val requests: List<Request> get() = seen.toList()
    val count: Int get() = seen.size

    private fun serve(exchange: HttpExchange) {
        val body = exchange.requestBody.readBytes().decodeToString()
        val request = Request(exchange.requestMethod, exchange.requestURI.rawPath, exchange.requestHeaders, body)
        val number = synchronized(seen) {
            seen += request
            seen.size - 1
        }
        val reply = answer(number, request)
        if (reply.hold) closed.await()
        val metadata = """{"cost_usd":0.25,"request_id":"req-1"}"""
        val envelope = """{"ok":${reply.error == null},"data":${reply.data},"error":${reply.error},"metadata":$metadata}"""
        val bytes = reply.body ?: envelope.encodeToByteArray()
        exchange.sendResponseHeaders(reply.status, bytes.size.toLong())
        exchange.responseBody.write(bytes)
    }

    /** Waits until so many requests came. */
    suspend fun awaitCount(least: Int) = withTimeout(60_000) {
        while (count < least) delay(2)
    }

    /** How many requests came, once a request that would still come has had its time. */
    suspend fun settled(): Int {
        delay(100)
        return count
    }

    override fun close() {
        closed.countDown()
        server.stop(0)
        threads.shutdownNow()
        threads.awaitTermination(5, TimeUnit.SECONDS)
    }
}

/** A client of this server that retries and polls without pauses. */
internal fun Scripted.client(
    apiKeyProvider: (suspend () -> String)? = null,
    onRequest: ((RequestEvent) -> Unit)? = null,
    onResponse: ((ResponseEvent) -> Unit)? = null,
    credentialStore: CredentialStore? = null,
): InfraiClient = InfraiClient(
    apiKey = if (apiKeyProvider == null && credentialStore == null) KEY else null,
    apiKeyProvider = apiKeyProvider,
    baseUrl = url,
    retryBase = 2.milliseconds,
    retryCap = 5.milliseconds,
    polling = PollingOptions(
        minInterval = 1.milliseconds, maxInterval = 2.milliseconds, expectedDuration = 1.milliseconds,
        maxRequestsPerSecond = 10_000.0,
    ),
    onRequest = onRequest,
    onResponse = onResponse,
    credentialStore = credentialStore,
)

internal fun job(state: String, id: String = "vid_1", more: String = ""): Reply = Reply("""{"job_id":"$id","state":"$state"$more}""")

/** A server whose job changes at every look and never ends. */
internal fun endless(): Scripted = Scripted { number, request ->
    val id = request.path.substringAfter("/jobs/", "vid_1")
    if (id.endsWith("/cancel")) Reply(body = """{"ok":true,"data":null}""".encodeToByteArray()) else job("running", id, ",\"n\":$number")
}
