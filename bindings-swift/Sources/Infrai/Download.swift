// Downloads: the call, its progress and its result.

import Foundation
internal import InfraiNative

extension Video {
    /// Downloads a job's video to a temporary file beside the target, and renames it when it is complete.
    ///
    /// The client resumes after a broken connection if the server can, and fetches a new URL once if the URL has expired.
    /// Cancelling the task removes the temporary file.
    ///
    /// ```swift
    /// let saved = try await client.video.download(job, to: URL(fileURLWithPath: "boat.mp4"))
    /// print(saved.bytes)
    /// ```
    ///
    /// - Parameters:
    ///   - job: The job, or its id. The client first fetches a job that has no URL.
    ///   - file: File URL of the target.
    ///   - overwrite: Whether to replace an existing file. Default: no.
    ///   - timeout: Timeout of the download, including its status call, retries and pauses. Default: no limit. The client's
    ///     `timeout` limits the status call alone.
    ///   - onProgress: Called after every written chunk, one call at a time, on a thread of the SDK. Never called once the
    ///     task is cancelled.
    /// - Throws: ``InfraiError/invalidRequest(_:)`` with the code `FILE_EXISTS`, `FILE_ERROR` or `JOB_NOT_READY`;
    ///   ``InfraiError/jobFailed(_:)`` and ``InfraiError/jobCancelled(_:)`` for a job without a video; ``InfraiError/connection(_:)`` with the code
    ///   `DOWNLOAD_FAILED` if the file's host does not send the whole file; ``InfraiError/timeout(_:)`` with the code
    ///   `DOWNLOAD_TIMEOUT` if the timeout passed, and nothing is saved.
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

/// Progress of a download.
public struct DownloadProgress: Sendable, Hashable {
    /// Number of bytes received so far.
    public let received: Int64
    /// Length of the file in bytes, if the server announced it.
    public let total: Int64?

    /// Creates a progress, for previews and tests.
    public init(received: Int64, total: Int64?) {
        self.received = received
        self.total = total
    }

    /// Received share from 0 to 1, if the length is known.
    public var fraction: Double? { total.flatMap { $0 > 0 ? Double(received) / Double($0) : nil } }
}

/// A finished download.
public struct Download: Sendable, Hashable {
    /// File URL of the video.
    public let file: URL
    /// Length of the file in bytes.
    public let bytes: Int64
    /// The job whose video it is.
    public let job: VideoJob
}
