//! A client's settings as a record, handed to the core's builder by their names.

use std::{fmt, sync::Arc, time::Duration};

use infrai::{CallOptions, ClientBuilder, InfraiClient, InfraiError, PollingOptions, options};

use crate::{
    callbacks::{NativeHooks, NativeKeyFunction, key_provider, with_hooks},
    options::NativePair,
    store::{Foreign, NativeStore},
};

/// The settings of a client; what is none is looked up by the core. See `infrai::ClientBuilder`.
#[derive(Clone, uniffi::Record)]
pub struct NativeSettings {
    /// The project key.
    #[uniffi(default = None)]
    pub api_key: Option<String>,
    /// The API's address.
    #[uniffi(default = None)]
    pub base_url: Option<String>,
    /// The table of the credentials file.
    #[uniffi(default = None)]
    pub profile: Option<String>,
    /// The credentials file.
    #[uniffi(default = None)]
    pub credentials_file: Option<String>,
    /// A call in all, in seconds.
    #[uniffi(default = None)]
    pub timeout: Option<f64>,
    /// One attempt, in seconds.
    #[uniffi(default = None)]
    pub attempt_timeout: Option<f64>,
    /// Connecting, in seconds.
    #[uniffi(default = None)]
    pub connect_timeout: Option<f64>,
    /// A download without a byte, in seconds.
    #[uniffi(default = None)]
    pub download_idle_timeout: Option<f64>,
    /// Further attempts of a call.
    #[uniffi(default = None)]
    pub max_retries: Option<i64>,
    /// The pause before the first retry, in seconds.
    #[uniffi(default = None)]
    pub retry_base: Option<f64>,
    /// The longest pause before a retry, in seconds.
    #[uniffi(default = None)]
    pub retry_cap: Option<f64>,
    /// How waits poll.
    #[uniffi(default = None)]
    pub polling: Option<NativePolling>,
    /// Headers for every call to the API.
    #[uniffi(default = [])]
    pub default_headers: Vec<NativePair>,
    /// A proxy's URL.
    #[uniffi(default = None)]
    pub proxy: Option<String>,
    /// A PEM file of the certificate authorities to trust.
    #[uniffi(default = None)]
    pub ca_file: Option<String>,
    /// Words for the end of the `User-Agent`.
    #[uniffi(default = None)]
    pub user_agent_suffix: Option<String>,
    /// Plain http to hosts other than loopback.
    #[uniffi(default = None)]
    pub allow_insecure_http: Option<bool>,
}

impl fmt::Debug for NativeSettings {
    /// The names of what is set: the key, a header and a proxy's URL are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = [
            ("api_key", self.api_key.is_some()),
            ("base_url", self.base_url.is_some()),
            ("profile", self.profile.is_some()),
            ("credentials_file", self.credentials_file.is_some()),
            ("timeout", self.timeout.is_some()),
            ("attempt_timeout", self.attempt_timeout.is_some()),
            ("connect_timeout", self.connect_timeout.is_some()),
            ("download_idle_timeout", self.download_idle_timeout.is_some()),
            ("max_retries", self.max_retries.is_some()),
            ("retry_base", self.retry_base.is_some()),
            ("retry_cap", self.retry_cap.is_some()),
            ("polling", self.polling.is_some()),
            ("default_headers", !self.default_headers.is_empty()),
            ("proxy", self.proxy.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("user_agent_suffix", self.user_agent_suffix.is_some()),
            ("allow_insecure_http", self.allow_insecure_http.is_some()),
        ];
        let names: Vec<&str> = set.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect();
        f.debug_struct("NativeSettings").field("set", &names).finish_non_exhaustive()
    }
}

/// Options of polling; none is the core's default. See `infrai::PollingOptions`.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativePolling {
    /// Seconds of detection delay that one request is worth.
    #[uniffi(default = None)]
    pub request_cost: Option<f64>,
    /// Shortest pause between two polls of a job, in seconds.
    #[uniffi(default = None)]
    pub min_interval: Option<f64>,
    /// Longest pause between two polls of a job, in seconds.
    #[uniffi(default = None)]
    pub max_interval: Option<f64>,
    /// Usual duration of a job, in seconds.
    #[uniffi(default = None)]
    pub expected_duration: Option<f64>,
    /// Longest pause between two polls of an observed job, in seconds.
    #[uniffi(default = None)]
    pub refresh: Option<f64>,
    /// Share by which a pause varies.
    #[uniffi(default = None)]
    pub jitter: Option<f64>,
    /// Most polls per second.
    #[uniffi(default = None)]
    pub max_requests_per_second: Option<f64>,
    /// Most polls in flight.
    #[uniffi(default = None)]
    pub concurrency: Option<i64>,
}

/// Who calls, for the `User-Agent`.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeCaller {
    /// `swift`, `kotlin`.
    pub language: String,
    /// The package's version.
    pub version: String,
    /// What runs it, with its version: `Swift 6.0`, `JVM 17.0.1`.
    pub runtime: String,
}

/// Settings for some calls only.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeCallOptions {
    /// A call in all, in seconds.
    #[uniffi(default = None)]
    pub timeout: Option<f64>,
    /// Further attempts of a call.
    #[uniffi(default = None)]
    pub max_retries: Option<i64>,
    /// Headers beside, or instead of, the client's own.
    #[uniffi(default = [])]
    pub headers: Vec<NativePair>,
}

/// A setting that cannot be converted is an error of the settings.
fn setting<T>(value: Result<T, InfraiError>) -> Result<T, InfraiError> {
    value.map_err(InfraiError::into_configuration_error)
}

/// Makes the client.
pub(crate) fn client(
    settings: NativeSettings,
    caller: &NativeCaller,
    key: Option<Arc<dyn NativeKeyFunction>>,
    hooks: Option<Arc<dyn NativeHooks>>,
    store: Option<Arc<dyn NativeStore>>,
) -> Result<InfraiClient, InfraiError> {
    type Text = fn(ClientBuilder, String) -> ClientBuilder;
    type Time = fn(ClientBuilder, Duration) -> ClientBuilder;
    let mut builder = InfraiClient::builder().client_info(&caller.language, &caller.version, &caller.runtime);
    let texts: [(Option<String>, Text); 7] = [
        (settings.api_key, ClientBuilder::api_key),
        (settings.base_url, ClientBuilder::base_url),
        (settings.profile, ClientBuilder::profile),
        (settings.credentials_file, ClientBuilder::credentials_file),
        (settings.proxy, ClientBuilder::proxy),
        (settings.ca_file, ClientBuilder::ca_file),
        (settings.user_agent_suffix, ClientBuilder::user_agent_suffix),
    ];
    for (text, set) in texts {
        if let Some(text) = text {
            builder = set(builder, text);
        }
    }
    let times: [(&str, Option<f64>, Time); 6] = [
        ("timeout", settings.timeout, ClientBuilder::timeout),
        ("attempt_timeout", settings.attempt_timeout, ClientBuilder::attempt_timeout),
        ("connect_timeout", settings.connect_timeout, ClientBuilder::connect_timeout),
        ("download_idle_timeout", settings.download_idle_timeout, ClientBuilder::download_idle_timeout),
        ("retry_base", settings.retry_base, ClientBuilder::retry_base),
        ("retry_cap", settings.retry_cap, ClientBuilder::retry_cap),
    ];
    for (name, seconds, set) in times {
        if let Some(seconds) = seconds {
            builder = set(builder, setting(options::seconds(name, seconds))?);
        }
    }
    if let Some(retries) = settings.max_retries {
        builder = builder.max_retries(setting(options::count("max_retries", retries))?);
    }
    if let Some(allow) = settings.allow_insecure_http {
        builder = builder.allow_insecure_http(allow);
    }
    for NativePair { name, value } in &settings.default_headers {
        builder = builder.default_header(name, value);
    }
    if let Some(given) = settings.polling {
        builder = builder.polling(polling(&given)?);
    }
    if let Some(function) = key {
        builder = builder.api_key_provider(key_provider(function));
    }
    if let Some(hooks) = hooks {
        builder = with_hooks(builder, &hooks);
    }
    if let Some(store) = store {
        builder = builder.credential_store(Foreign(store));
    }
    builder.build()
}

fn polling(given: &NativePolling) -> Result<PollingOptions, InfraiError> {
    let mut options = PollingOptions::default();
    for (number, field) in [
        (given.request_cost, &mut options.request_cost),
        (given.min_interval, &mut options.min_interval),
        (given.max_interval, &mut options.max_interval),
        (given.expected_duration, &mut options.expected_duration),
        (given.refresh, &mut options.refresh),
        (given.jitter, &mut options.jitter),
        (given.max_requests_per_second, &mut options.max_requests_per_second),
    ] {
        if let Some(number) = number {
            *field = number;
        }
    }
    if let Some(concurrency) = given.concurrency {
        options.concurrency = setting(options::count("polling.concurrency", concurrency))? as usize;
    }
    Ok(options)
}

impl TryFrom<NativeCallOptions> for CallOptions {
    type Error = InfraiError;

    fn try_from(given: NativeCallOptions) -> Result<Self, InfraiError> {
        let mut options = Self::new();
        if let Some(seconds) = given.timeout {
            options = options.timeout(options::seconds("timeout", seconds)?);
        }
        if let Some(retries) = given.max_retries {
            options = options.max_retries(options::count("max_retries", retries)?);
        }
        for NativePair { name, value } in given.headers {
            options = options.header(name, value);
        }
        Ok(options)
    }
}
