//! A scenario's client settings as a client.

use std::sync::Mutex;
use std::time::Duration;

use infrai::{ApiKey, CallOptions, ClientBuilder, InfraiClient, InfraiError, PollingOptions};
use serde_json::Value;

/// Makes the client that a scenario asks for.
pub(crate) fn client(settings: &Value) -> Result<InfraiClient, InfraiError> {
    let mut builder = InfraiClient::builder();
    let members = settings.as_object().into_iter().flatten();
    for (name, value) in members {
        builder = set(builder, name, value);
    }
    builder.build()
}

fn set(builder: ClientBuilder, name: &str, value: &Value) -> ClientBuilder {
    let text = || value.as_str().unwrap_or_default();
    match name {
        "api_key" if value.is_object() => builder.api_key_provider(key_function(&value["$function"])),
        "api_key" => builder.api_key(text()),
        "base_url" => builder.base_url(text()),
        "profile" => builder.profile(text()),
        "credentials_file" => builder.credentials_file(text()),
        "timeout" => builder.timeout(seconds(value)),
        "attempt_timeout" => builder.attempt_timeout(seconds(value)),
        "connect_timeout" => builder.connect_timeout(seconds(value)),
        "download_idle_timeout" => builder.download_idle_timeout(seconds(value)),
        "max_retries" => builder.max_retries(count(value)),
        "retry_base" => builder.retry_base(seconds(value)),
        "retry_cap" => builder.retry_cap(seconds(value)),
        "polling" => builder.polling(polling(value)),
        "default_headers" => headers(value).into_iter().fold(builder, |b, (n, v)| b.default_header(n, v)),
        "proxy" => builder.proxy(text()),
        "user_agent_suffix" => builder.user_agent_suffix(text()),
        "allow_insecure_http" => builder.allow_insecure_http(value.as_bool().unwrap_or_default()),
        unknown => panic!("a setting that this runner does not know: {unknown}"),
    }
}

/// A key function that gives these keys in turn, and the last one again.
fn key_function(keys: &Value) -> infrai::KeyProvider {
    let keys: Vec<String> =
        keys.as_array().into_iter().flatten().filter_map(Value::as_str).rev().map(str::to_owned).collect();
    let keys = std::sync::Arc::new(Mutex::new(keys));
    infrai::KeyProvider::new(move || {
        let mut keys = keys.lock().expect("no one panics with the keys");
        let key = if keys.len() > 1 { keys.pop() } else { keys.last().cloned() };
        async move { ApiKey::new(key.unwrap_or_default()) }
    })
}

fn polling(value: &Value) -> PollingOptions {
    let mut options = PollingOptions::default();
    for (name, value) in value.as_object().into_iter().flatten() {
        let number = value.as_f64().unwrap_or_default();
        match name.as_str() {
            "request_cost" => options.request_cost = number,
            "min_interval" => options.min_interval = number,
            "max_interval" => options.max_interval = number,
            "expected_duration" => options.expected_duration = number,
            "refresh" => options.refresh = number,
            "jitter" => options.jitter = number,
            "max_requests_per_second" => options.max_requests_per_second = number,
            "concurrency" => options.concurrency = count(value) as usize,
            unknown => panic!("a polling option that this runner does not know: {unknown}"),
        }
    }
    options
}

/// What a call's options ask `with_options` for.
pub(crate) fn options(options: &Value) -> CallOptions {
    let mut chosen = CallOptions::new();
    for (name, value) in options.as_object().into_iter().flatten() {
        chosen = match name.as_str() {
            "timeout" => chosen.timeout(seconds(value)),
            "max_retries" => chosen.max_retries(count(value)),
            "headers" => headers(value).into_iter().fold(chosen, |c, (n, v)| c.header(n, v)),
            unknown => panic!("an option that this runner does not know: {unknown}"),
        };
    }
    chosen
}

fn headers(value: &Value) -> Vec<(&str, &str)> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())).collect()
}

/// A number of seconds.
pub(crate) fn seconds(value: &Value) -> Duration {
    Duration::from_secs_f64(value.as_f64().unwrap_or_default())
}

fn count(value: &Value) -> u32 {
    value.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or_default()
}
