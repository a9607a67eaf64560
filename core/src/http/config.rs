//! Settings of the HTTP layer.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};

use super::hooks::Hooks;
use crate::{
    environment::Environment,
    error::{InfraiError, Result},
    options::ClientOptions,
};

/// Settings of the HTTP layer.
#[derive(Debug, Clone, Default)]
pub(crate) struct HttpConfig {
    pub(crate) options: Arc<ClientOptions>,
    pub(crate) environment: Environment,
    /// The caller's language's variables for a PEM file of roots, in addition to `SSL_CERT_FILE`.
    pub(crate) ca_bundle_env: Vec<&'static str>,
    /// The caller's language's variables for a PEM file of additional roots.
    pub(crate) additional_ca_env: Vec<&'static str>,
    pub(crate) hooks: Hooks,
    pub(crate) client_info: ClientInfo,
}

/// Language, package version and runtime of the caller, for the `User-Agent`.
#[derive(Debug, Clone)]
pub(crate) struct ClientInfo {
    pub(crate) language: String,
    pub(crate) version: String,
    pub(crate) runtime: String,
}

impl Default for ClientInfo {
    fn default() -> Self {
        Self {
            language: "rust".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            runtime: concat!("rustc ", env!("INFRAI_RUSTC_VERSION")).into(),
        }
    }
}

impl HttpConfig {
    /// Returns the headers of every call.
    pub(super) fn base_headers(&self) -> Result<HeaderMap> {
        let mut headers = self.options.default_headers.clone();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::USER_AGENT, self.user_agent()?);
        Ok(headers)
    }

    fn user_agent(&self) -> Result<HeaderValue> {
        let ClientInfo { language, version, runtime } = &self.client_info;
        let suffix = self.options.user_agent_suffix.as_deref();
        let suffix = suffix.map(|suffix| format!(" {suffix}")).unwrap_or_default();
        let text = format!(
            "infrai-{language}/{version} (core/{}; {}; {}; {runtime}){suffix}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
        );
        HeaderValue::try_from(text).map_err(|_| {
            InfraiError::configuration(
                "CONFIGURATION_INVALID",
                "the User-Agent has characters that are not valid in an HTTP header",
            )
        })
    }
}
