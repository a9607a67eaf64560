//! The credentials file: a TOML table a profile, read as it is and written whole.
//!
//! ```toml
//! [default]
//! api_key = "ifr_pk_proj_…"
//! account_id = "acc_…"
//! project_id = "proj_…"
//! base_url = "https://api.infrai.cc"
//! ```
//!
//! The file belongs to its user (mode 0600 in a 0700 folder), is changed under a lock and by renaming a finished copy,
//! and keeps whatever else stands in it. Where an application has a better place, a [`CredentialStore`] takes the file's.

mod device;
mod file;
mod lock;
mod place;
mod store;
mod write;

use std::path::PathBuf;

#[cfg(any(test, fuzzing))]
pub(crate) use self::file::Document;
use self::lock::Lock;
pub use self::{
    file::Profile,
    store::{CredentialStore, StoreError},
};
pub(crate) use self::{place::Place, store::Store};
use crate::error::{ErrorKind, InfraiError, Result};

/// An error about the file, its remedy included.
pub(crate) fn trouble(code: &str, message: impl Into<String>, hint: impl Into<String>) -> InfraiError {
    InfraiError::new(ErrorKind::Credentials, code, message).with_hint(hint)
}

/// `~/.infrai/credentials`.
pub(crate) fn default_path(home: Option<PathBuf>) -> Result<PathBuf> {
    match home.filter(|home| !home.as_os_str().is_empty()) {
        Some(home) => Ok(home.join(".infrai").join("credentials")),
        None => Err(trouble(
            "CREDENTIALS_UNREADABLE",
            "this user has no home folder, so there is no place for credentials",
            "Name a file with INFRAI_CREDENTIALS_FILE, or give the key itself with INFRAI_API_KEY.",
        )),
    }
}
