// The calls about videos: generate, status, cancel, wait, download.

import Foundation
internal import InfraiNative

/// What to generate. Every value but the prompt's, the duration's and the URL's form goes to the API as it is: what a
/// vendor can do is for the API to say. What is `nil` is left to the API, unless a default is named.
public struct GenerateRequest: Sendable, Hashable, ExpressibleByStringLiteral {
    /// A description of the video.
    public var prompt: String
    /// An image to go by: an http(s) URL.
    public var referenceImageURL: URL?
    /// How long the video should be, in seconds.
    public var durationSeconds: Double?
    /// The aspect ratio.
    public var aspect: Aspect?
    /// The resolution. Default: 720p.
    public var resolution: Resolution?
    /// What to optimise for. Default: balanced.
    public var prefer: Preference?
    /// A model by name.
    public var model: String?
    /// A vendor by name.
    public var vendor: String?
    /// 1 to 255 visible ASCII characters: the same key with the same options gives the same job, charged once. Default: a
    /// fresh one for each call.
    public var idempotencyKey: String?

    /// A video of this prompt.
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

    /// A video of this prompt: 720p, balanced, all else left to the API.
    public init(stringLiteral prompt: String) { self.init(prompt: prompt) }

    var options: Options {
        Options([
            "prompt": prompt, "reference_image_url": referenceImageURL?.absoluteString, "duration_seconds": durationSeconds,
            "aspect": aspect?.rawValue, "resolution": resolution?.rawValue, "prefer": prefer?.rawValue, "model": model,
            "vendor": vendor, "idempotency_key": idempotencyKey,
        ])
    }
}

/// The calls about videos: ``InfraiClient/video``.
///
/// Every call ends within a moment when its task is cancelled, and throws `CancellationError`; a job that was submitted goes on.
public struct Video: Sendable {
    let client: InfraiClient

    /// Starts a job: `POST /v1/video/generate`. Returns the job as the API accepted it; ``wait(_:onUpdate:cancelOnTimeout:cancelOnAbort:)``
    /// for its end.
    ///
    /// - Parameters:
    ///   - prompt: A description of the video.
    ///   - referenceImageURL: An image to go by: an http(s) URL.
    ///   - durationSeconds: How long the video should be, in seconds.
    ///   - aspect: The aspect ratio.
    ///   - resolution: The resolution. Default: 720p.
    ///   - prefer: What to optimise for. Default: balanced.
    ///   - model: A model by name.
    ///   - vendor: A vendor by name.
    ///   - idempotencyKey: 1 to 255 visible ASCII characters: the same key with the same options gives the same job,
    ///     charged once. Default: a fresh one for each call.
    /// - Throws: ``InfraiError/invalidRequest(_:)`` before anything is sent for an argument that cannot work;
    ///   ``InfraiError/paymentRequired(_:)`` when the credit does not suffice; else as every call. When the error's
    ///   ``ErrorDetails/mayHaveBeenProcessed`` is set, call again with its ``ErrorDetails/idempotencyKey``: it gives the
    ///   same job and is charged once.
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

    /// Starts a job: `POST /v1/video/generate`; see ``generate(prompt:referenceImageURL:durationSeconds:aspect:resolution:prefer:model:vendor:idempotencyKey:)``.
    public func generate(_ request: GenerateRequest) async throws -> VideoJob {
        try await client.call { native, cancellation in
            VideoJob(native: try await native.generate(request: try request.options.text(), cancellation: cancellation), client: client)
        }
    }

    /// Looks at a job once: `GET /v1/video/jobs/{id}`.
    ///
    /// - Parameter job: The job, or its id.
    /// - Throws: ``InfraiError/notFound(_:)`` for a job that the account does not have; else as every call.
    public func status(_ job: some JobReference) async throws -> VideoJob {
        try await client.call { native, cancellation in
            VideoJob(native: try await native.status(job: job.native, cancellation: cancellation), client: client)
        }
    }

    /// Cancels a job: `POST /v1/video/jobs/{id}/cancel`.
    ///
    /// - Parameter job: The job, or its id.
    /// - Returns: Whether it is cancelled; `false` when it had ended already, which is no error.
    @discardableResult
    public func cancel(_ job: some JobReference) async throws -> CancelResult {
        try await client.call { native, cancellation in
            CancelResult(try await native.cancel(job: job.native, cancellation: cancellation))
        }
    }
}
