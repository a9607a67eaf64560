//! Endpoint: the base URL of a client's calls and the key for it.

use std::path::PathBuf;

use http::HeaderValue;
use url::Url;

use super::api_key::{self, ApiKey, KeyProvider};
use crate::error::{InfraiError, Result};

/// Base URL and key of a client's calls.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) base_url: Url,
    pub(crate) key: Credential,
    /// `Host` header of every call.
    pub(crate) host: HeaderValue,
    /// `Authorization` header of the calls with a fixed key.
    pub(crate) authorization: Option<HeaderValue>,
}

impl Endpoint {
    pub(crate) fn new(base_url: Url, key: Credential) -> Result<Self> {
        let name = base_url.host_str().unwrap_or_default();
        let host = match base_url.port() {
            Some(port) => HeaderValue::try_from(format!("{name}:{port}")),
            None => HeaderValue::from_str(name),
        };
        let host = host
            .map_err(|_| InfraiError::internal(format!("the host {name:?} is not a valid header value")))?;
        let authorization = match &key {
            Credential::Fixed(key) => Some(key.authorization()?),
            _ => None,
        };
        Ok(Self { base_url, key, host, authorization })
    }
}

/// Key of an endpoint.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    Fixed(ApiKey),
    Provider(KeyProvider),
    /// No key was found. Calls that need no key still work. Others fail with this error, or with the general one.
    Missing(Option<Box<InfraiError>>),
}

impl Credential {
    pub(crate) async fn get(&self) -> Result<ApiKey> {
        match self {
            Self::Fixed(key) => Ok(key.clone()),
            Self::Provider(provider) => provider.get().await,
            Self::Missing(None) => Err(api_key::missing()),
            Self::Missing(Some(error)) => Err((**error).clone()),
        }
    }
}

/// Account, key and base URL that a client uses. See [`InfraiClient::identity`](crate::InfraiClient::identity).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Identity {
    /// Name of the profile, whether or not it holds the key.
    pub profile: String,
    /// Credentials file with the profile. `None` on a machine without a home folder, or with a credential store.
    pub credentials_file: Option<PathBuf>,
    /// Base URL of the calls.
    pub base_url: String,
    /// Source of the key.
    pub key_source: KeySource,
    /// Redacted key. `None` if the key comes from a key function.
    pub key_hint: Option<String>,
    /// Account id, if the key comes from a profile that names one.
    pub account_id: Option<String>,
    /// Project id, if the key comes from a profile that names one.
    pub project_id: Option<String>,
}

/// Source of a client's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// The `api_key` option.
    Argument,
    /// A key function.
    Function,
    /// The `INFRAI_API_KEY` variable.
    Environment,
    /// The credentials file or the credential store.
    Profile,
    /// No key was found.
    Missing,
}

impl KeySource {
    /// Returns its name in data: `argument`, `function`, `environment`, `profile` or `missing`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Argument => "argument",
            Self::Function => "function",
            Self::Environment => "environment",
            Self::Profile => "profile",
            Self::Missing => "missing",
        }
    }
}
