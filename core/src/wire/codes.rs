//! The API's catalogue of error codes: each one's kind, and whether the call may be made again.

use crate::error::ErrorKind;

/// What the catalogue says of a code, or `None` for one that it does not hold.
pub(crate) fn lookup(code: &str) -> Option<(ErrorKind, bool)> {
    use ErrorKind::{
        Authentication, Conflict, InvalidRequest, PaymentRequired, Permission, RateLimit, Server,
    };
    Some(match code {
        "INSUFFICIENT_CREDIT"
        | "WALLET_CAP_EXCEEDED"
        | "PRO_REQUIRED"
        | "KYC_REQUIRED"
        | "TOPUP_2FA_REQUIRED"
        | "BYOK_TRIAL_EXPIRED" => (PaymentRequired, false),
        "UNAUTHORIZED" => (Authentication, false),
        "SCOPE_INSUFFICIENT" | "KEY_REVOKED" | "MODULE_NOT_AVAILABLE_IN_REGION" => (Permission, false),
        "IDEMPOTENCY_KEY_REQUIRED" => (InvalidRequest, false),
        "IDEMPOTENCY_CONFLICT" => (Conflict, false),
        "RATE_LIMIT_USER" | "RATE_LIMIT_IP" | "VENDOR_QUOTA_EXCEEDED" => (RateLimit, true),
        "VENDOR_DOWN" | "VENDOR_TIMEOUT" | "MAINTENANCE" => (Server, true),
        "UNKNOWN_ERROR" => (Server, false),
        _ => return None,
    })
}

/// The kind of a failed response whose code, if any, the catalogue does not hold.
pub(crate) const fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Authentication,
        402 => ErrorKind::PaymentRequired,
        403 => ErrorKind::Permission,
        404 | 410 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        409 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimit,
        400..=499 => ErrorKind::InvalidRequest,
        100..=199 | 300..=399 => ErrorKind::UnexpectedResponse,
        _ => ErrorKind::Server,
    }
}

/// Whether a failed response without a known code may be tried again.
pub(crate) const fn is_retryable_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}
