//! Diagnostics for the command: settings with their sources, and a probe of the server.

use std::time::SystemTime;

use crate::{
    api::client::ApiClient,
    auth::{
        api_key,
        endpoint::{Credential, KeySource},
    },
    error::Result,
    http::{proxy, tls},
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
    /// Source of the key and its redacted form, or the error that a call without a key has.
    pub key: Result<(KeySource, Option<String>)>,
    /// Proxy of the calls, without user and password.
    pub proxy: Result<Option<Setting>>,
    /// Roots of certificates, or the error of reading them.
    pub certificates: Result<Setting>,
    /// Host and port to which calls connect: the proxy's, else the API's. `None` if they are not known.
    pub target: Option<(String, u16)>,
    /// Whether the base URL is https.
    pub tls: bool,
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
}

impl ApiClient {
    /// Returns the settings. Blocks while it reads the credentials file.
    pub(crate) fn settings(&self) -> Settings {
        let (auth, http) = (self.http.auth(), self.http.config());
        let config = auth.config();
        let setting = |value: String, source| Setting { value, source };
        let url = config.public_base_url();
        let proxy = match &url {
            Ok((url, _)) => proxy::describe(http, url),
            Err(_) => Ok(None),
        };
        let target = match (&proxy, &url) {
            (Ok(Some((proxy, _))), _) | (Ok(None), Ok((proxy, _))) => {
                let host = proxy.host_str().unwrap_or_default().trim_matches(['[', ']']);
                proxy.port_or_known_default().map(|port| (host.to_owned(), port))
            }
            _ => None,
        };
        let tls = url.as_ref().is_ok_and(|(url, _)| url.scheme() == "https");
        let key = auth.endpoint().and_then(|endpoint| match &endpoint.key {
            Credential::Missing(error) => Err(error.as_deref().cloned().unwrap_or_else(api_key::missing)),
            Credential::Provider(_) => Ok((KeySource::Function, None)),
            Credential::Fixed(key) => Ok((config.fixed_key_source(), Some(key.redacted()))),
        });
        Settings {
            profile: setting(config.profile_name(), config.profile_source()),
            credentials_file: config.credential_backend().ok().and_then(|backend| {
                let file = backend.file()?.display().to_string();
                Some(setting(file, config.credentials_source()))
            }),
            base_url: url.map(|(url, source)| setting(url.as_str().trim_end_matches('/').into(), source)),
            key,
            proxy: proxy.map(|proxy| proxy.map(|(url, source)| setting(path::origin(&url), source))),
            certificates: tls::client_config(http).map(|_| {
                let (value, source) = tls::source(http);
                setting(value, source)
            }),
            target,
            tls,
        }
    }

    /// Fetches the list of capabilities once, without a key, and returns the status and the date of the response.
    pub(crate) async fn probe(&self) -> Result<Probe> {
        let base_url = self.public_base_url().await?;
        let (status, date) = self.http.probe(base_url, "/v1/discovery").await?;
        Ok(Probe { status, date })
    }
}
