// Nothing is left of clients and waits that are gone. Run apart from the other tests: memory is the whole process's.

import Foundation
import Infrai
import Testing

#if os(Linux)
    @Suite("Lifetimes", .serialized, .timeLimit(.minutes(5))) struct LifetimeTests {
        /// What the process holds in memory, in bytes.
        private func resident() throws -> Int {
            let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
            return try #require(Int(fields[1])) * 4096
        }

        private func threads() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
        }

        /// Does it a first time, for everything that is made once; then again, and expects that memory has not grown by
        /// more than this much each time.
        private func flat(_ rounds: Int, bytesEach: Int, _ round: (Int) async throws -> Void) async throws {
            for number in 0..<rounds { try await round(number) }
            let before = try resident()
            for number in 0..<rounds { try await round(number) }
            let grown = try resident() - before
            print("\(rounds) rounds: \(before / 1024) KiB before, \(grown / 1024) KiB more after")
            #expect(grown < rounds * bytesEach)
        }

        @Test("10,000 clients made, used for a call and dropped leave no memory, function or thread behind")
        func clients() async throws {
            final class Witness: Sendable {
                static let alive = Box(0)
                init() { Witness.alive.change { $0 += 1 } }
                deinit { Witness.alive.change { $0 -= 1 } }
            }
            let server = ScriptedServer(remembers: false) { _, _ in .ok(#"{"balance_usd":1}"#) }
            let url = server.url
            try await flat(10_000, bytesEach: 256) { number in
                let witness = Witness()
                let options = quick(ClientOptions(onRequest: { _ in _ = witness }, onResponse: { _ in _ = witness }))
                let client = InfraiClient(apiKey: { _ = witness; return key }, baseURL: url, options: options)
                // Every hundredth: connections are the costly part, and the same for all.
                if number % 100 == 0 { _ = try await client.account.balance() }
                #expect(client.description == "InfraiClient")
            }
            try await until { Witness.alive.value == 0 }
            #expect(try threads() < 64)
        }

        @Test("10,000 waits that are cancelled leave no memory, function or request behind")
        func waits() async throws {
            let (client, server) = scripted(remembers: false) { _, _ in .job("running") }
            let told = Box(0)
            try await flat(100, bytesEach: 100 * 256) { _ in
                await withTaskGroup(of: Void.self) { group in
                    for number in 0..<100 {
                        group.addTask {
                            _ = try? await client.video.wait("vid_\(number)", onUpdate: { _ in told.change { $0 += 1 } })
                        }
                    }
                    group.cancelAll()
                }
            }
            let after = told.value
            try await server.quiet()
            #expect(told.value == after)
        }

        @Test("watches that are left leave nothing behind")
        func watches() async throws {
            let (client, server) = scripted(remembers: false) { _, _ in .job("running") }
            try await flat(1000, bytesEach: 1024) { _ in
                for try await _ in client.video.watch("vid_1") { break }
            }
            try await server.quiet()
        }
    }
#endif
