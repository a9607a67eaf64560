//! Source of a client's environment variables: the process or a realm within it.

use std::{
    collections::HashMap,
    env,
    ffi::OsString,
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

/// Variables that select a proxy. `REQUEST_METHOD` indicates CGI, where a request header can set `HTTP_PROXY`, which then
/// does not count.
pub(crate) const PROXY: [&str; 9] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUEST_METHOD",
];
/// Variables that name certificate authorities to use instead of the platform's.
pub(crate) const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
const SETTINGS: [&str; 5] =
    ["INFRAI_API_KEY", "INFRAI_BASE_URL", "INFRAI_PROFILE", "INFRAI_CREDENTIALS_FILE", "INFRAI_ALLOW_HTTP"];
const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

/// Values by variable name. `None` means that the variable is not set.
type Variables = HashMap<String, Option<OsString>>;

/// The environment that a client reads its variables from.
///
/// The default is the process's environment. A runtime in which threads or contexts have their own environments, such as
/// Node.js with its workers, passes each as a realm.
#[doc(hidden)]
#[derive(Clone, Default)]
pub struct Environment(Option<Arc<RwLock<Variables>>>);

impl Environment {
    /// Returns the environment of a new realm, without variables.
    pub fn realm() -> Self {
        Self(Some(Arc::default()))
    }

    /// Returns the names of the variables that the core reads. A binding may read more.
    pub fn variables() -> impl Iterator<Item = &'static str> {
        SETTINGS.into_iter().chain([HOME]).chain(CERTIFICATES).chain(PROXY)
    }

    /// Replaces a realm's variables for all its clients. `None` means that a variable is not set.
    pub fn replace(&self, variables: impl IntoIterator<Item = (String, Option<String>)>) {
        if let Some(realm) = &self.0 {
            let variables = variables.into_iter().map(|(name, value)| (name, value.map(OsString::from)));
            *realm.write().unwrap_or_else(PoisonError::into_inner) = variables.collect();
        }
    }

    /// Returns a variable's value, which may be empty.
    fn get(&self, name: &str) -> Option<OsString> {
        let Some(realm) = &self.0 else { return env::var_os(name) };
        let variables = realm.read().unwrap_or_else(PoisonError::into_inner);
        debug_assert!(variables.contains_key(name), "the binding did not pass {name}");
        variables.get(name).cloned().flatten()
    }

    /// Returns a variable's value, unless it is empty.
    pub(crate) fn var_os(&self, name: &str) -> Option<OsString> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Returns a variable's value as text, unless it is empty. Bytes that are not text become U+FFFD, which no setting
    /// accepts, so that such a value does not count as unset.
    pub(crate) fn var(&self, name: &str) -> Option<String> {
        Some(self.var_os(name)?.to_string_lossy().into_owned())
    }

    /// Returns the user's home folder.
    pub(crate) fn home_dir(&self) -> Option<PathBuf> {
        match &self.0 {
            Some(_) => self.get(HOME).map(PathBuf::from),
            None => env::home_dir(),
        }
    }

    /// Returns whether these variables have the same values as in the process, so that a library may read them there.
    pub(crate) fn agrees_with_process(&self, names: &[&str]) -> bool {
        self.0.is_none() || names.iter().all(|name| self.get(name) == env::var_os(name))
    }
}

/// Hides the values, which may include a key.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Environment(realm)" } else { "Environment(process)" })
    }
}

#[cfg(test)]
impl Environment {
    /// Returns a realm's environment with only these variables set.
    pub(crate) fn of(set: &[(&str, &str)]) -> Self {
        let unset = Self::variables().map(|name| (name.to_owned(), None));
        let set = set.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())));
        let environment = Self::realm();
        environment.replace(unset.chain(set));
        environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InfraiClient, auth::endpoint::KeySource};

    const KEY: &str = "ifr_pk_proj_0123456789abcdefghijWXYZ";

    fn client(environment: &Environment) -> InfraiClient {
        InfraiClient::builder().environment(environment.clone()).build().unwrap()
    }

    #[test]
    fn realm_has_its_own_settings() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials");
        std::fs::write(&file, format!("[other]\napi_key = \"{KEY}\"\naccount_id = \"acc_1\"\n")).unwrap();
        let file = file.to_str().unwrap();
        let identity =
            client(&Environment::of(&[("INFRAI_PROFILE", "other"), ("INFRAI_CREDENTIALS_FILE", file)]))
                .identity()
                .unwrap();
        assert_eq!(
            (identity.account_id.as_deref(), identity.key_source),
            (Some("acc_1"), KeySource::Profile)
        );
        let identity = client(&Environment::of(&[
            ("INFRAI_API_KEY", KEY),
            ("INFRAI_BASE_URL", "http://api.example"),
            ("INFRAI_ALLOW_HTTP", "1"),
        ]))
        .identity()
        .unwrap();
        assert_eq!(
            (identity.base_url.as_str(), identity.key_source),
            ("http://api.example", KeySource::Environment)
        );
    }

    #[test]
    fn realm_without_variables_has_no_key_and_no_home() {
        // The process has a home folder and may have a key.
        let identity = client(&Environment::of(&[])).identity().unwrap();
        assert_eq!((identity.key_source, identity.credentials_file), (KeySource::Missing, None));
    }

    #[test]
    fn realms_credentials_are_in_its_home() {
        let identity = client(&Environment::of(&[(HOME, "/realm")])).identity().unwrap();
        assert_eq!(identity.credentials_file, Some(PathBuf::from("/realm/.infrai/credentials")));
    }

    #[test]
    fn variable_set_before_the_first_call_counts() {
        let environment = Environment::of(&[]);
        let client = client(&environment);
        assert_eq!(client.identity().unwrap().key_source, KeySource::Missing);
        let variables = Environment::variables().map(|name| (name.to_owned(), None));
        environment.replace(variables.chain([("INFRAI_API_KEY".to_owned(), Some(KEY.to_owned()))]));
        assert_eq!(client.identity().unwrap().key_source, KeySource::Environment);
    }

    #[test]
    fn debug_output_has_no_values() {
        let shown = format!("{:?}", Environment::of(&[("INFRAI_API_KEY", KEY)]));
        assert_eq!(shown, "Environment(realm)");
    }
}
