//! Headers of the caller's.

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

/// Checks a header of the caller's.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let refuse = |message: String| InfraiError::configuration("CONFIGURATION_INVALID", message);
    let parsed = HeaderName::try_from(name).map_err(|_| {
        refuse(format!("default_headers has the name {name:?}, which is no HTTP header name"))
    })?;
    if RESERVED_HEADERS.contains(&parsed.as_str()) {
        return Err(refuse(format!("default_headers has {name:?}, which the SDK sets itself"))
            .with_hint("Use api_key, idempotency_key or user_agent_suffix instead."));
    }
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        refuse(format!(
            "default_headers has a value for {name:?} with characters that no HTTP header can carry"
        ))
    })?;
    // It may be a gateway's password: not for `Debug`.
    value.set_sensitive(true);
    Ok((parsed, value))
}
