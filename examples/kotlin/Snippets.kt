// The README's snippets, as functions that the tests call.
package examples

import dev.infrai.InfraiClient
import dev.infrai.InfraiException
import dev.infrai.ManyItem
import dev.infrai.VideoState
import java.nio.file.Path
import kotlin.time.Duration.Companion.minutes

interface Backend {
    suspend fun videoToken(): String
}

fun withToken(backend: Backend, baseUrl: String): InfraiClient {
    val client = InfraiClient(
        apiKeyProvider = { backend.videoToken() }, // called once per call, and again after a 401
        baseUrl = baseUrl,
    )
    return client
}

suspend fun emulator(): InfraiClient {
    val client = InfraiClient(
        baseUrl = "http://10.0.2.2:8787", // the developer's machine, as Android's emulator sees it
        allowInsecureHttp = true, // debug builds only
    )
    client.activate(writeCredentials = false) // an account with play money, until the app ends
    return client
}

suspend fun errors(client: InfraiClient, key: String): String {
    try {
        return client.video.generate("a paper boat", idempotencyKey = key).wait(timeout = 10.minutes).videoUrl.orEmpty()
    } catch (error: InfraiException.PaymentRequired) {
        return "add credit at ${error.checkoutUrl}, then call again with ${error.idempotencyKey}"
    } catch (error: InfraiException.JobFailed) {
        return "no video: ${error.job?.error?.message}"
    } catch (error: InfraiException) {
        return "${error.reason}. ${error.hint}"
    }
}

suspend fun states(client: InfraiClient, id: String): List<String> {
    val seen = mutableListOf<String>()
    client.video.watch(id).collect { job ->
        when (job.state) {
            VideoState.Queued -> seen += "waiting for its turn"
            VideoState.Running -> seen += "${((job.progress ?: 0.0) * 100).toInt()} %"
            else -> if (job.isDone) seen += "ended: ${job.state}" // a state that is not known counts as still going
        }
    }
    return seen
}

suspend fun many(client: InfraiClient, folder: Path) {
    client.video.generateMany(listOf("a red kite", "a blue kite"), keyPrefix = "kites-2026-1").collect { item ->
        when (item) {
            is ManyItem.Finished -> item.job.download(folder.resolve("kite-${item.index}.mp4"))
            is ManyItem.Failed -> println("${item.index}: ${item.error.message}")
        }
    }
}
