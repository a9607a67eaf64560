//! The data folder: ownership, exclusive use, and layout.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{
    db,
    private::{self, Kind, Trust},
};

/// Marks the folder as a sandbox's; the first file in each. Only the name counts: a process killed before it wrote
/// the text leaves a valid marker.
const MARKER: &str = ".infrai-sandbox";
const MARKER_TEXT: &[u8] = b"The Infrai sandbox keeps its accounts, jobs and videos in this folder.\n";
const LOCK: &str = "lock";
const DATABASE: &str = "sandbox.db";
const JOURNAL: &str = "sandbox.db-journal";
/// Last bytes of a rollback journal that names another journal. `SQLite` may delete the file of that name, wherever
/// it is. The sandbox writes to one database at a time and creates no such journal.
const NAMES_ANOTHER: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
/// Holds one folder per job, with its files.
const FILES: &str = "files";
/// Files that the sandbox, `SQLite` and the command open in the folder.
const OPENED: [&str; 10] = [
    MARKER,
    LOCK,
    DATABASE,
    "sandbox.db-wal",
    "sandbox.db-shm",
    JOURNAL,
    "url",
    "credentials",
    "credentials.lock",
    "device",
];
/// Number of entries that an error names.
const NAMED: usize = 3;

/// A data folder that this process alone uses, until dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// The operating system releases it when the process dies, whatever the cause.
    _lock: File,
    /// Removed with its contents, if no folder was named.
    _temporary: Option<TempDir>,
}

/// The reason why a folder could not be opened.
#[derive(Debug)]
pub(crate) enum DataDirError {
    InUse(PathBuf),
    /// Neither empty nor a sandbox's; the names of some of its entries.
    NotASandbox(PathBuf, String),
    /// The folder or an entry of it, and the reason why the sandbox does not use it.
    Untrusted(PathBuf, String),
    Io(PathBuf, io::Error),
}

impl DataDir {
    /// Opens `path`, created if missing, or a new temporary folder.
    pub(crate) fn open(path: Option<PathBuf>) -> Result<Self, DataDirError> {
        let (path, temporary) = if let Some(path) = path {
            (path, None)
        } else {
            let mut builder = tempfile::Builder::new();
            builder.prefix("infrai-sandbox-");
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
            let temporary =
                builder.tempdir().map_err(|error| DataDirError::Io(std::env::temp_dir(), error))?;
            (temporary.path().to_owned(), Some(temporary))
        };
        let lock = lock_dir(&path)?;
        Ok(Self { path, _lock: lock, _temporary: temporary })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    pub(crate) fn files(&self) -> PathBuf {
        self.path.join(FILES)
    }
}

/// Checks and locks a folder. Changes nothing in a folder that it refuses.
fn lock_dir(path: &Path) -> Result<File, DataDirError> {
    let failed = |error| DataDirError::Io(path.to_owned(), error);
    private::builder().recursive(true).create(path).map_err(failed)?;
    check_folder(path)?;
    if fs::read_dir(path).map_err(failed)?.next().is_none() {
        mark(path)?;
    }
    let marked = path.join(MARKER).symlink_metadata().is_ok();
    if !marked && !looks_unmarked(path) {
        return Err(not_a_sandbox(path));
    }
    check_entries(path)?;
    let file = path.join(LOCK);
    let lock = private::open(&file).map_err(|error| DataDirError::Io(file, error))?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => DataDirError::InUse(path.to_owned()),
        TryLockError::Error(error) => failed(error),
    })?;
    if !marked {
        if !db::has_sandbox_tables(&path.join(DATABASE)) {
            return Err(not_a_sandbox(path));
        }
        mark(path)?;
    }
    let files = path.join(FILES);
    private::make_folder(&files).map_err(|error| DataDirError::Io(files, error))?;
    Ok(lock)
}

fn mark(path: &Path) -> Result<(), DataDirError> {
    let marker = path.join(MARKER);
    match private::options().write(true).create_new(true).open(&marker) {
        // The text is for people; the sandbox looks at the name alone.
        Ok(mut file) => drop(io::Write::write_all(&mut file, MARKER_TEXT)),
        // Another process, starting on this folder, was first.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(DataDirError::Io(marker, error)),
    }
    Ok(())
}

/// Returns true for a folder of a version without a marker. That version created an empty lock before its database.
fn looks_unmarked(path: &Path) -> bool {
    let file = |name: &str| path.join(name).symlink_metadata().ok().filter(fs::Metadata::is_file);
    file(LOCK).is_some_and(|lock| lock.len() == 0) && file(DATABASE).is_some()
}

fn not_a_sandbox(path: &Path) -> DataDirError {
    let names = fs::read_dir(path).into_iter().flatten().flatten();
    let mut names: Vec<_> = names.map(|entry| format!("{:?}", entry.file_name().to_string_lossy())).collect();
    names.sort();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    DataDirError::NotASandbox(path.to_owned(), format!("{}{more}", names.join(", ")))
}

/// Checks the folder. A link to it is allowed: the user named it.
fn check_folder(path: &Path) -> Result<(), DataDirError> {
    let metadata = fs::metadata(path).map_err(|error| DataDirError::Io(path.to_owned(), error))?;
    match private::judge(&metadata, Kind::Folder) {
        Trust::Own => {}
        Trust::Foreign(owner) => {
            tracing::warn!(folder = %path.display(), owner, "the data folder belongs to another user");
        }
        Trust::Refused(reason) => return Err(DataDirError::Untrusted(path.to_owned(), reason)),
    }
    if private::others_can_write(&metadata) {
        tracing::warn!(folder = %path.display(), "other users can write the data folder");
    }
    Ok(())
}

/// Checks the kind and the owner of every entry that the sandbox, `SQLite` or the command opens later.
fn check_entries(path: &Path) -> Result<(), DataDirError> {
    let folder = (FILES, Kind::Folder);
    for (name, kind) in OPENED.map(|name| (name, Kind::File)).into_iter().chain([folder]) {
        let entry = path.join(name);
        let metadata = match entry.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(DataDirError::Io(entry, error)),
        };
        match private::judge(&metadata, kind) {
            Trust::Own => {}
            Trust::Foreign(owner) => {
                tracing::warn!(path = %entry.display(), owner, "belongs to another user");
            }
            Trust::Refused(reason) => return Err(DataDirError::Untrusted(entry, reason)),
        }
        if name == JOURNAL && ends_with(&entry, NAMES_ANOTHER).unwrap_or(true) {
            let reason = "names a file that SQLite may delete, which no journal of a sandbox does".to_owned();
            return Err(DataDirError::Untrusted(entry, reason));
        }
    }
    Ok(())
}

fn ends_with(path: &Path, end: [u8; 8]) -> io::Result<bool> {
    let mut file = private::options().read(true).open(path)?;
    if file.metadata()?.len() < 8 {
        return Ok(false);
    }
    let mut last = [0; 8];
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut last)?;
    Ok(last == end)
}
