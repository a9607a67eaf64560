// The guide's snippets, in the order in which they stand there. Run, it runs them all.
package examples.guide

import dev.infrai.GenerateRequest
import dev.infrai.InfraiClient
import dev.infrai.InfraiException
import dev.infrai.ManyItem
import dev.infrai.PollingOptions
import dev.infrai.VideoJob
import java.nio.file.Path
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.withTimeoutOrNull

/** Stands for wherever keys are kept. */
fun interface Vault {
    suspend fun read(name: String): String
}

suspend fun key(vault: Vault) {
    // docs: key
    // Called once per call, and again after a 401
    val client = InfraiClient(apiKeyProvider = { vault.read("infrai") })
    println(client.account.balance().balanceUsd)
    // docs: end
}

suspend fun profile() {
    // docs: profile
    // The table [work] of ~/.infrai/credentials
    val work = InfraiClient(profile = "work")
    work.activate()
    println(work.account.balance().balanceUsd)
    // docs: end
}

suspend fun wait(client: InfraiClient): VideoJob {
    // docs: wait
    var job = client.video.generate("a red kite")
    try {
        job = job.wait(timeout = 600.seconds) { println("${it.state} ${it.progress}") }
    } catch (_: InfraiException.WaitTimeout) {
        job = job.wait(timeout = null) // the job goes on, and so can the wait
    }
    // docs: end
    return job
}

suspend fun watch(client: InfraiClient) {
    // docs: watch
    val job = client.video.generate("a red kite", durationSeconds = 1.0)
    client.video.watch(job).collect { println("${it.state} ${it.progress}") }
    // docs: end
}

suspend fun polling() {
    // docs: polling
    // Fewer polls, for jobs of two minutes
    val polling = PollingOptions(requestCost = 0.5, expectedDuration = 120.seconds)
    val client = InfraiClient(polling = polling)
    val job = client.video.generate("a red kite", durationSeconds = 1.0)
    println(job.wait().state)
    // docs: end
}

suspend fun stop(client: InfraiClient) {
    // docs: stop
    val job = client.video.generate("a slow river", model = "sandbox/slow")
    // Without cancelOnAbort the job goes on
    val done = withTimeoutOrNull(1.seconds) { job.wait(cancelOnAbort = true) }
    if (done == null) println("stopped: ${client.video.status(job).state}")
    // docs: end
}

suspend fun errors(client: InfraiClient) {
    // docs: errors
    try {
        client.video.generate("a paper boat").wait().download(Path.of("boat.mp4"), overwrite = true)
    } catch (error: InfraiException.PaymentRequired) {
        println("add credit at ${error.checkoutUrl}")
    } catch (error: InfraiException.JobFailed) {
        println("no video: ${error.job?.error?.message}")
    } catch (error: InfraiException) {
        println("${error.code} ${error.reason} - ${error.hint} ${error.requestId}")
    }
    // docs: end
}

suspend fun repeat(client: InfraiClient, order: Int) {
    // docs: repeat
    val key = "order-$order" // written down with the order, before the call
    val job = client.video.generate("a paper boat", idempotencyKey = key)
    // After a crash, or a second tap
    val again = client.video.generate("a paper boat", idempotencyKey = key)
    check(again.jobId == job.jobId) // one job, charged once
    // docs: end
}

suspend fun unsure(client: InfraiClient): VideoJob {
    // docs: unsure
    val job = try {
        client.video.generate("a paper boat")
    } catch (error: InfraiException) {
        if (!error.mayHaveBeenProcessed) throw error
        client.video.generate("a paper boat", idempotencyKey = error.idempotencyKey)
    }
    // docs: end
    return job
}

suspend fun quick(client: InfraiClient) {
    // docs: with-options
    // The same connections, a shorter timeout
    val quick = client.withOptions(timeout = 5.seconds, maxRetries = 0)
    println(quick.account.balance().balanceUsd)
    // docs: end
}

suspend fun many(client: InfraiClient, folder: Path) {
    // docs: many
    val kites = listOf(GenerateRequest("a red kite"), GenerateRequest("a blue kite", aspect = "1:1"))
    client.video.generateMany(kites, concurrency = 4, keyPrefix = "kites-1").collect { item ->
        when (item) {
            is ManyItem.Finished -> item.job.download(folder.resolve("kite-${item.index}.mp4"), overwrite = true)
            is ManyItem.Failed -> println("${item.index} failed: ${item.error.message}")
        }
    }
    // docs: end
}

suspend fun request(client: InfraiClient) {
    // docs: request
    val answer = client.request("GET", "/v1/account/balance")
    println("${answer.status} ${answer.json} ${answer.metadata.requestId}")
    // docs: end
}

suspend fun sandbox(address: String): VideoJob {
    // docs: sandbox
    val client = InfraiClient(baseUrl = address) // what `infrai sandbox` printed
    // Play money, until the program ends
    client.activate(writeCredentials = false)
    val job = client.video.generate("a boat", durationSeconds = 1.0).wait()
    // docs: end
    return job
}

/** Runs them all with what the environment says. */
suspend fun main() {
    val client = InfraiClient()
    val account = client.activate()
    key { account.primaryApiKey }
    profile()
    check(wait(client).isSucceeded)
    watch(client)
    polling()
    stop(client)
    errors(client)
    repeat(client, order = 4711)
    unsure(client)
    quick(client)
    many(client, Path.of(""))
    request(client)
    check(sandbox(checkNotNull(System.getenv("INFRAI_BASE_URL"))).isSucceeded)
}
