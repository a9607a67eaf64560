//! Ownership checks where files have no owner of their own: on Windows, a file has the permissions of its folder.

use std::{fs::Metadata, path::Path};

use crate::auth::credentials::errors::AccessError;

pub(super) fn user() -> u32 {
    0
}

#[allow(clippy::unnecessary_wraps, reason = "the signature of Unix")]
pub(super) fn check(
    _user: u32,
    _path: &Path,
    _metadata: &Metadata,
    _what: &str,
) -> Result<bool, AccessError> {
    Ok(true)
}

#[allow(clippy::unnecessary_wraps, reason = "the signature of Unix")]
pub(super) fn check_links(_user: u32, path: &Path) -> Result<bool, AccessError> {
    Ok(path.is_symlink())
}

pub(super) fn warn_of_folders(_user: u32, _path: &Path, _target: &Path) {}
