// A scenario's settings and calls as those of the Swift package.

import Foundation
import Infrai

/// The client that a scenario asks for.
func makeClient(_ settings: JSON?) -> InfraiClient {
    guard case .object(let given)? = settings else { return InfraiClient() }
    var options = ClientOptions()
    for (name, value) in given where value != .null {
        switch name {
        case "api_key", "base_url": break
        case "on_request": options.onRequest = { event in Context.current?.hooks.change { $0.append(event.path) } }
        case "profile": options.profile = value.string
        case "credentials_file": options.credentialsFile = URL(fileURLWithPath: value.string!)
        case "timeout": options.timeout = duration(value)
        case "attempt_timeout": options.attemptTimeout = duration(value)
        case "connect_timeout": options.connectTimeout = duration(value)
        case "download_idle_timeout": options.downloadIdleTimeout = duration(value)
        case "max_retries": options.maxRetries = value.double.map { Int($0) }
        case "retry_base": options.retryBase = duration(value)
        case "retry_cap": options.retryCap = duration(value)
        case "max_connections": options.maxConnections = value.double.map { Int($0) }
        case "routes": options.routes = value.string.flatMap(VideoRoutes.init(rawValue:))
        case "polling": options.polling = polling(value)
        case "default_headers": options.defaultHeaders = headers(value)
        case "proxy": options.proxy = value.string
        case "user_agent_suffix": options.userAgentSuffix = value.string
        case "allow_insecure_http": options.allowInsecureHTTP = value.bool
        default: fatalError("a setting that this runner does not know: \(name)")
        }
    }
    let baseURL = given["base_url"]?.string
    if given["api_key"]?["$context"] != nil {
        return InfraiClient(apiKey: { Context.current?.text ?? "" }, baseURL: baseURL, options: options)
    }
    if case .array(let keys)? = given["api_key"]?["$function"] {
        let keys = Keys(keys.compactMap(\.string))
        return InfraiClient(apiKey: { await keys.next() }, baseURL: baseURL, options: options)
    }
    return InfraiClient(apiKey: given["api_key"]?.string, baseURL: baseURL, options: options)
}

/// Gives keys in turn, and the last one again.
private actor Keys {
    private var left: [String]

    init(_ keys: [String]) { left = keys }

    func next() -> String { left.count > 1 ? left.removeFirst() : left[0] }
}

private func polling(_ value: JSON) -> PollingOptions {
    PollingOptions(
        requestCost: value["request_cost"]?.double, minInterval: duration(value["min_interval"]),
        maxInterval: duration(value["max_interval"]), expectedDuration: duration(value["expected_duration"]),
        refresh: duration(value["refresh"]), jitter: value["jitter"]?.double,
        maxRequestsPerSecond: value["max_requests_per_second"]?.double, concurrency: value["concurrency"]?.double.map { Int($0) })
}

private func duration(_ value: JSON?) -> Duration? { value?.double.map { .seconds($0) } }

private func headers(_ value: JSON?) -> [String: String] {
    guard case .object(let members)? = value else { return [:] }
    return members.compactMapValues(\.string)
}

/// Makes a call and tells what it gave.
func made(_ call: JSON, _ base: InfraiClient, _ jobs: [VideoJob?]) async throws -> Outcome {
    let options = call["options"]
    let client = options == nil
        ? base
        : base.withOptions(
            timeout: duration(options?["timeout"]), maxRetries: options?["max_retries"]?.double.map { Int($0) },
            headers: headers(options?["headers"]))
    let args = call["args"] ?? .object([:])
    let id = args["id"]?.string ?? ""
    switch call["call"]!.string! {
    case "video.generate": return job(try await client.video.generate(request(args)))
    case "video.status": return job(try await client.video.status(id))
    case "video.cancel":
        return .value(parsed(try await client.video.cancel(id).json))
    case "video.wait":
        guard let earlier = args["from_call"]?.double.flatMap({ jobs[Int($0)] }) else { return await waited(client, id, args) }
        let stored = try JSONDecoder().decode(VideoJob.self, from: JSONEncoder().encode(earlier))
        return await waited(client, stored, args)
    case "video.watch": return await watched(client, id)
    case "video.download": return try await downloaded(client, args, jobs)
    case "video.generate_many": return .value(.array(try await many(client, args)))
    case "account.balance": return .value(parsed(try await client.account.balance().json))
    case "account.topup":
        let record = try await client.account.topup(
            amountUSD: number(args["amount_usd"]) ?? 0, returnURL: url(args["return_url"]), idempotencyKey: args["idempotency_key"]?.string)
        return .value(parsed(record.json))
    case "account.wait_for_credit":
        let minUSD = number(args["min_usd"]) ?? 0
        if let timeout = args["timeout"] {
            return .value(parsed(try await client.account.waitForCredit(minUSD: minUSD, timeout: duration(timeout)).json))
        }
        return .value(parsed(try await client.account.waitForCredit(minUSD: minUSD).json))
    case "client.spent_usd": return .value(.number(client.spentUSD))
    case "activate":
        let result = try await client.activate(
            region: args["region"]?.string, deviceKind: args["device_kind"]?.string, profile: args["profile"]?.string,
            force: args["force"]?.bool ?? false, writeCredentials: args["write_credentials"]?.bool ?? true)
        return .value(parsed(result.json))
    case "discover":
        if let capability = args["capability"]?.string {
            return .value(parsed(try await client.discover(capability: capability).json))
        }
        return .value(parsed(try await client.discover().json))
    case "request": return try await requested(client, args)
    case "webhooks.verify": return .value(try event(args))
    case "webhooks.seen": return .value(try seen(args))
    case let other: throw Unexpected(text: "a call that this runner does not know: \(other)")
    }
}

private func event(_ args: JSON) throws -> JSON {
    let body = args["body_base64"]?.string.flatMap { Data(base64Encoded: $0) } ?? Data((args["body"]?.string ?? "").utf8)
    let event = try Webhooks.verify(body, header: args["header"]?.string, secret: args["secret"]?.string ?? "")
    var members: [String: JSON] = ["raw": event.raw]
    members["id"] = event.id.map(JSON.string)
    members["type"] = event.type.map(JSON.string)
    members["created"] = event.created.map(JSON.string)
    members["data"] = event.data
    members["job"] = event.job.map(whole)
    return .object(members)
}

private func seen(_ args: JSON) throws -> JSON {
    let seen = try SeenEvents(capacity: args["capacity"]?.double.map { Int($0) }, ttl: duration(args["ttl"]))
    guard case .array(let steps)? = args["steps"] else { return .array([]) }
    var added: [JSON] = []
    for step in steps {
        let id = step[1]?.string ?? ""
        if step[0]?.string == "add" { added.append(.bool(seen.add(id))) } else { seen.remove(id) }
    }
    return .array(added)
}

private func job(_ job: VideoJob) -> Outcome { Outcome(["value": whole(job)], job: job) }

private func request(_ item: JSON) -> GenerateRequest {
    if case .string(let prompt) = item { return GenerateRequest(prompt: prompt) }
    let text = { (name: String) in item[name]?.string }
    var request = GenerateRequest(prompt: text("prompt") ?? "")
    request.referenceImageURL = url(item["reference_image_url"])
    request.durationSeconds = number(item["duration_seconds"])
    request.aspect = text("aspect").map { Aspect(rawValue: $0) }
    request.resolution = text("resolution").map { Resolution(rawValue: $0) }
    request.prefer = text("prefer").map { Preference(rawValue: $0) }
    request.model = text("model")
    request.vendor = text("vendor")
    request.idempotencyKey = text("idempotency_key")
    return request
}

private func url(_ value: JSON?) -> URL? { value?.string.flatMap { URL(string: $0) } }

/// A number, `{"$number": "NaN"}` included.
private func number(_ value: JSON?) -> Double? { value?.double ?? value?["$number"]?.string.flatMap(Double.init) }

private func waited(_ client: InfraiClient, _ id: some JobReference, _ args: JSON) async -> Outcome {
    let updates = Updates()
    var onUpdate: (@Sendable (VideoJob) -> Void)?
    if args["on_update"]?.bool == true { onUpdate = { updates.add($0) } }
    let (onTimeout, onAbort) = (args["cancel_on_timeout"]?.bool ?? false, args["cancel_on_abort"]?.bool ?? false)
    var outcome: Outcome
    do {
        let done =
            if let timeout = args["timeout"] {
                try await client.video.wait(
                    id, timeout: duration(timeout), onUpdate: onUpdate, cancelOnTimeout: onTimeout, cancelOnAbort: onAbort)
            } else {
                try await client.video.wait(id, onUpdate: onUpdate, cancelOnTimeout: onTimeout, cancelOnAbort: onAbort)
            }
        outcome = job(done)
    } catch {
        outcome = Outcome(["error": neutral(error)])
    }
    if onUpdate != nil, case .object(var members) = outcome.report {
        members["updates"] = .array(updates.all.map(whole))
        outcome.report = .object(members)
    }
    return outcome
}

private final class Updates: @unchecked Sendable {
    private let lock = NSLock()
    private var jobs: [VideoJob] = []

    func add(_ job: VideoJob) { lock.withLock { jobs.append(job) } }
    var all: [VideoJob] { lock.withLock { jobs } }
}

private func watched(_ client: InfraiClient, _ id: String) async -> Outcome {
    var states: [JSON] = []
    do {
        for try await job in client.video.watch(id) { states.append(whole(job)) }
        return .value(.array(states))
    } catch {
        return Outcome(["value": .array(states), "error": neutral(error)])
    }
}

private func downloaded(_ client: InfraiClient, _ args: JSON, _ jobs: [VideoJob?]) async throws -> Outcome {
    let file = URL(fileURLWithPath: args["path"]!.string!)
    let overwrite = args["overwrite"]?.bool ?? false
    let timeout = duration(args["timeout"])
    let earlier = args["from_call"]?.double.flatMap { jobs[Int($0)] }
    let saved =
        if let earlier {
            try await client.video.download(earlier, to: file, overwrite: overwrite, timeout: timeout)
        } else {
            try await client.video.download(args["id"]?.string ?? "", to: file, overwrite: overwrite, timeout: timeout)
        }
    return .value(["path": .string(saved.file.path), "bytes": .integer(saved.bytes)])
}

private func many(_ client: InfraiClient, _ args: JSON) async throws -> [JSON] {
    guard case .array(let items)? = args["items"] else { return [] }
    var batch = BatchOptions()
    batch.checkpoint = args["checkpoint"]?.string.map { URL(fileURLWithPath: $0) }
    batch.idempotencyWindow = args["idempotency_window"]?.double.map { .seconds($0) }
    batch.onAmbiguous = args["on_ambiguous"]?.string
    batch.retryFailed = args["retry_failed"]?.bool ?? false
    batch.maxCostUSD = args["max_cost_usd"]?.double
    batch.outputDir = args["output_dir"]?.string.map { URL(fileURLWithPath: $0) }
    var results: [(Int, JSON)] = []
    let stream = client.video.generateMany(
        items.map(request), concurrency: args["concurrency"]?.double.map { Int($0) }, keyPrefix: args["key_prefix"]?.string, options: batch)
    for try await item in stream {
        let result: JSON =
            switch item.result {
            case .success(let job): whole(job)
            case .failure(let error): ["error": neutral(error)]
            }
        let index = JSON.integer(Int64(item.index))
        results.append((item.index, .array(args["checkpoint"] == nil ? [index, result] : [index, result, .string(item.key)])))
    }
    return results.sorted { $0.0 < $1.0 }.map { $0.1 }
}

private func requested(_ client: InfraiClient, _ args: JSON) async throws -> Outcome {
    var query: [(String, String)] = []
    if case .array(let pairs)? = args["query"] { query = pairs.map { ($0[0]!.string!, $0[1]!.string!) } }
    let body = args["body"].map(Body.init)
    let answer = try await client.request(
        args["method"]!.string!, args["path"]!.string!, query: query, body: body, idempotencyKey: args["idempotency_key"]?.string)
    return Outcome([
        "value": parsed(answer.json), "metadata": parsed(answer.metadata.json), "status": .integer(Int64(answer.status)),
    ])
}

/// A body with the numbers that a scenario cannot write in JSON.
private struct Body: Encodable, Sendable {
    let value: JSON

    func encode(to encoder: any Encoder) throws {
        switch value {
        case .object(let members):
            if let digits = members["$integer"]?.string {
                var one = encoder.singleValueContainer()
                if let integer = Int64(digits) { try one.encode(integer) } else if let unsigned = UInt64(digits) { try one.encode(unsigned) }
                else { try one.encode(Decimal(string: digits)!) }
            } else if let text = members["$number"]?.string {
                var one = encoder.singleValueContainer()
                try one.encode(Double(text == "Infinity" ? "inf" : text)!)
            } else {
                var one = encoder.singleValueContainer()
                try one.encode(members.mapValues(Body.init))
            }
        case .array(let items):
            var one = encoder.singleValueContainer()
            try one.encode(items.map(Body.init))
        default: try value.encode(to: encoder)
        }
    }
}
