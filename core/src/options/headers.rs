//! Validation of the caller's headers.

use http::{HeaderName, HeaderValue};

use crate::error::{InfraiError, Result};

/// Headers that the SDK sets itself.
const RESERVED_HEADERS: [&str; 11] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "proxy-authorization",
    "transfer-encoding",
    "user-agent",
];

/// Parses a header of the option `field`.
///
/// # Errors
/// `CONFIGURATION_INVALID` if it is not a valid header or the SDK sets it itself. The message does not contain the
/// value, which may be a password.
pub(crate) fn header(field: &str, name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let invalid = |expected: &str, got: String| InfraiError::invalid_option(field, got, expected);
    let parsed =
        HeaderName::try_from(name).map_err(|_| invalid("names of HTTP headers", format!("{name:?}")))?;
    if RESERVED_HEADERS.contains(&parsed.as_str()) {
        return Err(invalid("headers that the SDK does not set itself", format!("{name:?}"))
            .with_hint("Use `api_key`, `idempotency_key` or `user_agent_suffix` instead."));
    }
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        invalid("values of HTTP headers", format!("one for {name:?} with characters that HTTP cannot carry"))
    })?;
    // Not for `Debug`, as it may be a gateway's password.
    value.set_sensitive(true);
    Ok((parsed, value))
}
