// Nothing is left of clients and waits that are gone. In XCTest, and run apart: memory is the whole process's, and Swift
// Testing keeps something of every error that is thrown.

#if os(Linux)
    import Foundation
    import Infrai
    import XCTest

    final class LifetimeTests: XCTestCase {
        /// Counts how many of it there are.
        private final class Witness: Sendable {
            static let alive = Box(0)
            init() { Witness.alive.change { $0 += 1 } }
            deinit { Witness.alive.change { $0 -= 1 } }
        }

        /// What the process holds in memory, in bytes.
        private func resident() throws -> Int {
            let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
            return try XCTUnwrap(Int(fields[1])) * 4096
        }

        private func threads() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
        }

        /// Does it a first time, for everything that is made once; then again, and expects that memory does not grow by more
        /// than a small object for each of so many things, or what an allocator takes at once. What leaks does so each
        /// time, what a busy machine's threads take does not: one time of five suffices.
        private func flat(_ rounds: Int, things: Int, _ round: (Int) async throws -> Void) async throws {
            for number in 0..<rounds { try await round(number) }
            let most = max(things * 200, 512 * 1024)
            var grown: [Int] = []
            repeat {
                let before = try resident()
                for number in 0..<rounds { try await round(number) }
                grown.append(try resident() - before)
            } while grown.last! >= most && grown.count < 5
            print("\(things) more: \(grown.map { $0 / 1024 }) KiB grown to \(try resident() / 1024) KiB, \(try threads()) threads")
            XCTAssertLessThan(grown.last!, most)
            try await until { Witness.alive.value == 0 }
            XCTAssertLessThan(try threads(), 64)
        }

        /// 10,000 clients that are made and dropped leave no memory, function or thread behind.
        func testClients() async throws {
            let server = ScriptedServer(remembers: false) { _, _ in .ok(#"{"balance_usd":1}"#) }
            let url = server.url
            try await flat(10_000, things: 10_000) { number in
                let witness = Witness()
                let options = quick(ClientOptions(onRequest: { _ in _ = witness }, onResponse: { _ in _ = witness }))
                let client = InfraiClient(apiKey: { _ = witness; return key }, baseURL: url, options: options)
                // Every tenth: connections are the costly part, and the same for all.
                if number % 10 == 0 { _ = try await client.account.balance() }
                XCTAssertEqual(client.description, "InfraiClient")
            }
            XCTAssertGreaterThanOrEqual(server.total, 2000)
        }

        /// 10,000 waits that are cancelled leave no memory or function behind, and nothing is asked or told any more.
        func testWaits() async throws {
            let (client, server) = scripted(remembers: false) { _, request in
                let id = request.path.split(separator: "/").last ?? ""
                return .ok(#"{"job_id":"\#(id)","state":"running"}"#)
            }
            let told = Box(0)
            try await flat(100, things: 10_000) { round in
                await withTaskGroup(of: Void.self) { group in
                    for number in 0..<100 {
                        group.addTask {
                            let witness = Witness()
                            let onUpdate: @Sendable (VideoJob) -> Void = { _ in
                                withExtendedLifetime(witness) { told.change { $0 += 1 } }
                            }
                            do {
                                _ = try await client.video.wait("vid_\(number)", onUpdate: onUpdate)
                                XCTFail("the job never ends")
                            } catch { XCTAssert(error is CancellationError) }
                        }
                    }
                    // Half of the rounds are cancelled before they began, half while they wait.
                    if round.isMultiple(of: 2) { try? await Task.sleep(for: .milliseconds(5)) }
                    group.cancelAll()
                }
            }
            let (after, asked) = (told.value, server.total)
            XCTAssertGreaterThan(asked, 0)
            try await server.quiet()
            XCTAssertEqual(told.value, after)
        }

        /// Watches that are left leave nothing behind.
        func testWatches() async throws {
            let (client, server) = scripted(remembers: false) { _, _ in .job("running") }
            try await flat(1000, things: 1000) { _ in
                for try await _ in client.video.watch("vid_1") { break }
            }
            try await server.quiet()
        }
    }
#endif
