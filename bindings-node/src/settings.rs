//! A client's settings: the constructor's camelCase names as the core's builder.

use std::time::Duration;

use infrai::{CallOptions, ClientBuilder, Environment, InfraiClient, InfraiError, PollingOptions};

use crate::{
    record::{Purpose, Record},
    values::Js,
};

type Result<T> = std::result::Result<T, InfraiError>;

type Text = fn(ClientBuilder, String) -> ClientBuilder;
type Time = fn(ClientBuilder, Duration) -> ClientBuilder;

const ADDED_CA_VARIABLES: [&str; 1] = ["NODE_EXTRA_CA_CERTS"];

/// The environment variables that a client reads.
pub(crate) fn variables() -> impl Iterator<Item = &'static str> {
    Environment::variables().chain(ADDED_CA_VARIABLES)
}

/// The builder with every setting that was given. `runtime` names the program that runs this, for the `User-Agent`.
pub(crate) fn builder(settings: Js, runtime: &str) -> Result<ClientBuilder> {
    let mut given =
        Record::new(Purpose::Settings, "settings", settings)?.besides(&["onRequest", "onResponse"]);
    let mut builder = InfraiClient::builder()
        .client_info("node", env!("CARGO_PKG_VERSION"), runtime)
        .additional_ca_env(&ADDED_CA_VARIABLES);
    let texts: [(&'static str, Text); 7] = [
        ("apiKey", ClientBuilder::api_key),
        ("baseUrl", ClientBuilder::base_url),
        ("profile", ClientBuilder::profile),
        ("credentialsFile", ClientBuilder::credentials_file),
        ("proxy", ClientBuilder::proxy),
        ("caFile", ClientBuilder::ca_file),
        ("userAgentSuffix", ClientBuilder::user_agent_suffix),
    ];
    for (name, set) in texts {
        if let Some(text) = given.text(name)? {
            builder = set(builder, text);
        }
    }
    let times: [(&'static str, Time); 6] = [
        ("timeoutMs", ClientBuilder::timeout),
        ("attemptTimeoutMs", ClientBuilder::attempt_timeout),
        ("connectTimeoutMs", ClientBuilder::connect_timeout),
        ("downloadIdleTimeoutMs", ClientBuilder::download_idle_timeout),
        ("retryBaseMs", ClientBuilder::retry_base),
        ("retryCapMs", ClientBuilder::retry_cap),
    ];
    for (name, set) in times {
        if let Some(time) = given.milliseconds(name)? {
            builder = set(builder, time);
        }
    }
    if let Some(retries) = given.count("maxRetries")? {
        builder = builder.max_retries(retries);
    }
    if let Some(allow) = given.flag("allowInsecureHttp")? {
        builder = builder.allow_insecure_http(allow);
    }
    for (name, value) in given.texts("defaultHeaders")? {
        builder = builder.default_header(&name, &value);
    }
    if let Some(options) = given.record("polling")? {
        builder = builder.polling(polling(options)?);
    }
    given.finish()?;
    Ok(builder)
}

/// Options of polling: times in milliseconds, except for the request cost and the rate, whose unit is seconds in every language.
fn polling(mut given: Record) -> Result<PollingOptions> {
    let mut options = PollingOptions::default();
    for (name, field) in [
        ("requestCost", &mut options.request_cost),
        ("maxRequestsPerSecond", &mut options.max_requests_per_second),
        ("jitter", &mut options.jitter),
    ] {
        if let Some(number) = given.number(name)? {
            *field = number;
        }
    }
    for (name, field) in [
        ("minIntervalMs", &mut options.min_interval),
        ("maxIntervalMs", &mut options.max_interval),
        ("expectedDurationMs", &mut options.expected_duration),
        ("refreshMs", &mut options.refresh),
    ] {
        if let Some(number) = given.number(name)? {
            *field = number / 1000.0;
        }
    }
    if let Some(concurrency) = given.count("concurrency")? {
        options.concurrency = concurrency as usize;
    }
    given.finish()?;
    Ok(options)
}

/// Settings for some calls only.
pub(crate) fn call_options(options: Js) -> Result<CallOptions> {
    let mut given = Record::new(Purpose::Call, "options", options)?;
    let mut options = CallOptions::new();
    if let Some(timeout) = given.milliseconds("timeoutMs")? {
        options = options.timeout(timeout);
    }
    if let Some(retries) = given.count("maxRetries")? {
        options = options.max_retries(retries);
    }
    for (name, value) in given.texts("headers")? {
        options = options.header(name, value);
    }
    given.finish()?;
    Ok(options)
}

#[cfg(test)]
mod tests {
    use infrai::ErrorKind;

    use super::*;

    fn build(members: &[(&str, Js)]) -> Result<InfraiClient> {
        let members = members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        builder(Js::Record(members), "test")?.build()
    }

    #[test]
    fn every_setting_goes_where_its_name_says() {
        let client = build(&[
            ("apiKey", Js::Text("ifr_pk_proj_0123456789abcdefghijWXYZ".into())),
            ("baseUrl", Js::Text("http://127.0.0.1:9/base".into())),
        ])
        .unwrap();
        assert_eq!(client.base_url().unwrap(), "http://127.0.0.1:9/base");
        assert_eq!(client.key_hint().unwrap().unwrap(), "ifr_pk_proj_…WXYZ");
    }

    #[test]
    fn a_setting_that_cannot_work_is_a_configuration_error_that_names_it() {
        let polling =
            |name: &str, value: f64| ("polling", Js::Record(vec![(name.to_owned(), Js::Number(value))]));
        let cases: [(&str, (&str, Js)); 7] = [
            ("timeoutMs", ("timeoutMs", Js::Text("5".into()))),
            ("timeoutMs", ("timeoutMs", Js::Number(-1.0))),
            ("timeout", ("timeoutMs", Js::Number(0.0))),
            ("maxRetries", ("maxRetries", Js::Number(1.5))),
            ("apikey", ("apikey", Js::Text("ifr_pk_proj_x".into()))),
            ("polling.min_interval", polling("minIntervalMs", 0.0)),
            ("polling.often", polling("often", 1.0)),
        ];
        for (name, member) in cases {
            let error = build(&[member]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
            assert!(error.message().starts_with(&format!("invalid `{name}`: expected ")), "{error}");
        }
    }
}
