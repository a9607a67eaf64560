//! Options of polling.

use serde::Deserialize;

use super::fields;
use crate::error::{InfraiError, Result};

/// Options of polling. Every number but `jitter` and `concurrency` is from 0.001 to 1,000,000.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PollingOptions {
    /// Seconds of detection delay that one request is worth. A lower cost polls more often. Default: 0.05.
    pub request_cost: f64,
    /// Shortest pause between two polls of a job, in seconds. Default: 0.25.
    pub min_interval: f64,
    /// Longest pause between two polls of a job, in seconds. Default: 30.
    pub max_interval: f64,
    /// Usual duration of a job, in seconds, while none has been observed. Default: 30.
    pub expected_duration: f64,
    /// Longest pause between two polls of a job whose progress the caller observes, in seconds: by `on_update`, by
    /// `watch`, or by a progress bar. `max_interval` and `min_interval` bound it. Default: 3.
    pub refresh: f64,
    /// Share by which a pause is lengthened or shortened at random, from 0 to less than 1. Default: 0.1.
    pub jitter: f64,
    /// Most polls per second, over all waits of the client. Default: 20.
    pub max_requests_per_second: f64,
    /// Most polls in flight, over all waits of the client. At least 1. Default: 32.
    #[serde(deserialize_with = "fields::usize")]
    pub concurrency: usize,
}

impl Default for PollingOptions {
    fn default() -> Self {
        Self {
            request_cost: 0.05,
            min_interval: 0.25,
            max_interval: 30.0,
            expected_duration: 30.0,
            refresh: 3.0,
            jitter: 0.1,
            max_requests_per_second: 20.0,
            concurrency: 32,
        }
    }
}

impl PollingOptions {
    /// Checks the bounds.
    ///
    /// # Errors
    /// `CONFIGURATION_INVALID` for the first field that is out of bounds.
    pub(crate) fn validate(&self) -> Result<()> {
        let invalid = |field, value: f64, expected| {
            Err(InfraiError::invalid_option(&format!("polling.{field}"), value, expected))
        };
        for (field, value) in [
            ("request_cost", self.request_cost),
            ("min_interval", self.min_interval),
            ("max_interval", self.max_interval),
            ("expected_duration", self.expected_duration),
            ("refresh", self.refresh),
            ("max_requests_per_second", self.max_requests_per_second),
        ] {
            // Useful values are far inside these bounds. Within them, no arithmetic overflows and every timer is valid.
            if !(0.001..=1e6).contains(&value) {
                let expected = match field {
                    "max_requests_per_second" => "a number from 0.001 to 1000000",
                    _ => "0.001 to 1000000 seconds",
                };
                return invalid(field, value, expected);
            }
        }
        if self.max_interval < self.min_interval {
            return invalid("max_interval", self.max_interval, "no less than `polling.min_interval`");
        }
        if !(0.0..1.0).contains(&self.jitter) {
            return invalid("jitter", self.jitter, "a share from 0 to less than 1");
        }
        if self.concurrency == 0 {
            return invalid("concurrency", 0.0, "at least 1");
        }
        Ok(())
    }
}
