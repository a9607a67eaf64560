//! Errors of the API, one constructor per kind.

use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

/// An error response: status, stable code, message, and details for the envelope.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) details: Map<String, Value>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), details: Map::new(), headers: Vec::new() }
    }

    /// Adds a member to the envelope's `error` object.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds `Retry-After`, in whole seconds.
    #[must_use]
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Creates the error for a field whose value the route does not accept.
    pub(crate) fn field(field: &str, expected: &str, got: &str) -> Self {
        Self::invalid(format!("invalid `{field}`: expected {expected}, got {got}"))
            .with("field", field)
            .with("expected", expected)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    pub(crate) fn rate_limited(code: &str, wait: std::time::Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            code,
            "rate limit exceeded: retry after Retry-After, or set a higher --rate-limit",
        )
        .retry_after(seconds.max(1))
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN_ERROR", message)
    }

    pub(crate) fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "MAINTENANCE", "the sandbox is stopping").retry_after(1)
    }
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        tracing::error!(%error, "the database failed");
        // The response must not show the statement.
        Self::internal("the sandbox's database failed; see its log")
    }
}

/// Returns the usual error code of a status.
pub(crate) fn default_code(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "INVALID_REQUEST",
        401 => "UNAUTHORIZED",
        402 => "INSUFFICIENT_CREDIT",
        403 => "SCOPE_INSUFFICIENT",
        404 => "NOT_FOUND",
        409 => "IDEMPOTENCY_CONFLICT",
        429 => "RATE_LIMIT_USER",
        500 => "UNKNOWN_ERROR",
        503 => "VENDOR_DOWN",
        504 => "VENDOR_TIMEOUT",
        _ => "INJECTED_FAULT",
    }
}
