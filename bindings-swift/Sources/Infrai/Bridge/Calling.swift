// How a call runs: over the native surface, ended with its task.

import Foundation
internal import InfraiNative

/// A function of the application's that a call tells something.
protocol Closable: Sendable {
    /// From now on it is told nothing.
    func close()
}

extension InfraiClient {
    /// Makes a call. Cancelling the task ends it, and makes it throw `CancellationError`.
    func call<Value: Sendable>(
        telling listener: (any Closable)? = nil, _ work: @Sendable (NativeClient, NativeCancellation) async throws -> Value
    ) async throws -> Value {
        let native = try native.get()
        return try await cancellable(telling: listener) { try await work(native, $0) }
    }

    /// Makes a piece of a call, in the same way.
    func cancellable<Value: Sendable>(
        telling listener: (any Closable)? = nil, _ work: @Sendable (NativeCancellation) async throws -> Value
    ) async throws -> Value {
        let cancellation = NativeCancellation()
        let begun = Locked(false)
        do {
            return try await withTaskCancellationHandler {
                begun.value = true
                return try await work(cancellation)
            } onCancel: {
                // Of a call that has not begun no listener can be waited for, and it must know before it begins.
                guard let listener, begun.value else { return cancellation.cancel() }
                listener.close()
                // The native cancel waits for a listener that is being called, and that one may wait for whoever cancels.
                DispatchQueue.global().async { cancellation.cancel() }
            }
        } catch {
            throw publicError(error, of: self)
        }
    }
}

/// A function of the application's, until its call is cancelled. One that a cancel finds about to begin may still begin;
/// none does once the call has thrown.
final class Listener<Told: Sendable>: Closable {
    private let listen: @Sendable (Told) -> Void
    private let closed = Locked(false)

    init(_ listen: @escaping @Sendable (Told) -> Void) { self.listen = listen }

    func tell(_ told: Told) {
        if !closed.value { listen(told) }
    }

    func close() { closed.value = true }
}

/// A value that several threads may use.
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
