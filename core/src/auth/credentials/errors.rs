//! Errors about stored credentials.

use std::{io, path::Path};

use crate::{
    error::{ErrorKind, InfraiError},
    limits,
};

/// Error of opening a credential file.
#[derive(Debug)]
pub(super) enum AccessError {
    Io(io::Error),
    /// Another user could have created it.
    Unsafe(InfraiError),
}

impl From<io::Error> for AccessError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Returns an error about stored credentials.
pub(super) fn credentials_error(
    code: &str,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> InfraiError {
    let message = message.into();
    let hint = limits::remedy(&message).map_or_else(|| hint.into(), str::to_owned);
    InfraiError::new(ErrorKind::Credentials, code, message).with_hint(hint)
}

/// Returns the error for a credentials file that cannot be written.
pub(super) fn unwritable(path: &Path, error: io::Error) -> InfraiError {
    credentials_error(
        "CREDENTIALS_UNWRITABLE",
        format!("{} cannot be written: {error}", path.display()),
        "Make the folder writable, set INFRAI_CREDENTIALS_FILE to another file, or set `write_credentials` to false.",
    )
    .with_source(error)
}
