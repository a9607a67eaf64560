// Downloads: how far one is, and what came of it.

import Foundation
internal import InfraiNative

extension Video {
    /// Saves a job's video: into a temporary file beside the target, which takes the target's name when it is whole.
    ///
    /// A broken connection is resumed where the server can; an expired URL is asked for anew once. Cancelling the task
    /// ends it and leaves nothing behind.
    ///
    /// - Parameters:
    ///   - job: The job, or its id. An id, or a job without URL, is asked for first.
    ///   - file: A file URL.
    ///   - overwrite: Whether a file of this name may be replaced.
    ///   - timeout: How long the download may take in all, its status call, retries and pauses included. Default: no limit,
    ///     since a file's size has none. The client's `timeout` bounds the status call alone.
    ///   - onProgress: Called after every piece that was written, one call at a time, on a thread of the SDK; never once the task is
    ///     cancelled.
    /// - Throws: ``InfraiError/invalidRequest(_:)`` with the code `FILE_EXISTS`, `FILE_ERROR` or `JOB_NOT_READY`;
    ///   ``InfraiError/jobFailed(_:)`` and ``InfraiError/jobCancelled(_:)`` for a job without a video; ``InfraiError/connection(_:)`` with the code
    ///   `DOWNLOAD_FAILED` when the file's host gives no whole file; ``InfraiError/timeout(_:)`` with the code `DOWNLOAD_TIMEOUT` when
    ///   the timeout passed, and nothing is saved; else as every call.
    @discardableResult
    public func download(
        _ job: some JobReference, to file: URL, overwrite: Bool = false, timeout: Duration? = nil,
        onProgress: (@Sendable (DownloadProgress) -> Void)? = nil
    ) async throws -> Download {
        let path = try filePath(file, "path")
        let listener = onProgress.map { Listener($0) }
        return try await client.call(listener: listener) { native, cancellation in
            let options = Options(["overwrite": overwrite, "timeout": timeout?.seconds])
            return Download(
                try await native.download(
                    job: job.native, path: path, options: try options.text(), listener: listener.map(Progress.init),
                    cancellation: cancellation),
                of: client)
        }
    }
}

/// How far a download is.
public struct DownloadProgress: Sendable, Hashable {
    /// Bytes so far.
    public let received: Int64
    /// Bytes in all, if the server says so.
    public let total: Int64?

    /// A progress, for previews and tests.
    public init(received: Int64, total: Int64?) {
        self.received = received
        self.total = total
    }

    /// The share that is there, from 0 to 1, if the server says how much there is.
    public var fraction: Double? { total.flatMap { $0 > 0 ? Double(received) / Double($0) : nil } }
}

/// A finished download.
public struct Download: Sendable, Hashable {
    /// Where the file is.
    public let file: URL
    /// How long it is, in bytes.
    public let bytes: Int64
    /// The job it came from.
    public let job: VideoJob
}
