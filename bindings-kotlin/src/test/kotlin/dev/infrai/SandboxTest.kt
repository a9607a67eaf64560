package dev.infrai

import examples.Backend
import examples.Screen
import examples.VideoScreenModel
import java.io.File
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.minutes
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestInstance
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SandboxTest {
    private val sandbox = Sandbox()
    private val key = sandbox.key()

    @AfterAll
    fun stop() = sandbox.close()

    private fun client() = InfraiClient(apiKey = key, baseUrl = sandbox.url)

    private fun isMp4(file: Path): Boolean = Files.readAllBytes(file).copyOfRange(4, 8).decodeToString() == "ftyp"

    @Test
    fun `a sentence becomes a video in a file`(@TempDir folder: Path) = runBlocking<Unit> {
        client().use { client ->
            val before = client.account.balance().balanceUsd
            val states = mutableListOf<VideoState>()
            val job = client.video.generate("日落时的城市 😀", durationSeconds = 1.0)
            val done = job.wait(timeout = 5.minutes) { states += it.state }
            var last: DownloadProgress? = null
            val saved = done.download(folder.resolve("v.mp4")) { last = it }
            assertTrue(isMp4(saved.path))
            assertEquals(Files.size(saved.path), saved.bytes)
            assertEquals(saved.bytes, last!!.received)
            assertEquals(VideoState.Succeeded, states.last())
            assertTrue(client.account.balance().balanceUsd < before)
            val error = assertThrows<InfraiException.InvalidRequest> { runBlocking { done.download(saved.path) } }
            assertEquals("FILE_EXISTS", error.code)
        }
    }

    @Test
    fun `activate keeps the key in the app's own store, and another client finds it`() = runBlocking<Unit> {
        val entries = java.util.concurrent.ConcurrentHashMap<String, String>()
        val store = object : CredentialStore {
            override val name = "the test's memory"

            override fun read(entry: String): String? = entries[entry]

            override fun write(entry: String, text: String) {
                entries[entry] = text
            }
        }
        InfraiClient(baseUrl = sandbox.url, credentialStore = store).use { client ->
            val fresh = client.activate()
            assertFalse(fresh.isReused)
            assertEquals(null, fresh.credentialsFile)
            assertTrue(client.activate().isReused)
        }
        assertEquals(setOf("device", "profile:default"), entries.keys.toSet())
        InfraiClient(baseUrl = sandbox.url, credentialStore = store).use { assertEquals(2.0, it.account.balance().balanceUsd) }
        val failing = object : CredentialStore by store {
            override fun read(entry: String): String? = error("it is locked")
        }
        InfraiClient(baseUrl = sandbox.url, credentialStore = failing).use { client ->
            val error = assertThrows<InfraiException.Credentials> { runBlocking { client.account.balance() } }
            assertTrue("the test's memory" in error.reason && "it is locked" in error.reason) { error.reason }
        }
    }

    /** Runs an example in a process of its own, with a home of its own and the sandbox as its API; what it said. */
    private fun example(name: String, folder: Path): String {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val process = ProcessBuilder(java, "-cp", System.getProperty("java.class.path"), name).directory(folder.toFile()).redirectErrorStream(true)
        process.environment().keys.removeIf { it.startsWith("INFRAI_") }
        process.environment() += mapOf("INFRAI_BASE_URL" to sandbox.url, "HOME" to folder.toString(), "USERPROFILE" to folder.toString())
        val child = process.start()
        val said = child.inputStream.bufferedReader().readText()
        assertTrue(child.waitFor(5, TimeUnit.MINUTES))
        assertEquals(0, child.exitValue()) { said }
        return said
    }

    @Test
    fun `the README's first call makes a video`(@TempDir folder: Path) {
        val said = example("QuickstartKt", folder)
        assertTrue(isMp4(folder.resolve("skyline.mp4"))) { said }
        assertTrue(Files.exists(folder.resolve(".infrai/credentials")))
    }

    @Test
    fun `the guide's snippets do what they say`(@TempDir folder: Path) {
        val said = example("examples.guide.GuideKt", folder)
        assertTrue("stopped: cancelled" in said) { said }
        assertTrue(isMp4(folder.resolve("boat.mp4")) && isMp4(folder.resolve("kite-1.mp4"))) { said }
    }

    @Test
    fun `the README's snippets do what they say`(@TempDir folder: Path) = runBlocking<Unit> {
        val backend = object : Backend {
            override suspend fun videoToken() = key
        }
        examples.withToken(backend, sandbox.url).use { client ->
            assertTrue(examples.errors(client, "snippet-1").startsWith("http"))
            val job = client.video.generate("a kite", durationSeconds = 1.0)
            assertEquals("ended: succeeded", examples.states(client, job.jobId).last())
            examples.many(client, folder)
            assertTrue(isMp4(folder.resolve("kite-0.mp4")) && isMp4(folder.resolve("kite-1.mp4")))
        }
    }

    @Test
    fun `the sandbox that the README starts answers an emulator`() {
        val readme = File("README.md").readText()
        val (port, host) = checkNotNull(Regex("""^infrai sandbox --port (\d+) --allow-host (\S+)""", RegexOption.MULTILINE).find(readme)).destructured
        assertTrue("baseUrl = \"http://$host:$port\"" in readme && "| `http://$host:$port` |" in readme)
        // The same but for the port, which another program may have.
        fun asked(sandbox: Sandbox): String {
            val own = java.net.URI(sandbox.url)
            return java.net.Socket(own.host, own.port).use { socket ->
                socket.soTimeout = 60_000
                socket.getOutputStream().write("GET /v1/account/balance HTTP/1.1\r\nHost: $host:${own.port}\r\nAuthorization: Bearer $KEY\r\nConnection: close\r\n\r\n".encodeToByteArray())
                socket.getInputStream().bufferedReader().readLine()
            }
        }
        Sandbox("--allow-host", host).use { assertTrue(" 401 " in asked(it)) { asked(it) } }
        assertTrue(" 421 " in asked(sandbox)) { "it is the option that lets an emulator in" }
    }

    @Test
    fun `the example's screen shows a video, and its end stops the work`(@TempDir folder: Path) = runBlocking<Unit> {
        client().use { client ->
            val scope = CoroutineScope(Dispatchers.Default)
            val model = VideoScreenModel(client, scope, folder)
            model.generate("a paper boat")
            val ready = withTimeout(300_000) { model.screen.first { it is Screen.Ready || it is Screen.Failed } }
            assertTrue(ready is Screen.Ready && isMp4(ready.file)) { ready.toString() }
            model.generate(" ")
            val failed = withTimeout(60_000) { model.screen.first { it is Screen.Failed } } as Screen.Failed
            assertTrue(failed.message.startsWith("invalid `prompt`: expected "))
            scope.cancel()
        }
    }

    @Test
    fun `a caller in Java makes a video and catches an exception by its class`() {
        assertTrue(JavaCaller.video(key, sandbox.url).startsWith("succeeded http"))
        assertEquals("UNAUTHORIZED", JavaCaller.failure(sandbox.url))
    }
}
