//! A lock beside the credentials file, so that of many processes one activates and one writes.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::Path,
    time::Duration,
};

use super::{
    trouble,
    write::{make_private, target},
};
use crate::{
    client::call::after,
    error::{InfraiError, Result},
};

/// Held until dropped; the operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock(#[allow(dead_code, reason = "its drop unlocks")] File);

impl Lock {
    /// Waits for the lock of this credentials file, no longer than `patience`.
    pub(crate) async fn take(credentials: &Path, patience: Duration) -> Result<Self> {
        // A link and what it points to are one file, and have one lock.
        let mut path = target(credentials).into_os_string();
        path.push(".lock");
        let path = Path::new(&path);
        let file = open(path).map_err(|error| unwritable(credentials, path, error))?;
        let deadline = after(tokio::time::Instant::now(), patience);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::Error(error)) => return Err(unwritable(credentials, path, error)),
                Err(TryLockError::WouldBlock) if tokio::time::Instant::now() >= deadline => {
                    return Err(trouble(
                        "CREDENTIALS_LOCKED",
                        format!("{} has been locked by another process for {patience:?}", path.display()),
                        "Wait for the other process (an `activate`, most likely), or end it, and try again.",
                    ));
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

/// Opens the lock's file, which is made private where there is none.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.clone().create_new(true).open(path) {
        Ok(file) => make_private(&file).map(|()| file),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(path),
        Err(error) => Err(error),
    }
}

fn unwritable(credentials: &Path, path: &Path, error: io::Error) -> InfraiError {
    trouble(
        "CREDENTIALS_UNWRITABLE",
        format!("{} cannot be written: its lock {} cannot be opened: {error}", credentials.display(), path.display()),
        "Make the folder writable, name another file with INFRAI_CREDENTIALS_FILE, or do not write credentials (write_credentials false).",
    )
    .with_source(error)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_link_and_its_file_have_one_lock() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let _held = Lock::take(&file, Duration::from_secs(1)).await.unwrap();
        let error = Lock::take(&link, Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(error.code(), "CREDENTIALS_LOCKED");
    }
}
