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

mod access;
mod device;
mod file;
mod lock;
mod place;
mod store;
mod write;

use std::path::PathBuf;

use tokio::time::{Instant, timeout_at};

#[cfg(any(test, fuzzing))]
pub(crate) use self::file::Document;
use self::lock::Lock;
pub(crate) use self::{
    device::{fingerprint, in_memory as secret_in_memory},
    place::Place,
    store::Store,
};
pub use self::{
    file::Profile,
    store::{CredentialStore, StoreError},
};
use crate::{
    client::context::{self, CallContext},
    error::{ErrorKind, InfraiError, Result},
};

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

/// Runs what reads or writes credentials where it may block: the file system that holds them may not answer.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (context, span) = (CallContext::current(), tracing::Span::current());
    let logs = tracing::dispatcher::get_default(Clone::clone);
    let work = move || {
        tracing::dispatcher::with_default(&logs, || span.in_scope(|| context::sync_scoped(context, work)))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(match error.try_into_panic() {
            Ok(panic) => InfraiError::panicked(panic.as_ref()),
            Err(error) => InfraiError::internal(error.to_string()),
        }),
    }
}

/// Gives work on credentials until this moment.
pub(crate) async fn within<T>(deadline: Instant, work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout_at(deadline, work).await.unwrap_or_else(|_| {
        Err(InfraiError::new(
            ErrorKind::Timeout,
            "DEADLINE_EXCEEDED",
            "the credentials were neither read nor written before the call's deadline",
        )
        .with_hint("Check the file system or the store that holds them."))
    })
}
