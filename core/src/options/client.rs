//! Options of a client.

use std::{path::PathBuf, time::Duration};

use http::HeaderMap;
use serde::Deserialize;

use super::{
    fields,
    polling::PollingOptions,
    proxy::ProxyUrl,
    routes::VideoRoutes,
    secret::{BaseUrl, Secret},
};
use crate::error::{InfraiError, Result};

/// Default base URL of the API.
pub const DEFAULT_BASE_URL: &str = "https://api.infrai.cc";

/// Options of a client; [`ClientBuilder`](crate::ClientBuilder) describes each. Times are in seconds. An empty string
/// counts as unset.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientOptions {
    pub(crate) api_key: Option<Secret>,
    pub(crate) base_url: Option<BaseUrl>,
    pub(crate) profile: Option<String>,
    pub(crate) credentials_file: Option<PathBuf>,
    #[serde(deserialize_with = "fields::seconds")]
    pub(crate) timeout: Duration,
    #[serde(deserialize_with = "fields::seconds")]
    pub(crate) attempt_timeout: Duration,
    #[serde(deserialize_with = "fields::seconds")]
    pub(crate) connect_timeout: Duration,
    #[serde(deserialize_with = "fields::seconds")]
    pub(crate) download_idle_timeout: Duration,
    #[serde(deserialize_with = "fields::count")]
    pub(crate) max_retries: u32,
    #[serde(deserialize_with = "fields::seconds")]
    pub(crate) retry_base: Duration,
    #[serde(deserialize_with = "fields::seconds")]
    pub(crate) retry_cap: Duration,
    #[serde(deserialize_with = "fields::usize")]
    pub(crate) max_connections: usize,
    #[serde(deserialize_with = "fields::object")]
    pub(crate) polling: PollingOptions,
    #[serde(deserialize_with = "fields::routes")]
    pub(crate) routes: VideoRoutes,
    #[serde(deserialize_with = "fields::header_map")]
    pub(crate) default_headers: HeaderMap,
    #[serde(deserialize_with = "fields::proxy")]
    pub(crate) proxy: Option<ProxyUrl>,
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
            max_connections: 256,
            polling: PollingOptions::default(),
            routes: VideoRoutes::Auto,
            default_headers: HeaderMap::new(),
            proxy: None,
            ca_file: None,
            user_agent_suffix: None,
            allow_insecure_http: false,
        }
    }
}

impl ClientOptions {
    /// Checks the bounds and drops empty strings.
    ///
    /// # Errors
    /// `CONFIGURATION_INVALID` for the first invalid option: its name, the expected value and the actual one.
    pub(crate) fn validate(mut self) -> Result<Self> {
        self.api_key.take_if(|key| key.0.is_empty());
        self.base_url.take_if(|url| url.0.is_empty());
        self.profile.take_if(|name| name.is_empty());
        self.user_agent_suffix.take_if(|suffix| suffix.is_empty());
        for file in [&mut self.credentials_file, &mut self.ca_file] {
            file.take_if(|path| path.as_os_str().is_empty());
        }
        for (field, value) in [
            ("timeout", self.timeout),
            ("attempt_timeout", self.attempt_timeout),
            ("connect_timeout", self.connect_timeout),
            ("download_idle_timeout", self.download_idle_timeout),
            ("retry_base", self.retry_base),
            ("retry_cap", self.retry_cap),
        ] {
            if value.is_zero() {
                return Err(InfraiError::invalid_option(field, "0 s", "a positive duration"));
            }
        }
        if self.max_connections == 0 {
            return Err(InfraiError::invalid_option("max_connections", 0, "at least 1"));
        }
        self.polling.validate()?;
        if let Some(suffix) = &self.user_agent_suffix
            && suffix.bytes().any(|b| !(0x20..=0x7e).contains(&b))
        {
            let got = format!("{suffix:?}");
            return Err(InfraiError::invalid_option("user_agent_suffix", got, "visible ASCII"));
        }
        Ok(self)
    }
}
