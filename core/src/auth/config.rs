//! Settings that decide the base URL and the key of a client, and their precedence.

use std::{path::PathBuf, sync::Arc};

use url::Url;

use super::{
    api_key::{ApiKey, KeyProvider},
    credentials::{self, CredentialBackend, Store},
    endpoint::{Credential, Endpoint, KeySource},
};
use crate::{
    environment::Environment,
    error::{ErrorKind, InfraiError, Result},
    options::{ClientOptions, DEFAULT_BASE_URL},
    wire::path,
};

/// Settings that decide the base URL and the key.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuthConfig {
    pub(crate) options: Arc<ClientOptions>,
    pub(crate) key_provider: Option<KeyProvider>,
    pub(crate) credential_store: Option<Store>,
    pub(crate) environment: Environment,
}

impl AuthConfig {
    pub(crate) fn profile_name(&self) -> String {
        let named = self.options.profile.clone();
        named.or_else(|| self.environment.var("INFRAI_PROFILE")).unwrap_or_else(|| "default".into())
    }

    /// Returns the source of the profile's name.
    pub(crate) fn profile_source(&self) -> &'static str {
        match (&self.options.profile, self.environment.var("INFRAI_PROFILE")) {
            (Some(_), _) => "argument",
            (None, Some(_)) => "INFRAI_PROFILE",
            (None, None) => "default",
        }
    }

    /// Returns the source of the credentials file's path.
    pub(crate) fn credentials_source(&self) -> &'static str {
        match (&self.options.credentials_file, self.environment.var_os("INFRAI_CREDENTIALS_FILE")) {
            (Some(_), _) => "argument",
            (None, Some(_)) => "INFRAI_CREDENTIALS_FILE",
            (None, None) => "default",
        }
    }

    /// Returns where credentials are stored.
    pub(crate) fn credential_backend(&self) -> Result<CredentialBackend> {
        match &self.credential_store {
            Some(store) => Ok(CredentialBackend::Store(store.clone())),
            None => self.credentials_path().map(CredentialBackend::File),
        }
    }

    /// Returns the backend's name for errors.
    pub(crate) fn backend_name(&self) -> &'static str {
        if self.credential_store.is_some() { "the credential store" } else { "the credentials file" }
    }

    fn credentials_path(&self) -> Result<PathBuf> {
        if let Some(path) = &self.options.credentials_file {
            return Ok(path.clone());
        }
        match self.environment.var_os("INFRAI_CREDENTIALS_FILE") {
            Some(path) => Ok(PathBuf::from(path)),
            None => credentials::default_path(self.environment.home_dir()),
        }
    }

    /// Returns the environment's key. A profile named by argument takes precedence over it.
    fn environment_key(&self) -> Option<String> {
        if self.options.profile.is_some() { None } else { self.environment.var("INFRAI_API_KEY") }
    }

    /// Returns whether the key comes from an argument or the environment, so that no credentials are read.
    pub(crate) fn has_key(&self) -> bool {
        self.options.api_key.is_some() || self.key_provider.is_some() || self.environment_key().is_some()
    }

    /// Returns the source of a fixed key.
    pub(crate) fn fixed_key_source(&self) -> KeySource {
        if self.options.api_key.is_some() {
            KeySource::Argument
        } else if self.environment_key().is_some() {
            KeySource::Environment
        } else {
            KeySource::Profile
        }
    }

    /// Returns whether plain http is allowed to hosts other than loopback, and the source.
    pub(crate) fn insecure_http(&self) -> (bool, &'static str) {
        match self.environment.var("INFRAI_ALLOW_HTTP") {
            _ if self.options.allow_insecure_http => (true, "argument"),
            Some(value) => (value == "1", "INFRAI_ALLOW_HTTP"),
            None => (false, "default"),
        }
    }

    /// Returns the base URL from the argument or the environment.
    pub(crate) fn explicit_base_url(&self) -> Result<Option<Url>> {
        let explicit = match &self.options.base_url {
            Some(url) => Some(("base_url", url.0.clone())),
            None => self.environment.var("INFRAI_BASE_URL").map(|url| ("INFRAI_BASE_URL", url)),
        };
        explicit.map(|(setting, url)| self.check_base_url(setting, &url)).transpose()
    }

    /// Parses a base URL. `setting` names it in errors.
    pub(crate) fn check_base_url(&self, setting: &str, text: &str) -> Result<Url> {
        const HINT: &str = "Use an absolute URL such as https://api.infrai.cc.";
        let invalid = |expected: &str, got: &str| {
            Err(InfraiError::invalid_option(setting, got, expected).with_hint(HINT))
        };
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => return invalid("an http(s) URL", &format!("text that is not a URL: {error}")),
        };
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return invalid("an http(s) URL", &format!("the scheme {:?}", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return invalid("a URL without user name and password", "a URL with credentials");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return invalid("a URL without query and fragment", "a URL with a query or fragment");
        }
        if !path::is_requestable(&url) {
            return invalid(
                "a URL that is valid in a request",
                "a URL that is too long or has an invalid host",
            );
        }
        self.check_scheme(&url)?;
        Ok(url)
    }

    /// Returns whether requests may go to this URL: over https, to loopback, or over plain http if that is allowed.
    pub(crate) fn allows_scheme(&self, url: &Url) -> bool {
        url.scheme() == "https" || path::is_loopback(url) || self.insecure_http().0
    }

    /// Refuses plain http to another machine, which would expose the key on the network.
    fn check_scheme(&self, url: &Url) -> Result<()> {
        if self.allows_scheme(url) {
            return Ok(());
        }
        Err(InfraiError::configuration(
            "INSECURE_HTTP",
            format!("{} is plain http and not on this machine", path::origin(url)),
        )
        .with_hint("Use https. On a trusted network, allow plain http with `allow_insecure_http` or INFRAI_ALLOW_HTTP=1."))
    }

    /// Returns the credential of a profile without a key. If the caller chose the profile, its error names the profile, the
    /// file and the file's profiles.
    fn missing_profile(&self, backend: &CredentialBackend, name: &str, exists: bool) -> Result<Credential> {
        if self.options.profile.is_none() && self.environment.var("INFRAI_PROFILE").is_none() {
            return Ok(Credential::Missing(None));
        }
        let (place, names) = backend.contents()?;
        let problem = if exists { "has no `api_key`" } else { "does not exist" };
        let others = match names.filter(|_| !exists) {
            None => String::new(),
            Some(names) if names.is_empty() => "; it has no profile".to_owned(),
            Some(names) => format!("; it has {}", names.join(", ")),
        };
        let message = format!("no project key was found: the profile {name:?} {problem} in {place}{others}");
        let mut hint = format!(
            "Correct the profile's name, or call `client.activate()` once to get a key for {name:?}."
        );
        if self.options.profile.is_some() && self.environment.var("INFRAI_API_KEY").is_some() {
            hint.push_str(" A profile set by argument takes precedence over INFRAI_API_KEY.");
        }
        let error = InfraiError::new(ErrorKind::Authentication, "API_KEY_MISSING", message).with_hint(hint);
        Ok(Credential::Missing(Some(Box::new(error))))
    }

    /// Returns the base URL of calls without a key, and its source. It is that of calls with one, but a key that cannot be
    /// used is no error.
    pub(crate) fn public_base_url(&self) -> Result<(Url, &'static str)> {
        if self.has_key() {
            let default = || Ok((self.check_base_url("base_url", DEFAULT_BASE_URL)?, "default"));
            return self.explicit_base_url()?.map_or_else(default, |url| Ok((url, self.explicit_source())));
        }
        self.base_url_of(&self.profile_name(), self.options.profile.is_some())
    }

    fn explicit_source(&self) -> &'static str {
        if self.options.base_url.is_some() { "argument" } else { "INFRAI_BASE_URL" }
    }

    /// Returns the base URL with this profile, and its source: the explicit one, else the profile's, else the default. The
    /// base URL of an explicitly selected profile takes precedence over `INFRAI_BASE_URL`.
    pub(crate) fn base_url_of(&self, name: &str, selected: bool) -> Result<(Url, &'static str)> {
        let explicit = self.explicit_base_url()?;
        if let Some(url) = explicit.as_ref().filter(|_| self.options.base_url.is_some() || !selected) {
            return Ok((url.clone(), self.explicit_source()));
        }
        let stored = match self.credential_backend() {
            Ok(backend) => backend.profile(name)?.and_then(|profile| profile.base_url),
            Err(_) => None,
        };
        match (stored, explicit) {
            (Some(url), _) => {
                let setting = format!("base_url of the profile {name:?}");
                Ok((self.check_base_url(&setting, &url)?, "profile"))
            }
            (None, Some(explicit)) => Ok((explicit, self.explicit_source())),
            (None, None) => Ok((self.check_base_url("base_url", DEFAULT_BASE_URL)?, "default")),
        }
    }

    /// Resolves the endpoint in the documented order. A missing key is not an error here, because `activate` needs none.
    pub(crate) fn resolve(&self) -> Result<Endpoint> {
        let explicit_url = self.explicit_base_url()?;
        let default_url =
            || Url::parse(DEFAULT_BASE_URL).map_err(|error| InfraiError::internal(error.to_string()));
        // An explicit key goes to the explicit URL or the default one, whatever the credentials file says.
        let explicit_key = match (&self.options.api_key, &self.key_provider) {
            (Some(key), _) => Some(Credential::Fixed(ApiKey::new(&key.0)?)),
            (None, Some(provider)) => Some(Credential::Provider(provider.clone())),
            (None, None) => {
                self.environment_key().map(|key| ApiKey::new(key).map(Credential::Fixed)).transpose()?
            }
        };
        if let Some(key) = explicit_key {
            return Endpoint::new(explicit_url.map_or_else(default_url, Ok)?, key);
        }
        let profile_name = self.profile_name();
        let backend = match (self.credential_backend(), &explicit_url) {
            (Ok(backend), _) => backend,
            // A machine without a home has no profile either.
            (Err(_), Some(url)) => return Endpoint::new(url.clone(), Credential::Missing(None)),
            (Err(_), None) => return Endpoint::new(default_url()?, Credential::Missing(None)),
        };
        let Some(profile) = backend.profile(&profile_name)? else {
            let missing = self.missing_profile(&backend, &profile_name, false)?;
            return Endpoint::new(explicit_url.map_or_else(default_url, Ok)?, missing);
        };
        let own_url = match &profile.base_url {
            Some(url) => self.check_base_url(&format!("base_url of the profile {profile_name:?}"), url)?,
            None => default_url()?,
        };
        // The base URL of a profile named by argument takes precedence over the environment's.
        let named =
            self.options.profile.is_some() && self.options.base_url.is_none() && profile.base_url.is_some();
        let base_url = explicit_url.filter(|_| !named).unwrap_or_else(|| own_url.clone());
        let Some(key) = profile.api_key else {
            let missing = self.missing_profile(&backend, &profile_name, true)?;
            return Endpoint::new(base_url, missing);
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
            .with_hint("Use a profile that was activated for this base URL, or set INFRAI_API_KEY."));
        }
        Endpoint::new(base_url, Credential::Fixed(key))
    }
}
