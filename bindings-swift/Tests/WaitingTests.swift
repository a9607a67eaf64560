// Waiting, watching and many at once.

import Foundation
import Infrai
import Testing

@Suite("Waiting", .timeLimit(.minutes(3))) struct WaitingTests {
    @Test("a wait tells every change once, and gives the job at its end")
    func updates() async throws {
        let states = ["queued", "queued", "running", "running", "succeeded"]
        let (client, _) = scripted { number, _ in .job(states[min(number, 4)]) }
        let told = Box<[VideoState]>([])
        let job = try await client.video.wait("vid_1", onUpdate: { job in told.change { $0.append(job.state) } })
        #expect(job.isSuccess && told.value == [.queued, .running, .succeeded])
    }

    @Test("a job that ends badly is thrown with the job")
    func badEnds() async throws {
        let (failing, _) = scripted { _, _ in .job("failed", #","error":"out of luck""#) }
        let error = try await failure { try await failing.video.wait("vid_1") }
        guard case .jobFailed(let details) = error else { throw error }
        #expect(details.job?.error?.message == "out of luck" && details.message.contains("out of luck"))
        let (cancelled, _) = scripted { _, _ in .job("canceled") }
        guard case .jobCancelled = try await failure({ try await cancelled.video.wait("vid_1") }) else { throw Hung() }
    }

    @Test("at its end a wait throws with the job as last seen, and the job goes on")
    func timeout() async throws {
        let (client, server) = scripted { _, _ in .job("running") }
        let error = try await failure { try await client.video.wait("vid_1", timeout: .milliseconds(50)) }
        guard case .waitTimeout(let details) = error else { throw error }
        #expect(details.job?.state == .running)
        #expect(server.seen.allSatisfy { $0.method == "GET" })
    }

    @Test("a wait that is to cancel the job at its end does, and still tells of a success")
    func cancelOnTimeout() async throws {
        let (client, server) = scripted { _, request in
            request.method == "POST" ? .ok(#"{"ok":true}"#) : .job("running")
        }
        let error = try await failure { try await client.video.wait("vid_1", timeout: .milliseconds(50), cancelOnTimeout: true) }
        #expect(error.kind == "wait_timeout" || error.kind == "job_cancelled")
        #expect(server.seen.contains { $0.path == "/v1/video/jobs/vid_1/cancel" })
    }

    @Test("ten waits for one job share their requests")
    func shared() async throws {
        let (client, server) = scripted { number, _ in .job(number < 5 ? "running" : "succeeded") }
        try await withThrowingTaskGroup(of: VideoJob.self) { group in
            for _ in 0..<10 { group.addTask { try await client.video.wait("vid_1", timeout: nil) } }
            for try await job in group { #expect(job.isSuccess) }
        }
        #expect(server.seen.count < 20)
    }

    @Test("a watch gives the first state and every change, the end included, and does not throw for it")
    func watch() async throws {
        let states = ["queued", "running", "running", "failed"]
        let (client, _) = scripted { number, _ in .job(states[min(number, 3)]) }
        var seen: [VideoState] = []
        for try await job in client.video.watch("vid_1") { seen.append(job.state) }
        #expect(seen == [.queued, .running, .failed])
    }

    @Test("a watch of a job that cannot be looked at throws")
    func watchUnknown() async throws {
        let (client, _) = scripted { _, _ in .fail(404, "NOT_FOUND") }
        let error = try await failure { for try await _ in client.video.watch("vid_1") {} }
        #expect(error.kind == "not_found")
    }

    @Test("many at once: no item's error ends it, and keys come from the prefix and the content")
    func many() async throws {
        let (client, server) = scripted { _, request in
            if request.method == "GET" { return .job("succeeded") }
            return request.body.contains("bad") ? .fail(422, "PROMPT_REFUSED") : .job("queued")
        }
        var found: [Int: String] = [:]
        let requests: [GenerateRequest] = ["a red kite", "a bad kite", GenerateRequest(prompt: "a green kite", idempotencyKey: "mine")]
        for try await item in client.video.generateMany(requests, concurrency: 1, keyPrefix: "kites") {
            switch item.result {
            case .success(let job): found[item.index] = job.state.rawValue
            case .failure(let error): found[item.index] = error.code
            }
        }
        #expect(found == [0: "succeeded", 1: "PROMPT_REFUSED", 2: "succeeded"])
        #expect(server.seen.filter { $0.method == "POST" }.map { $0.headers["idempotency-key"] } == ["kites-c3dc5f4af11e5d23c59e808f-0", "kites-94c580dcf20cf5e1aa925463-0", "mine"])
    }

    @MainActor @Test("the main actor reads a watch as a view does")
    func mainActor() async throws {
        @MainActor final class Model {
            var states: [VideoState] = []
            func follow(_ client: InfraiClient) async throws {
                let job = try await client.video.generate(prompt: "a cat")
                for try await job in client.video.watch(job) { states.append(job.state) }
                for try await item in client.video.generateMany(["a cat"]) { states.append(try item.result.get().state) }
            }
        }
        let (client, _) = scripted { number, _ in .job(number == 0 ? "queued" : "succeeded") }
        let model = Model()
        try await model.follow(client)
        #expect(model.states == [.queued, .succeeded, .succeeded])
    }
}
