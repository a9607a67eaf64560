// The SDK's error type.

import Foundation

/// Error of a call. A call of a cancelled task throws `CancellationError` instead.
///
/// ```swift
/// do {
///     let job = try await client.video.generate(prompt: "a paper boat")
/// } catch InfraiError.paymentRequired(let details) {
///     if let url = details.checkoutURL { openURL(url) }
/// } catch let error as InfraiError {
///     print(error.localizedDescription, error.recoverySuggestion ?? "")
/// }
/// ```
///
/// The error has the properties of its ``ErrorDetails``: `error.code`, `error.idempotencyKey`. It never contains a key.
@dynamicMemberLookup
public enum InfraiError: Error, Sendable {
    /// The key is missing or the API does not accept it (401).
    case authentication(ErrorDetails)
    /// The key has no permission for the call (403).
    case permission(ErrorDetails)
    /// The account needs credit (402). See ``ErrorDetails/checkoutURL``.
    case paymentRequired(ErrorDetails)
    /// The SDK refused an argument before sending, or the API refused it (400, 413, 422).
    case invalidRequest(ErrorDetails)
    /// The resource does not exist or belongs to another account (404, 410).
    case notFound(ErrorDetails)
    /// The request conflicts with an earlier one (409).
    case conflict(ErrorDetails)
    /// Too many requests (429).
    case rateLimit(ErrorDetails)
    /// The API or a gateway in front of it failed (5xx).
    case server(ErrorDetails)
    /// The client could not reach the API, or the connection broke.
    case connection(ErrorDetails)
    /// The response did not arrive in time.
    case timeout(ErrorDetails)
    /// The job failed. See ``ErrorDetails/job``.
    case jobFailed(ErrorDetails)
    /// The job was cancelled. See ``ErrorDetails/job``.
    case jobCancelled(ErrorDetails)
    /// The wait's timeout passed. The job continues. See ``ErrorDetails/job``.
    case waitTimeout(ErrorDetails)
    /// The credentials cannot be read, written or parsed.
    case credentials(ErrorDetails)
    /// The client's or the machine's settings do not allow the call.
    case configuration(ErrorDetails)
    /// The response breaks the API's contract.
    case unexpectedResponse(ErrorDetails)
    /// A webhook's delivery has no valid signature, or its body is no event. See ``ErrorDetails/facts`` for the reason.
    case webhookVerification(ErrorDetails)
    /// A bug in the SDK. Please report it.
    case `internal`(ErrorDetails)

    /// All fields of the error.
    public var details: ErrorDetails {
        switch self {
        case .authentication(let details), .permission(let details), .paymentRequired(let details), .invalidRequest(let details),
            .notFound(let details), .conflict(let details), .rateLimit(let details), .server(let details), .connection(let details),
            .timeout(let details), .jobFailed(let details), .jobCancelled(let details), .waitTimeout(let details),
            .credentials(let details), .configuration(let details), .unexpectedResponse(let details),
            .webhookVerification(let details), .internal(let details):
            details
        }
    }

    /// A field of the error.
    public subscript<Value>(dynamicMember part: KeyPath<ErrorDetails, Value>) -> Value {
        details[keyPath: part]
    }

    /// The kind's name, the same in every language of the SDK: `payment_required`, `wait_timeout`, ….
    public var kind: String {
        switch self {
        case .authentication: "authentication"
        case .permission: "permission"
        case .paymentRequired: "payment_required"
        case .invalidRequest: "invalid_request"
        case .notFound: "not_found"
        case .conflict: "conflict"
        case .rateLimit: "rate_limit"
        case .server: "server"
        case .connection: "connection"
        case .timeout: "timeout"
        case .jobFailed: "job_failed"
        case .jobCancelled: "job_cancelled"
        case .waitTimeout: "wait_timeout"
        case .credentials: "credentials"
        case .configuration: "configuration"
        case .unexpectedResponse: "unexpected_response"
        case .webhookVerification: "webhook_verification"
        case .internal: "internal"
        }
    }
}

extension InfraiError: LocalizedError {
    /// Message, without code or status.
    public var errorDescription: String? { details.message }
    /// Hint on how to resolve the error.
    public var recoverySuggestion: String? { details.hint }
}

extension InfraiError: CustomStringConvertible {
    public var description: String { details.description }
}

/// Fields of an ``InfraiError``.
public struct ErrorDetails: Sendable, CustomStringConvertible {
    /// Stable code: the API's (`INSUFFICIENT_CREDIT`), `HTTP_503` for a failed response without one, or the SDK's own
    /// (`INVALID_ARGUMENT`, `CONNECTION_FAILED`, `WAIT_TIMEOUT`, …).
    public let code: String
    /// Message, without code or status.
    public let message: String
    /// Hint on how to resolve the error.
    public let hint: String
    /// URL of the documentation's entry for the code.
    public let docsURL: URL?
    /// HTTP status, if there was a response.
    public let status: Int?
    /// The API's id of the request, for support.
    public let requestID: String?
    /// Whether the same call may succeed later. The SDK has already retried it.
    public let isRetryable: Bool
    /// Time that the server asked the client to wait.
    public let retryAfter: Duration?
    /// Number of attempts of the call.
    public let attempts: Int
    /// Idempotency key that was sent. A call repeated with it within the API's window (24 hours by default) has the
    /// same result and is charged once.
    public let idempotencyKey: String?
    /// Whether the API may have processed the call although no response confirms it. Call again with ``idempotencyKey``.
    public let mayHaveBeenProcessed: Bool
    /// Other fields of the API's error, or details of an error of the SDK.
    public let facts: JSON?
    /// URL of the payment page, if the API sent one.
    public let checkoutURL: URL?
    /// The job that the error concerns, in its last known state.
    public let job: VideoJob?
    /// The error of the key function, if it is the cause.
    public let underlyingError: (any Error)?
    /// Description in one line, with code, status, request id and attempts.
    public let description: String
}
