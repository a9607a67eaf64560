// Execution of a call over the native surface, which ends with its task.

import Foundation
internal import InfraiNative

/// A listener of the application during a call.
protocol Closable: Sendable {
    /// Ends its calls.
    func close()
}

extension InfraiClient {
    /// Makes a call. Cancelling the task cancels the call, which throws `CancellationError`.
    func call<Value: Sendable>(
        listener: (any Closable)? = nil, _ work: @Sendable (Client, Cancellation) async throws -> Value
    ) async throws -> Value {
        let native = try native.get()
        if callbacks.isEmpty { return try await cancellable(listener: listener) { try await work(native, $0) } }
        let context = ContextCallbacks(callbacks)
        let result: Result<Value, any Error>
        do {
            result = .success(
                try await cancellable(listener: listener) { try await work(native.inContext(callbacks: context), $0) })
        } catch {
            result = .failure(error)
        }
        await context.finish()
        return try result.get()
    }

    /// Returns the native client of a stream, whose callbacks have the task-local values of the current task.
    func streaming() throws -> Client {
        let native = try native.get()
        return callbacks.isEmpty ? native : native.inContext(callbacks: ContextCallbacks(callbacks))
    }

    /// Makes a call that needs no native client, such as a read of a stream.
    func cancellable<Value: Sendable>(
        listener: (any Closable)? = nil, _ work: @Sendable (Cancellation) async throws -> Value
    ) async throws -> Value {
        let cancellation = Cancellation()
        let begun = Locked(false)
        do {
            return try await withTaskCancellationHandler {
                begun.value = true
                return try await work(cancellation)
            } onCancel: {
                // A call that has not begun has no listener to wait for, and must see the cancellation before it begins.
                guard let listener, begun.value else { return cancellation.cancel() }
                listener.close()
                // The native cancel waits for a running listener, which may wait for the canceller: another queue avoids
                // the deadlock.
                DispatchQueue.global().async { cancellation.cancel() }
            }
        } catch {
            throw publicError(error, of: self)
        }
    }
}

/// A listener until its call is cancelled. An invocation that begins during the cancel may still run; none does once the
/// call has thrown.
final class Listener<Event: Sendable>: Closable {
    private let listen: @Sendable (Event) -> Void
    private let closed = Locked(false)

    init(_ listen: @escaping @Sendable (Event) -> Void) { self.listen = listen }

    func notify(_ event: Event) {
        if !closed.value { listen(event) }
    }

    func close() { closed.value = true }
}

/// A value behind a lock.
final class Locked<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var held: Value

    init(_ value: Value) { held = value }

    var value: Value {
        get { lock.withLock { held } }
        set { lock.withLock { held = newValue } }
    }

    func change<Result>(_ body: (inout Value) -> Result) -> Result { lock.withLock { body(&held) } }
}
