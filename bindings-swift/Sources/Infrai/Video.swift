// Methods for videos: generate, status and cancel.

import Foundation
internal import InfraiNative

/// Options of one video. The SDK checks the prompt, the duration and the URL. It sends all other values unchanged, and the
/// API checks whether a vendor supports them. The API chooses an option that is `nil`, unless a default is named.
public struct GenerateRequest: Sendable, Hashable, ExpressibleByStringLiteral {
    /// Description of the video.
    public var prompt: String
    /// The http(s) URL of a reference image.
    public var referenceImageURL: URL?
    /// Duration of the video in seconds, more than 0.
    public var durationSeconds: Double?
    /// Aspect ratio.
    public var aspect: Aspect?
    /// Resolution. Default: 720p.
    public var resolution: Resolution?
    /// Preference between vendors. Default: balanced.
    public var prefer: Preference?
    /// Model by name.
    public var model: String?
    /// Vendor by name.
    public var vendor: String?
    /// 1 to 255 visible ASCII characters. The same key with the same options returns the same job, charged once, within
    /// the API's window (24 hours by default). Default:
    /// a new one per call.
    public var idempotencyKey: String?

    /// Creates a request with this prompt.
    public init(
        prompt: String,
        referenceImageURL: URL? = nil,
        durationSeconds: Double? = nil,
        aspect: Aspect? = nil,
        resolution: Resolution? = nil,
        prefer: Preference? = nil,
        model: String? = nil,
        vendor: String? = nil,
        idempotencyKey: String? = nil
    ) {
        self.prompt = prompt
        self.referenceImageURL = referenceImageURL
        self.durationSeconds = durationSeconds
        self.aspect = aspect
        self.resolution = resolution
        self.prefer = prefer
        self.model = model
        self.vendor = vendor
        self.idempotencyKey = idempotencyKey
    }

    /// Creates a request with this prompt and the defaults.
    public init(stringLiteral prompt: String) { self.init(prompt: prompt) }

    var options: Options {
        Options([
            "prompt": prompt, "reference_image_url": referenceImageURL?.absoluteString, "duration_seconds": durationSeconds,
            "aspect": aspect?.rawValue, "resolution": resolution?.rawValue, "prefer": prefer?.rawValue, "model": model,
            "vendor": vendor, "idempotency_key": idempotencyKey,
        ])
    }
}

/// Methods for videos: ``InfraiClient/video``.
///
/// Cancelling the task of a call ends the call, which throws `CancellationError`. A submitted job continues.
public struct Video: Sendable {
    let client: InfraiClient

    /// Submits a job: `POST /v1/video/generate`. ``wait(_:onUpdate:cancelOnTimeout:cancelOnAbort:)`` waits for its end.
    ///
    /// ```swift
    /// let job = try await client.video.generate(prompt: "a paper boat on a pond", durationSeconds: 4, aspect: .portrait)
    /// print(job.jobID, job.state)
    /// ```
    ///
    /// - Parameters:
    ///   - prompt: Description of the video.
    ///   - referenceImageURL: The http(s) URL of a reference image.
    ///   - durationSeconds: Duration of the video in seconds, more than 0.
    ///   - aspect: Aspect ratio.
    ///   - resolution: Resolution. Default: 720p.
    ///   - prefer: Preference between vendors. Default: balanced.
    ///   - model: Model by name. Default: the API's choice.
    ///   - vendor: Vendor by name. Default: the API's choice.
    ///   - idempotencyKey: 1 to 255 visible ASCII characters. The same key with the same options returns the same job,
    ///     charged once, within the API's window (24 hours by default). Default: a new one per call.
    /// - Throws: ``InfraiError/invalidRequest(_:)`` before any request if an argument is invalid.
    ///   ``InfraiError/paymentRequired(_:)`` if the account needs credit. If the error's
    ///   ``ErrorDetails/mayHaveBeenProcessed`` is set, a call with its ``ErrorDetails/idempotencyKey`` returns the same job,
    ///   charged once.
    public func generate(
        prompt: String,
        referenceImageURL: URL? = nil,
        durationSeconds: Double? = nil,
        aspect: Aspect? = nil,
        resolution: Resolution? = nil,
        prefer: Preference? = nil,
        model: String? = nil,
        vendor: String? = nil,
        idempotencyKey: String? = nil
    ) async throws -> VideoJob {
        try await generate(
            GenerateRequest(
                prompt: prompt, referenceImageURL: referenceImageURL, durationSeconds: durationSeconds, aspect: aspect,
                resolution: resolution, prefer: prefer, model: model, vendor: vendor, idempotencyKey: idempotencyKey))
    }

    /// Submits a job: `POST /v1/video/generate`; see ``generate(prompt:referenceImageURL:durationSeconds:aspect:resolution:prefer:model:vendor:idempotencyKey:)``.
    public func generate(_ request: GenerateRequest) async throws -> VideoJob {
        try await client.call { native, cancellation in
            VideoJob(native: try await native.generate(request: try request.options.text(), cancellation: cancellation), client: client)
        }
    }

    /// Fetches the job's current state: `GET /v1/video/jobs/{id}`.
    ///
    /// - Parameter job: The job, or its id.
    /// - Throws: ``InfraiError/notFound(_:)`` if the account has no such job.
    public func status(_ job: some JobReference) async throws -> VideoJob {
        try await client.call { native, cancellation in
            VideoJob(native: try await native.status(job: job.native, cancellation: cancellation), client: client)
        }
    }

    /// Cancels a job: `POST /v1/video/jobs/{id}/cancel`.
    ///
    /// - Parameter job: The job, or its id.
    /// - Returns: Whether the job is cancelled. For a job that has already ended, ``CancelResult/ok`` is `false`.
    @discardableResult
    public func cancel(_ job: some JobReference) async throws -> CancelResult {
        try await client.call { native, cancellation in
            CancelResult(try await native.cancel(job: job.native, cancellation: cancellation))
        }
    }
}
