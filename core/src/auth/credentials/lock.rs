//! Lock file beside the credentials file: one process at a time activates or writes.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    auth::credentials::{
        access,
        blocking::{run_blocking, with_deadline},
        errors::{self, AccessError, credentials_error},
        write::{ensure_folder, make_private},
    },
    error::{InfraiError, Result},
    runtime::{Instant, deadline, sleep},
};

/// Lock of a credentials file, held until dropped. The operating system releases it when the process ends.
#[derive(Debug)]
pub(crate) struct Lock(#[allow(dead_code, reason = "its drop unlocks")] File);

impl Lock {
    /// Waits up to `timeout` for the lock of this credentials file. Creates its folder if there is none.
    pub(crate) async fn acquire(credentials: &Path, timeout: Duration) -> Result<Self> {
        let deadline = deadline(Instant::now(), timeout);
        let owned = credentials.to_owned();
        let (path, file) = with_deadline(deadline, run_blocking(move || open(&owned))).await?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::Error(error)) => return Err(unwritable(credentials, &path, error)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(credentials_error(
                        "CREDENTIALS_LOCKED",
                        format!("{} has been locked by another process for {timeout:?}", path.display()),
                        "Wait for the other process (probably an `activate`) or end it, then try again. If no process of this user holds the lock, another user does: remove this file.",
                    ));
                }
                Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

/// Opens the lock of this credentials file. Creates a private file if there is none.
fn open(credentials: &Path) -> Result<(PathBuf, File)> {
    ensure_folder(credentials).map_err(|error| errors::unwritable(credentials, error))?;
    let unwritable = |error, path: &Path| match error {
        AccessError::Unsafe(error) => error,
        AccessError::Io(error) => unwritable(credentials, path, error),
    };
    // A link and its target are one file and share one lock.
    let mut path =
        access::target(credentials).map_err(|error| unwritable(error, credentials))?.into_os_string();
    path.push(".lock");
    let path = PathBuf::from(path);
    let opened = match create(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            access::open_writable(&path, "lock of the credentials file")
        }
        created => created.map_err(AccessError::Io),
    };
    match opened {
        Ok(file) => Ok((path, file)),
        Err(error) => Err(unwritable(error, &path)),
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    make_private(&file).map(|()| file)
}

fn unwritable(credentials: &Path, lock: &Path, error: io::Error) -> InfraiError {
    credentials_error(
        "CREDENTIALS_UNWRITABLE",
        format!("{} cannot be written: its lock {} cannot be opened: {error}", credentials.display(), lock.display()),
        "Make the folder writable, set INFRAI_CREDENTIALS_FILE to another file, or set `write_credentials` to false.",
    )
    .with_source(error)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn link_and_its_file_share_one_lock() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let _held = Lock::acquire(&file, Duration::from_secs(1)).await.unwrap();
        let error = Lock::acquire(&link, Duration::from_millis(50)).await.unwrap_err();
        assert_eq!(error.code(), "CREDENTIALS_LOCKED");
        let lock = folder.path().canonicalize().unwrap().join("file.lock");
        assert!(error.message().contains(&*lock.to_string_lossy()), "{error}");
        assert!(error.hint().contains("remove this file"), "{}", error.hint());
    }
}
