// Callbacks and stores of the application as the native surface calls them.

import Foundation
internal import InfraiNative

/// The key function and the hooks of a client.
struct ClientCallbacks: Sendable {
    let key: (@Sendable () async throws -> String)?
    let onRequest: (@Sendable (RequestEvent) -> Void)?
    let onResponse: (@Sendable (ResponseEvent) -> Void)?

    var kinds: CallbackKinds { CallbackKinds(key: key != nil, hooks: onRequest != nil || onResponse != nil) }

    var isEmpty: Bool { key == nil && onRequest == nil && onResponse == nil }
}

/// The callbacks of one call or stream. They run in a task that its caller created, which has the caller's task-local values.
final class ContextCallbacks: Callbacks {
    private enum Event: Sendable {
        case key(CheckedContinuation<Task<String, any Error>, Never>)
        case hook(@Sendable () -> Void)
    }

    private let callbacks: ClientCallbacks
    private let events: AsyncStream<Event>.Continuation
    private let runner: Task<Void, Never>

    /// Creates the callbacks of the current task's call.
    init(_ callbacks: ClientCallbacks) {
        let (stream, events) = AsyncStream.makeStream(of: Event.self)
        self.callbacks = callbacks
        self.events = events
        runner = Task {
            for await event in stream {
                switch event {
                // A task of its own, so that the hooks of other calls of a batch do not wait for the key.
                case .key(let request): request.resume(returning: Task { try await callbacks.key?() ?? "" })
                case .hook(let hook): hook()
                }
            }
        }
    }

    deinit { events.finish() }

    /// Runs the hooks that are still queued, at the end of the call.
    func finish() async {
        events.finish()
        await runner.value
    }

    func key() async throws -> String {
        let task: Task<String, any Error> = await withCheckedContinuation { request in
            if case .terminated = events.yield(.key(request)) {
                request.resume(returning: Task { throw CancellationError() })
            }
        }
        do {
            return try await withTaskCancellationHandler { try await task.value } onCancel: { task.cancel() }
        } catch {
            throw ApiKeyProviderError.Exception(number: KeyExceptions.keep(error), reason: error.localizedDescription)
        }
    }

    func onRequest(event: InfraiNative.RequestEvent) {
        guard let hook = callbacks.onRequest else { return }
        let event = RequestEvent(method: event.method, path: event.path, attempt: Int(event.attempt))
        events.yield(.hook { hook(event) })
    }

    func onResponse(event: InfraiNative.ResponseEvent) {
        guard let hook = callbacks.onResponse else { return }
        let event = ResponseEvent(
            method: event.method, path: event.path, attempt: Int(event.attempt), status: event.status.map(Int.init),
            latency: .seconds(event.latency), requestID: event.requestId)
        events.yield(.hook { hook(event) })
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
