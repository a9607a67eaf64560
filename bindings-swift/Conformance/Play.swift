// Plays one scenario: makes its calls, and tells what came of each in the words of every language.

import Foundation
import Infrai

/// What came of each of a scenario's calls, in order. What is not there within the scenario's limit is one more outcome.
func play(_ start: JSON) async -> [JSON] {
    let told = Outcomes()
    let limit = start["limit"]?.double ?? 60
    await withTaskGroup(of: Bool.self) { group in
        group.addTask {
            await steps(start, told)
            return true
        }
        group.addTask {
            try? await Task.sleep(for: .seconds(limit))
            return false
        }
        let ended = await group.next()
        if ended == false {
            await told.add([Outcome(["error": ["kind": "hung", "message": .string("no outcome within \(limit) s")]])])
        }
        group.cancelAll()
    }
    return await told.reports
}

/// What was told so far, and the jobs that came with it.
actor Outcomes {
    private(set) var reports: [JSON] = []
    private(set) var jobs: [VideoJob?] = []

    func add(_ outcomes: [Outcome]) {
        reports += outcomes.map(\.report)
        jobs += outcomes.map(\.job)
    }
}

/// What came of a call.
struct Outcome: Sendable {
    var report: JSON
    var job: VideoJob?

    init(_ report: JSON, job: VideoJob? = nil) {
        self.report = report
        self.job = job
    }

    static func value(_ value: JSON) -> Outcome { Outcome(["value": value]) }
}

private func steps(_ start: JSON, _ told: Outcomes) async {
    guard case .array(let steps)? = start["calls"] else { return }
    var client = makeClient(start["client"])
    for step in steps {
        let together: [JSON]
        if case .array(let calls)? = step["together"] { together = calls } else { together = [step] }
        if together.contains(where: { $0["new_client"]?.bool == true }) { client = makeClient(start["client"]) }
        let (now, jobs) = (client, await told.jobs)
        let outcomes = await withTaskGroup(of: (Int, Outcome).self) { group in
            for (index, call) in together.enumerated() {
                group.addTask { (index, await outcome(of: call, now, jobs)) }
            }
            return await group.reduce(into: [Int: Outcome]()) { $0[$1.0] = $1.1 }
        }
        if Task.isCancelled { return }
        await told.add(together.indices.map { outcomes[$0]! })
    }
}

/// Context of a call: its text, and the paths that the hook recorded in it.
final class Context: Sendable {
    @TaskLocal static var current: Context?
    let text: String
    let hooks = Locked<[String]>([])

    init(_ text: String) { self.text = text }
}

/// A value behind a lock.
final class Locked<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var held: Value

    init(_ value: Value) { held = value }

    var value: Value { lock.withLock { held } }

    func change(_ body: (inout Value) -> Void) { lock.withLock { body(&held) } }
}

/// Makes a call in the context that the scenario gives it, and reports what the hook recorded there.
private func outcome(of call: JSON, _ client: InfraiClient, _ jobs: [VideoJob?]) async -> Outcome {
    guard let text = call["context"]?.string else { return await outcomeHere(of: call, client, jobs) }
    let context = Context(text)
    var outcome = await Context.$current.withValue(context) { await outcomeHere(of: call, client, jobs) }
    if case .object(var members) = outcome.report {
        members["hooks"] = .array(context.hooks.value.map(JSON.string))
        outcome.report = .object(members)
    }
    return outcome
}

/// Makes a call, and abandons it when it has to be: by cancelling its task.
private func outcomeHere(of call: JSON, _ client: InfraiClient, _ jobs: [VideoJob?]) async -> Outcome {
    if let after = call["after"]?.double { try? await Task.sleep(for: .seconds(after)) }
    let task = Task {
        do {
            return try await made(call, client, jobs)
        } catch {
            return Outcome(["error": neutral(error)])
        }
    }
    let abandon = call["abort_after"]?.double.map { seconds in
        Task {
            try await Task.sleep(for: .seconds(seconds))
            task.cancel()
        }
    }
    defer { abandon?.cancel() }
    return await withTaskCancellationHandler { await task.value } onCancel: { task.cancel() }
}

/// An error in the words of every language.
func neutral(_ error: any Error) -> JSON {
    if error is CancellationError { return ["kind": "aborted"] }
    guard let error = error as? InfraiError else { return ["kind": .string("not of the SDK: \(error)")] }
    let details = error.details
    var members: [String: JSON] = [
        "kind": .string(error.kind), "code": .string(details.code), "message": .string(respelled(details.message)), "hint": .string(respelled(details.hint)),
        "retryable": .bool(details.isRetryable), "attempts": .integer(Int64(details.attempts)),
        "may_have_been_processed": .bool(details.mayHaveBeenProcessed),
    ]
    members["docs_url"] = details.docsURL.map { .string($0.absoluteString) }
    members["status"] = details.status.map { .integer(Int64($0)) }
    members["request_id"] = details.requestID.map(JSON.string)
    members["retry_after"] = details.retryAfter.map { .number($0.inSeconds) }
    members["idempotency_key"] = details.idempotencyKey.map(JSON.string)
    members["details"] = details.attempts == 0 ? details.facts.map(respelled) : details.facts
    members["checkout_url"] = details.checkoutURL.map { .string($0.absoluteString) }
    members["job"] = details.job.map(whole)
    return .object(members)
}

/// Returns the details of a refusal with the field as in the scenarios: `reference_image_url`.
private func respelled(_ facts: JSON) -> JSON {
    guard case .object(var members) = facts, let field = facts["field"]?.string else { return facts }
    members["field"] = .string(snakeCase(field))
    return .object(members)
}

/// Returns a message with the options that it names in backticks as in the scenarios.
private func respelled(_ message: String) -> String {
    let parts = message.components(separatedBy: "`")
    return parts.enumerated().map { $0.offset % 2 == 0 ? $0.element : snakeCase($0.element) }.joined(separator: "`")
}

private func snakeCase(_ name: String) -> String {
    // Others are variables of the environment.
    guard name.first?.isLowercase == true else { return name }
    return name.replacingOccurrences(of: "([a-z0-9])([A-Z]+)", with: "$1_$2", options: .regularExpression).lowercased()
}

/// A job as JSON.
func whole(_ job: VideoJob) -> JSON { parsed(job.json) }

func parsed(_ text: String) -> JSON { (try? JSON(text: text)) ?? .string("no JSON: \(text)") }

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
