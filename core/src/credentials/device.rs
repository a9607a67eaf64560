//! The device's fingerprint: a random UUID made once, never anything read off the hardware.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use super::{
    store::{DEVICE, Store},
    write::{ensure_folder, write_new, write_whole},
};
use crate::{error::Result, key::Secret, text::Escaped};

/// The fingerprint of a process that cannot write one down.
static IN_MEMORY: OnceLock<String> = OnceLock::new();

/// The fingerprint beside this credentials file, made if there is none. Who has it can activate the same account, so it
/// is kept like a key. Where it cannot be read or written, it lives in this process's memory only.
pub(super) fn fingerprint(credentials: &Path) -> Result<Secret> {
    let path = path(credentials);
    let found = match read(&path) {
        Ok(Found::Id(id)) => return Ok(Secret(id)),
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(path = %Escaped(path.display()), error = %Escaped(&error), "the device file cannot be read: this process keeps a fingerprint in memory");
            return in_memory();
        }
    };
    let fresh = fresh()?;
    let line = format!("{fresh}\n");
    let written = ensure_folder(&path).and_then(|()| match found {
        Found::Nothing => write_new(&path, line.as_bytes()),
        _ => write_whole(&path, line.as_bytes()),
    });
    match written {
        Ok(()) => Ok(Secret(fresh)),
        // Another process was faster: a device has one.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match read(&path) {
            Ok(Found::Id(id)) => Ok(Secret(id)),
            _ => in_memory(),
        },
        Err(error) => {
            tracing::warn!(path = %Escaped(path.display()), error = %Escaped(&error), "the device file cannot be written: this process keeps its fingerprint in memory");
            in_memory()
        }
    }
}

/// The fingerprint in this store, made if there is none, and written in any case: an error says that the store takes
/// nothing. To be called while the stores are held; another process may write between, so that what is there in the end
/// is the device's.
pub(super) fn stored_in(store: &Store) -> Result<Secret> {
    let found = store.read(DEVICE)?.as_deref().and_then(parse);
    let id = found.map_or_else(fresh, Ok)?;
    store.write(DEVICE, &id)?;
    let kept = store.read(DEVICE)?.as_deref().and_then(parse);
    Ok(Secret(kept.unwrap_or(id)))
}

/// What the device file holds.
enum Found {
    Id(String),
    Nothing,
    Nonsense,
}

fn read(path: &Path) -> io::Result<Found> {
    match fs::read(path) {
        Ok(bytes) => {
            let id = std::str::from_utf8(&bytes).ok().and_then(parse);
            if id.is_none() {
                tracing::warn!(path = %Escaped(path.display()), "the device file holds no UUID; a new one replaces it");
            }
            Ok(id.map_or(Found::Nonsense, Found::Id))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) => Err(error),
    }
}

/// A UUID in its usual form.
fn parse(text: &str) -> Option<String> {
    uuid::Uuid::parse_str(text.trim()).ok().map(|id| id.hyphenated().to_string())
}

pub(super) fn in_memory() -> Result<Secret> {
    if let Some(id) = IN_MEMORY.get() {
        return Ok(Secret(id.clone()));
    }
    let fresh = fresh()?;
    Ok(Secret(IN_MEMORY.get_or_init(|| fresh).clone()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_without_a_lock_agree_on_one_fingerprint() {
        for _ in 0..20 {
            let home = tempfile::tempdir().unwrap();
            let credentials = home.path().join(".infrai").join("credentials");
            let ids: std::collections::HashSet<String> = std::thread::scope(|scope| {
                let threads: Vec<_> =
                    (0..16).map(|_| scope.spawn(|| fingerprint(&credentials).unwrap().0)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(ids.len(), 1);
        }
    }

    #[test]
    fn where_nothing_can_be_written_a_process_has_one_fingerprint() {
        let home = tempfile::tempdir().unwrap();
        // A file stands where the folder should be: not even root can write there.
        fs::write(home.path().join(".infrai"), "").unwrap();
        let credentials = home.path().join(".infrai").join("credentials");
        let id = fingerprint(&credentials).unwrap();
        assert_eq!(fingerprint(&credentials).unwrap(), id);
        assert_eq!(in_memory().unwrap(), id);
    }

    #[test]
    fn a_device_file_that_cannot_be_read_stays_and_one_without_a_uuid_is_replaced() {
        let home = tempfile::tempdir().unwrap();
        let (credentials, device) = (home.path().join("credentials"), home.path().join("device"));
        // Not even root can read a folder as a file.
        fs::create_dir(&device).unwrap();
        fingerprint(&credentials).unwrap();
        fs::remove_dir(&device).expect("it is still a folder");
        fs::write(&device, b"\xff\n").unwrap();
        let id = fingerprint(&credentials).unwrap();
        assert_eq!(fs::read_to_string(&device).unwrap().trim(), id.0);
    }
}
