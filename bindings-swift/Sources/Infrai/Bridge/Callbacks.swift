// Callbacks and stores of the application as the native surface calls them.

import Foundation
internal import InfraiNative

/// The key function. What it throws is kept under a number for the error of the call.
final class KeyFunction: ApiKeyProvider {
    private let provide: @Sendable () async throws -> String

    init(_ provide: @escaping @Sendable () async throws -> String) { self.provide = provide }

    func key() async throws -> String {
        do {
            return try await provide()
        } catch {
            throw ApiKeyProviderError.Exception(number: KeyExceptions.keep(error), reason: error.localizedDescription)
        }
    }
}

/// The last hundred errors of key functions that no call has thrown yet.
enum KeyExceptions {
    private static let kept = Locked<(next: Int64, errors: [Int64: any Error])>((0, [:]))

    static func keep(_ error: any Error) -> Int64 {
        kept.change { kept in
            kept.next += 1
            kept.errors[kept.next] = error
            // A cancelled call takes none.
            kept.errors[kept.next - 100] = nil
            return kept.next
        }
    }

    static func take(_ number: Int64) -> (any Error)? { kept.change { $0.errors.removeValue(forKey: number) } }
}

/// The hooks of a client.
final class Hooks: RequestHooks {
    private let before: (@Sendable (RequestEvent) -> Void)?
    private let after: (@Sendable (ResponseEvent) -> Void)?

    /// Returns `nil` if the options have no hook.
    init?(_ options: ClientOptions) {
        if options.onRequest == nil && options.onResponse == nil { return nil }
        (before, after) = (options.onRequest, options.onResponse)
    }

    func onRequest(event: InfraiNative.RequestEvent) {
        before?(RequestEvent(method: event.method, path: event.path, attempt: Int(event.attempt)))
    }

    func onResponse(event: InfraiNative.ResponseEvent) {
        after?(
            ResponseEvent(
                method: event.method, path: event.path, attempt: Int(event.attempt), status: event.status.map(Int.init),
                latency: .seconds(event.latency), requestID: event.requestId))
    }
}

/// The credential store of a client.
final class Store: InfraiNative.CredentialStore {
    private let store: any CredentialStore

    init(_ store: any CredentialStore) { self.store = store }

    func name() -> String { store.name }

    func read(entry: String) throws -> String? { try converting { try store.read(entry) } }

    func write(entry: String, text: String) throws { try converting { try store.write(entry, text) } }

    private func converting<Value>(_ work: () throws -> Value) throws -> Value {
        do {
            return try work()
        } catch {
            throw CredentialStoreError.Failed(reason: error.localizedDescription)
        }
    }
}

/// The listener of a wait.
final class Updates: UpdateListener {
    private let listener: Listener<VideoJob>
    private let client: InfraiClient

    init(_ listener: Listener<VideoJob>, of client: InfraiClient) {
        self.listener = listener
        self.client = client
    }

    func onUpdate(job: InfraiNative.VideoJob) { listener.notify(VideoJob(native: job, client: client)) }
}

/// The listener of a download.
final class Progress: ProgressListener {
    private let listener: Listener<DownloadProgress>

    init(_ listener: Listener<DownloadProgress>) { self.listener = listener }

    func onProgress(progress: InfraiNative.DownloadProgress) {
        listener.notify(
            DownloadProgress(received: Int64(clamping: progress.received), total: progress.total.map { Int64(clamping: $0) }))
    }
}
