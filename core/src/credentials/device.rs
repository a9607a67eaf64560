//! The device's fingerprint: a random UUID made once, never anything read off the hardware.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::file::{ensure_folder, write_whole};
use crate::{error::Result, key::Secret};

/// The fingerprint beside this credentials file, made if there is none. Who has it can activate the same account, so it
/// is kept like a key. Where it cannot be written, it lives in memory only.
pub(crate) fn fingerprint(credentials: &Path) -> Result<Secret> {
    let path = path(credentials);
    match fs::read_to_string(&path) {
        Ok(text) => {
            if let Ok(id) = uuid::Uuid::parse_str(text.trim()) {
                return Ok(Secret(id.hyphenated().to_string()));
            }
            tracing::warn!(path = %path.display(), "the device file holds no UUID; a new one replaces it");
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(path = %path.display(), %error, "the device file cannot be read"),
    }
    let fresh = fresh()?;
    let written = ensure_folder(&path).and_then(|()| write_whole(&path, format!("{fresh}\n").as_bytes()));
    if let Err(error) = written {
        tracing::warn!(path = %path.display(), %error, "the device file cannot be written: this process keeps its fingerprint in memory");
    }
    Ok(Secret(fresh))
}

fn path(credentials: &Path) -> PathBuf {
    credentials.with_file_name("device")
}

fn fresh() -> Result<String> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| {
        crate::InfraiError::internal(format!("the operating system gives no randomness: {error}"))
    })?;
    Ok(uuid::Builder::from_random_bytes(random).into_uuid().hyphenated().to_string())
}
