// Cancelling a task ends what it does: no request after it, no callback, nothing left behind.

import Foundation
import Infrai
import Testing

@Suite("Cancellation", .timeLimit(.minutes(3))) struct CancellationTests {
    /// Runs the call in a task, cancels it once `ready`, and expects `CancellationError`.
    private func cancelled(
        _ call: @escaping @Sendable () async throws -> Void, once ready: @Sendable () async throws -> Void,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let task = Task { try await call() }
        try await ready()
        task.cancel()
        await #expect(throws: CancellationError.self, sourceLocation: location) { try await task.value }
    }

    @Test("a request under way is ended: its connection closes, and no attempt follows")
    func request() async throws {
        let (client, server) = scripted { _, _ in .never }
        try await cancelled({ _ = try await client.video.generate(prompt: "a cat") }, once: { try await server.arrived(1) })
        try await until { server.abandoned == 1 }
        try await server.quiet()
        #expect(server.seen.count == 1)
    }

    @Test("a task that is cancelled already sends nothing", arguments: [false, true])
    func before(listens: Bool) async throws {
        let (client, server) = scripted { _, _ in .job("queued") }
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            if listens {
                _ = try await client.video.wait("vid_1", onUpdate: { _ in Issue.record("nothing was asked") })
            } else {
                _ = try await client.video.generate(prompt: "a cat")
            }
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await server.quiet()
        #expect(server.seen.isEmpty)
    }

    @Test("a pause between attempts ends too")
    func pause() async throws {
        let (client, server) = scripted { _, _ in .json(503, "busy", headers: ["retry-after": "30"]) }
        try await cancelled({ _ = try await client.account.balance() }, once: { try await server.arrived(1) })
        try await server.quiet()
        #expect(server.seen.count == 1)
    }

    @Test("a wait ends at once, and no look or update follows")
    func wait() async throws {
        let (client, server) = scripted { number, _ in .job("state-\(number)") }
        let told = Box(0)
        try await cancelled(
            { _ = try await client.video.wait("vid_1", onUpdate: { _ in told.change { $0 += 1 } }) },
            once: { try await until { told.value >= 3 } })
        let after = told.value
        try await server.quiet()
        #expect(told.value == after)
        #expect(server.seen.allSatisfy { $0.method == "GET" }, "the job itself goes on")
    }

    @Test("a listener that waits for whoever cancels stops nobody")
    func entangled() async throws {
        let (client, _) = scripted { number, _ in .job("state-\(number)") }
        let (inside, leave) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let entered = Box(false)
        let task = Task {
            try await client.video.wait(
                "vid_1",
                onUpdate: { _ in
                    if entered.change({ let was = $0; $0 = true; return !was }) {
                        inside.signal()
                        leave.wait()
                    }
                })
        }
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                inside.wait()
                task.cancel()
                leave.signal()
                continuation.resume()
            }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("a wait that is to cancel the job does so before it throws")
    func cancelOnAbort() async throws {
        let (client, server) = scripted { _, request in request.method == "POST" ? .ok(#"{"ok":true}"#) : .job("running") }
        try await cancelled(
            { _ = try await client.video.wait("vid_1", cancelOnAbort: true) }, once: { try await server.arrived(2) })
        #expect(server.seen.contains { $0.path == "/v1/video/jobs/vid_1/cancel" })
    }

    @Test("one of two waits for a job ends alone")
    func oneOfTwo() async throws {
        let over = Box(false)
        let (client, server) = scripted { _, _ in .job(over.value ? "succeeded" : "running") }
        let other = Task { try await client.video.wait("vid_1") }
        try await cancelled({ _ = try await client.video.wait("vid_1") }, once: { try await server.arrived(3) })
        over.change { $0 = true }
        #expect(try await other.value.isSuccess)
    }

    @Test("leaving a watch's loop ends the looking")
    func leavingWatch() async throws {
        let (client, server) = scripted { number, _ in .job("state-\(number)") }
        for try await job in client.video.watch("vid_1") where job.state.rawValue >= "state-2" { break }
        try await server.quiet()
    }

    @Test("cancelling a watch ends its loop and the looking")
    func watch() async throws {
        let (client, server) = scripted { _, _ in .job("running") }
        try await cancelled({ for try await _ in client.video.watch("vid_1") {} }, once: { try await server.arrived(3) })
        try await server.quiet()
    }

    @Test("leaving many at once ends the waiting, and submits nothing further")
    func many() async throws {
        // The first one is done at once, the others never.
        let (client, server) = scripted { _, request in
            if request.method == "POST" { return .ok(#"{"job_id":"\#(request.body.contains("kite 0") ? "quick" : "slow")","state":"queued"}"#) }
            return .ok(request.path.hasSuffix("quick") ? #"{"job_id":"quick","state":"succeeded"}"# : #"{"job_id":"slow","state":"running"}"#)
        }
        let requests = (0..<200).map { GenerateRequest(prompt: "kite \($0)") }
        for try await item in client.video.generateMany(requests, concurrency: 2) {
            #expect(try item.index == 0 && item.result.get().isSuccess)
            break
        }
        try await server.quiet()
        #expect(server.seen.filter { $0.method == "POST" }.count <= 3)
    }

    @Test("a download that is cancelled leaves nothing behind")
    func download() async throws {
        let server = Box<ScriptedServer?>(nil)
        let (client, scripted) = scripted { _, request in
            request.path.hasPrefix("/files") ? .never : .job("succeeded", #","video_url":"\#(server.value!.url)/files/a.mp4""#)
        }
        server.change { $0 = scripted }
        defer { server.change { $0 = nil } }
        let file = temporary("a.mp4")
        try await cancelled({ _ = try await client.video.download("vid_1", to: file) }, once: { try await scripted.arrived(2) })
        try await until { try FileManager.default.contentsOfDirectory(atPath: file.deletingLastPathComponent().path).isEmpty }
    }

    @Test("a key function is cancelled with the call that asked")
    func keyFunction() async throws {
        let (asked, ended) = (Box(false), Box(false))
        let server = ScriptedServer { _, _ in .job("queued") }
        let client = InfraiClient(
            apiKey: {
                asked.change { $0 = true }
                do { try await Task.sleep(for: .seconds(600)) } catch { ended.change { $0 = true } }
                return key
            }, baseURL: server.url, options: quick())
        try await cancelled({ _ = try await client.account.balance() }, once: { try await until { asked.value } })
        try await until { ended.value }
        #expect(server.seen.isEmpty)
    }
}
