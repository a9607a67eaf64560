// Waits and watches.

import Foundation
internal import InfraiNative

extension Video {
    /// Waits for the end of a job, at most 30 minutes, and returns the job. Polls `GET /v1/video/jobs/{id}`.
    ///
    /// Waits of the same job share their polls. Cancelling the task ends the wait. The job continues, unless
    /// `cancelOnAbort` is set.
    ///
    /// ```swift
    /// let done = try await client.video.wait(job) { print($0.state, $0.progress ?? 0) }
    /// ```
    ///
    /// - Parameters:
    ///   - job: The job, or its id.
    ///   - onUpdate: Called with the first state and with every change, one call at a time, on a thread of the SDK. Never
    ///     called once the task is cancelled.
    ///   - cancelOnTimeout: Whether to cancel the job at the timeout. The cancel may take 5 s. If the job has succeeded
    ///     meanwhile, the call returns it, because it was paid for.
    ///   - cancelOnAbort: Whether to cancel the job when the task is cancelled. The cancel may take 5 s, and the call throws
    ///     after it.
    /// - Throws: ``InfraiError/jobFailed(_:)``, ``InfraiError/jobCancelled(_:)`` and ``InfraiError/waitTimeout(_:)`` with
    ///   the job; the error of a poll that cannot be retried.
    public func wait(
        _ job: some JobReference, onUpdate: (@Sendable (VideoJob) -> Void)? = nil, cancelOnTimeout: Bool = false,
        cancelOnAbort: Bool = false
    ) async throws -> VideoJob {
        try await wait(job, .standard, onUpdate, cancelOnTimeout, cancelOnAbort)
    }

    /// Waits for the end of a job, at most this long, and returns the job.
    ///
    /// As ``wait(_:onUpdate:cancelOnTimeout:cancelOnAbort:)``.
    ///
    /// - Parameter timeout: Timeout of the wait, which polls once more before it ends. `nil`: no limit.
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

    /// Returns the states of a job: the first one and every change, including the terminal one. A failed job is the last
    /// state, and no error.
    ///
    /// ```swift
    /// for try await job in client.video.watch(job) { print(job.state, job.progress ?? 0) }
    /// ```
    ///
    /// Leaving the loop or cancelling the task stops the polls. The job continues.
    ///
    /// - Parameter job: The job, or its id.
    /// - Returns: A sequence that starts to poll when it is read. It throws the error of a poll that cannot be retried.
    public func watch(_ job: some JobReference) -> VideoUpdates { VideoUpdates(client: client, job: job) }
}

/// States of a job; see ``Video/watch(_:)``.
public struct VideoUpdates: AsyncSequence, Sendable {
    public typealias Element = VideoJob

    let client: InfraiClient
    let job: any JobReference

    public func makeAsyncIterator() -> Iterator {
        let (client, job) = (client, job)
        return Iterator(client: client, opened: Result { try client.streaming().watch(job: job.native) })
    }

    /// Reads the states one by one. Dropping it stops the polls.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        let client: InfraiClient
        let opened: Result<WatchStream, any Error>

        /// Returns the next state. `nil` after the last one.
        public mutating func next() async throws -> VideoJob? {
            let watch: WatchStream
            do { watch = try opened.get() } catch { throw publicError(error, of: client) }
            return try await client.cancellable { [client] cancellation in
                try await watch.next(cancellation: cancellation).map { VideoJob(native: $0, client: client) }
            }
        }
    }
}
