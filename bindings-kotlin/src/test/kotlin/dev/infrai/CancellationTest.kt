package dev.infrai

import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir

class CancellationTest {
    @Test
    fun `a cancelled call throws CancellationException and sends nothing more`() = runBlocking<Unit> {
        Scripted { _, _ -> Reply(hold = true) }.use { server ->
            server.client().use { client ->
                val call = async(Dispatchers.Default) { runCatching { client.video.generate("a kite") } }
                server.awaitCount(1)
                val took = measureTime { withTimeout(30.seconds) { call.cancelAndJoin() } }
                println("a cancelled call ended after $took")
                assertThrows<CancellationException> { runBlocking { call.await() } }
                assertEquals(1, server.settled())
            }
        }
    }

    @Test
    fun `a cancelled wait stops polling, and its function is not called any more`() = runBlocking<Unit> {
        endless().use { server ->
            server.client().use { client ->
                val told = AtomicInteger()
                val wait = launch(Dispatchers.Default) { client.video.wait("vid_1", timeout = null) { told.incrementAndGet() } }
                server.awaitCount(20)
                wait.cancelAndJoin()
                val before = told.get()
                val asked = server.settled()
                assertEquals(asked, server.settled(), "nothing is asked any more")
                assertEquals(before, told.get(), "nothing is told any more")
                assertTrue(before > 0)
            }
        }
    }

    @Test
    fun `states that were kept for a function that is slow are not told after a cancel`() = runBlocking<Unit> {
        endless().use { server ->
            server.client().use { client ->
                val (entered, leave) = List(2) { CountDownLatch(1) }
                val told = AtomicInteger()
                val wait = launch(Dispatchers.Default) {
                    client.video.wait("vid_1", timeout = null) {
                        told.incrementAndGet()
                        entered.countDown()
                        leave.await() // as code that blocks does: it sees no cancellation
                    }
                }
                withTimeout(60.seconds) { while (entered.count > 0) delay(2) }
                server.awaitCount(server.count + 20)
                wait.cancel()
                leave.countDown()
                withTimeout(60.seconds) { wait.join() }
                assertEquals(1, told.get())
            }
        }
    }

    @Test
    fun `a timeout of the coroutine's own ends a wait`() = runBlocking<Unit> {
        endless().use { server ->
            server.client().use { client ->
                assertThrows<TimeoutCancellationException> { runBlocking { withTimeout(200.milliseconds) { client.video.wait("vid_1") } } }
                val asked = server.settled()
                assertEquals(asked, server.settled())
            }
        }
    }

    @Test
    fun `a wait that is to cancel its job has done so when its coroutine ends`() = runBlocking<Unit> {
        endless().use { server ->
            server.client().use { client ->
                val wait = launch(Dispatchers.Default) { client.video.wait("vid_1", timeout = null, cancelOnAbort = true) }
                server.awaitCount(3)
                withTimeout(30.seconds) { wait.cancelAndJoin() }
                assertEquals("POST /v1/video/jobs/vid_1/cancel", server.requests.last().line)
                assertEquals(1, server.requests.count { it.path.endsWith("/cancel") })
            }
        }
    }

    @Test
    fun `leaving a watch ends the looking and cancels nothing`() = runBlocking<Unit> {
        endless().use { server ->
            server.client().use { client ->
                assertEquals(3, client.video.watch("vid_1").take(3).toList().size)
                val asked = server.settled()
                assertEquals(asked, server.settled())
                assertTrue(server.requests.all { it.method == "GET" })
                val watch = launch(Dispatchers.Default) { client.video.watch("vid_1").collect {} }
                server.awaitCount(asked + 5)
                watch.cancelAndJoin()
                val later = server.settled()
                assertEquals(later, server.settled())
            }
        }
    }

    @Test
    fun `leaving many stops the waiting and cancels nothing`() = runBlocking<Unit> {
        Scripted { number, request ->
            when {
                request.method == "POST" && "\"prompt\":\"quick\"" in request.body -> job("succeeded", id = "quick")
                request.method == "POST" -> job("queued", id = "slow")
                else -> job("running", id = "slow", more = ",\"n\":$number")
            }
        }.use { server ->
            server.client().use { client ->
                val first = client.video.generateMany(listOf("slow", "quick", "slow"), concurrency = 3).first()
                assertEquals(1, first.index)
                val asked = server.settled()
                assertEquals(asked, server.settled())
                assertTrue(server.requests.none { it.path.endsWith("/cancel") })
            }
        }
    }

    @Test
    fun `a cancelled download leaves nothing behind`(@TempDir folder: Path) = runBlocking<Unit> {
        Scripted { _, request -> if (request.path == "/file") Reply(hold = true) else job("succeeded", more = ",\"video_url\":\"http://${request.header("Host")}/file\"") }.use { server ->
            server.client().use { client ->
                val download = launch(Dispatchers.Default) { client.video.download("vid_1", folder.resolve("v.mp4")) }
                server.awaitCount(2)
                withTimeout(30.seconds) { download.cancelAndJoin() }
                assertEquals(0, Files.list(folder).use { it.count() }, "it has cleared up when its coroutine ends")
                assertEquals(2, server.settled())
            }
        }
    }

    @Test
    fun `a coroutine that is cancelled already sends nothing`() = runBlocking<Unit> {
        Scripted { _, _ -> job("queued") }.use { server ->
            server.client().use { client ->
                val call = launch(start = CoroutineStart.UNDISPATCHED) {
                    coroutineContext[kotlinx.coroutines.Job]!!.cancel()
                    client.video.generate("a kite")
                }
                call.join()
                assertEquals(0, server.settled())
            }
        }
    }

    @Test
    fun `ten thousand waits that are cancelled leave nothing behind`() = runBlocking<Unit> {
        Scripted { number, request -> job("running", id = request.path.substringAfterLast('/'), more = ",\"n\":$number") }.use { server ->
            server.client().use { client ->
                repeat(10) { round ->
                    val told = AtomicInteger()
                    val waits = List(1000) { at ->
                        launch(Dispatchers.Default) { client.video.wait("vid_${at % 50}", timeout = null) { told.incrementAndGet() } }
                    }
                    server.awaitCount(server.count + 20)
                    waits.forEach { it.cancel() }
                    withTimeout(60.seconds) { waits.joinAll() }
                    val before = told.get()
                    val asked = server.settled()
                    assertEquals(asked, server.settled(), "round $round")
                    assertEquals(before, told.get())
                }
                // The client is as good as new.
                assertEquals("vid_1", client.video.status("vid_1").jobId)
            }
        }
    }
}
