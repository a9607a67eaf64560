//! Errors about stored credentials.

use std::{io, path::Path};

use crate::error::{ErrorKind, InfraiError};

/// Returns an error about stored credentials and its remedy.
pub(super) fn credentials_error(
    code: &str,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> InfraiError {
    InfraiError::new(ErrorKind::Credentials, code, message).with_hint(hint)
}

/// Returns the error of a credentials file that cannot be written.
pub(super) fn unwritable(path: &Path, error: io::Error) -> InfraiError {
    credentials_error(
        "CREDENTIALS_UNWRITABLE",
        format!("{} cannot be written: {error}", path.display()),
        "Make the folder writable, name another file with INFRAI_CREDENTIALS_FILE, or do not write credentials (write_credentials false).",
    )
    .with_source(error)
}
