// Content of errors, and the absence of the key from every output.

import Foundation
import func InfraiNative.panicForTests
import Testing

@testable import Infrai

@Suite("Errors", .timeLimit(.minutes(3))) struct ErrorTests {
    @Test("a payment that is needed first says where to pay, and the key to repeat the call with")
    func payment() async throws {
        let (client, _) = scripted { _, _ in .fail(402, "INSUFFICIENT_CREDIT", #","checkout_url":"https://pay.example/c1","missing_usd":0.4"#) }
        do {
            _ = try await client.video.generate(prompt: "a cat", idempotencyKey: "order-17")
            Issue.record("it should have thrown")
        } catch InfraiError.paymentRequired(let details) {
            #expect(details.checkoutURL == URL(string: "https://pay.example/c1"))
            #expect(details.idempotencyKey == "order-17" && details.status == 402 && details.requestID == "req-2")
            #expect(!details.mayHaveBeenProcessed && !details.isRetryable && details.attempts == 1)
            #expect(details.facts?["missing_usd"]?.double == 0.4)
            #expect(details.hint.contains("https://pay.example/c1"))
        }
    }

    @Test("an error is a LocalizedError with a remedy, and one line with everything")
    func localized() async throws {
        let (client, _) = scripted { _, _ in .fail(404, "NOT_FOUND") }
        let error: any Error = try await failure { try await client.video.status("vid_9") }
        #expect(error.localizedDescription == "because of NOT_FOUND")
        #expect((error as? any LocalizedError)?.recoverySuggestion?.isEmpty == false)
        #expect("\(error)" == "because of NOT_FOUND (NOT_FOUND, HTTP 404, request req-2)")
    }

    @Test("every status has its case", arguments: [
        (401, "UNAUTHORIZED", "authentication"), (403, "KEY_REVOKED", "permission"), (402, "PRO_REQUIRED", "payment_required"),
        (400, "IDEMPOTENCY_KEY_REQUIRED", "invalid_request"), (404, "NOT_FOUND", "not_found"), (409, "IDEMPOTENCY_CONFLICT", "conflict"),
        (429, "RATE_LIMIT_USER", "rate_limit"), (503, "MAINTENANCE", "server"), (500, "SOMETHING_NEW", "server"),
    ])
    func kinds(status: Int, code: String, kind: String) async throws {
        let (client, _) = scripted { _, _ in .fail(status, code) }
        let error = try await failure { try await client.account.balance() }
        #expect(error.kind == kind && error.code == code && error.status == status)
    }

    @Test("what is no answer of the API is an error of its own")
    func unexpected() async throws {
        let (client, _) = scripted { _, _ in .json(200, "<html>") }
        let error = try await failure { try await client.video.status("vid_1") }
        guard case .unexpectedResponse = error else { throw error }
    }

    @Test("a server that is not there is a connection error after three attempts")
    func unreachable() async throws {
        var server: ScriptedServer? = ScriptedServer { _, _ in .never }
        let url = server!.url
        server = nil
        let error = try await failure { try await InfraiClient(apiKey: key, baseURL: url, options: quick()).account.balance() }
        #expect(error.kind == "connection" && error.attempts == 3 && error.isRetryable)
    }

    @Test("nothing that can be printed shows a key")
    func secrets() async throws {
        let secret = "ifr_pk_proj_topsecrettopsecrettopsecret"
        let server = ScriptedServer { number, _ in
            number == 0
                ? .ok(#"{"account_id":"acc_1","project_id":"p_1","primary_api_key":"\#(secret)","trial_credit_usd":2,"checkout_url":null}"#)
                : .fail(401, "UNAUTHORIZED", #","got":"\#(secret)""#)
        }
        let options = quick(ClientOptions(defaultHeaders: ["x-gateway": secret], proxy: "http://user:\(secret)@proxy.example"))
        let client = InfraiClient(apiKey: secret, baseURL: server.url, options: options)
        let activation = try await client.activate(writeCredentials: false)
        #expect(activation.primaryAPIKey == secret)
        let error = try await failure { try await client.account.balance() }
        let refused = try await failure {
            try await InfraiClient(apiKey: secret + "\n", baseURL: server.url, options: quick()).account.balance()
        }
        for value: Any in [client, client.video, client.account, activation, error, error.details, refused, options] {
            var dumped = ""
            dump(value, to: &dumped)
            for text in ["\(value)", String(reflecting: value), String(describing: Mirror(reflecting: value).children.map(\.value)), dumped] {
                #expect(!text.contains("topsecret"), "\(type(of: value)): \(text)")
            }
        }
    }

    @Test("nothing that can be printed shows the address of a file, which carries its own authorization")
    func addresses() async throws {
        let (client, _) = scripted { _, _ in
            .job("failed", #","video_url":"https://files.example/a?signature=topsecret","thumbnail_url":"https://files.example/b?signature=topsecret""#)
        }
        let job = try await client.video.status("vid_1")
        #expect(job.videoURL?.query == "signature=topsecret")
        let error = try await failure { try await job.wait() }
        for value: Any in [job, [job], error, error.details] {
            var dumped = ""
            dump(value, to: &dumped)
            for text in ["\(value)", String(reflecting: value), dumped] { #expect(!text.contains("topsecret"), "\(text)") }
        }
    }

    @Test("a panic of the native library is an error that asks for a report, and the next call works")
    func panic() async throws {
        let error = try await failure {
            do { try await panicForTests(language: .swift) } catch { throw publicError(error, of: nil) }
        }
        guard case .internal(let details) = error else { throw error }
        #expect(details.code == "INTERNAL" && details.hint.contains("report"))
        let (client, _) = scripted { _, _ in .ok(#"{"balance_usd":1}"#) }
        #expect(try await client.account.balance().balanceUSD == 1)
    }
}
