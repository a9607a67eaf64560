package dev.infrai

import java.nio.file.Path
import java.nio.file.Paths
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/** The sandbox of the command `infrai`, in a temporary folder; it ends with this process at the latest. */
internal class Sandbox(vararg more: String) : AutoCloseable {
    private val child: Process
    val url: String
    val credentialsFile: Path

    init {
        val command = System.getenv("INFRAI_CLI") ?: "infrai"
        child = ProcessBuilder(command, "sandbox", "--json", "--exit-with-parent", "--temporary", *more).redirectError(ProcessBuilder.Redirect.DISCARD).start()
        val line = checkNotNull(child.inputStream.bufferedReader().readLine()) { "$command announces no sandbox" }
        val told = Json.parseToJsonElement(line).jsonObject
        url = told.getValue("url").jsonPrimitive.content
        credentialsFile = Paths.get(told.getValue("credentials_file").jsonPrimitive.content)
    }

    /** The key of an account of its own. */
    fun key(): String = runBlocking {
        InfraiClient(baseUrl = url, credentialsFile = credentialsFile).use { it.activate(writeCredentials = false).primaryApiKey }
    }

    override fun close() {
        child.destroy()
        child.waitFor(30, TimeUnit.SECONDS)
    }
}
