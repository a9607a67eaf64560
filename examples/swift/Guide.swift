// The guide's snippets, in the order in which they stand there: `swift run InfraiExamples guide` runs them all.

import Foundation
import Infrai

private func key(_ vault: Vault) async throws {
    // docs: key
    // Called once per call, and again after a 401
    let client = InfraiClient(apiKey: { try await vault.read("infrai") })
    print(try await client.account.balance().balanceUSD)
    // docs: end
}

private func profile() async throws {
    // docs: profile
    // The table [work] of ~/.infrai/credentials
    let work = InfraiClient(options: ClientOptions(profile: "work"))
    try await work.activate()
    print(try await work.account.balance().balanceUSD)
    // docs: end
}

private func wait(_ client: InfraiClient) async throws {
    // docs: wait
    var job = try await client.video.generate(prompt: "a red kite")
    do {
        job = try await job.wait(timeout: .seconds(600), onUpdate: { print($0.state, $0.progress ?? 0) })
    } catch InfraiError.waitTimeout {
        // The job goes on, and so can the wait
        job = try await job.wait(timeout: nil)
    }
    // docs: end
    precondition(job.isSuccess)
}

private func watch(_ client: InfraiClient) async throws {
    // docs: watch
    let job = try await client.video.generate(prompt: "a red kite", durationSeconds: 1)
    for try await seen in client.video.watch(job) { print(seen.state, seen.progress ?? 0) }
    // docs: end
}

private func polling() async throws {
    // docs: polling
    // Fewer polls, for jobs of two minutes
    let polling = PollingOptions(requestCost: 0.5, expectedDuration: .seconds(120))
    let client = InfraiClient(options: ClientOptions(polling: polling))
    let job = try await client.video.generate(prompt: "a red kite", durationSeconds: 1)
    print(try await job.wait().state)
    // docs: end
}

private func pay(_ client: InfraiClient) async throws {
    // docs: errors
    do {
        let job = try await client.video.generate(prompt: "a paper boat").wait()
        _ = try await job.download(to: URL(fileURLWithPath: "boat.mp4"), overwrite: true)
    } catch InfraiError.paymentRequired(let details) {
        print("add credit at", details.checkoutURL?.absoluteString ?? "your account")
    } catch InfraiError.jobFailed(let details) {
        print("no video:", details.job?.error?.message ?? "")
    } catch let error as InfraiError {
        print(error.code, error.message, "-", error.hint, error.requestID ?? "")
    }
    // docs: end
}

private func again(_ client: InfraiClient, order: Int) async throws {
    // docs: repeat
    let key = "order-\(order)"  // written down with the order, before the call
    let job = try await client.video.generate(prompt: "a paper boat", idempotencyKey: key)
    // After a crash, or a second tap
    let again = try await client.video.generate(prompt: "a paper boat", idempotencyKey: key)
    assert(again.jobID == job.jobID)  // one job, charged once
    // docs: end
    precondition(again.jobID == job.jobID)
}

private func unsure(_ client: InfraiClient) async throws {
    // docs: unsure
    let job: VideoJob
    do {
        job = try await client.video.generate(prompt: "a paper boat")
    } catch let error as InfraiError where error.mayHaveBeenProcessed {
        job = try await client.video.generate(prompt: "a paper boat", idempotencyKey: error.idempotencyKey)
    }
    // docs: end
    print(job.jobID)
}

private func quick(_ client: InfraiClient) async throws {
    // docs: with-options
    // The same connections, a shorter timeout
    let quick = client.withOptions(timeout: .seconds(5), maxRetries: 0)
    print(try await quick.account.balance().balanceUSD)
    // docs: end
}

private func many(_ client: InfraiClient) async throws {
    // docs: many
    let kites: [GenerateRequest] = ["a red kite", GenerateRequest(prompt: "a blue kite", aspect: .square)]
    for try await item in client.video.generateMany(kites, concurrency: 4, keyPrefix: "kites-1") {
        switch item.result {
        case .success(let job): _ = try await job.download(to: URL(fileURLWithPath: "kite-\(item.index).mp4"), overwrite: true)
        case .failure(let error): print(item.index, "failed:", error.message)
        }
    }
    // docs: end
}

private func request(_ client: InfraiClient) async throws {
    // docs: request
    let answer = try await client.request("GET", "/v1/account/balance")
    print(answer.status, answer.json, answer.metadata.requestID ?? "")
    // docs: end
}

private func token(_ backend: Backend) async throws {
    // docs: token
    // Called once per call, and again after a 401
    let client = InfraiClient(apiKey: { try await backend.infraiToken() })
    let job = try await client.video.generate(prompt: "a timelapse of a city skyline at dusk")
    // docs: end
    print(job.jobID)
}

private func sandbox(_ address: String) async throws {
    // docs: sandbox
    let client = InfraiClient(baseURL: address)  // what `infrai sandbox` printed
    // Play money, until the program ends
    let account = try await client.activate(writeCredentials: false)
    let job = try await client.video.generate(prompt: "a boat", durationSeconds: 1).wait()
    // docs: end
    precondition(job.isSuccess && account.accountID != nil)
}

/// Stands for wherever keys are kept.
private struct Vault: Sendable {
    let key: String
    func read(_ name: String) async throws -> String { key }
}

/// Stands for an app's own backend.
private struct Backend: Sendable {
    let key: String
    func infraiToken() async throws -> String { key }
}

func guide() async throws {
    let client = InfraiClient()
    let account = try await client.activate()
    try await key(Vault(key: account.primaryAPIKey))
    try await token(Backend(key: account.primaryAPIKey))
    try await profile()
    try await wait(client)
    try await watch(client)
    try await polling()
    try await pay(client)
    try await again(client, order: 4711)
    try await unsure(client)
    try await quick(client)
    try await many(client)
    try await request(client)
    try await sandbox(ProcessInfo.processInfo.environment["INFRAI_BASE_URL"] ?? "")
}
