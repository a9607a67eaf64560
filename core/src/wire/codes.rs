//! Catalogue of the API's error codes: kind and retryability of each.

use crate::error::ErrorKind;

/// Returns a code's kind and whether the call may be retried, or `None` for an unknown code.
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

/// Returns the kind of a failed response without a known code.
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

/// Returns whether a call may be retried after a failed response without a known code.
pub(crate) const fn is_retryable_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}
