// The main job against the sandbox: real HTTP, accounts, a wallet, real MP4 files.

import Foundation
import Infrai
import Testing

@Suite("Sandbox", .timeLimit(.minutes(3))) struct SandboxTests {
    @Test("a sentence becomes a file")
    func mainJob() async throws {
        let sandbox = try Sandbox()
        let client = try await sandbox.client()
        let before = try await client.account.balance().balanceUSD
        let job = try await client.video.generate(
            prompt: "a paper boat on a pond", durationSeconds: 1, aspect: .square, prefer: .cheapest)
        let states = Box<[VideoState]>([])
        let done = try await client.video.wait(job, onUpdate: { job in states.change { $0.append(job.state) } })
        #expect(done.isSuccess && done.videoURL != nil && states.value.last == .succeeded)

        let file = temporary("boat.mp4")
        let progress = Box<[DownloadProgress]>([])
        let saved = try await client.video.download(done, to: file, onProgress: { one in progress.change { $0.append(one) } })
        let bytes = try Data(contentsOf: file)
        #expect(saved.file.path == file.path && saved.bytes == Int64(bytes.count))
        #expect(bytes.dropFirst(4).prefix(4) == Data("ftyp".utf8))
        #expect(progress.value.last == DownloadProgress(received: saved.bytes, total: saved.bytes))
        #expect(progress.value.last?.fraction == 1)
        let exists = try await failure { try await client.video.download(done, to: file) }
        #expect(exists.code == "FILE_EXISTS")
        #expect(try await client.account.balance().balanceUSD < before)
    }

    @Test("the same key with the same options gives the same job, charged once")
    func idempotency() async throws {
        let sandbox = try Sandbox()
        let client = try await sandbox.client()
        let first = try await client.video.generate(prompt: "a kite", durationSeconds: 1, idempotencyKey: "order-1")
        let again = try await client.video.generate(prompt: "a kite", durationSeconds: 1, idempotencyKey: "order-1")
        #expect(first.jobID == again.jobID)
        let error = try await failure { try await client.video.generate(prompt: "another kite", idempotencyKey: "order-1") }
        guard case .conflict = error else { throw error }
    }

    @Test("faults on the way are retried, and one video is paid for")
    func faults() async throws {
        let sandbox = try Sandbox(["--fault", "POST /v1/video/generate: status=503 times=2"])
        let client = try await sandbox.client()
        let job = try await client.video.generate(prompt: "a kite", durationSeconds: 1)
        #expect(try await job.wait().isSuccess)
    }

    @Test("without credit the error says where to pay")
    func noCredit() async throws {
        let sandbox = try Sandbox()
        let client = try await sandbox.client()
        let error = try await failure {
            try await client.video.generate(prompt: "a very long kite", durationSeconds: 60, resolution: .uhd4K, prefer: .smartest)
        }
        guard case .paymentRequired(let details) = error else { throw error }
        #expect(details.checkoutURL != nil)
    }

    @Test("an activation's key is kept in the store that was given, and found there again")
    func credentialStore() async throws {
        final class MemoryStore: CredentialStore {
            let entries = Box<[String: String]>([:])
            let name = "the test's memory"
            func read(_ entry: String) throws -> String? { entries.value[entry] }
            func write(_ entry: String, _ text: String) throws { entries.change { $0[entry] = text } }
        }
        let sandbox = try Sandbox()
        let store = MemoryStore()
        let make = { InfraiClient(baseURL: sandbox.url, options: ClientOptions(credentialStore: store)) }
        let first = try await make().activate()
        #expect(!first.reused && first.credentialsFile == nil && first.primaryAPIKey.hasPrefix("ifr_pk_proj_"))
        #expect(store.entries.value["profile:default"]?.contains(first.primaryAPIKey) == true)
        let second = try await make().activate()
        #expect(second.reused && second.primaryAPIKey == first.primaryAPIKey)
        #expect(try await make().account.balance().balanceUSD == 2)
    }

    @Test("a store that fails is a credentials error with its reason, before anything is sent")
    func failingStore() async throws {
        struct LockedStore: CredentialStore {
            struct NoAccess: LocalizedError { var errorDescription: String? { "the device is locked" } }
            var name: String { "the test's vault" }
            func read(_ entry: String) throws -> String? { throw NoAccess() }
            func write(_ entry: String, _ text: String) throws { throw NoAccess() }
        }
        let server = ScriptedServer { _, _ in .ok("{}") }
        let client = InfraiClient(baseURL: server.url, options: ClientOptions(credentialStore: LockedStore()))
        let error = try await failure { try await client.activate() }
        guard case .credentials(let details) = error else { throw error }
        #expect(details.message.contains("the test's vault") && details.message.contains("the device is locked"))
        #expect(server.seen.isEmpty)
    }

    @Test("an activation without a store writes a file that only its user can read")
    func credentialsFile() async throws {
        let sandbox = try Sandbox()
        let file = temporary("credentials")
        let options = ClientOptions(credentialsFile: file)
        let result = try await InfraiClient(baseURL: sandbox.url, options: options).activate()
        #expect(result.credentialsFile?.path == file.path)
        let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try await InfraiClient(baseURL: sandbox.url, options: options).account.balance().balanceUSD == 2)
    }
}
