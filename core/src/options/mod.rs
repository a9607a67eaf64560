//! Options of the client and of its calls, each declared once with unit, default and bounds.
//!
//! The builders set single options. A binding parses a whole set from an object of its language.

mod account;
mod call;
mod client;
mod fields;
mod headers;
mod parse;
mod polling;
mod proxy;
mod routes;
mod secret;
#[cfg(test)]
mod tests;
mod text;
mod video;

pub use self::{
    account::{ActivateOptions, CreditOptions, TopupOptions},
    call::{CallOptions, RequestOptions},
    client::{ClientOptions, DEFAULT_BASE_URL},
    parse::{is_secret, names, parse, unknown_option},
    polling::PollingOptions,
    routes::VideoRoutes,
    text::parse_texts,
    video::{BatchOptions, DEFAULT_WAIT_TIMEOUT, DownloadOptions, GenerateRequest, WaitOptions},
};
pub(crate) use self::{
    headers::header,
    proxy::ProxyUrl,
    secret::{BaseUrl, Secret},
};
use crate::error::{InfraiError, Result};

/// Converts a number of seconds to a duration.
///
/// # Errors
/// `INVALID_ARGUMENT` if the number is negative, not finite, or beyond the largest duration.
pub fn seconds(field: &str, seconds: f64) -> Result<std::time::Duration> {
    std::time::Duration::try_from_secs_f64(seconds).map_err(|_| {
        InfraiError::invalid_argument(field, seconds, "a number of seconds that is not negative")
    })
}

/// Converts a number to a count.
///
/// # Errors
/// `INVALID_ARGUMENT` if the number is negative or beyond 2³²−1.
pub fn count(field: &str, number: i64) -> Result<u32> {
    u32::try_from(number)
        .map_err(|_| InfraiError::invalid_argument(field, number, "a whole number that is not negative"))
}
