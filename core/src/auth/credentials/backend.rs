//! Credential backend: the credentials file or an application's credential store.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::{Mutex, MutexGuard};
use url::Url;

use crate::{
    auth::credentials::{
        device,
        errors::{credentials_error, unwritable},
        file::{CredentialsFile, Profile},
        lock::Lock,
        store::Store,
        write::check_writable,
    },
    error::Result,
    options::{DEFAULT_BASE_URL, Secret},
    runtime,
    text::Escaped,
};

/// Returns `~/.infrai/credentials`.
pub(crate) fn default_path(home: Option<PathBuf>) -> Result<PathBuf> {
    match home.filter(|home| !home.as_os_str().is_empty()) {
        Some(home) => Ok(home.join(".infrai").join("credentials")),
        None => Err(credentials_error(
            "CREDENTIALS_UNREADABLE",
            "this user has no home folder for the credentials file",
            "Set INFRAI_CREDENTIALS_FILE to a file, or set INFRAI_API_KEY.",
        )),
    }
}

/// Storage of credentials.
#[derive(Debug, Clone)]
pub(crate) enum CredentialBackend {
    File(PathBuf),
    Store(Store),
}

/// Lock for all stores of the process, because two store objects may represent one keychain.
static STORE_LOCK: Mutex<()> = Mutex::const_new(());

/// Lock of a backend, held while an activation reads it, requests a key and writes it.
#[derive(Debug)]
pub(crate) enum LockGuard {
    File { _lock: Lock },
    Store { _guard: MutexGuard<'static, ()> },
}

impl CredentialBackend {
    /// Returns the path of the credentials file, if the backend is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Store(_) => None,
        }
    }

    /// Returns a profile, or `None` if there is none of this name.
    pub(crate) fn profile(&self, name: &str) -> Result<Option<Profile>> {
        match self {
            Self::File(path) => CredentialsFile::at(path).read()?.profile(name),
            Self::Store(store) => store.profile(name),
        }
    }

    /// Returns the first profile other than `except` that has a key of this account at this origin. Returns `None` for a
    /// store, which cannot list its profiles, and for a file that cannot be read.
    pub(crate) fn profile_of(
        &self,
        account_id: Option<&str>,
        base_url: &Url,
        except: Option<&str>,
    ) -> Option<String> {
        let (Self::File(path), Some(account_id)) = (self, account_id) else { return None };
        let document = CredentialsFile::at(path).read().ok()?;
        let is_of = |name: &str| {
            // A profile that another program wrote wrongly is of no account.
            let Ok(Some(profile)) = document.profile(name) else { return false };
            let stored_url = Url::parse(profile.base_url.as_deref().unwrap_or(DEFAULT_BASE_URL));
            profile.api_key.is_some()
                && profile.account_id.as_deref() == Some(account_id)
                && stored_url.is_ok_and(|url| device::site(&url) == device::site(base_url))
        };
        let mut others = document.profile_names().filter(|name| Some(*name) != except);
        others.find(|name| is_of(name)).map(Into::into)
    }

    /// Returns the backend's name, and the quoted names of its profiles if it can list them.
    pub(crate) fn contents(&self) -> Result<(String, Option<Vec<String>>)> {
        match self {
            Self::File(path) => {
                let document = CredentialsFile::at(path).read()?;
                let names = document.profile_names().map(|name| format!("{name:?}")).collect();
                Ok((path.display().to_string(), Some(names)))
            }
            Self::Store(store) => Ok((store.0.name(), None)),
        }
    }

    /// Waits up to `timeout` for exclusive write access.
    pub(crate) async fn lock(&self, timeout: Duration) -> Result<LockGuard> {
        match self {
            Self::File(path) => Ok(LockGuard::File { _lock: Lock::acquire(path, timeout).await? }),
            Self::Store(store) => match runtime::timeout(timeout, STORE_LOCK.lock()).await {
                Some(guard) => Ok(LockGuard::Store { _guard: guard }),
                None => Err(credentials_error(
                    "CREDENTIALS_LOCKED",
                    format!("{} has been used by another activation for {timeout:?}", store.0.name()),
                    "Wait for the other activation, then try again.",
                )),
            },
        }
    }

    /// Checks that the backend can be written, before the caller requests a key that it must store.
    pub(crate) fn check_writable(&self) -> Result<()> {
        match self {
            Self::File(path) => check_writable(path).map_err(|error| unwritable(path, error)),
            // Writes the device entry, which the activation needs anyway.
            Self::Store(store) => device::stored_in(store).map(drop),
        }
    }

    /// Returns an unused profile name: `default-previous`, `default-previous-2`, ….
    pub(crate) fn unused_profile_name(&self, name: &str, word: &str) -> Result<String> {
        match self {
            Self::File(path) => {
                let document = CredentialsFile::at(path).read()?;
                unused_profile_name(name, word, |name| Ok(document.holds(name)))
            }
            Self::Store(store) => unused_profile_name(name, word, |name| store.holds(name)),
        }
    }

    /// Stores a profile and keeps all other content. `keep_old_as` copies the old profile to that name first. The caller
    /// holds the lock.
    pub(crate) fn save(&self, name: &str, profile: &Profile, keep_old_as: Option<&str>) -> Result<()> {
        match self {
            Self::File(path) => {
                let mut document = CredentialsFile::at(path).read()?;
                document.set(name, profile, keep_old_as)?;
                document.write()
            }
            Self::Store(store) => store.save(name, profile, keep_old_as),
        }
    }

    /// Returns the device secret, and generates it if there is none. If it cannot be stored, it lives in this process's
    /// memory only. The caller holds the lock: without it, two processes could use different secrets with a store, though
    /// not with a file.
    pub(crate) fn device_secret(&self) -> Result<Secret> {
        match self {
            Self::File(path) => device::secret(path),
            Self::Store(store) => device::stored_in(store).or_else(|error| {
                tracing::warn!(error = %Escaped(&error), "the device secret cannot be stored: this process keeps it in memory");
                device::in_memory()
            }),
        }
    }
}

/// The most names tried. A faulty store may claim to hold every name.
const MAX_NAMES: u32 = 1000;

fn unused_profile_name(name: &str, word: &str, taken: impl Fn(&str) -> Result<bool>) -> Result<String> {
    let first = format!("{name}-{word}");
    for number in 1..=MAX_NAMES {
        let candidate = if number == 1 { first.clone() } else { format!("{first}-{number}") };
        if !taken(&candidate)? {
            return Ok(candidate);
        }
    }
    Err(credentials_error(
        "CREDENTIALS_INVALID",
        format!("all profile names from {first:?} to \"{first}-{MAX_NAMES}\" are taken"),
        "Delete profiles that are no longer needed. The SDK overwrites none of them.",
    ))
}
