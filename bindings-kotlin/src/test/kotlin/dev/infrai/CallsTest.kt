package dev.infrai

import dev.infrai.internal.core.Language
import dev.infrai.internal.ffi.CallbackKinds
import dev.infrai.internal.ffi.Client
import dev.infrai.internal.ffi.panicForTests
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.CountDownLatch
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir

class CallsTest {
    private inline fun <reified E : Throwable> fails(crossinline call: suspend () -> Unit): E = assertThrows { runBlocking { call() } }

    @Test
    fun `a generate sends the documented body and gives the job`() = runBlocking<Unit> {
        Scripted { _, _ -> job("queued", more = ",\"seed\":18446744073709551615,\"progress\":0.5") }.use { server ->
            val job = server.client().use { it.video.generate("日落 😀", durationSeconds = 5.0, aspect = "9:16", idempotencyKey = "k-1") }
            val request = server.requests.single()
            assertEquals("POST /v1/video/generate", request.line)
            assertEquals(
                "{\"aspect\":\"9:16\",\"duration_seconds\":5,\"prefer\":\"balanced\",\"prompt\":\"日落 😀\",\"resolution\":\"720p\"}\n",
                request.body,
            )
            assertEquals("Bearer $KEY", request.header("Authorization"))
            assertEquals("k-1", request.header("Idempotency-Key"))
            assertTrue(Regex("""infrai-kotlin/\S+ \(core/.*; JVM \S+\)""").matches(request.header("User-Agent")!!)) { request.header("User-Agent")!! }
            assertEquals("vid_1", job.jobId)
            assertEquals(VideoState.Queued, job.state)
            assertEquals(0.5, job.progress)
            assertEquals("""{"seed":18446744073709551615}""", job.extraJson)
            assertEquals(0.25, job.metadata.costUsd)
            assertFalse(job.isDone)
            assertEquals("VideoJob(vid_1, queued)", job.toString())
        }
    }

    @Test
    fun `a state that is not known is kept and counts as still going`() = runBlocking<Unit> {
        Scripted { _, _ -> job("dreaming") }.use { server ->
            val job = server.client().use { it.video.status("vid_1") }
            assertEquals(VideoState("dreaming"), job.state)
            assertFalse(job.isDone)
        }
    }

    @Test
    fun `a job's methods use the client that made it`() = runBlocking<Unit> {
        Scripted { number, _ -> if (number == 0) job("queued") else job("succeeded", more = ",\"video_url\":\"https://x.example/v\"") }.use { server ->
            server.client().use { client ->
                val done = client.video.generate("a kite").wait()
                assertTrue(done.isSucceeded)
                assertEquals("https://x.example/v", done.refresh().videoUrl)
                assertEquals(listOf(VideoState.Succeeded), done.watch().toList().map { it.state })
            }
        }
    }

    @Test
    fun `a job goes through JSON and carries no client then`() = runBlocking<Unit> {
        Scripted { _, _ -> job("queued", more = ",\"n\":9007199254740993") }.use { server ->
            server.client().use { client ->
                val job = client.video.generate("a kite")
                val again = VideoJob.fromJson(job.toJson())
                assertEquals(job, again)
                assertEquals(job.hashCode(), again.hashCode())
                assertFalse(KEY in job.toJson())
                val error = fails<InfraiException.InvalidRequest> { again.refresh() }
                assertTrue("client.video.wait(job)" in error.reason)
                assertEquals("vid_1", client.video.status(again).jobId)
            }
        }
        val error = fails<InfraiException.InvalidRequest> { VideoJob.fromJson("[]") }
        assertTrue(error.reason.startsWith("invalid `job`: expected ")) { error.reason }
    }

    @Test
    fun `an error is of its kind's class and has all its fields`() {
        val error = """{"code":"INSUFFICIENT_CREDIT","message":"no credit","checkout_url":"https://pay.example/1","need":18446744073709551615}"""
        Scripted { _, _ -> Reply(status = 402, error = error) }.use { server ->
            val caught = fails<InfraiException.PaymentRequired> { server.client().use { it.video.generate("a kite", idempotencyKey = "k-1") } }
            assertEquals(listOf("payment_required", "INSUFFICIENT_CREDIT", "no credit", 402, 1), listOf(caught.kind, caught.code, caught.reason, caught.status, caught.attempts))
            assertEquals("https://pay.example/1", caught.checkoutUrl)
            assertEquals("k-1", caught.idempotencyKey)
            assertTrue("18446744073709551615" in caught.detailsJson!!)
            assertTrue("https://pay.example/1" in caught.hint)
            assertTrue("no credit (INSUFFICIENT_CREDIT, HTTP 402" in caught.message!!) { caught.message!! }
            assertFalse(caught.isRetryable || caught.mayHaveBeenProcessed)
        }
    }

    @Test
    fun `an error can be serialized, as what runs tests in processes of their own does`() {
        Scripted { _, _ -> job("failed", more = ",\"error\":{\"code\":\"NSFW\",\"message\":\"not this\"}") }.use { server ->
            val error = server.client().use { client -> fails<InfraiException.JobFailed> { client.video.wait("vid_1") } }
            val bytes = java.io.ByteArrayOutputStream().also { java.io.ObjectOutputStream(it).writeObject(error) }.toByteArray()
            val again = java.io.ObjectInputStream(bytes.inputStream()).readObject() as InfraiException.JobFailed
            assertEquals(error.message, again.message)
            assertNull(again.job)
            assertEquals("internal", again.kind)
        }
    }

    @Test
    fun `a wait throws for a job that ended badly and carries it`() {
        Scripted { _, _ -> job("failed", more = ",\"error\":{\"code\":\"NSFW\",\"message\":\"not this\"}") }.use { server ->
            server.client().use { client ->
                val caught = fails<InfraiException.JobFailed> { client.video.wait("vid_1") }
                assertEquals("not this (NSFW)", caught.job!!.error.toString())
            }
        }
        endless().use { server ->
            server.client().use { client ->
                val caught = fails<InfraiException.WaitTimeout> { client.video.wait("vid_1", timeout = Duration.ZERO) }
                assertEquals(VideoState.Running, caught.job!!.state)
            }
        }
    }

    @Test
    fun `updates come in the caller's own thread and before the wait returns`() = runBlocking<Unit> {
        val states = listOf("queued", "running", "running", "succeeded")
        Scripted { number, _ -> job(states[number.coerceAtMost(3)]) }.use { server ->
            val caller = Thread.currentThread()
            val told = mutableListOf<VideoState>()
            server.client().use { client ->
                client.video.wait("vid_1") {
                    assertSame(caller, Thread.currentThread())
                    told += it.state
                }
            }
            assertEquals(listOf(VideoState.Queued, VideoState.Running, VideoState.Succeeded), told)
        }
    }

    @Test
    fun `what an update's function throws ends the wait`() = runBlocking<Unit> {
        endless().use { server ->
            server.client().use { client ->
                val problem = fails<IllegalStateException> { client.video.wait("vid_1", timeout = null) { error("mine") } }
                assertEquals("mine", problem.message)
                val asked = server.settled()
                assertEquals(asked, server.settled(), "nothing is asked any more")
            }
        }
    }

    @Test
    fun `bad input is refused by its name before anything is sent`(@TempDir folder: Path) {
        val half = "a\uD83D"
        Files.createFile(folder.resolve("there.mp4"))
        Scripted { _, _ -> job("queued") }.use { server ->
            server.client().use { client ->
                val refused: List<Pair<String, suspend () -> Unit>> = listOf(
                    "prompt" to { client.video.generate(" ") },
                    "prompt" to { client.video.generate(half) },
                    "durationSeconds" to { client.video.generate("a", durationSeconds = Double.NaN) },
                    "referenceImageUrl" to { client.video.generate("a", referenceImageUrl = "ftp://x") },
                    "idempotencyKey" to { client.video.generate("a", idempotencyKey = "a b") },
                    "id" to { client.video.status("..") },
                    "id" to { client.video.status(half) },
                    "timeout" to { client.video.wait("vid_1", timeout = (-1).seconds) },
                    "timeout" to { client.video.download("vid_1", folder.resolve("v.mp4"), timeout = (-1).seconds) },
                    "prompts[1].prompt" to { client.video.generateMany(listOf("a", half)).collect {} },
                    "concurrency" to { client.video.generateMany(listOf("a"), concurrency = -1).collect {} },
                    "amountUsd" to { client.account.topup(-1.0) },
                    "body" to { client.request("POST", "/v1/x", "{") },
                    "body" to { client.request("POST", "/v1/x", "[18446744073709551616]") },
                    "path" to { client.request("GET", "//x") },
                    "timeout" to { client.withOptions(timeout = Duration.INFINITE) },
                    "maxRetries" to { client.withOptions(maxRetries = -1) },
                    "already exists" to { client.video.download("vid_1", folder.resolve("there.mp4")) },
                )
                for ((word, call) in refused) {
                    val error = fails<InfraiException.InvalidRequest>(call)
                    assertTrue(error.reason.startsWith("invalid `$word`: expected ") || word in error.reason) { "$word: ${error.reason}" }
                }
                assertEquals(0, server.count)
            }
        }
    }

    @Test
    fun `a setting that cannot work is refused by the constructor`() {
        val refused: List<Pair<String, () -> Unit>> = listOf(
            "timeout" to { InfraiClient(timeout = (-1).seconds) },
            "attemptTimeout" to { InfraiClient(attemptTimeout = Duration.ZERO) },
            "maxRetries" to { InfraiClient(maxRetries = -1) },
            "polling.minInterval" to { InfraiClient(polling = PollingOptions(minInterval = Duration.ZERO)) },
            "polling.concurrency" to { InfraiClient(polling = PollingOptions(concurrency = -1)) },
            "Authorization" to { InfraiClient(defaultHeaders = mapOf("Authorization" to "x")) },
        )
        for ((word, make) in refused) {
            val error = assertThrows<InfraiException.Configuration> { make() }
            assertTrue(word in error.reason) { error.reason }
        }
    }

    @Test
    fun `a request has query, body, headers and every digit`() = runBlocking<Unit> {
        Scripted { _, _ -> Reply("""{"n":9007199254740993}""") }.use { server ->
            server.client().use { client ->
                val more = client.withOptions(headers = mapOf("X-Team" to "red"), maxRetries = 0)
                val answer = more.request("POST", "/v1/thing", """{"b":1,"a":[2.50]}""", listOf("q" to "a b", "q" to "ü"))
                assertEquals("""{"n":9007199254740993}""", answer.json)
                assertEquals("req-1", answer.metadata.requestId)
                val request = server.requests.single()
                assertEquals("{\"a\":[2.5],\"b\":1}\n", request.body)
                assertEquals("red", request.header("X-Team"))
            }
        }
    }

    @Test
    fun `nothing that is printed shows the key`() = runBlocking<Unit> {
        val activated = """{"account_id":"acc_1","primary_api_key":"$KEY"}"""
        Scripted { _, request -> if (request.path == "/v1/activate") Reply(activated) else Reply(status = 401, error = """{"code":"UNAUTHORIZED","message":"no"}""") }.use { server ->
            server.client().use { client ->
                val activation = client.activate(writeCredentials = false)
                assertEquals(KEY, activation.primaryApiKey)
                val error = fails<InfraiException.Authentication> { client.account.balance() }
                val native = Client("""{"api_key":"$KEY","base_url":"${server.url}"}""", Language.KOTLIN, "test", CallbackKinds(key = false, hooks = false), null)
                val record = native.activate("""{"write_credentials":false}""", null)
                assertEquals(KEY, record.primaryApiKey)
                val shown = listOf("$native", "$record", "${record.copy()}", "$client", "$activation", "$error", error.stackTraceToString(), client.keyHint!!, error.hint)
                assertTrue(shown.none { KEY in it }) { shown.toString() }
                assertEquals("ifr_pk_proj_…stuv", client.keyHint)
            }
        }
    }

    @Test
    fun `a closed client refuses calls and lets those under way end`() = runBlocking<Unit> {
        val answer = CountDownLatch(1)
        Scripted { number, _ -> Reply("""{"balance_usd":2}""").also { if (number == 0) answer.await() } }.use { server ->
            val client = server.client()
            val derived = client.withOptions(maxRetries = 0)
            val underWay = async(Dispatchers.Default) { client.account.balance() }
            server.awaitCount(1)
            client.close()
            client.close()
            answer.countDown()
            assertEquals(2.0, underWay.await().balanceUsd)
            val error = fails<InfraiException.InvalidRequest> { client.account.balance() }
            assertTrue("closed" in error.reason) { error.reason }
            assertEquals(2.0, derived.account.balance().balanceUsd)
            assertEquals("InfraiClient(closed)", client.toString())
        }
    }

    @Test
    fun `a key function is asked once a call and once more after a 401, and what it throws is the cause`() = runBlocking<Unit> {
        Scripted { number, _ -> if (number == 0) Reply(status = 401, error = """{"code":"UNAUTHORIZED","message":"no"}""") else Reply("""{"balance_usd":2}""") }.use { server ->
            val keys = ArrayDeque(listOf("ifr_pk_proj_old", "ifr_pk_proj_new"))
            server.client(apiKeyProvider = { keys.removeFirst() }).use { it.account.balance() }
            assertEquals(listOf("Bearer ifr_pk_proj_old", "Bearer ifr_pk_proj_new"), server.requests.map { it.header("Authorization") })
            for (problem in listOf(java.io.IOException("the backend is down"), kotlin.coroutines.cancellation.CancellationException("the backend is down"))) {
                server.client(apiKeyProvider = { throw problem }).use { client ->
                    val error = fails<InfraiException.Configuration> { client.account.balance() }
                    assertSame(problem, error.cause)
                    assertTrue("the backend is down" in error.reason) { error.reason }
                    val item = client.video.generateMany(listOf("a kite")).toList().single() as ManyItem.Failed
                    assertSame(problem, item.error.cause)
                }
            }
            server.client(apiKeyProvider = { "a b" }).use { client -> fails<InfraiException.Configuration> { client.account.balance() } }
            assertEquals(2, server.count)
        }
    }

    @Test
    fun `hooks see every attempt, and their own failure disturbs no call`() = runBlocking<Unit> {
        Scripted { number, _ -> if (number == 0) Reply(status = 503) else Reply("""{"balance_usd":2}""") }.use { server ->
            val seen = java.util.concurrent.CopyOnWriteArrayList<String>()
            val handed = java.util.concurrent.CopyOnWriteArrayList<Throwable>()
            val before = Thread.getDefaultUncaughtExceptionHandler()
            Thread.setDefaultUncaughtExceptionHandler { _, problem -> handed += problem }
            server.client(
                onRequest = {
                    seen += it.toString()
                    error("mine")
                },
                onResponse = { seen += it.toString() },
            ).use { it.account.balance() }
            Thread.setDefaultUncaughtExceptionHandler(before)
            assertEquals(emptyList<Throwable>(), handed, "an app would end by it")
            val path = "GET /v1/account/balance"
            assertEquals(listOf("$path (attempt 1)", "$path (attempt 1): 503", "$path (attempt 2)", "$path (attempt 2): 200"), seen)
        }
    }

    @Test
    fun `many are told of with their place, and none's error ends the others`() = runBlocking<Unit> {
        Scripted { _, request ->
            when {
                "\"prompt\":\"bad\"" in request.body -> Reply(status = 400, error = """{"code":"NO","message":"no"}""")
                else -> job("succeeded", id = request.header("Idempotency-Key") ?: "x")
            }
        }.use { server ->
            server.client().use { client ->
                val items = client.video.generateMany(listOf("good", "bad", "good"), keyPrefix = "run").toList().sortedBy { it.index }
                assertEquals(listOf(0, 1, 2), items.map { it.index })
                // The second of two equal items: its key comes from what it asks for.
                assertEquals("run-f445abcb81a348d80cef1ada-1", items[2].getOrThrow().jobId)
                assertTrue((items[1] as ManyItem.Failed).error is InfraiException.InvalidRequest)
                fails<InfraiException.InvalidRequest> { items[1].getOrThrow() }
            }
        }
    }

    @Test
    fun `a panic in the native half is an internal error that asks for a report`() {
        val error = fails<InfraiException.Internal> { direct { panicForTests(Language.KOTLIN) } }
        assertEquals("the native module panicked: asked for by a test", error.reason)
        assertTrue("report" in error.hint)
        assertNull(error.status)
    }
}
