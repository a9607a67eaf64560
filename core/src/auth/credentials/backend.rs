//! Credential backend: the credentials file, or an application's store in its place.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::{Mutex, MutexGuard};

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
    options::Secret,
    text::Escaped,
};

/// Returns `~/.infrai/credentials`.
pub(crate) fn default_path(home: Option<PathBuf>) -> Result<PathBuf> {
    match home.filter(|home| !home.as_os_str().is_empty()) {
        Some(home) => Ok(home.join(".infrai").join("credentials")),
        None => Err(credentials_error(
            "CREDENTIALS_UNREADABLE",
            "this user has no home folder, so there is no place for credentials",
            "Name a file with INFRAI_CREDENTIALS_FILE, or give the key itself with INFRAI_API_KEY.",
        )),
    }
}

/// Place where credentials are stored.
#[derive(Debug, Clone)]
pub(crate) enum CredentialBackend {
    File(PathBuf),
    Store(Store),
}

/// One activation at a time, over all stores of the process: two objects may stand for one keychain.
static STORE_LOCK: Mutex<()> = Mutex::const_new(());

/// LockGuard while a place is read, asked for a key and written.
#[derive(Debug)]
pub(crate) enum LockGuard {
    File { _lock: Lock },
    Store { _guard: MutexGuard<'static, ()> },
}

impl CredentialBackend {
    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Store(_) => None,
        }
    }

    /// A profile, or `None` where it holds none of this name.
    pub(crate) fn profile(&self, name: &str) -> Result<Option<Profile>> {
        match self {
            Self::File(path) => CredentialsFile::at(path).read()?.profile(name),
            Self::Store(store) => store.profile(name),
        }
    }

    /// Waits, no longer than `timeout`, until nobody else changes what is kept here.
    pub(crate) async fn lock(&self, timeout: Duration) -> Result<LockGuard> {
        match self {
            Self::File(path) => Ok(LockGuard::File { _lock: Lock::acquire(path, timeout).await? }),
            Self::Store(store) => match tokio::time::timeout(timeout, STORE_LOCK.lock()).await {
                Ok(guard) => Ok(LockGuard::Store { _guard: guard }),
                Err(_) => Err(credentials_error(
                    "CREDENTIALS_LOCKED",
                    format!("{} has been used by another activation for {timeout:?}", store.0.name()),
                    "Wait for the other activation, and try again.",
                )),
            },
        }
    }

    /// Checks that it could be written, before anything is asked for that would have to be.
    pub(crate) fn check_writable(&self) -> Result<()> {
        match self {
            Self::File(path) => check_writable(path).map_err(|error| unwritable(path, error)),
            // Any entry would do; this one is needed anyway.
            Self::Store(store) => device::stored_in(store).map(drop),
        }
    }

    /// A profile name that is still free: `default-previous`, `default-previous-2`, ….
    pub(crate) fn unused_profile_name(&self, name: &str, word: &str) -> Result<String> {
        match self {
            Self::File(path) => {
                let document = CredentialsFile::at(path).read()?;
                unused_profile_name(name, word, |name| Ok(document.holds(name)))
            }
            Self::Store(store) => unused_profile_name(name, word, |name| store.holds(name)),
        }
    }

    /// Stores a profile, keeping whatever else is there; `keep_old_as` first copies its table. To be called while held.
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

    /// The device's secret, made if there is none. Where it cannot be kept, it lives in this process's memory only. To be
    /// called while held; without, a store may come to hold another's, and a file does not.
    pub(crate) fn device_secret(&self) -> Result<Secret> {
        match self {
            Self::File(path) => device::secret(path),
            Self::Store(store) => device::stored_in(store).or_else(|error| {
                tracing::warn!(error = %Escaped(&error), "the device's secret cannot be kept: this process keeps it in memory");
                device::in_memory()
            }),
        }
    }
}

/// How many names are tried: a store may claim to hold whatever it is asked for.
const NAMES: u32 = 1000;

fn unused_profile_name(name: &str, word: &str, taken: impl Fn(&str) -> Result<bool>) -> Result<String> {
    let first = format!("{name}-{word}");
    for number in 1..=NAMES {
        let free = if number == 1 { first.clone() } else { format!("{first}-{number}") };
        if !taken(&free)? {
            return Ok(free);
        }
    }
    Err(credentials_error(
        "CREDENTIALS_INVALID",
        format!("there is a profile of every name from {first:?} to \"{first}-{NAMES}\""),
        "Delete those that nobody needs; none is overwritten.",
    ))
}
