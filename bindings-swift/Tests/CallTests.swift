// Requests and results of calls.

import Foundation
import Infrai
import Testing

@Suite("Calls", .timeLimit(.minutes(3))) struct CallTests {
    @Test("generate sends what was given, defaults of the SDK, and nothing else")
    func generate() async throws {
        let (client, server) = scripted { _, _ in .job("queued", #","progress":0.25,"made_by":"v1""#) }
        let job = try await client.video.generate(
            prompt: "a cat", referenceImageURL: URL(string: "https://pictures.example/cat.png"), durationSeconds: 4, aspect: .portrait,
            idempotencyKey: "order-17")
        #expect(job.jobID == "vid_1" && job.state == .queued && job.progress == 0.25 && !job.isTerminal)
        #expect(job.extra == ["made_by": "v1"])
        #expect(job.metadata.requestID == "req-1" && job.metadata.costUSD == 0.01)

        let request = try #require(server.seen.first)
        #expect(request.method == "POST" && request.path == "/v1/video/generate")
        #expect(
            request.body
                == #"{"aspect":"9:16","duration_seconds":4,"prefer":"balanced","prompt":"a cat","reference_image_url":"https://pictures.example/cat.png","resolution":"720p"}"#
                + "\n")
        #expect(request.headers["idempotency-key"] == "order-17")
        #expect(request.headers["authorization"] == "Bearer \(key)")
        #expect(request.headers["user-agent"]?.hasPrefix("infrai-swift/") == true)
    }

    @Test("a key that was asked for beforehand is the one that is sent, and each is another")
    func freshKey() async throws {
        let (client, server) = scripted { _, _ in .job("queued") }
        let keys = try [InfraiClient.newIdempotencyKey(), InfraiClient.newIdempotencyKey()]
        #expect(keys[0] != keys[1] && keys[0].count == 36)
        for key in keys { _ = try await client.video.generate(prompt: "a cat", idempotencyKey: key) }
        #expect(server.seen.map { $0.headers["idempotency-key"] } == keys)
    }

    @Test("an id is one path segment, whatever it holds")
    func ids() async throws {
        let (client, server) = scripted { _, _ in .job("running") }
        _ = try await client.video.status("a/b c?")
        #expect(server.seen.map(\.path) == ["/v1/video/jobs/a%2Fb%20c%3F"])
    }

    @Test("a state that is not known is kept and counts as still going")
    func openStates() async throws {
        let (client, _) = scripted { _, _ in .job("dreaming") }
        let job = try await client.video.status("vid_1")
        #expect(job.state == "dreaming" && job.state.rawValue == "dreaming" && !job.isTerminal)
    }

    @Test("a cancel that came too late is an answer and no error")
    func lateCancel() async throws {
        let (client, _) = scripted { _, _ in .ok(#"{"ok":false}"#) }
        #expect(try await client.video.cancel("vid_1").ok == false)
    }

    @Test("a request of one's own carries any Encodable and gives any Decodable")
    func anything() async throws {
        struct Wish: Codable, Equatable, Sendable {
            var name: String
            var sizes: [UInt64]
        }
        let wish = Wish(name: "kite", sizes: [1, 18_446_744_073_709_551_615])
        let (client, server) = scripted { _, request in .ok(request.body) }
        let answer = try await client.request("POST", "/v1/things", query: [("a b", "1&2"), ("a b", "3")], body: wish)
        #expect(try answer.decode(Wish.self) == wish)
        #expect(answer.status == 200 && answer.metadata.requestID == "req-1")
        #expect(server.seen[0].path == "/v1/things?a+b=1%262&a+b=3" || server.seen[0].path == "/v1/things?a%20b=1%262&a%20b=3")
        #expect(server.seen[0].body == #"{"name":"kite","sizes":[1,18446744073709551615]}"# + "\n")
        let body: JSON = ["tags": ["red", 3, nil, true, 2.5]]
        _ = try await client.request("POST", "/v1/things", body: body)
        #expect(server.seen[1].body == #"{"tags":["red",3,null,true,2.5]}"# + "\n")
    }

    @Test("options for one call leave the client as it is")
    func withOptions() async throws {
        let (client, server) = scripted { number, _ in number == 0 ? .fail(503, "VENDOR_DOWN") : .ok(#"{"balance_usd":1.5,"currency":"USD"}"#) }
        let hurried = client.withOptions(timeout: .seconds(30), maxRetries: 0, headers: ["x-trace": "t1"])
        let error = try await failure { try await hurried.account.balance() }
        #expect(error.kind == "server" && error.attempts == 1)
        #expect(try await client.account.balance().balanceUSD == 1.5)
        #expect(server.seen.map { $0.headers["x-trace"] } == ["t1", nil])
    }

    @Test("a key function is asked once a call, and once more after a 401")
    func keyFunction() async throws {
        let asked = Box(0)
        let server = ScriptedServer { number, _ in number == 0 ? .fail(401, "UNAUTHORIZED") : .ok(#"{"balance_usd":1}"#) }
        let client = InfraiClient(apiKey: { "ifr_pk_proj_\(asked.change { $0 += 1; return $0 })" }, baseURL: server.url, options: quick())
        _ = try await client.account.balance()
        #expect(server.seen.map { $0.headers["authorization"] } == ["Bearer ifr_pk_proj_1", "Bearer ifr_pk_proj_2"])
        #expect(asked.value == 2)
    }

    @Test("what a key function throws is the cause of the call's error")
    func keyFunctionThrows() async throws {
        struct NoBackend: Error {}
        let server = ScriptedServer { _, _ in .ok("{}") }
        let client = InfraiClient(apiKey: { throw NoBackend() }, baseURL: server.url, options: quick())
        let error = try await failure { try await client.account.balance() }
        #expect(error.underlyingError is NoBackend)
        #expect(server.seen.isEmpty)
    }

    @Test("hooks see every attempt, and neither body nor key")
    func hooks() async throws {
        let told = Box<[String]>([])
        let options = ClientOptions(
            onRequest: { event in told.change { $0.append("> \(event.method) \(event.path) \(event.attempt)") } },
            onResponse: { event in told.change { $0.append("< \(event.path) \(event.attempt) \(event.status ?? 0)") } })
        let (client, _) = scripted(options: options) { number, _ in number == 0 ? .fail(503, "VENDOR_DOWN") : .job("running") }
        _ = try await client.video.status("vid_1")
        let path = "/v1/video/jobs/vid_1"
        #expect(told.value == ["> GET \(path) 1", "< \(path) 1 503", "> GET \(path) 2", "< \(path) 2 200"])
    }

    @Test("a top-up gives the page to pay at")
    func topup() async throws {
        let (client, server) = scripted { _, _ in
            .ok(#"{"topup_id":"top_1","amount_usd":20.5,"state":"pending","next_action_url":"https://pay.example/1"}"#)
        }
        let record = try await client.account.topup(amountUSD: 20.5, returnURL: URL(string: "https://shop.example/back"))
        #expect(record.topupID == "top_1" && record.amountUSD == 20.5 && record.nextActionURL?.absoluteString == "https://pay.example/1")
        #expect(server.seen[0].body == #"{"amount_usd":20.5,"return_url":"https://shop.example/back"}"# + "\n")
    }

    @Test("a thousand calls at once all come back")
    func manyAtOnce() async throws {
        let (client, server) = scripted { _, _ in .ok(#"{"balance_usd":1}"#) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<1000 { group.addTask { _ = try await client.account.balance() } }
            try await group.waitForAll()
        }
        #expect(server.seen.count == 1000)
    }
}
