//! Tests of the options: defaults, bounds, and the errors of what cannot be read.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::{ErrorKind, language::Language};

fn read<T: for<'de> Deserialize<'de>>(value: &serde_json::Value) -> Result<T> {
    parse(value)
}

#[test]
fn a_duration_out_of_range_is_refused_by_name() {
    assert_eq!(seconds("timeout", 0.25).unwrap(), Duration::from_millis(250));
    for wrong in [-1.0, f64::NAN, f64::INFINITY, 1e40] {
        let error = seconds("timeout", wrong).unwrap_err();
        assert!(
            error
                .message()
                .starts_with("invalid `timeout`: expected a number of seconds that is not negative, got "),
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
            "invalid `timeout`: expected a number of seconds that is not negative, got \"x\"",
        ),
        (
            json!({"timeout": -1}),
            "invalid `timeout`: expected a number of seconds that is not negative, got -1",
        ),
        (
            json!({"max_retries": 1.5}),
            "invalid `max_retries`: expected a whole number that is not negative, got ",
        ),
        (json!({"polling": {"jitter": []}}), "invalid `polling.jitter`: expected a number, got a list"),
        (json!({"polling": [0.05]}), "invalid `polling`: expected an object of options, got a list"),
        (json!([]), "invalid `options`: expected an object of options, got a list"),
        (json!({"ca_file": 7}), "invalid `ca_file`: expected a path, got 7"),
        (
            json!({"allow_insecure_http": "yes"}),
            "invalid `allow_insecure_http`: expected a boolean, got \"yes\"",
        ),
        (
            json!({"default_headers": {"host": "x"}}),
            "invalid `default_headers`: expected headers that the SDK does not set itself, got \"host\"",
        ),
        (
            json!({"proxy": "socks5://p"}),
            "invalid `proxy`: expected the http(s) URL of a proxy, such as http://user:password@host:3128, got a URL with the scheme socks5",
        ),
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
            "invalid `polling.refresh`: expected 0.001 to 1000000 seconds, got 0",
        ),
        (json!({"user_agent_suffix": "ä"}), "invalid `user_agent_suffix`: expected visible ASCII, got \"ä\""),
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
    let items = json!({"prompts": [{"prompt": "a kite"}, {"aspect": "1:1"}]});
    let error = read::<std::collections::HashMap<String, Vec<GenerateRequest>>>(&items).unwrap_err();
    assert_eq!(error.message(), "missing option `prompts[1].prompt`");
    let activate: ActivateOptions = read(&json!({"force": true})).unwrap();
    assert!(activate.force && activate.write_credentials);
}

#[test]
fn a_whole_number_may_have_a_fraction_of_zero() {
    let options: ClientOptions = read(&json!({"max_retries": 3.0, "polling": {"concurrency": 2.0}})).unwrap();
    assert_eq!((options.max_retries, options.polling.concurrency), (3, 2));
}

#[test]
fn an_unreadable_secret_is_not_shown() {
    let key = "ifr_pk_proj_0123456789abcdefghijWXYZ";
    for value in [
        json!({"api_key": {"k": "hush"}}),
        json!({"api_key": 7_355_608}),
        json!({"proxy": "ftp://user:hush@proxy"}),
        json!({"default_headers": "X-P: hush"}),
        json!({"default_headers": {"X-P": 7_355_608}}),
        json!({"default_headers": {"X-P": "hush\n"}}),
        json!({"base_url": ["https://user:hush@host"]}),
        json!({key: true}),
    ] {
        let error = read::<ClientOptions>(&value).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(["hush", "7355608", "WXYZ"].iter().all(|secret| !shown.contains(secret)), "{error}");
    }
}

#[test]
fn an_unreadable_value_is_cut_short() {
    let error = read::<ClientOptions>(&json!({"timeout": "x".repeat(4000)})).unwrap_err();
    assert!(error.message().len() < 300, "{error}");
    let error = read::<ClientOptions>(&json!({"x".repeat(4000): 1})).unwrap_err();
    assert!(error.message().len() < 600, "{error}");
}

#[test]
fn an_error_names_options_as_its_language_does() {
    let error = read::<ClientOptions>(&json!({"polling": {"max_interval": "x"}})).unwrap_err();
    let error = error.in_language(Language::Node);
    assert!(error.message().starts_with("invalid `polling.maxIntervalMs`: "), "{error}");
    assert_eq!(error.details().unwrap()["field"], "polling.maxIntervalMs");
    let error = read::<ClientOptions>(&json!({"x": 1})).unwrap_err().in_language(Language::Kotlin);
    assert!(error.message().contains("`maxRetries`"), "{error}");
}

#[test]
fn the_names_of_a_set_are_known_without_a_value() {
    assert_eq!(names::<WaitOptions>(), ["timeout", "cancel_on_timeout", "cancel_on_abort"]);
}

#[test]
fn an_unknown_option_keeps_the_caller_spelling() {
    let error = unknown_option("api_key", &["api_key", "timeout"]).in_language(Language::Node);
    assert_eq!(
        error.message(),
        "unknown option `api_key`, expected one of `apiKey`, `timeoutMs`; did you mean `apiKey`?"
    );
    assert_eq!(error.details().unwrap()["field"], "api_key");
    let key = "ifr_pk_proj_0123456789abcdefghijWXYZ";
    assert!(!unknown_option(key, &[]).message().contains("WXYZ"));
}

#[test]
fn a_server_text_is_in_no_language() {
    let error = InfraiError::new(ErrorKind::InvalidRequest, "BAD", "unknown `api_key`").with_status(422);
    assert_eq!(error.in_language(Language::Node).message(), "unknown `api_key`");
    let error =
        InfraiError::new(ErrorKind::Authentication, "BAD", "no").with_status(401).in_language(Language::Node);
    assert!(error.hint().contains("`apiKey`"), "{}", error.hint());
}
