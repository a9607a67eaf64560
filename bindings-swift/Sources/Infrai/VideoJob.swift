// A video job in its last known state, and the metadata of a response.

import Foundation
internal import InfraiNative

/// A video job in its last known state: plain data, and the client that made it, for its methods.
///
/// Encoded it is the API's JSON, without client and key. A decoded job has no client: its methods throw
/// ``InfraiError/invalidRequest(_:)``. Give it to the methods of ``InfraiClient/video`` instead.
public struct VideoJob: Sendable, Identifiable {
    let native: InfraiNative.VideoJob
    let client: InfraiClient?

    /// The job's id.
    public var jobID: String { native.jobId }
    /// Current state.
    public var state: VideoState { VideoState(rawValue: native.state) }
    /// URL of the finished video. Presigned: it carries its own authorization and expires.
    public var videoURL: URL? { native.videoUrl.flatMap { URL(string: $0) } }
    /// URL of a still image of the video.
    public var thumbnailURL: URL? { native.thumbnailUrl.flatMap { URL(string: $0) } }
    /// Error of a failed job.
    public var error: JobError? { native.error.map(JobError.init) }
    /// Progress from 0 to 1, if the API sends it.
    public var progress: Double? { native.progress }
    /// Cost in US dollars, before any refund: the API's field, else what the response to `generate` named. The client
    /// remembers it for its last 10,000 jobs, and the encoded job keeps it. `nil` if it is unknown.
    public var costUSD: Double? { native.costUsd }
    /// Part of the cost that the API gave back after a failure or a cancel. `nil` if the API does not say.
    public var refundedUSD: Double? { native.refundedUsd }
    /// Metadata of the last response. Its cost is that of the request: 0 for a status.
    public var metadata: Metadata { Metadata(native.metadata) }
    /// Whether the job has ended, with or without success.
    public var isTerminal: Bool { native.isTerminal() }
    /// Whether there is a video.
    public var isSuccess: Bool { native.isSuccess() }
    /// All fields that the API sent, as JSON text, with the metadata as `_metadata`.
    public var json: String { native.toJson() }

    /// The job's id.
    public var id: String { jobID }

    /// The fields that this version does not know.
    public var extra: [String: JSON] {
        if case .object(let members)? = native.extraJson().flatMap({ try? JSON(text: $0) }) { members } else { [:] }
    }
}

extension VideoJob: Hashable {
    /// Returns whether both are the same state of the same job.
    public static func == (one: VideoJob, other: VideoJob) -> Bool {
        // JSON has several spellings of the same number.
        one.native == other.native || (one.jobID == other.jobID && Infrai.json(one.json) == Infrai.json(other.json))
    }
    public func hash(into hasher: inout Hasher) {
        hasher.combine(jobID)
        hasher.combine(state)
    }
}

extension VideoJob: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var debugDescription: String { description }
    /// Without the URLs, which carry their own authorization.
    public var customMirror: Mirror {
        Mirror(self, children: ["jobID": jobID, "state": state, "progress": progress as Any, "error": error as Any])
    }
    public var description: String {
        guard let progress, progress.isFinite else { return "VideoJob \(jobID): \(state)" }
        return "VideoJob \(jobID): \(state), \(Int(min(max(progress, 0), 1) * 100)) %"
    }
}

extension VideoJob: Codable {
    /// Decodes a job from the API's JSON.
    ///
    /// - Throws: ``InfraiError/invalidRequest(_:)`` if the id or the state is missing, or a field has another type.
    public init(from decoder: any Decoder) throws {
        self = try VideoJob(text: JSON(from: decoder).text())
    }

    public func encode(to encoder: any Encoder) throws {
        try JSON(text: json).encode(to: encoder)
    }
}

extension VideoJob {
    /// Fetches the job's current state; see ``Video/status(_:)``.
    public func status() async throws -> VideoJob { try await ownClient.video.status(self) }

    /// Cancels the job; see ``Video/cancel(_:)``.
    @discardableResult
    public func cancel() async throws -> CancelResult { try await ownClient.video.cancel(self) }

    /// Waits for the end of the job, at most 30 minutes; see ``Video/wait(_:onUpdate:cancelOnTimeout:cancelOnAbort:)``.
    public func wait(
        onUpdate: (@Sendable (VideoJob) -> Void)? = nil, cancelOnTimeout: Bool = false, cancelOnAbort: Bool = false
    ) async throws -> VideoJob {
        try await ownClient.video.wait(self, onUpdate: onUpdate, cancelOnTimeout: cancelOnTimeout, cancelOnAbort: cancelOnAbort)
    }

    /// Waits for the end of the job, at most this long; see ``Video/wait(_:timeout:onUpdate:cancelOnTimeout:cancelOnAbort:)``.
    public func wait(
        timeout: Duration?, onUpdate: (@Sendable (VideoJob) -> Void)? = nil, cancelOnTimeout: Bool = false, cancelOnAbort: Bool = false
    ) async throws -> VideoJob {
        try await ownClient.video.wait(
            self, timeout: timeout, onUpdate: onUpdate, cancelOnTimeout: cancelOnTimeout, cancelOnAbort: cancelOnAbort)
    }

    /// Returns the states of the job; see ``Video/watch(_:)``.
    public func watch() throws -> VideoUpdates { try ownClient.video.watch(self) }

    /// Downloads the video; see ``Video/download(_:to:overwrite:timeout:onProgress:)``.
    @discardableResult
    public func download(
        to file: URL, overwrite: Bool = false, timeout: Duration? = nil,
        onProgress: (@Sendable (DownloadProgress) -> Void)? = nil
    ) async throws -> Download {
        try await ownClient.video.download(self, to: file, overwrite: overwrite, timeout: timeout, onProgress: onProgress)
    }

    private var ownClient: InfraiClient {
        get throws {
            guard let client else {
                throw InfraiError.withoutClient()
            }
            return client
        }
    }
}

/// Reference to a job: its id, or the job.
public protocol JobReference: Sendable {
    /// For the SDK itself.
    var _jobReference: _JobReference { get }
}

/// A reference to a job.
public enum _JobReference: Sendable {
    case id(String)
    case job(VideoJob)
}

extension VideoJob: JobReference {
    public var _jobReference: _JobReference { .job(self) }
}

extension String: JobReference {
    public var _jobReference: _JobReference { .id(self) }
}

/// Error of a failed job.
public struct JobError: Sendable, Hashable, CustomStringConvertible {
    /// Error code, if the API sent one.
    public let code: String?
    /// Error message.
    public let message: String
    /// The unchanged error: a string or an object.
    public let raw: JSON

    public var description: String { code.map { "\(message) (\($0))" } ?? message }
}

/// Result of a cancel request.
public struct CancelResult: Sendable, Hashable {
    /// Whether the job is cancelled. `false` if it had already ended another way.
    public let ok: Bool
    /// Metadata of the response.
    public let metadata: Metadata
    /// All fields that the API sent, as JSON text.
    public let json: String
}

/// Metadata of a response. All fields are optional.
public struct Metadata: Sendable, Hashable {
    /// Cost of the call in US dollars.
    public let costUSD: Double?
    /// The API's processing time.
    public let latency: Duration?
    /// Vendor that did the work.
    public let vendor: String?
    /// Whether the response came from a cache.
    public let cacheHit: Bool?
    /// The API's id of the request, for support.
    public let requestID: String?
    /// All fields as the JSON text of an object.
    public let json: String
}
