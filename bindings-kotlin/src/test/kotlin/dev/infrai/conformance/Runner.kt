package dev.infrai.conformance

import java.io.BufferedReader
import java.io.File
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.nio.file.Files
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.system.exitProcess
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.sync.Semaphore
import kotlinx.coroutines.sync.withPermit
import kotlinx.coroutines.withContext
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.double
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

// Plays the conformance scenarios with the Kotlin package and says how many kept their promise.
//
//   java -cp … dev.infrai.conformance.RunnerKt --server PROGRAM [WORDS]
//
// Plays the scenarios whose names contain the words, or all. PROGRAM is the scripted server.

private const val LANGUAGE = "kotlin"
private const val AT_ONCE = 16

/** How many processes for scenarios of their own may start at once: each is a Java machine. */
private const val PROCESSES = 2

/** Set for the process that makes the calls: its environment is the scenario's alone. */
private const val CLEAN = "INFRAI_CONFORMANCE_CLEAN"
private const val PLAY_ONE = "--play-one"
private val KEPT = listOf("PATH", "LD_LIBRARY_PATH", "TMPDIR", "TEMP", "TMP", "SystemRoot", "JAVA_HOME")

fun main(arguments: Array<String>) {
    val code = when {
        System.getenv(CLEAN) == null -> runClean(arguments)
        arguments.firstOrNull() == PLAY_ONE -> {
            val start = Json.parseToJsonElement(System.`in`.bufferedReader().readText()).jsonObject
            println(runBlocking { play(start) })
            0
        }
        else -> run(arguments.toList())
    }
    exitProcess(code)
}

/** This program once more, with these arguments and this environment alone. */
private fun again(arguments: List<String>, environment: Map<String, String>): ProcessBuilder {
    val java = File(System.getProperty("java.home"), "bin/java").path
    val command = listOf(java, "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", System.getProperty("java.class.path"), "dev.infrai.conformance.RunnerKt")
    return ProcessBuilder(command + arguments).redirectError(ProcessBuilder.Redirect.INHERIT).apply {
        environment().clear()
        environment().putAll(environment)
    }
}

/** Runs this program again without the caller's home, keys, settings and proxies. */
private fun runClean(arguments: Array<String>): Int {
    val home = Files.createTempDirectory("infrai-conformance-").toFile()
    val kept = KEPT.mapNotNull { name -> System.getenv(name)?.let { name to it } }.toMap()
    val environment = kept + mapOf("HOME" to home.path, "USERPROFILE" to home.path, CLEAN to "1")
    try {
        return again(arguments.toList(), environment).inheritIO().start().waitFor()
    } finally {
        home.deleteRecursively()
    }
}

private class Server(program: String) {
    private val child = ProcessBuilder(program).redirectError(ProcessBuilder.Redirect.INHERIT).start()
    private val address: String = child.inputStream.bufferedReader().let(BufferedReader::readLine)
    private val http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()

    suspend fun ask(method: String, path: String, body: JsonElement? = null): JsonElement = withContext(Dispatchers.IO) {
        val content = if (body == null) HttpRequest.BodyPublishers.noBody() else HttpRequest.BodyPublishers.ofString(body.toString())
        val request = HttpRequest.newBuilder(URI(address + path)).method(method, content).build()
        val answer = http.send(request, HttpResponse.BodyHandlers.ofString())
        check(answer.statusCode() == 200) { "$method $path: ${answer.body()}" }
        Json.parseToJsonElement(answer.body())
    }

    /** It ends when its input closes. */
    fun close() {
        child.outputStream.close()
        child.waitFor(30, TimeUnit.SECONDS)
    }
}

private fun run(arguments: List<String>): Int {
    if (arguments.size < 2 || arguments[0] != "--server") {
        System.err.println("name the scripted server with --server PROGRAM")
        return 2
    }
    val words = arguments.drop(2).joinToString(" ")
    val server = Server(arguments[1])
    val (passed, failed) = AtomicInteger() to AtomicInteger()
    var exempted = 0
    runBlocking {
        val all = server.ask("GET", "/scenarios").jsonObject.getValue("scenarios").jsonArray.map { it.jsonObject }
        val (exempt, due) = all.filter { words in it.text("name") }.partition { it.exemption() != null }
        for (scenario in exempt) println("EXEMPT ${scenario.text("name")}: ${scenario.exemption()}")
        exempted = exempt.size
        val (places, processes) = Semaphore(AT_ONCE) to Semaphore(PROCESSES)
        due.map { scenario ->
            async(Dispatchers.Default) {
                val apart = scenario["own_process"]?.jsonPrimitive?.boolean == true
                val difference = (if (apart) processes else places).withPermit { difference(server, scenario, apart) }
                if (difference == null) {
                    passed.incrementAndGet()
                } else {
                    failed.incrementAndGet()
                    println("FAILED ${scenario.text("name")}\n$difference")
                }
            }
        }.awaitAll()
    }
    server.close()
    if (exempted > 0) println("$exempted exempt")
    println("$passed passed, $failed failed")
    return if (failed.get() == 0 && passed.get() > 0) 0 else 1
}

private fun JsonObject.text(name: String): String = getValue(name).jsonPrimitive.content

private fun JsonObject.exemption(): String? = (this["exempt"] as? JsonObject)?.get(LANGUAGE)?.jsonPrimitive?.content

/** Returns the differences from the scenario's promises; empty if it holds. */
private suspend fun difference(server: Server, scenario: JsonObject, apart: Boolean): String? = runCatching {
    val path = scenario.text("path")
    val start = server.ask("POST", "$path/start").jsonObject
    val outcomes = if (apart) elsewhere(start) else play(start)
    val report = buildJsonObject {
        put("language", JsonPrimitive(LANGUAGE))
        put("outcomes", outcomes)
    }
    val verdict = server.ask("POST", "$path/finish", report).jsonObject
    if (verdict.getValue("pass").jsonPrimitive.boolean) null else verdict["difference"]?.jsonPrimitive?.content ?: "it did not pass"
}.getOrElse { problem -> "  " + problem.stackTraceToString() }

/** Plays a scenario in a process of its own, which has the environment that the scenario asks for. */
private suspend fun elsewhere(start: JsonObject): JsonArray = withContext(Dispatchers.IO) {
    val asked = (start["env"] as? JsonObject).orEmpty().mapValues { (_, value) -> value.jsonPrimitive.content }
    val child = again(listOf(PLAY_ONE), System.getenv() + asked).start()
    child.outputStream.bufferedWriter().use { it.write(start.toString()) }
    val told = child.inputStream.bufferedReader().readText()
    check(child.waitFor(start.getValue("limit").jsonPrimitive.double.toLong() + 60, TimeUnit.SECONDS)) { "its process does not end" }
    check(child.exitValue() == 0) { "its process ended with ${child.exitValue()}" }
    Json.parseToJsonElement(told).jsonArray
}
