// Waiting for a job's end, and watching it on the way.

import Foundation
internal import InfraiNative

extension Video {
    /// Waits until a job has ended, 30 minutes at most, and returns it: `GET /v1/video/jobs/{id}`, as often as it is worth.
    ///
    /// Ten waits for one job cost one request. Cancelling the task ends the looking; the job goes on, unless
    /// `cancelOnAbort` is set.
    ///
    /// - Parameters:
    ///   - job: The job, or its id.
    ///   - onUpdate: Called with the job's first state and with every change of it, one call at a time, on a thread of the
    ///     SDK; never once the task is cancelled.
    ///   - cancelOnTimeout: Cancels the job when the wait's time is over. The cancel gets 5 s; a job that turns out to have
    ///     succeeded meanwhile is returned, because it was paid for.
    ///   - cancelOnAbort: Cancels the job when the task is cancelled. The cancel gets 5 s, and the call throws after it.
    /// - Throws: ``InfraiError/jobFailed(_:)``, ``InfraiError/jobCancelled(_:)``, ``InfraiError/waitTimeout(_:)``, each
    ///   carrying the job; the error of a look that cannot be repeated. Looks that failed otherwise are repeated.
    public func wait(
        _ job: some JobReference, onUpdate: (@Sendable (VideoJob) -> Void)? = nil, cancelOnTimeout: Bool = false,
        cancelOnAbort: Bool = false
    ) async throws -> VideoJob {
        try await wait(job, .standard, onUpdate, cancelOnTimeout, cancelOnAbort)
    }

    /// Waits until a job has ended, this long at most, and returns it: `GET /v1/video/jobs/{id}`, as often as it is worth.
    ///
    /// As ``wait(_:onUpdate:cancelOnTimeout:cancelOnAbort:)``, with a time of your own.
    ///
    /// - Parameter timeout: How long to wait; at its end comes one last look. `nil`: for ever.
    public func wait(
        _ job: some JobReference, timeout: Duration?, onUpdate: (@Sendable (VideoJob) -> Void)? = nil, cancelOnTimeout: Bool = false,
        cancelOnAbort: Bool = false
    ) async throws -> VideoJob {
        try await wait(job, .after(timeout), onUpdate, cancelOnTimeout, cancelOnAbort)
    }

    private func wait(
        _ job: some JobReference, _ timeout: WaitTimeout, _ onUpdate: (@Sendable (VideoJob) -> Void)?, _ cancelOnTimeout: Bool,
        _ cancelOnAbort: Bool
    ) async throws -> VideoJob {
        let listener = onUpdate.map { Listener($0) }
        let options = Options(["timeout": timeout.option, "cancel_on_timeout": cancelOnTimeout, "cancel_on_abort": cancelOnAbort])
        let text = try options.text()
        return try await client.call(listener: listener) { native, cancellation in
            VideoJob(
                native: try await native.wait(
                    job: job.native, options: text, listener: listener.map { Updates($0, of: client) }, cancellation: cancellation),
                client: client)
        }
    }

    /// A job's states: the first, and every change of it, the last included; then it ends. A job that ends badly is its
    /// last state, and no error.
    ///
    /// ```swift
    /// for try await job in client.video.watch(job) { print(job.state, job.progress ?? 0) }
    /// ```
    ///
    /// Leaving the loop ends the looking, as does cancelling the task; the job itself goes on.
    ///
    /// - Parameter job: The job, or its id.
    /// - Returns: A sequence that begins to look when it is read, and throws when the job cannot be looked at.
    public func watch(_ job: some JobReference) -> VideoUpdates { VideoUpdates(client: client, job: job) }
}

/// A job's states; see ``Video/watch(_:)``.
public struct VideoUpdates: AsyncSequence, Sendable {
    public typealias Element = VideoJob

    let client: InfraiClient
    let job: any JobReference

    public func makeAsyncIterator() -> Iterator {
        let (client, job) = (client, job)
        return Iterator(client: client, opened: Result { try client.native.get().watch(job: job.native) })
    }

    /// Reads a job's states one by one. Dropping it ends the looking.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        let client: InfraiClient
        let opened: Result<WatchStream, any Error>

        /// The next state; `nil` after the last.
        public mutating func next() async throws -> VideoJob? {
            let watch: WatchStream
            do { watch = try opened.get() } catch { throw publicError(error, of: client) }
            return try await client.cancellable { [client] cancellation in
                try await watch.next(cancellation: cancellation).map { VideoJob(native: $0, client: client) }
            }
        }
    }
}
