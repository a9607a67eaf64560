// Functions and stores of the application's, in the form in which the native surface calls them.

import Foundation
internal import InfraiNative

/// Gives the key. What it throws is kept under a number, for the error that comes of it.
final class KeyFunction: NativeKeyFunction {
    private let provide: @Sendable () async throws -> String

    init(_ provide: @escaping @Sendable () async throws -> String) { self.provide = provide }

    func key() async throws -> String {
        do {
            return try await provide()
        } catch {
            throw NativeKeyFailure.Thrown(number: Thrown.keep(error), reason: error.localizedDescription)
        }
    }
}

/// What key functions threw lately: until the error that it caused is made, or a hundred others were thrown.
enum Thrown {
    private static let kept = Locked<(next: Int64, errors: [Int64: any Error])>((0, [:]))

    static func keep(_ error: any Error) -> Int64 {
        kept.change { kept in
            kept.next += 1
            kept.errors[kept.next] = error
            // A call that was cancelled meanwhile asks for none.
            kept.errors[kept.next - 100] = nil
            return kept.next
        }
    }

    static func take(_ number: Int64) -> (any Error)? { kept.change { $0.errors.removeValue(forKey: number) } }
}

/// The hooks of a client.
final class Hooks: NativeHooks {
    private let before: (@Sendable (RequestEvent) -> Void)?
    private let after: (@Sendable (ResponseEvent) -> Void)?

    /// None, where there is no hook.
    init?(_ options: ClientOptions) {
        if options.onRequest == nil && options.onResponse == nil { return nil }
        (before, after) = (options.onRequest, options.onResponse)
    }

    func onRequest(event: NativeRequestEvent) {
        before?(RequestEvent(method: event.method, path: event.path, attempt: Int(event.attempt)))
    }

    func onResponse(event: NativeResponseEvent) {
        after?(
            ResponseEvent(
                method: event.method, path: event.path, attempt: Int(event.attempt), status: event.status.map(Int.init),
                latency: .seconds(event.latency), requestID: event.requestId))
    }
}

/// The store of a client.
final class Store: NativeStore {
    private let store: any CredentialStore

    init(_ store: any CredentialStore) { self.store = store }

    func name() -> String { store.name }

    func read(entry: String) throws -> String? { try telling { try store.read(entry) } }

    func write(entry: String, text: String) throws { try telling { try store.write(entry, text) } }

    private func telling<Value>(_ work: () throws -> Value) throws -> Value {
        do {
            return try work()
        } catch {
            throw NativeStoreFailure.Failed(reason: error.localizedDescription)
        }
    }
}

/// The listener of a wait.
final class UpdateListener: NativeUpdateListener {
    private let listener: Listener<VideoJob>
    private let client: InfraiClient

    init(_ listener: Listener<VideoJob>, of client: InfraiClient) {
        self.listener = listener
        self.client = client
    }

    func onUpdate(job: NativeJob) { listener.tell(VideoJob(job, of: client)) }
}

/// The listener of a download.
final class ProgressListener: NativeProgressListener {
    private let listener: Listener<DownloadProgress>

    init(_ listener: Listener<DownloadProgress>) { self.listener = listener }

    func onProgress(progress: NativeProgress) {
        listener.tell(DownloadProgress(received: progress.received, total: progress.total))
    }
}
