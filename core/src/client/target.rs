//! Where the calls of a client go and with which key, looked up at the first call in the documented order.

use std::path::PathBuf;

use http::HeaderValue;
use url::Url;

use super::{
    InfraiClient,
    config::{Config, DEFAULT_BASE_URL},
};
use crate::{
    credentials::{self, Place},
    error::{InfraiError, Result},
    key::{self, ApiKey, KeyProvider},
    wire::path,
};

/// An address and a key for it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) base_url: Url,
    pub(crate) key: KeySource,
    /// The `Host` header of every call, and the `Authorization` of those that take a fixed key.
    pub(crate) host: HeaderValue,
    pub(crate) authorization: Option<HeaderValue>,
}

impl Target {
    pub(crate) fn new(base_url: Url, key: KeySource) -> Result<Self> {
        let name = base_url.host_str().unwrap_or_default();
        let host = match base_url.port() {
            Some(port) => HeaderValue::try_from(format!("{name}:{port}")),
            None => HeaderValue::from_str(name),
        };
        let host =
            host.map_err(|_| InfraiError::internal(format!("the host {name:?} is no header value")))?;
        let authorization = match &key {
            KeySource::Fixed(key) => Some(key.authorization()?),
            _ => None,
        };
        Ok(Self { base_url, key, host, authorization })
    }
}

#[derive(Debug, Clone)]
pub(crate) enum KeySource {
    Fixed(ApiKey),
    Provider(KeyProvider),
    /// None was found; calls that need none may still be made.
    None,
}

/// As whom a client makes its calls; see [`InfraiClient::identity`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Identity {
    /// The profile that is looked up, whether or not it holds the key.
    pub profile: String,
    /// The credentials file that it is looked up in; none on a machine without a home folder, or where a store takes its place.
    pub credentials_file: Option<PathBuf>,
    /// Where the calls go.
    pub base_url: String,
    /// Where the key comes from.
    pub key_source: KeyOrigin,
    /// The key in its showable form; not known of a function's.
    pub key_hint: Option<String>,
    /// The account, where the key comes from a profile that names it.
    pub account_id: Option<String>,
    /// The project, where the key comes from a profile that names it.
    pub project_id: Option<String>,
}

/// Where a client's key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyOrigin {
    /// Given to the client.
    Argument,
    /// A function given to the client.
    Function,
    /// `INFRAI_API_KEY`.
    Environment,
    /// The credentials file, or the store in its place.
    Profile,
    /// There is none.
    Missing,
}

impl KeyOrigin {
    /// Its name in data: `argument`, `function`, `environment`, `profile` or `missing`.
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

impl InfraiClient {
    /// As whom calls are made, without making one.
    ///
    /// # Errors
    /// As the first call: a setting or the credentials file cannot be used. A missing key is none.
    pub fn identity(&self) -> Result<Identity> {
        let config = &self.inner.config;
        let target = self.target()?;
        let profile = config.profile_name();
        let place = config.credentials_place().ok();
        let (key_source, key_hint) = match &target.key {
            KeySource::None => (KeyOrigin::Missing, None),
            KeySource::Provider(_) => (KeyOrigin::Function, None),
            KeySource::Fixed(key) => (config.key_origin(), Some(key.redacted())),
        };
        let stored = match &place {
            Some(place) if key_source == KeyOrigin::Profile => place.profile(&profile)?,
            _ => None,
        };
        let stored = stored.unwrap_or_default();
        Ok(Identity {
            profile,
            credentials_file: place.as_ref().and_then(Place::file).map(Into::into),
            base_url: target.base_url.as_str().trim_end_matches('/').to_owned(),
            key_source,
            key_hint,
            account_id: stored.account_id,
            project_id: stored.project_id,
        })
    }
}

impl Config {
    pub(crate) fn profile_name(&self) -> String {
        self.profile
            .clone()
            .or_else(|| self.environment.var("INFRAI_PROFILE"))
            .unwrap_or_else(|| "default".into())
    }

    /// Where credentials are kept.
    pub(crate) fn credentials_place(&self) -> Result<Place> {
        match &self.credential_store {
            Some(store) => Ok(Place::Store(store.clone())),
            None => self.credentials_path().map(Place::File),
        }
    }

    /// What errors call that place.
    pub(super) fn credentials_name(&self) -> &'static str {
        if self.credential_store.is_some() { "the credential store" } else { "the credentials file" }
    }

    fn credentials_path(&self) -> Result<PathBuf> {
        if let Some(path) = &self.credentials_file {
            return Ok(path.clone());
        }
        match self.environment.var_os("INFRAI_CREDENTIALS_FILE") {
            Some(path) => Ok(PathBuf::from(path)),
            None => credentials::default_path(self.environment.home_dir()),
        }
    }

    /// The environment's key: a profile that is named by argument wins over it.
    fn environment_key(&self) -> Option<String> {
        if self.profile.is_some() { None } else { self.environment.var("INFRAI_API_KEY") }
    }

    /// Whether a key was given, so that none is looked up in the credentials file.
    pub(super) fn has_key(&self) -> bool {
        self.api_key.is_some() || self.key_provider.is_some() || self.environment_key().is_some()
    }

    /// Where a fixed key comes from.
    fn key_origin(&self) -> KeyOrigin {
        if self.api_key.is_some() {
            KeyOrigin::Argument
        } else if self.environment_key().is_some() {
            KeyOrigin::Environment
        } else {
            KeyOrigin::Profile
        }
    }

    fn http_allowed(&self) -> bool {
        self.allow_insecure_http
            || self.environment.var("INFRAI_ALLOW_HTTP").is_some_and(|value| value == "1")
    }

    /// The base URL that was given, by argument or environment.
    pub(crate) fn given_base_url(&self) -> Result<Option<Url>> {
        let given = match &self.base_url {
            Some(url) => Some(("base_url", url.0.clone())),
            None => self.environment.var("INFRAI_BASE_URL").map(|url| ("INFRAI_BASE_URL", url)),
        };
        given.map(|(setting, url)| self.check_base_url(setting, &url)).transpose()
    }

    pub(crate) fn check_base_url(&self, setting: &str, text: &str) -> Result<Url> {
        let refuse = |reason: &str| {
            InfraiError::configuration("CONFIGURATION_INVALID", format!("{setting} {reason}"))
                .with_hint("Give an absolute address such as https://api.infrai.cc.")
        };
        let url = Url::parse(text).map_err(|error| refuse(&format!("is no URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(refuse(&format!("takes an http(s) URL; it got the scheme {:?}", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("must not carry a user name or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("must not carry a query or fragment"));
        }
        if !path::is_requestable(&url) {
            return Err(refuse("has a host that no request can name, or is too long"));
        }
        self.check_scheme(&url)?;
        Ok(url)
    }

    /// Whether a URL is https, or may be plain http.
    pub(crate) fn allows_scheme(&self, url: &Url) -> bool {
        url.scheme() == "https" || path::is_loopback(url) || self.http_allowed()
    }

    /// Plain http to another machine would show the key to everyone on the way.
    fn check_scheme(&self, url: &Url) -> Result<()> {
        if self.allows_scheme(url) {
            return Ok(());
        }
        Err(InfraiError::configuration(
            "INSECURE_HTTP",
            format!("{} is plain http and not on this machine", path::origin(url)),
        )
        .with_hint("Use https, or allow it with allow_insecure_http / INFRAI_ALLOW_HTTP=1 where the network is yours."))
    }

    /// Looks everything up. A missing key is no error here: `activate` needs none.
    pub(crate) fn resolve(&self) -> Result<Target> {
        let given_url = self.given_base_url()?;
        let default_url =
            || Url::parse(DEFAULT_BASE_URL).map_err(|error| InfraiError::internal(error.to_string()));
        // A key that was given goes where it was told to, or to the default: the file has no say in it.
        let given_key = match (&self.api_key, &self.key_provider) {
            (Some(key), _) => Some(KeySource::Fixed(ApiKey::new(&key.0)?)),
            (None, Some(provider)) => Some(KeySource::Provider(provider.clone())),
            (None, None) => {
                self.environment_key().map(|key| ApiKey::new(key).map(KeySource::Fixed)).transpose()?
            }
        };
        if let Some(key) = given_key {
            return Target::new(given_url.map_or_else(default_url, Ok)?, key);
        }
        let profile_name = self.profile_name();
        let place = match (self.credentials_place(), &given_url) {
            (Ok(place), _) => place,
            // A machine without a home has no profile either.
            (Err(_), Some(url)) => return Target::new(url.clone(), KeySource::None),
            (Err(_), None) => return Target::new(default_url()?, KeySource::None),
        };
        let profile = place.profile(&profile_name)?;
        let Some(profile) = profile else {
            return Target::new(given_url.map_or_else(default_url, Ok)?, KeySource::None);
        };
        let own_url = match &profile.base_url {
            Some(url) => self.check_base_url(&format!("base_url of the profile {profile_name:?}"), url)?,
            None => default_url()?,
        };
        // Who names a profile by argument means its address too, whatever the environment says.
        let named = self.profile.is_some() && self.base_url.is_none() && profile.base_url.is_some();
        let base_url = given_url.filter(|_| !named).unwrap_or_else(|| own_url.clone());
        let Some(key) = profile.api_key else {
            return Target::new(base_url, KeySource::None);
        };
        if base_url.origin() != own_url.origin() {
            return Err(InfraiError::configuration(
                "KEY_ORIGIN_MISMATCH",
                format!(
                    "the key of the profile {profile_name:?} belongs to {}, and the base URL is {}",
                    path::origin(&own_url),
                    path::origin(&base_url)
                ),
            )
            .with_hint("Name a profile that was activated for this base URL, or give the key itself with INFRAI_API_KEY."));
        }
        Target::new(base_url, KeySource::Fixed(key))
    }
}

impl KeySource {
    pub(crate) async fn get(&self) -> Result<ApiKey> {
        match self {
            Self::Fixed(key) => Ok(key.clone()),
            Self::Provider(provider) => provider.get().await,
            Self::None => Err(key::missing()),
        }
    }
}
