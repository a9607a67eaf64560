// The one error of the SDK: its kind to match on, and all that is known of it.

import Foundation

/// What a call throws, unless its task was cancelled: then it is `CancellationError`.
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
/// Everything in ``ErrorDetails`` can be read from the error itself too: `error.code`, `error.idempotencyKey`. No key is
/// ever part of it.
@dynamicMemberLookup
public enum InfraiError: Error, Sendable {
    /// No key, or one that the API does not accept (401).
    case authentication(ErrorDetails)
    /// The key may not do this (403).
    case permission(ErrorDetails)
    /// Money is needed first (402); see ``ErrorDetails/checkoutURL``.
    case paymentRequired(ErrorDetails)
    /// An argument was refused, by the SDK before sending or by the API (400, 413, 422).
    case invalidRequest(ErrorDetails)
    /// The thing asked for does not exist, or is another account's (404, 410).
    case notFound(ErrorDetails)
    /// The request contradicts an earlier one (409).
    case conflict(ErrorDetails)
    /// Too many requests (429).
    case rateLimit(ErrorDetails)
    /// The API, or what stands before it, failed (5xx).
    case server(ErrorDetails)
    /// The API could not be reached, or the connection broke.
    case connection(ErrorDetails)
    /// No answer in time.
    case timeout(ErrorDetails)
    /// The job ended in failure; see ``ErrorDetails/job``.
    case jobFailed(ErrorDetails)
    /// The job was cancelled; see ``ErrorDetails/job``.
    case jobCancelled(ErrorDetails)
    /// The wait's own time ran out; the job goes on. See ``ErrorDetails/job``.
    case waitTimeout(ErrorDetails)
    /// The credentials cannot be read, written or understood.
    case credentials(ErrorDetails)
    /// The client's settings, or the machine's, do not fit what was asked.
    case configuration(ErrorDetails)
    /// The API answered with something that is not its contract.
    case unexpectedResponse(ErrorDetails)
    /// A fault of the SDK itself: please report it.
    case `internal`(ErrorDetails)

    /// All that is known of it.
    public var details: ErrorDetails {
        switch self {
        case .authentication(let details), .permission(let details), .paymentRequired(let details), .invalidRequest(let details),
            .notFound(let details), .conflict(let details), .rateLimit(let details), .server(let details), .connection(let details),
            .timeout(let details), .jobFailed(let details), .jobCancelled(let details), .waitTimeout(let details),
            .credentials(let details), .configuration(let details), .unexpectedResponse(let details), .internal(let details):
            details
        }
    }

    /// A part of what is known of it.
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
        case .internal: "internal"
        }
    }
}

extension InfraiError: LocalizedError {
    /// What happened, in words.
    public var errorDescription: String? { details.message }
    /// What to do about it, in one sentence.
    public var recoverySuggestion: String? { details.hint }
}

extension InfraiError: CustomStringConvertible {
    public var description: String { details.description }
}

/// All that is known of an ``InfraiError``.
public struct ErrorDetails: Sendable, CustomStringConvertible {
    /// The stable code: the API's (`INSUFFICIENT_CREDIT`), `HTTP_503` where a failed response gave none, or the SDK's own
    /// (`INVALID_ARGUMENT`, `CONNECTION_FAILED`, `WAIT_TIMEOUT`, …).
    public let code: String
    /// What happened, in words, without code or status.
    public let message: String
    /// What to do about it, in one sentence.
    public let hint: String
    /// The HTTP status, where there was a response.
    public let status: Int?
    /// The API's id of the request, for its support.
    public let requestID: String?
    /// Whether the same call may succeed when made again unchanged (the SDK has then already tried).
    public let isRetryable: Bool
    /// How long the server asked to wait.
    public let retryAfter: Duration?
    /// How many requests were sent for the call.
    public let attempts: Int
    /// The idempotency key that was sent: a call repeated with it gives the same result and is charged once.
    public let idempotencyKey: String?
    /// Whether the API may have carried the call out although no answer says so. Then call again with ``idempotencyKey``.
    public let mayHaveBeenProcessed: Bool
    /// What else the API's error carried, or the facts behind an error of the SDK.
    public let facts: JSON?
    /// Where to pay, when the API said so.
    public let checkoutURL: URL?
    /// The job it is about, as last seen.
    public let job: VideoJob?
    /// What the function that was to give the key threw, where that is the cause.
    public let underlyingError: (any Error)?
    /// The whole error in one line: what happened, its code, and where they are known status, request and attempts.
    public let description: String
}
