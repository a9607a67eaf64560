//! Diagnostics for the command: settings with their sources, and a probe of the server.

use std::time::{Duration, SystemTime};

use crate::{
    api::client::ApiClient,
    auth::{
        api_key,
        endpoint::{Credential, KeySource},
    },
    error::{InfraiError, Result},
    http::{call::ProbeResponse, proxy, tls},
    options::{ClientOptions, VideoRoutes},
    wire::path,
};

/// Settings of a client with their sources, established without a request.
#[doc(hidden)]
#[derive(Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Name of the profile.
    pub profile: Setting,
    /// Credentials file. `None` on a machine without a home folder.
    pub credentials_file: Option<Setting>,
    /// Base URL of the calls.
    pub base_url: Result<Setting>,
    /// Host of the base URL. Empty if the base URL is not known.
    pub host: String,
    /// Source of the key and its redacted form, or the error that a call without a key has.
    pub key: Result<(KeySource, Option<String>)>,
    /// Proxy of the calls, without user and password.
    pub proxy: Result<Option<Setting>>,
    /// Whether `NO_PROXY` holds for the host of the base URL, and its source. `None` if it is not set.
    pub no_proxy: Option<(bool, &'static str)>,
    /// Roots of certificates, or the error of reading them.
    pub certificates: Result<Setting>,
    /// Host and port to which calls connect: the proxy's, else the API's. `None` if they are not known.
    pub target: Option<(String, u16)>,
    /// Whether the base URL is https.
    pub tls: bool,
    /// Whether the base URL is a loopback one, to which requests never use a proxy.
    pub loopback: bool,
    /// Whether plain http is allowed to hosts other than loopback, and the source.
    pub allow_insecure_http: (bool, &'static str),
    /// Routes of the calls for a job: `auto`, `jobs` or `status`.
    pub routes: Setting,
    /// Timeouts of the client's calls: name, time and source.
    pub timeouts: [(&'static str, Duration, &'static str); 4],
}

/// Value of a setting and its source: `argument`, the name of a variable, `profile` or `default`.
#[doc(hidden)]
#[derive(Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Value.
    pub value: String,
    /// Source.
    pub source: &'static str,
}

/// First response of the server.
#[doc(hidden)]
#[derive(Debug)]
#[non_exhaustive]
pub struct Probe {
    /// HTTP status.
    pub status: u16,
    /// The server's time.
    pub date: Option<SystemTime>,
    /// Whether the body is a page of HTML.
    pub is_page: bool,
    /// The error of a response that is not the API's. `None` for one that looks like the API's.
    pub failure: Option<InfraiError>,
}

impl ApiClient {
    /// Returns the settings. Blocks while it reads the credentials file.
    pub(crate) fn settings(&self) -> Settings {
        let (auth, http) = (self.http.auth(), self.http.config());
        let config = auth.config();
        let setting = |value: String, source| Setting { value, source };
        let url = config.public_base_url();
        let described = url.as_ref().ok().map(|(url, _)| proxy::describe(http, url));
        let (proxy, no_proxy) = match described {
            Some(described) => (described.proxy, described.no_proxy),
            None => (Ok(None), None),
        };
        let target = match (&proxy, &url) {
            (Ok(Some((proxy, _))), _) | (Ok(None), Ok((proxy, _))) => {
                let host = proxy.host_str().unwrap_or_default().trim_matches(['[', ']']);
                proxy.port_or_known_default().map(|port| (host.to_owned(), port))
            }
            _ => None,
        };
        let tls = url.as_ref().is_ok_and(|(url, _)| url.scheme() == "https");
        let loopback = url.as_ref().is_ok_and(|(url, _)| path::is_loopback(url));
        let key = auth.endpoint().and_then(|endpoint| match &endpoint.key {
            Credential::Missing(error) => Err(error.as_deref().cloned().unwrap_or_else(api_key::missing)),
            Credential::Provider(_) => Ok((KeySource::Function, None)),
            Credential::Fixed(key) => Ok((config.fixed_key_source(), Some(key.redacted()))),
        });
        let (options, defaults) = (&http.options, ClientOptions::default());
        let timeout = |name, of: fn(&ClientOptions) -> Duration| {
            let (time, source) = sourced(of(options), of(&defaults));
            (name, time, source)
        };
        Settings {
            profile: setting(config.profile_name(), config.profile_source()),
            credentials_file: config.credential_backend().ok().and_then(|backend| {
                let file = backend.file()?.display().to_string();
                Some(setting(file, config.credentials_source()))
            }),
            host: url.as_ref().ok().and_then(|(url, _)| url.host_str()).unwrap_or_default().into(),
            base_url: url.map(|(url, source)| setting(url.as_str().trim_end_matches('/').into(), source)),
            key,
            proxy: proxy.map(|proxy| proxy.map(|(url, source)| setting(path::origin(&url), source))),
            certificates: tls::client_config(http).map(|_| {
                let (value, source) = tls::source(http);
                setting(value, source)
            }),
            no_proxy,
            target,
            tls,
            loopback,
            allow_insecure_http: config.insecure_http(),
            routes: {
                let (routes, source) = sourced(options.routes, defaults.routes);
                let name = match routes {
                    VideoRoutes::Auto => "auto",
                    VideoRoutes::Jobs => "jobs",
                    VideoRoutes::Status => "status",
                };
                setting(name.into(), source)
            },
            timeouts: [
                timeout("call", |options| options.timeout),
                timeout("attempt", |options| options.attempt_timeout),
                timeout("connect", |options| options.connect_timeout),
                timeout("download idle", |options| options.download_idle_timeout),
            ],
        }
    }

    /// Requests the list of capabilities once, without a key. If the response is not the API's, requests the balance too, which
    /// every version of the API answers, without a key with a refusal.
    pub(crate) async fn probe(&self) -> Result<Probe> {
        let base_url = self.public_base_url().await?;
        let first = self.http.probe(base_url.clone(), "/v1/discovery").await?;
        let first = probe(first, false);
        if first.failure.is_none() || (300..400).contains(&first.status) {
            return Ok(first);
        }
        match self.http.probe(base_url, "/v1/account/balance").await {
            Ok(second) => {
                Ok(Some(probe(second, true)).filter(|second| second.failure.is_none()).unwrap_or(first))
            }
            Err(_) => Ok(first),
        }
    }
}

/// Returns an option's value and its source. An argument with the default's value counts as the default.
fn sourced<T: Copy + PartialEq>(value: T, default: T) -> (T, &'static str) {
    let source = if value == default { "default" } else { "argument" };
    (value, source)
}

/// Returns whether the API sent the response. An older server may refuse a call without an envelope, but not with a page.
fn probe(response: ProbeResponse, needs_key: bool) -> Probe {
    let ProbeResponse { status, date, is_page, error } = response;
    let failure = error.filter(|error| !error.is_enveloped() && (!needs_key || is_page || status != 401));
    Probe { status, date, is_page, failure }
}
