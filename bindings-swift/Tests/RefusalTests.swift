// Refusals before sending.

import Foundation
import Infrai
import Testing

@Suite("Refusals", .timeLimit(.minutes(3))) struct RefusalTests {
    private func refused(
        _ field: String, _ call: (InfraiClient) async throws -> some Any, at location: SourceLocation = #_sourceLocation
    ) async throws {
        let (client, server) = scripted { _, _ in .job("queued") }
        let error = try await failure({ try await call(client) }, at: location)
        #expect(error.kind == "invalid_request" && error.code == "INVALID_ARGUMENT", sourceLocation: location)
        #expect(error.details.facts?["field"]?.string == field, sourceLocation: location)
        #expect(error.message.contains(field) && error.attempts == 0, sourceLocation: location)
        #expect(server.seen.isEmpty, sourceLocation: location)
    }

    @Test("arguments that cannot work name the field, and send nothing")
    func arguments() async throws {
        try await refused("prompt") { try await $0.video.generate(prompt: "") }
        for seconds in [0, -1, .nan, .infinity] {
            try await refused("durationSeconds") { try await $0.video.generate(prompt: "a cat", durationSeconds: seconds) }
        }
        try await refused("referenceImageURL") {
            try await $0.video.generate(prompt: "a cat", referenceImageURL: URL(string: "ftp://pictures.example/cat.png"))
        }
        try await refused("idempotencyKey") { try await $0.video.generate(prompt: "a cat", idempotencyKey: "a\nb") }
        for id in ["", ".", ".."] { try await refused("id") { try await $0.video.status(id) } }
        try await refused("amountUSD") { try await $0.account.topup(amountUSD: -1) }
        try await refused("timeout") { try await $0.video.wait("vid_1", timeout: .seconds(-1)) }
        try await refused("path") { try await $0.request("GET", "v1/things") }
        try await refused("path") { try await $0.video.download("vid_1", to: URL(string: "https://files.example/a.mp4")!) }
        try await refused("concurrency") { client in
            for try await _ in client.video.generateMany(["a cat"], concurrency: -1) {}
        }
    }

    @Test("a body that JSON cannot write is refused")
    func bodies() async throws {
        try await refused("body") { try await $0.request("POST", "/v1/things", body: ["n": Double.nan]) }
        try await refused("body") { try await $0.request("POST", "/v1/things", body: ["n": Decimal(string: "18446744073709551616")!]) }
    }

    @Test("a setting that cannot work is an error of the first call, and names the setting")
    func settings() async throws {
        let cases: [(String, ClientOptions)] = [
            ("timeout", ClientOptions(timeout: .zero)),
            ("attemptTimeout", ClientOptions(attemptTimeout: .seconds(-3))),
            ("maxRetries", ClientOptions(maxRetries: -1)),
            ("polling.requestCost", ClientOptions(polling: PollingOptions(requestCost: .nan))),
            ("polling.concurrency", ClientOptions(polling: PollingOptions(concurrency: -1))),
            ("defaultHeaders", ClientOptions(defaultHeaders: ["authorization": "x"])),
            ("userAgentSuffix", ClientOptions(userAgentSuffix: "a\nb")),
        ]
        for (setting, options) in cases {
            let (client, server) = scripted(options: options) { _, _ in .job("queued") }
            let error = try await failure { try await client.video.status("vid_1") }
            #expect(error.kind == "configuration" && error.message.contains(setting), "\(setting): \(error)")
            #expect(server.seen.isEmpty)
        }
        let error = try await failure { try await InfraiClient(apiKey: key, baseURL: "ftp://api.example", options: quick()).account.balance() }
        #expect(error.kind == "configuration" && error.message.contains("baseURL"))
        let file = URL(string: "https://files.example/credentials")
        let other = try await failure { try await InfraiClient(options: ClientOptions(credentialsFile: file)).account.balance() }
        #expect(other.details.facts?["field"]?.string == "credentialsFile")
    }

    @Test("without a key the first call says the ways to get one")
    func noKey() async throws {
        let server = ScriptedServer { _, _ in .job("queued") }
        let error = try await failure { try await InfraiClient(apiKey: "", baseURL: server.url, options: quick()).account.balance() }
        #expect(error.kind == "authentication" && error.code == "API_KEY_MISSING")
        #expect(error.recoverySuggestion?.contains("INFRAI_API_KEY") == true)
        #expect(server.seen.isEmpty)
    }
}
