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

/// Parses a header.
///
/// # Errors
/// `CONFIGURATION_INVALID` if it is not a valid header or the SDK sets it itself.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let refuse = |message: String| InfraiError::configuration("CONFIGURATION_INVALID", message);
    let parsed = HeaderName::try_from(name).map_err(|_| {
        refuse(format!("default_headers has the name {name:?}, which is not a valid HTTP header name"))
    })?;
    if RESERVED_HEADERS.contains(&parsed.as_str()) {
        return Err(refuse(format!("default_headers has {name:?}, which the SDK sets itself"))
            .with_hint("Use api_key, idempotency_key or user_agent_suffix instead."));
    }
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        refuse(format!(
            "default_headers has a value for {name:?} with characters that are not valid in an HTTP header"
        ))
    })?;
    // The value may be a gateway's password, which `Debug` must not show.
    value.set_sensitive(true);
    Ok((parsed, value))
}
