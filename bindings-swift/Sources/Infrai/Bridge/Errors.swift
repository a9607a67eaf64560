// Conversion of the native surface's errors.

import Foundation
internal import InfraiNative

/// Returns the error that a call throws: the SDK's, or `CancellationError`.
func publicError(_ error: any Error, of client: InfraiClient?) -> any Error {
    switch error {
    case NativeError.Cancelled: CancellationError()
    case NativeError.Failed(let record, let exception):
        record.kind == .aborted ? CancellationError() : InfraiError(record, exception: exception, of: client)
    case is InfraiError, is CancellationError: error
    default: InfraiError.fault("the native library and this package do not fit: \(error)")
    }
}

/// Returns the error of a client with invalid options. No call was made, so that none can be cancelled.
func configurationError(_ error: any Error) -> InfraiError {
    publicError(error, of: nil) as? InfraiError ?? .fault("a client was cancelled while it was made")
}

extension InfraiError {
    init(_ record: ErrorRecord, exception: Int64? = nil, of client: InfraiClient?) {
        let details = ErrorDetails(record, exception: exception, of: client)
        self =
            switch record.kind {
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
            case .webhookVerification: .webhookVerification(details)
            case .aborted, .internal: .internal(details)
            }
    }

    /// The error of a job's method if the job has no client.
    static func withoutClient() -> InfraiError {
        refusal(
            field: "job", got: "one without a client, decoded or put together by hand", expected: "a job that a call returned; give this one to client.video")
    }

    /// A bug in this package.
    static func fault(_ message: String) -> InfraiError {
        InfraiError(internalError(message: message, language: .swift), of: nil)
    }

    /// The error of an argument that the native surface cannot carry.
    static func refusal(field: String, got: String, expected: String) -> InfraiError {
        InfraiError(invalidArgument(field: field, got: got, expected: expected, language: .swift), of: nil)
    }
}

extension ErrorDetails {
    init(_ record: ErrorRecord, exception: Int64?, of client: InfraiClient?) {
        self.init(
            code: record.code, message: record.message, hint: record.hint, docsURL: URL(string: record.docsUrl),
            status: record.status.map(Int.init), requestID: record.requestId, isRetryable: record.retryable,
            retryAfter: record.retryAfter.flatMap(Duration.init(clamping:)),
            attempts: Int(record.attempts), idempotencyKey: record.idempotencyKey, mayHaveBeenProcessed: record.mayHaveBeenProcessed,
            facts: record.details.map(json), checkoutURL: record.checkoutUrl.flatMap { URL(string: $0) },
            job: record.job.map { VideoJob(native: $0, client: client) }, underlyingError: exception.flatMap(KeyExceptions.take),
            description: record.description)
    }
}
