//! The data folder: one process at a time, and where things lie in it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// A folder held by this process alone, until dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The operating system lets go of it when the process dies, however it dies.
    _lock: File,
    /// Removed with everything in it, if nobody named a folder.
    _temporary: Option<TempDir>,
}

/// Why a folder could not be taken.
#[derive(Debug)]
pub(crate) enum FolderError {
    InUse(PathBuf),
    Io(PathBuf, io::Error),
}

impl Folder {
    /// Takes `path`, created if need be, or a fresh temporary folder.
    pub(crate) fn take(path: Option<PathBuf>) -> Result<Self, FolderError> {
        let (path, temporary) = if let Some(path) = path {
            (path, None)
        } else {
            let temporary = tempfile::Builder::new().prefix("infrai-sandbox-").tempdir();
            let temporary = temporary.map_err(|error| FolderError::Io(std::env::temp_dir(), error))?;
            (temporary.path().to_owned(), Some(temporary))
        };
        match lock(&path) {
            Ok(lock) => Ok(Self { path, _lock: lock, _temporary: temporary }),
            Err(TryLockError::WouldBlock) => Err(FolderError::InUse(path)),
            Err(TryLockError::Error(error)) => Err(FolderError::Io(path, error)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("sandbox.db")
    }

    /// Where each succeeded job has a folder with its files.
    pub(crate) fn files(&self) -> PathBuf {
        self.path.join("files")
    }
}

fn lock(path: &Path) -> Result<File, TryLockError> {
    create(path).map_err(TryLockError::Error)?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("lock"));
    let file = file.map_err(TryLockError::Error)?;
    file.try_lock()?;
    fs::create_dir_all(path.join("files")).map_err(TryLockError::Error)?;
    Ok(file)
}

/// Other users of the machine have no business in it.
fn create(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        result => result,
    }
}
