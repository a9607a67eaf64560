//! Kinds of errors.

use std::fmt;

use serde::{Serialize, Serializer};

/// Kind of an [`InfraiError`](crate::InfraiError), for callers to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[non_exhaustive]
pub enum ErrorKind {
    /// The key is missing or the API does not accept it (401).
    Authentication,
    /// The key has no permission for the call (403).
    Permission,
    /// The account needs credit (402). See [`InfraiError::checkout_url`](crate::InfraiError::checkout_url).
    PaymentRequired,
    /// The SDK refused an argument before sending, or the API refused it (400, 413, 422).
    InvalidRequest,
    /// The resource does not exist or belongs to another account (404, 410).
    NotFound,
    /// The request conflicts with an earlier one (409).
    Conflict,
    /// Too many requests (429).
    RateLimit,
    /// The API or a gateway in front of it failed (5xx).
    Server,
    /// The client could not reach the API, or the connection broke.
    Connection,
    /// The response did not arrive in time.
    Timeout,
    /// The job failed. See [`InfraiError::job`](crate::InfraiError::job).
    JobFailed,
    /// The job was cancelled. See [`InfraiError::job`](crate::InfraiError::job).
    JobCancelled,
    /// The wait's timeout passed. The job continues. See [`InfraiError::job`](crate::InfraiError::job).
    WaitTimeout,
    /// The credentials file cannot be read, written or parsed.
    Credentials,
    /// The client's or the machine's settings do not allow the call.
    Configuration,
    /// The response breaks the API's contract.
    UnexpectedResponse,
    /// A delivery of a webhook has no valid signature, or its body is no event.
    WebhookVerification,
    /// The caller's abort signal ended the call.
    Aborted,
    /// A bug in the SDK. Please report it.
    Internal,
}

impl ErrorKind {
    /// Returns the kind's name in data: `payment_required`, `wait_timeout`, ….
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::PaymentRequired => "payment_required",
            Self::InvalidRequest => "invalid_request",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::RateLimit => "rate_limit",
            Self::Server => "server",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::JobFailed => "job_failed",
            Self::JobCancelled => "job_cancelled",
            Self::WaitTimeout => "wait_timeout",
            Self::Credentials => "credentials",
            Self::Configuration => "configuration",
            Self::UnexpectedResponse => "unexpected_response",
            Self::WebhookVerification => "webhook_verification",
            Self::Aborted => "aborted",
            Self::Internal => "internal",
        }
    }

    /// Returns the hint of errors without a more specific one.
    pub(crate) const fn default_hint(self) -> &'static str {
        match self {
            Self::Authentication => {
                "Check the project key (INFRAI_API_KEY, the `api_key` option, or the credentials file), or activate this device again."
            }
            Self::Permission => {
                "Use a key of a project that allows this call, or ask the project's owner for the permission."
            }
            Self::PaymentRequired => {
                "Add credit to the account, then call again with the same idempotency key."
            }
            Self::InvalidRequest => "Correct the argument that the message names and call again.",
            Self::NotFound => "Check the id, and that the key belongs to the account that made it.",
            Self::Conflict => "Use a new idempotency key for a different request.",
            Self::RateLimit => "Send fewer requests, or wait for the time in `retry_after`.",
            Self::Server => {
                "Try again later with the same idempotency key. Report the request id if the error persists."
            }
            Self::Connection => "Check the network, the proxy and the base URL, then call again.",
            Self::Timeout => "Call again with the same idempotency key, or allow more time.",
            Self::JobFailed => "Read the job's error before generating again.",
            Self::JobCancelled => "Generate again if the video is still wanted.",
            Self::WaitTimeout => "The job continues. Wait again with its id, or cancel it.",
            Self::Credentials => {
                "Fix or move the credentials file, or set INFRAI_CREDENTIALS_FILE to another file."
            }
            Self::Configuration => "Correct the setting that the message names.",
            Self::UnexpectedResponse => {
                "Check the base URL and any proxy or gateway in front of the API, then report the request id."
            }
            Self::WebhookVerification => {
                "Refuse the delivery, and check the secret and that the body is the raw one."
            }
            Self::Aborted => "A job that was submitted continues. Wait for it with its id, or cancel it.",
            Self::Internal => "This is a bug in the SDK. Please report it with this message.",
        }
    }
}

impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
