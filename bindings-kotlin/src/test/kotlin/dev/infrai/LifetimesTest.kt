package dev.infrai

import java.io.File
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.condition.EnabledOnOs
import org.junit.jupiter.api.condition.OS

@EnabledOnOs(OS.LINUX) // The measures are files of /proc.
class LifetimesTest {
    /** The process's memory outside the Java heap, which the tests run with at a fixed size, in MiB. */
    private fun memory(): Double {
        repeat(3) {
            System.gc()
            Thread.sleep(50)
        }
        val resident = File("/proc/self/status").readLines().first { it.startsWith("VmRSS:") }
        return resident.filter(Char::isDigit).toLong() / 1024.0
    }

    private fun files(): Int = File("/proc/self/fd").list()!!.size

    private fun threads(): Int = File("/proc/self/task").list()!!.size

    @Test
    fun `ten thousand clients made and dropped leave memory, files and threads as they were`() = runBlocking<Unit> {
        Scripted { _, _ -> Reply("""{"balance_usd":2}""") }.use { server ->
            suspend fun clients(count: Int) = repeat(count) { at ->
                val client = server.client(onRequest = {})
                if (at % 10 == 0) client.account.balance()
                // Half of them are left to the garbage collector.
                if (at % 2 == 0) client.close()
            }
            clients(2_000)
            val (memory, files, threads) = Triple(memory(), files(), threads())
            clients(10_000)
            val grown = memory() - memory
            println("10,000 clients: ${"%.1f".format(grown)} MiB more, ${files() - files} files, ${threads() - threads} threads")
            // A leaked client costs some 20 KiB: 200 MiB in all.
            assertTrue(grown < 48) { "$grown MiB more" }
            assertTrue(files() - files < 64) { "${files() - files} files more" }
            assertTrue(threads() - threads < 32) { "${threads() - threads} threads more" }
        }
    }

    @Test
    fun `a thousand streams that are left halfway leave memory as it was`() = runBlocking<Unit> {
        endless().use { server ->
            server.client().use { client ->
                suspend fun left(count: Int) = repeat(count) {
                    runCatching { client.video.watch("vid_1").collect { throw NoSuchElementException("left") } }
                }
                left(300)
                val before = memory()
                left(1_000)
                val grown = memory() - before
                println("1,000 streams: ${"%.1f".format(grown)} MiB more")
                assertTrue(grown < 32) { "$grown MiB more" }
            }
        }
    }
}
