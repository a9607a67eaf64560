//! Checks of arguments that several routes share.

use crate::error::{InfraiError, Result};

/// A number that has to be more than nothing.
pub(crate) fn positive(field: &str, number: f64, expected: &str) -> Result<f64> {
    if number.is_finite() && number > 0.0 {
        Ok(number)
    } else {
        Err(InfraiError::invalid_argument(field, number, expected))
    }
}

/// A URL that the API is to use.
pub(crate) fn http_url<'u>(field: &str, text: &'u str) -> Result<&'u str> {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(text),
        _ => Err(InfraiError::invalid_argument(field, format!("{text:?}"), "an http(s) URL")),
    }
}
