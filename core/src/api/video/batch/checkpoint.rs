//! Checkpoint file of a batch: append-only JSON Lines, locked against a second writer.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    api::video::batch::{
        ledger::Ledger,
        record::{FILE_START, Record, VERSION, now},
    },
    error::{ErrorKind, InfraiError, Result},
    limits,
    runtime::{self, Instant},
};

/// Time for which an open waits for the lock: a batch that has just been dropped may still hold it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// Problem of a file that something else wrote.
const NO_CHECKPOINT: &str = "this is no checkpoint of a batch";

/// Content of a checkpoint file.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// `None` for a new file.
    pub(super) key_prefix: Option<String>,
    pub(super) ledger: Ledger,
    /// Length of the complete lines.
    length: u64,
}

impl Content {
    /// Returns the content of a batch without a file.
    pub(super) fn of_prefix(key_prefix: Option<String>) -> Self {
        Self { key_prefix, ..Self::default() }
    }

    /// Reads a checkpoint without locking it. A missing file is a new one.
    pub(super) fn read(path: &Path) -> Result<Self> {
        check_regular(path)?;
        match File::open(path) {
            Ok(file) => Self::parse(path, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(unwritable(path, error)),
        }
    }

    fn parse(path: &Path, mut file: impl io::Read) -> Result<Self> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| unwritable(path, error))?;
        // A process that was killed while writing leaves a part of a line.
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (start, common) = (FILE_START.as_bytes(), bytes.len().min(FILE_START.len()));
        if complete == 0 && bytes[..common] != start[..common] {
            return Err(invalid(path, 1, NO_CHECKPOINT));
        }
        let mut content = Self { length: complete as u64, ..Self::default() };
        let lines = bytes[..complete].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for (at, line) in lines.enumerate() {
            match serde_json::from_slice(line).map_err(|error| invalid(path, at + 1, &error.to_string()))? {
                Record::Batch { .. } if at > 0 => {}
                Record::Batch { version, .. } if version > VERSION => {
                    let problem =
                        format!("its format {version} is newer than this SDK, which reads {VERSION}");
                    return Err(invalid(path, at + 1, &problem));
                }
                Record::Batch { key_prefix, .. } => content.key_prefix = Some(key_prefix),
                _ if at == 0 => return Err(invalid(path, 1, NO_CHECKPOINT)),
                record => content.ledger.apply(record),
            }
        }
        Ok(content)
    }
}

/// A checkpoint that this process writes. Dropping it releases the lock.
#[derive(Debug)]
pub(super) struct Checkpoint {
    path: PathBuf,
    file: Arc<File>,
    written: Mutex<Written>,
    /// Number of records that are known to be on the disk.
    synced: AtomicU64,
    /// Held during a sync, so that the records of all waiting submissions share the next one.
    syncing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Written {
    length: u64,
    records: u64,
    /// An append failed and may have left a part of a line.
    failed: bool,
}

impl Checkpoint {
    /// Opens a checkpoint, or creates it. Returns what it says as well.
    ///
    /// # Errors
    /// `CHECKPOINT_LOCKED` while another batch uses it, `CHECKPOINT_INVALID` for another file, `CHECKPOINT_UNWRITABLE`,
    /// and `INVALID_ARGUMENT` if the file was written with another prefix.
    pub(super) async fn open(path: &Path, key_prefix: Option<&str>) -> Result<(Self, Content)> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            let (owned, key_prefix) = (path.to_owned(), key_prefix.map(str::to_owned));
            let open = move || Self::open_now(&owned, key_prefix.as_deref());
            let opened = runtime::spawn_blocking(open).await?;
            match opened {
                Some(opened) => return Ok(opened),
                None if Instant::now() < deadline => runtime::sleep(LOCK_INTERVAL).await,
                None => return Err(locked(path)),
            }
        }
    }

    /// Opens a checkpoint. `None` if another batch has locked it.
    fn open_now(path: &Path, key_prefix: Option<&str>) -> Result<Option<(Self, Content)>> {
        let unwritable = |error| unwritable(path, error);
        check_regular(path)?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        // A job's URL carries its own authorization.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        let mut content = Content::parse(path, &file)?;
        if let (Some(given), Some(stored)) = (key_prefix, &content.key_prefix)
            && given != stored
        {
            return Err(InfraiError::invalid_argument(
                "key_prefix",
                format!("{given:?}"),
                &format!("{stored:?}, with which the checkpoint {} was written", path.display()),
            ));
        }
        file.set_len(content.length).map_err(unwritable)?;
        let checkpoint = Self {
            path: path.to_owned(),
            file: Arc::new(file),
            written: Mutex::new(Written { length: content.length, records: 0, failed: false }),
            synced: AtomicU64::new(0),
            syncing: tokio::sync::Mutex::new(()),
        };
        if content.key_prefix.is_none() {
            let key_prefix = match key_prefix {
                Some(prefix) => prefix.to_owned(),
                None => crate::http::call::new_idempotency_key()?,
            };
            content.key_prefix = Some(key_prefix.clone());
            checkpoint.append(&Record::Batch { version: VERSION, key_prefix, time: now() })?;
            checkpoint.file.sync_all().map_err(unwritable)?;
            sync_folder(path).map_err(unwritable)?;
        }
        Ok(Some((checkpoint, content)))
    }

    /// Writes a record. Returns its number, for [`sync`](Self::sync).
    ///
    /// # Errors
    /// `CHECKPOINT_UNWRITABLE`, and again for every later record.
    pub(super) fn append(&self, record: &Record) -> Result<u64> {
        let mut line = serde_json::to_vec(record).map_err(|error| unwritable(&self.path, error.into()))?;
        line.push(b'\n');
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.failed {
            return Err(unwritable(&self.path, io::Error::other("an earlier record could not be written")));
        }
        if let Err(error) = (&*self.file).write_all(&line) {
            // A later record must not follow a part of this one.
            written.failed = true;
            let _ = self.file.set_len(written.length);
            return Err(unwritable(&self.path, error));
        }
        written.length += line.len() as u64;
        written.records += 1;
        Ok(written.records)
    }

    /// Waits until a record is on the disk. Concurrent callers share a sync.
    pub(super) async fn sync(&self, record: u64) -> Result<()> {
        let _syncing = self.syncing.lock().await;
        if self.synced.load(Ordering::Acquire) >= record {
            return Ok(());
        }
        let records = self.written.lock().unwrap_or_else(PoisonError::into_inner).records;
        let (file, path) = (Arc::clone(&self.file), self.path.clone());
        runtime::spawn_blocking(move || file.sync_data().map_err(|error| unwritable(&path, error))).await?;
        self.synced.store(records, Ordering::Release);
        Ok(())
    }
}

/// Checks that nothing else than a regular file has the name. A FIFO would block its reader.
fn check_regular(path: &Path) -> Result<()> {
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
        return Err(unwritable(path, error));
    }
    Ok(())
}

#[cfg(unix)]
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "the signature of Unix")]
fn sync_folder(_file: &Path) -> io::Result<()> {
    Ok(())
}

fn locked(path: &Path) -> InfraiError {
    let message = format!("another batch is using the checkpoint {}", path.display());
    InfraiError::new(ErrorKind::Configuration, "CHECKPOINT_LOCKED", message)
        .with_hint("Wait for the other batch or end it, or choose another file for `checkpoint`.")
}

fn invalid(path: &Path, line: usize, problem: &str) -> InfraiError {
    let message = format!("line {line} of the checkpoint {} cannot be read: {problem}", path.display());
    InfraiError::new(ErrorKind::Configuration, "CHECKPOINT_INVALID", message)
        .with_hint("Choose another file for `checkpoint`, or correct the line. Without its records, a rerun pays for their jobs again.")
}

fn unwritable(path: &Path, error: io::Error) -> InfraiError {
    let message = format!("the checkpoint {} cannot be read or written: {error}", path.display());
    let hint = limits::remedy(&error.to_string())
        .unwrap_or("Check that its folder exists, its permissions and the disk's free space.");
    InfraiError::new(ErrorKind::Configuration, "CHECKPOINT_UNWRITABLE", message)
        .with_hint(hint)
        .with_source(error)
}
