//! Options of calls for videos.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::fields;

/// Default timeout of a wait: 30 minutes.
pub const DEFAULT_WAIT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Options of one video. The SDK checks the prompt, the duration and the URL. It sends all other values unchanged, and
/// the API checks whether a vendor supports them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use]
pub struct GenerateRequest {
    pub(crate) prompt: String,
    pub(crate) reference_image_url: Option<String>,
    pub(crate) duration_seconds: Option<f64>,
    pub(crate) aspect: Option<String>,
    #[serde(default = "default_resolution")]
    pub(crate) resolution: Option<String>,
    #[serde(default = "default_prefer")]
    pub(crate) prefer: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) vendor: Option<String>,
    pub(crate) idempotency_key: Option<String>,
}

#[allow(clippy::unnecessary_wraps, reason = "serde's form of a default")]
fn default_resolution() -> Option<String> {
    Some("720p".into())
}

#[allow(clippy::unnecessary_wraps, reason = "serde's form of a default")]
fn default_prefer() -> Option<String> {
    Some("balanced".into())
}

macro_rules! text_options {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, value: impl Into<String>) -> Self {
            self.$name = Some(value.into());
            self
        }
    )*};
}

impl GenerateRequest {
    /// Returns a request with this prompt, the resolution `720p` and the preference `balanced`. The API chooses the
    /// rest.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            reference_image_url: None,
            duration_seconds: None,
            aspect: None,
            resolution: default_resolution(),
            prefer: default_prefer(),
            model: None,
            vendor: None,
            idempotency_key: None,
        }
    }

    text_options! {
        /// Sets the http(s) URL of a reference image.
        reference_image_url;
        /// Sets the aspect ratio: `16:9`, `9:16` or `1:1`.
        aspect;
        /// Sets the resolution: `720p`, `1080p` or `4k`. Default: `720p`. The API rejects one that the vendor does not
        /// support.
        resolution;
        /// Sets the preference between vendors: `balanced`, `cheapest` or `smartest`. Default: `balanced`.
        prefer;
        /// Sets the model by name. Default: the API's choice.
        model;
        /// Sets the vendor by name. Default: the API's choice.
        vendor;
        /// Sets the idempotency key: 1 to 255 visible ASCII characters. The same key with the same options returns the
        /// same job, charged once, within the API's window (24 hours by default). Default: a new one per call.
        idempotency_key;
    }

    /// Sets the duration of the video in seconds, more than 0. Default: the API's choice.
    pub fn duration_seconds(mut self, seconds: f64) -> Self {
        self.duration_seconds = Some(seconds);
        self
    }
}

macro_rules! request_from {
    ($($text:ty),*) => {$(
        impl From<$text> for GenerateRequest {
            fn from(prompt: $text) -> Self {
                Self::new(prompt)
            }
        }
    )*};
}
request_from!(&str, String, &String);

/// Options of `wait`; [`Wait`](crate::video::Wait) describes each.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WaitOptions {
    /// `None` waits without limit.
    #[serde(deserialize_with = "fields::some_seconds")]
    pub(crate) timeout: Option<Duration>,
    pub(crate) cancel_on_timeout: bool,
    /// Whether the wait cancels its job before it ends.
    pub cancel_on_abort: bool,
}

impl WaitOptions {
    /// Returns whether an aborted wait cancels its job, for which a binding gives it time.
    pub fn cancels_on_abort(&self) -> bool {
        self.cancel_on_abort
    }
}

impl Default for WaitOptions {
    fn default() -> Self {
        Self { timeout: Some(DEFAULT_WAIT_TIMEOUT), cancel_on_timeout: false, cancel_on_abort: false }
    }
}

/// Options of `download`; [`DownloadRequest`](crate::video::DownloadRequest) describes each.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DownloadOptions {
    pub(crate) overwrite: bool,
    #[serde(deserialize_with = "fields::some_seconds")]
    pub(crate) timeout: Option<Duration>,
}

/// Options of `generate_many`; [`GenerateMany`](crate::video::GenerateMany) describes each.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchOptions {
    /// At least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub(crate) concurrency: usize,
    pub(crate) key_prefix: Option<String>,
    /// `None` waits without limit.
    #[serde(deserialize_with = "fields::some_seconds")]
    pub(crate) timeout: Option<Duration>,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self { concurrency: 8, key_prefix: None, timeout: Some(DEFAULT_WAIT_TIMEOUT) }
    }
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    Ok(fields::usize(deserializer)?.max(1))
}
