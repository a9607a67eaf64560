//! Options of the client and of its calls, each declared once with unit, default and bounds.
//!
//! The builders set single options. A binding parses a whole set with [`parse`] from an object of its language.

mod account;
mod call;
mod client;
mod fields;
mod headers;
mod polling;
mod proxy;
mod secret;
mod video;

use serde::{Deserialize, Deserializer};

pub use self::{
    account::{ActivateOptions, TopupOptions},
    call::{CallOptions, RequestOptions},
    client::{ClientOptions, DEFAULT_BASE_URL},
    polling::PollingOptions,
    video::{BatchOptions, DEFAULT_WAIT_TIMEOUT, DownloadOptions, GenerateRequest, WaitOptions},
};
pub(crate) use self::{
    headers::header,
    proxy::ProxyUrl,
    secret::{BaseUrl, Secret},
};
use crate::error::{InfraiError, Result};

/// Parses a set of options.
///
/// # Errors
/// `INVALID_ARGUMENT` for an unknown option or a value of the wrong type. The message has the option's path
/// (`polling.refresh`), the expected value and the actual one.
pub fn parse<'de, T: Deserialize<'de>>(deserializer: impl Deserializer<'de>) -> Result<T> {
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        InfraiError::unreadable_option(
            if path == "." { "options" } else { &path },
            &error.into_inner().to_string(),
        )
    })
}

/// Converts a number of seconds to a duration.
///
/// # Errors
/// `INVALID_ARGUMENT` if the number is negative, not finite, or beyond the largest duration.
pub fn seconds(field: &str, seconds: f64) -> Result<std::time::Duration> {
    std::time::Duration::try_from_secs_f64(seconds)
        .map_err(|_| InfraiError::invalid_argument(field, seconds, "a positive number of seconds"))
}

/// Converts a number to a count.
///
/// # Errors
/// `INVALID_ARGUMENT` if the number is negative or beyond 2³²−1.
pub fn count(field: &str, number: i64) -> Result<u32> {
    u32::try_from(number)
        .map_err(|_| InfraiError::invalid_argument(field, number, "a whole number that is not negative"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::ErrorKind;

    fn read<T: for<'de> Deserialize<'de>>(value: &serde_json::Value) -> Result<T> {
        parse(value)
    }

    #[test]
    fn a_duration_out_of_range_is_refused_by_name() {
        assert_eq!(seconds("timeout", 0.25).unwrap(), Duration::from_millis(250));
        for wrong in [-1.0, f64::NAN, f64::INFINITY, 1e40] {
            let error = seconds("timeout", wrong).unwrap_err();
            assert!(
                error.message().starts_with("invalid `timeout`: expected a positive number of seconds, got "),
                "{error}"
            );
        }
    }

    #[test]
    fn a_negative_count_is_refused_by_name() {
        assert_eq!(count("max_retries", 0).unwrap(), 0);
        let error = count("max_retries", -1).unwrap_err();
        assert_eq!(
            error.message(),
            "invalid `max_retries`: expected a whole number that is not negative, got -1"
        );
        assert_eq!(error.into_configuration_error().kind(), ErrorKind::Configuration);
    }

    #[test]
    fn client_options_are_read_with_their_defaults() {
        let options: ClientOptions = read(&json!({
            "api_key": "k", "timeout": 1, "attempt_timeout": 0.5, "max_retries": 0, "polling": {"refresh": 1.5},
            "default_headers": {"X-Tenant": "a"}, "proxy": "proxy.example:3128", "profile": "",
        }))
        .unwrap();
        let options = options.validate().unwrap();
        assert_eq!(
            (options.timeout, options.attempt_timeout),
            (Duration::from_secs(1), Duration::from_millis(500))
        );
        assert_eq!((options.max_retries, options.connect_timeout), (0, Duration::from_secs(10)));
        assert_eq!(options.polling, PollingOptions { refresh: 1.5, ..PollingOptions::default() });
        assert_eq!(options.default_headers["x-tenant"], "a");
        assert_eq!(options.proxy.unwrap().url().as_str(), "http://proxy.example:3128/");
        assert_eq!(options.profile, None);
    }

    #[test]
    fn an_unreadable_option_is_named_by_its_path() {
        for (value, message) in [
            (json!({"tiemout": 1}), "unknown option `tiemout`"),
            (json!({"polling": {"rate": 1}}), "unknown option `polling.rate`"),
            (
                json!({"timeout": "x"}),
                "invalid `timeout`: expected a positive number of seconds, got string \"x\"",
            ),
            (
                json!({"timeout": -1}),
                "invalid `timeout`: expected a positive number of seconds, got integer `-1`",
            ),
            (
                json!({"max_retries": 1.5}),
                "invalid `max_retries`: expected a whole number that is not negative, got ",
            ),
            (json!({"polling": {"jitter": []}}), "invalid `polling.jitter`: expected f64, got sequence"),
            (json!({"default_headers": {"host": "x"}}), "invalid `default_headers`: "),
            (json!({"proxy": "socks5://p"}), "invalid `proxy`: "),
        ] {
            let error = read::<ClientOptions>(&value).unwrap_err();
            assert!(error.message().starts_with(message), "{error}");
            assert_eq!(error.code(), "INVALID_ARGUMENT");
        }
    }

    #[test]
    fn a_value_out_of_bounds_is_named() {
        for (value, message) in [
            (json!({"retry_cap": 0}), "invalid `retry_cap`: expected a positive duration, got 0 s"),
            (
                json!({"polling": {"refresh": 0}}),
                "invalid `polling.refresh`: expected a number from 0.001 to 1000000, got 0",
            ),
            (
                json!({"user_agent_suffix": "ä"}),
                "invalid `user_agent_suffix`: expected visible ASCII, got \"ä\"",
            ),
        ] {
            let error = read::<ClientOptions>(&value).unwrap().validate().unwrap_err();
            assert_eq!((error.code(), error.message()), ("CONFIGURATION_INVALID", message));
        }
    }

    #[test]
    fn options_of_calls_are_read_with_their_defaults() {
        let wait: WaitOptions = read(&json!({})).unwrap();
        assert_eq!((wait.timeout, wait.cancel_on_timeout), (Some(DEFAULT_WAIT_TIMEOUT), false));
        let wait: WaitOptions = read(&json!({"timeout": null})).unwrap();
        assert_eq!(wait.timeout, None);
        let batch: BatchOptions = read(&json!({"concurrency": 0})).unwrap();
        assert_eq!((batch.concurrency, batch.timeout), (1, Some(DEFAULT_WAIT_TIMEOUT)));
        let request: GenerateRequest = read(&json!({"prompt": "a kite", "aspect": "1:1"})).unwrap();
        assert_eq!(request, GenerateRequest::new("a kite").aspect("1:1"));
        let error = read::<GenerateRequest>(&json!({"aspect": "1:1"})).unwrap_err();
        assert_eq!(error.message(), "missing option `prompt`");
        let activate: ActivateOptions = read(&json!({"force": true})).unwrap();
        assert!(activate.force && activate.write_credentials);
    }

    #[test]
    fn an_unreadable_secret_is_not_shown() {
        for value in [json!({"api_key": {"k": "hush"}}), json!({"proxy": "ftp://user:hush@proxy"})] {
            let error = read::<ClientOptions>(&value).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
        }
    }
}
