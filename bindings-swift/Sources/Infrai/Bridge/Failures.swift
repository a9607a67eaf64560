// The native surface's errors as those that people catch.

import Foundation
internal import InfraiNative

/// What a call throws for what the native surface threw: the SDK's error, or `CancellationError`.
func publicError(_ error: any Error, of client: InfraiClient?) -> any Error {
    switch error {
    case NativeError.Cancelled: CancellationError()
    case NativeError.Failed(let failure): failure.kind == .aborted ? CancellationError() : InfraiError(failure, of: client)
    case is InfraiError, is CancellationError: error
    default: InfraiError.fault("the native library and this package do not fit: \(error)")
    }
}

/// The error of a client whose settings cannot be used: no call of it was made, so none can have been cancelled.
func setUp(_ error: any Error) -> InfraiError {
    publicError(error, of: nil) as? InfraiError ?? .fault("a client was cancelled while it was made")
}

extension InfraiError {
    init(_ failure: NativeFailure, of client: InfraiClient?) {
        let details = ErrorDetails(failure, of: client)
        self =
            switch failure.kind {
            case .authentication: .authentication(details)
            case .permission: .permission(details)
            case .paymentRequired: .paymentRequired(details)
            case .invalidRequest: .invalidRequest(details)
            case .notFound: .notFound(details)
            case .conflict: .conflict(details)
            case .rateLimit: .rateLimit(details)
            case .server: .server(details)
            case .connection: .connection(details)
            case .timeout: .timeout(details)
            case .jobFailed: .jobFailed(details)
            case .jobCancelled: .jobCancelled(details)
            case .waitTimeout: .waitTimeout(details)
            case .credentials: .credentials(details)
            case .configuration: .configuration(details)
            case .unexpectedResponse: .unexpectedResponse(details)
            case .aborted, .internal: .internal(details)
            }
    }

    /// The error of a job's method where the job has no client.
    static func withoutClient() -> InfraiError {
        refusal(
            field: "job", got: "one without a client, decoded or put together by hand", expected: "a job that a call returned; give this one to client.video")
    }

    /// A fault of this package, which nobody should see.
    static func fault(_ message: String) -> InfraiError { InfraiError(nativeInternal(message: message), of: nil) }

    /// An argument that this package refuses itself, because the native surface cannot carry it.
    static func refusal(field: String, got: String, expected: String) -> InfraiError {
        InfraiError(nativeInvalidArgument(field: field, got: got, expected: expected), of: nil)
    }
}

extension ErrorDetails {
    init(_ failure: NativeFailure, of client: InfraiClient?) {
        self.init(
            code: failure.code, message: failure.message, hint: failure.hint, status: failure.status.map(Int.init),
            requestID: failure.requestId, isRetryable: failure.retryable, retryAfter: failure.retryAfter.flatMap(Duration.init(clamping:)),
            attempts: Int(failure.attempts), idempotencyKey: failure.idempotencyKey, mayHaveBeenProcessed: failure.mayHaveBeenProcessed,
            facts: failure.detailsJson.map(json), checkoutURL: failure.checkoutUrl.flatMap { URL(string: $0) },
            job: failure.job.map { VideoJob($0, of: client) }, underlyingError: failure.thrown.flatMap(Thrown.take), description: failure.description)
    }
}
