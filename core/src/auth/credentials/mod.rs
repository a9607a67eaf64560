//! Stored credentials: a TOML file with one table per profile, or an application's own store.
//!
//! ```toml
//! [default]
//! api_key = "ifr_pk_proj_…"
//! account_id = "acc_…"
//! project_id = "proj_…"
//! base_url = "https://api.infrai.cc"
//! ```
//!
//! The file belongs to its user (mode 0600 in a 0700 folder). Writes replace it atomically under a lock and keep all
//! other content. An application may use a [`CredentialStore`] instead.

mod access;
mod backend;
mod blocking;
mod device;
mod errors;
mod file;
mod lock;
#[cfg_attr(not(unix), path = "owner_fallback.rs")]
mod owner;
mod store;
mod write;

#[cfg(any(test, fuzzing))]
pub(crate) use self::file::Document;
pub(crate) use self::{
    backend::{CredentialBackend, default_path},
    blocking::{run_blocking, with_deadline},
    device::{fingerprint, in_memory as secret_in_memory},
    store::Store,
    write::target as resolve_links,
};
pub use self::{
    file::Profile,
    store::{CredentialStore, StoreError},
};
