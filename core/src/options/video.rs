//! Options of calls for videos.

use std::{path::PathBuf, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Unexpected},
};

use super::fields;
use crate::error::{InfraiError, Result};

/// Default timeout of a wait: 30 minutes.
pub const DEFAULT_WAIT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Default time for which the API remembers an idempotency key: 24 hours.
const DEFAULT_IDEMPOTENCY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Options of one video. The SDK checks the prompt, the duration and the URL. It sends all other values unchanged, and
/// the API checks whether a vendor supports them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[must_use]
pub struct GenerateRequest {
    /// Description of the video: subject, action, place, light, camera. Not empty.
    #[cfg_attr(feature = "schemars", schemars(length(min = 1)))]
    pub(crate) prompt: String,
    /// http(s) URL of a reference image. Default: none.
    pub(crate) reference_image_url: Option<String>,
    /// Duration of the video in seconds, more than 0. Default: the API's choice.
    #[cfg_attr(feature = "schemars", schemars(extend("exclusiveMinimum" = 0)))]
    pub(crate) duration_seconds: Option<f64>,
    /// Aspect ratio: `16:9`, `9:16` or `1:1`. Default: the API's choice.
    pub(crate) aspect: Option<String>,
    /// Resolution: `720p`, `1080p` or `4k`. The API rejects one that the vendor does not support.
    #[serde(default = "default_resolution")]
    pub(crate) resolution: Option<String>,
    /// Preference between vendors: `balanced`, `cheapest` or `smartest`.
    #[serde(default = "default_prefer")]
    pub(crate) prefer: Option<String>,
    /// Model by name. Default: the API's choice.
    pub(crate) model: Option<String>,
    /// Vendor by name. Default: the API's choice.
    pub(crate) vendor: Option<String>,
    /// Idempotency key, 1 to 255 visible ASCII characters: the same key with the same options is the same job, charged
    /// once.
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

    /// Returns the prompt.
    pub fn prompt(&self) -> &str {
        &self.prompt
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
    pub(crate) checkpoint: Option<PathBuf>,
    #[serde(deserialize_with = "fields::seconds")]
    pub(crate) idempotency_window: Duration,
    pub(crate) on_ambiguous: OnAmbiguous,
    pub(crate) retry_failed: bool,
    pub(crate) max_cost_usd: Option<f64>,
    pub(crate) output_dir: Option<PathBuf>,
    pub(crate) cancel_on_abort: bool,
}

impl BatchOptions {
    /// Returns whether an aborted batch cancels its jobs, for which a binding gives it time.
    pub fn cancels_on_abort(&self) -> bool {
        self.cancel_on_abort
    }

    /// Checks the bounds.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for the first invalid option.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(usd) = self.max_cost_usd.filter(|usd| !usd.is_finite() || *usd < 0.0) {
            let expected = "an amount in US dollars that is not negative";
            return Err(InfraiError::invalid_argument("max_cost_usd", usd, expected));
        }
        if self.retry_failed && self.checkpoint.is_none() {
            let expected = "a `checkpoint`, which knows the failed items";
            return Err(InfraiError::invalid_argument("retry_failed", "no checkpoint", expected));
        }
        Ok(())
    }
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            concurrency: 8,
            key_prefix: None,
            timeout: Some(DEFAULT_WAIT_TIMEOUT),
            checkpoint: None,
            idempotency_window: DEFAULT_IDEMPOTENCY_WINDOW,
            on_ambiguous: OnAmbiguous::Error,
            retry_failed: false,
            max_cost_usd: None,
            output_dir: None,
            cancel_on_abort: false,
        }
    }
}

/// Handling of an item whose earlier submission may have been processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnAmbiguous {
    Error,
    Retry,
}

impl OnAmbiguous {
    pub(crate) fn retries(self) -> bool {
        self == Self::Retry
    }
}

impl From<bool> for OnAmbiguous {
    fn from(retry: bool) -> Self {
        if retry { Self::Retry } else { Self::Error }
    }
}

impl<'de> Deserialize<'de> for OnAmbiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "error" => Ok(Self::Error),
            "retry" => Ok(Self::Retry),
            other => Err(D::Error::invalid_value(Unexpected::Str(other), &"\"error\" or \"retry\"")),
        }
    }
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    Ok(fields::usize(deserializer)?.max(1))
}
