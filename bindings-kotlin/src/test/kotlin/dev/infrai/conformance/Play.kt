package dev.infrai.conformance

import dev.infrai.BatchOptions
import dev.infrai.GenerateRequest
import dev.infrai.InfraiClient
import dev.infrai.InfraiException
import dev.infrai.ManyItem
import dev.infrai.PollingOptions
import dev.infrai.SeenEvents
import dev.infrai.Video
import dev.infrai.VideoJob
import dev.infrai.VideoRoutes
import dev.infrai.Webhooks
import java.nio.file.Path
import java.nio.file.Paths
import java.util.Base64
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.DurationUnit
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.asContextElement
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.buildJsonArray
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.double
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.put

// The calls of a scenario, and what came of them under the names of every language.

/** Report of a call, and the job that later calls may mean. */
private class Outcome(val report: JsonObject, val job: VideoJob? = null)

/** Outcomes of a scenario's calls, in order. A call that never ends is one more outcome. */
internal suspend fun play(start: JsonObject): JsonArray {
    val limit = start.getValue("limit").jsonPrimitive.double
    val outcomes = mutableListOf<JsonElement>()
    val ended = withTimeoutOrNull(limit.seconds) { withContext(Dispatchers.Default) { steps(start, outcomes) } }
    if (ended == null) outcomes += failure("hung") { put("message", "no outcome within $limit s") }
    return JsonArray(outcomes.toList())
}

private suspend fun steps(start: JsonObject, outcomes: MutableList<JsonElement>) {
    val make = { runCatching { client(start["client"] as? JsonObject) } }
    var made = make()
    val jobs = mutableListOf<VideoJob?>()
    for (step in start.getValue("calls").jsonArray.map { it.jsonObject }) {
        val together = (step["together"] as? JsonArray)?.map { it.jsonObject } ?: listOf(step)
        if (together.any { it.flag("new_client") == true }) made = make()
        val told = coroutineScope { together.map { call -> async { one(made, call, jobs) } }.awaitAll() }
        told.forEach {
            outcomes += it.report
            jobs += it.job
        }
    }
}

/** Context of a call: its text, and the paths that the hook recorded in it. */
private class Context(val text: String) {
    val hooks: MutableList<String> = java.util.concurrent.CopyOnWriteArrayList()
}

private val CONTEXT = ThreadLocal<Context>()

/** Makes a call in the context that the scenario gives it, and reports what the hook recorded there. */
private suspend fun one(made: Result<InfraiClient>, call: JsonObject, jobs: List<VideoJob?>): Outcome {
    val text = (call["context"] as? JsonPrimitive)?.takeIf { it !is JsonNull }?.content
    val context = Context(text.orEmpty())
    val outcome = withContext(CONTEXT.asContextElement(context)) { oneHere(made, call, jobs) }
    if (text == null) return outcome
    return Outcome(JsonObject(outcome.report + ("hooks" to JsonArray(context.hooks.map(::JsonPrimitive)))), outcome.job)
}

private suspend fun oneHere(made: Result<InfraiClient>, call: JsonObject, jobs: List<VideoJob?>): Outcome {
    made.exceptionOrNull()?.let { return Outcome(failed(it, fromConstructor = true)) }
    val updates = mutableListOf<JsonElement>()
    val args = call["args"] as? JsonObject ?: JsonObject(emptyMap())
    val outcome = try {
        val options = call["options"] as? JsonObject ?: JsonObject(emptyMap())
        val client = made.getOrThrow().withOptions(options.time("timeout"), options.int("max_retries"), options.headers("headers"))
        call.number("after")?.let { delay(it.seconds) }
        val abandoned = call.number("abort_after")
        val name = call.getValue("call").jsonPrimitive.content
        if (abandoned == null) {
            made(client, name, args, jobs, updates)
        } else {
            withTimeoutOrNull(abandoned.seconds) { made(client, name, args, jobs, updates) } ?: Outcome(failure("aborted"))
        }
    } catch (problem: InfraiException) {
        Outcome(failed(problem))
    }
    if (args.flag("on_update") != true) return outcome
    return Outcome(JsonObject(outcome.report + ("updates" to JsonArray(updates.toList()))), outcome.job)
}

private suspend fun made(
    client: InfraiClient,
    name: String,
    args: JsonObject,
    jobs: List<VideoJob?>,
    updates: MutableList<JsonElement>,
): Outcome = when (name) {
    "video.generate" -> job(client.video.generate(request(args)))
    "video.status" -> job(client.video.status(args.needed("id")))
    "video.cancel" -> value(parsed(client.video.cancel(args.needed("id")).json))
    "video.wait" -> {
        val timeout = if ("timeout" in args) args.time("timeout") else Video.DEFAULT_TIMEOUT
        val (onTimeout, onAbort) = listOf("cancel_on_timeout", "cancel_on_abort").map { args.flag(it) ?: false }
        val onUpdate: (suspend (VideoJob) -> Unit)? =
            if (args.flag("on_update") == true) ({ updates += parsed(it.toJson()) }) else null
        val stored = args.int("from_call")?.let { jobs[it] }?.let { VideoJob.fromJson(it.toJson()) }
        job(
            when (stored) {
                null -> client.video.wait(args.needed("id"), timeout, onTimeout, onAbort, onUpdate)
                else -> client.video.wait(stored, timeout, onTimeout, onAbort, onUpdate)
            },
        )
    }
    "video.watch" -> watch(client, args.needed("id"))
    "video.download" -> download(client, args, jobs)
    "video.generate_many" -> many(client, args)
    "account.balance" -> value(parsed(client.account.balance().json))
    "account.topup" -> value(
        parsed(client.account.topup(args.number("amount_usd") ?: 0.0, args.text("return_url"), args.text("idempotency_key")).json),
    )
    "account.wait_for_credit" -> {
        val timeout = if ("timeout" in args) args.time("timeout") else Video.DEFAULT_TIMEOUT
        value(parsed(client.account.waitForCredit(args.number("min_usd") ?: 0.0, timeout).json))
    }
    "client.spent_usd" -> value(JsonPrimitive(client.spentUsd))
    "activate" -> value(
        parsed(
            client.activate(
                args.text("region"), args.text("device_kind"), args.flag("write_credentials"), args.flag("force") ?: false, args.text("profile"),
            ).toJson(),
        ),
    )
    "discover" -> when (val capability = args.text("capability")) {
        null -> value(parsed(client.discover().json))
        else -> value(parsed(client.discover(capability).json))
    }
    "request" -> {
        val query = (args["query"] as? JsonArray).orEmpty().map { pair -> pair.jsonArray.let { textOf(it[0]) to textOf(it[1]) } }
        val body = args["body"]?.let { StringBuilder().also { text -> write(it, text) }.toString() }
        val answer = client.request(args.needed("method"), args.needed("path"), body, query, args.text("idempotency_key"))
        Outcome(
            buildJsonObject {
                put("value", parsed(answer.json))
                put("metadata", parsed(answer.metadata.json))
                put("status", answer.status)
            },
        )
    }
    "webhooks.verify" -> value(event(args))
    "webhooks.seen" -> value(seen(args))
    else -> error("there is no call $name")
}

private fun event(args: JsonObject): JsonElement {
    val body = args.text("body_base64")?.let { Base64.getDecoder().decode(it) } ?: args.needed("body").toByteArray()
    val event = Webhooks.verify(body, args.text("header"), args.needed("secret"))
    return buildJsonObject {
        event.id?.let { put("id", it) }
        event.type?.let { put("type", it) }
        event.created?.let { put("created", it) }
        event.dataJson?.let { put("data", parsed(it)) }
        event.job?.let { put("job", parsed(it.toJson())) }
        put("raw", parsed(event.rawJson))
    }
}

private fun seen(args: JsonObject): JsonElement = SeenEvents(args.int("capacity"), args.time("ttl")).use { seen ->
    val steps = args.getValue("steps").jsonArray.map { step -> step.jsonArray.map(::textOf) }
    JsonArray(steps.mapNotNull { (step, id) -> if (step == "add") JsonPrimitive(seen.add(id)) else null.also { seen.remove(id) } })
}

private suspend fun watch(client: InfraiClient, id: String): Outcome {
    val states = mutableListOf<JsonElement>()
    var problem: InfraiException? = null
    try {
        client.video.watch(id).collect { states += parsed(it.toJson()) }
    } catch (caught: InfraiException) {
        problem = caught
    }
    return Outcome(
        buildJsonObject {
            put("value", JsonArray(states))
            problem?.let { put("error", neutral(it)) }
        },
    )
}

private suspend fun download(client: InfraiClient, args: JsonObject, jobs: List<VideoJob?>): Outcome {
    val path: Path = Paths.get(args.needed("path"))
    val overwrite = args.flag("overwrite") ?: false
    val earlier = args.int("from_call")?.let { jobs[it] }
    val timeout = args.time("timeout")
    val saved = if (earlier == null) {
        client.video.download(args.needed("id"), path, overwrite, timeout)
    } else {
        client.video.download(earlier, path, overwrite, timeout)
    }
    return Outcome(
        buildJsonObject {
            put(
                "value",
                buildJsonObject {
                    put("path", saved.path.toString())
                    put("bytes", saved.bytes)
                },
            )
        },
    )
}

private suspend fun many(client: InfraiClient, args: JsonObject): Outcome {
    val items = args.getValue("items").jsonArray.map { item ->
        if (item is JsonObject && "\$utf16" !in item) request(item) else GenerateRequest(textOf(item))
    }
    val batch = BatchOptions(
        args.text("checkpoint")?.let { Paths.get(it) }, args.time("idempotency_window"), args.text("on_ambiguous"),
        args.flag("retry_failed") ?: false, args.number("max_cost_usd"), args.text("output_dir")?.let { Paths.get(it) },
    )
    val many = client.video.generateMany(items, args.int("concurrency"), args.text("key_prefix"), options = batch)
    val results = many.toList().sortedBy { it.index }
    val told = results.map { item ->
        buildJsonArray {
            add(JsonPrimitive(item.index))
            add(
                when (item) {
                    is ManyItem.Finished -> parsed(item.job.toJson())
                    is ManyItem.Failed -> buildJsonObject { put("error", neutral(item.error)) }
                },
            )
            if ("checkpoint" in args) add(JsonPrimitive(item.key))
        }
    }
    return value(JsonArray(told))
}

private fun value(value: JsonElement) = Outcome(buildJsonObject { put("value", value) })

private fun job(job: VideoJob) = Outcome(buildJsonObject { put("value", parsed(job.toJson())) }, job)

private fun parsed(text: String): JsonElement = Json.parseToJsonElement(text)

private fun failure(kind: String, more: kotlinx.serialization.json.JsonObjectBuilder.() -> Unit = {}): JsonObject = buildJsonObject {
    put(
        "error",
        buildJsonObject {
            put("kind", kind)
            more()
        },
    )
}

private fun failed(problem: Throwable, fromConstructor: Boolean = false): JsonObject = buildJsonObject {
    put(
        "error",
        buildJsonObject {
            val fields = if (problem is InfraiException) neutral(problem) else JsonObject(mapOf("kind" to JsonPrimitive("not of the SDK: ${problem.stackTraceToString()}")))
            fields.forEach { (name, value) -> put(name, value) }
            if (fromConstructor) put("from_constructor", true)
        },
    )
}

/** An error under the names of every language. */
private fun neutral(problem: InfraiException): JsonObject = buildJsonObject {
    put("kind", problem.kind)
    put("code", problem.code)
    put("message", respelled(problem.reason))
    put("hint", respelled(problem.hint))
    put("docs_url", problem.docsUrl)
    problem.status?.let { put("status", it) }
    problem.requestId?.let { put("request_id", it) }
    put("retryable", problem.isRetryable)
    problem.retryAfter?.let { put("retry_after", it.toDouble(DurationUnit.SECONDS)) }
    put("attempts", problem.attempts)
    problem.idempotencyKey?.let { put("idempotency_key", it) }
    put("may_have_been_processed", problem.mayHaveBeenProcessed)
    problem.detailsJson?.let { put("details", if (problem.attempts == 0) respelled(parsed(it)) else parsed(it)) }
    problem.checkoutUrl?.let { put("checkout_url", it) }
    problem.job?.let { put("job", parsed(it.toJson())) }
}

/** The details of a refusal with the field as in the scenarios: `reference_image_url`. */
private fun respelled(details: JsonElement): JsonElement {
    val field = (details as? JsonObject)?.get("field")?.jsonPrimitive?.content ?: return details
    return JsonObject(details + ("field" to JsonPrimitive(snakeCase(field))))
}

/** A message with the options that it names in backticks as in the scenarios. */
private fun respelled(message: String): String =
    message.split('`').mapIndexed { at, part -> if (at % 2 == 0) part else snakeCase(part) }.joinToString("`")

// Names in capitals are variables of the environment.
private fun snakeCase(name: String): String =
    if (name.firstOrNull()?.isLowerCase() == true) name.replace(Regex("([a-z0-9])([A-Z])"), "$1_$2").lowercase() else name

private fun client(given: JsonObject?): InfraiClient {
    val settings = given ?: JsonObject(emptyMap())
    val key = settings["api_key"] as? JsonObject
    val keys = key?.get("\$function")?.jsonArray?.map(::textOf)?.let(::ArrayDeque)
    val function: (suspend () -> String)? = when {
        keys != null -> ({ synchronized(keys) { if (keys.size > 1) keys.removeFirst() else keys.first() } })
        key != null -> ({ CONTEXT.get().text })
        else -> null
    }
    val polling = settings["polling"] as? JsonObject
    return InfraiClient(
        apiKey = if (function == null) settings.text("api_key") else null,
        apiKeyProvider = function,
        baseUrl = settings.text("base_url"),
        profile = settings.text("profile"),
        credentialsFile = settings.text("credentials_file")?.let(Paths::get),
        timeout = settings.time("timeout"),
        attemptTimeout = settings.time("attempt_timeout"),
        connectTimeout = settings.time("connect_timeout"),
        downloadIdleTimeout = settings.time("download_idle_timeout"),
        maxRetries = settings.int("max_retries"),
        retryBase = settings.time("retry_base"),
        retryCap = settings.time("retry_cap"),
        maxConnections = settings.int("max_connections"),
        polling = polling?.let {
            PollingOptions(
                it.number("request_cost"), it.time("min_interval"), it.time("max_interval"), it.time("expected_duration"),
                it.time("refresh"), it.number("jitter"), it.number("max_requests_per_second"), it.int("concurrency"),
            )
        },
        routes = settings.text("routes")?.let { VideoRoutes.valueOf(it.uppercase()) },
        defaultHeaders = settings.headers("default_headers"),
        proxy = settings.text("proxy"),
        caFile = settings.text("ca_file")?.let(Paths::get),
        userAgentSuffix = settings.text("user_agent_suffix"),
        allowInsecureHttp = settings.flag("allow_insecure_http"),
        onRequest = if (settings.flag("on_request") == true) ({ event -> CONTEXT.get().hooks += event.path }) else null,
    )
}

private fun request(args: JsonObject) = GenerateRequest(
    prompt = args.text("prompt").orEmpty(),
    referenceImageUrl = args.text("reference_image_url"),
    durationSeconds = args.number("duration_seconds"),
    aspect = args.text("aspect"),
    resolution = args.text("resolution"),
    prefer = args.text("prefer"),
    model = args.text("model"),
    vendor = args.text("vendor"),
    idempotencyKey = args.text("idempotency_key"),
)

// Arguments with what JSON cannot say: integers of any length, NaN, half characters.

private fun JsonObject.given(name: String): JsonElement? = this[name]?.takeUnless { it is JsonNull }

private fun JsonObject.text(name: String): String? = given(name)?.let(::textOf)

private fun JsonObject.needed(name: String): String = text(name) ?: error("the scenario gives no $name")

private fun JsonObject.flag(name: String): Boolean? = given(name)?.jsonPrimitive?.boolean

private fun JsonObject.int(name: String): Int? = given(name)?.jsonPrimitive?.int

private fun JsonObject.number(name: String): Double? = given(name)?.let { if (it is JsonObject) it.getValue("\$number").jsonPrimitive.content.toDouble() else it.jsonPrimitive.double }

private fun JsonObject.time(name: String): Duration? = number(name)?.seconds

private fun JsonObject.headers(name: String): Map<String, String> = (given(name) as? JsonObject).orEmpty().mapValues { (_, value) -> textOf(value) }

private fun textOf(value: JsonElement): String =
    if (value is JsonObject) value.getValue("\$utf16").jsonArray.joinToString("") { it.jsonPrimitive.int.toChar().toString() } else value.jsonPrimitive.content

/** A value as JSON text, as an application would write it that has such a value. */
private fun write(value: JsonElement, out: StringBuilder) {
    when {
        value is JsonObject && "\$integer" in value -> out.append(value.getValue("\$integer").jsonPrimitive.content)
        value is JsonObject && "\$number" in value -> out.append(value.getValue("\$number").jsonPrimitive.content)
        value is JsonObject && "\$utf16" in value -> out.append('"').append(textOf(value)).append('"')
        value is JsonObject -> value.entries.joinTo(out, ",", "{", "}") { (name, member) ->
            JsonPrimitive(name).toString() + ":" + StringBuilder().also { write(member, it) }
        }
        value is JsonArray -> value.joinTo(out, ",", "[", "]") { member -> StringBuilder().also { write(member, it) } }
        else -> out.append(value.toString())
    }
}
