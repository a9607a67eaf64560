//! Every option of the client, declared once with its unit, default and bounds.

use std::{fmt, path::PathBuf, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::error::{InfraiError, Result};

/// Base URL of the API where no other is set.
pub const DEFAULT_BASE_URL: &str = "https://api.infrai.cc";

/// Options of a client. An option that is not set comes from the environment, then from the profile, then from the
/// default.
#[derive(Debug, Clone)]
pub(crate) struct ClientOptions {
    pub(crate) api_key: Option<Secret>,
    pub(crate) base_url: Option<BaseUrl>,
    pub(crate) profile: Option<String>,
    pub(crate) credentials_file: Option<PathBuf>,
    pub(crate) timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) download_idle_timeout: Duration,
    pub(crate) max_retries: u32,
    pub(crate) retry_base: Duration,
    pub(crate) retry_cap: Duration,
    pub(crate) polling: PollingOptions,
    pub(crate) default_headers: HeaderMap,
    pub(crate) proxy: Option<Secret>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) user_agent_suffix: Option<String>,
    pub(crate) allow_insecure_http: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: None,
            profile: None,
            credentials_file: None,
            timeout: Duration::from_secs(60),
            attempt_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(10),
            download_idle_timeout: Duration::from_secs(30),
            max_retries: 2,
            retry_base: Duration::from_millis(500),
            retry_cap: Duration::from_secs(8),
            polling: PollingOptions::default(),
            default_headers: HeaderMap::new(),
            proxy: None,
            ca_file: None,
            user_agent_suffix: None,
            allow_insecure_http: false,
        }
    }
}

/// A string that must not be shown: a key that is not checked yet, or a proxy's URL with its password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A base URL that is not checked yet. The first call refuses a password in it, and `Debug` does not show one.
#[derive(Clone)]
pub(crate) struct BaseUrl(pub(crate) String);

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Url::parse(&self.0) {
            Ok(url) if url.username().is_empty() && url.password().is_none() => write!(f, "{:?}", self.0),
            _ => f.write_str("…"),
        }
    }
}

/// Options of polling. Every number but `jitter` and `concurrency` is from 0.001 to 1,000,000.
#[derive(Debug, Clone, PartialEq)]
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
    /// `watch`, or by a progress bar. A value above `max_interval` has no effect. Default: 3.
    pub refresh: f64,
    /// Share by which a pause is lengthened or shortened at random, from 0 to less than 1. Default: 0.1.
    pub jitter: f64,
    /// Most polls per second, over all waits of the client. Default: 20.
    pub max_requests_per_second: f64,
    /// Most polls in flight, over all waits of the client. At least 1. Default: 32.
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
    /// Checks the bounds. The error names the field, its value and what it takes.
    pub(crate) fn check(&self) -> Result<(), (&'static str, f64, &'static str)> {
        // Far outside of any useful value, within which no arithmetic overflows and every timer can be set.
        let within = |field, value: f64| {
            if (0.001..=1e6).contains(&value) {
                Ok(())
            } else {
                Err((field, value, "a number from 0.001 to 1000000"))
            }
        };
        within("request_cost", self.request_cost)?;
        within("min_interval", self.min_interval)?;
        within("max_interval", self.max_interval)?;
        within("expected_duration", self.expected_duration)?;
        within("refresh", self.refresh)?;
        within("max_requests_per_second", self.max_requests_per_second)?;
        if self.max_interval < self.min_interval {
            return Err(("max_interval", self.max_interval, "no less than polling.min_interval"));
        }
        if !(0.0..1.0).contains(&self.jitter) {
            return Err(("jitter", self.jitter, "a share from 0 to less than 1"));
        }
        if self.concurrency == 0 {
            return Err(("concurrency", 0.0, "at least 1"));
        }
        Ok(())
    }
}

/// Options of the calls made through one handle; see [`InfraiClient::with_options`](crate::InfraiClient::with_options).
#[derive(Clone, Default)]
#[must_use]
pub struct CallOptions {
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_retries: Option<u32>,
    pub(crate) headers: Vec<(String, String)>,
}

impl CallOptions {
    /// Returns options that change nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the timeout of a call, retries included.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how many times a failed attempt is retried.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = Some(retries);
        self
    }

    /// Adds a header, or replaces the client's of the same name.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl fmt::Debug for CallOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallOptions")
            .field("timeout", &self.timeout)
            .field("max_retries", &self.max_retries)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}

/// Headers that the SDK sets itself.
const RESERVED_HEADERS: [&str; 11] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "proxy-authorization",
    "transfer-encoding",
    "user-agent",
];

/// Checks a header of the caller's.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let refuse = |message: String| InfraiError::configuration("CONFIGURATION_INVALID", message);
    let parsed = HeaderName::try_from(name).map_err(|_| {
        refuse(format!("default_headers has the name {name:?}, which is no HTTP header name"))
    })?;
    if RESERVED_HEADERS.contains(&parsed.as_str()) {
        return Err(refuse(format!("default_headers has {name:?}, which the SDK sets itself"))
            .with_hint("Use api_key, idempotency_key or user_agent_suffix instead."));
    }
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        refuse(format!(
            "default_headers has a value for {name:?} with characters that no HTTP header can carry"
        ))
    })?;
    // It may be a gateway's password: not for `Debug`.
    value.set_sensitive(true);
    Ok((parsed, value))
}

/// Checks a proxy's URL, which may hold a password and is not shown. With one of an unknown scheme, requests would go
/// out without a proxy.
pub(crate) fn proxy_url(text: &str) -> Result<Option<Secret>> {
    if text.is_empty() {
        return Ok(None);
    }
    let absolute = text.contains("://") || text.trim_start().starts_with('/');
    let parsed = if absolute { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
    let got = match &parsed {
        // As it was parsed: characters of a password or a name that no request can carry are encoded in it.
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            return Ok(Some(Secret(url.to_string())));
        }
        Ok(url) => format!("one that begins with {}:", url.scheme()),
        Err(error) => format!("one that is no URL ({error})"),
    };
    let message = format!(
        "proxy takes the http(s) URL of a proxy, such as http://user:password@host:3128; it got {got}"
    );
    Err(InfraiError::configuration("CONFIGURATION_INVALID", message))
}
