//! Journal of submissions in the output folder: the same arguments have the same idempotency key for a day.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use infrai::{ErrorKind, InfraiError, Result, VideoJob, new_idempotency_key};
use rmcp::model::JsonObject;
use serde::{Deserialize, Serialize};

/// Name of the file. Names of its lock and its temporary files begin alike.
pub(super) const NAME: &str = ".infrai-mcp.json";
const LOCK: &str = ".infrai-mcp.lock";
/// Seconds for which a repeated call is the same submission.
const KEY_LIFETIME: u64 = 24 * 3600;
/// Most submissions that the file keeps beyond that time, for the list.
const CAPACITY: usize = 500;
/// The most seconds by which a clock may be set back between two runs.
const CLOCK_TOLERANCE: u64 = 300;
/// Time for which the journal waits for another process that holds its lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// One submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Submission {
    /// API, or `sandbox`, that it was sent to.
    origin: String,
    pub(super) arguments: JsonObject,
    pub(super) idempotency_key: String,
    /// Unix time in seconds.
    pub(super) submitted_at: u64,
    #[serde(default)]
    pub(super) job_id: Option<String>,
    #[serde(default)]
    pub(super) state: Option<String>,
    #[serde(default)]
    pub(super) cost_usd: Option<f64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    submissions: Vec<Submission>,
}

impl Submission {
    /// Returns whether the API remembers the key. A time in the future is no clock's.
    fn is_recent(&self, now: u64) -> bool {
        self.submitted_at <= now + CLOCK_TOLERANCE && now.saturating_sub(self.submitted_at) < KEY_LIFETIME
    }
}

/// The journal of one output folder. Several processes may share it.
#[derive(Debug, Clone)]
pub(super) struct Journal(Arc<Place>);

#[derive(Debug)]
struct Place {
    folder: PathBuf,
    origin: String,
}

impl Journal {
    /// Opens the journal, and checks that it can be read and written.
    pub(super) fn open(folder: &Path, origin: String) -> Result<Self> {
        let place = Place { folder: folder.to_owned(), origin };
        place.change(|_| ()).map_err(|error| place.error(&error))?;
        Ok(Self(Arc::new(place)))
    }

    /// Returns the submission of these arguments, or of this idempotency key: that of the last 24 hours, else a new one.
    /// Returns as well whether it is new. It is on the disk before the request is sent.
    ///
    /// # Errors
    /// `IDEMPOTENCY_CONFLICT` if the key was used for other arguments.
    pub(super) async fn claim(
        &self,
        arguments: JsonObject,
        key: Option<String>,
    ) -> Result<(Submission, bool)> {
        let new_key = match &key {
            Some(key) => key.clone(),
            None => new_idempotency_key()?,
        };
        let now = unix_seconds();
        let shown = new_key.clone();
        let claimed = self.run(move |place| {
            place.change(|content| {
                let known = content.submissions.iter().rev().find(|entry| {
                    entry.origin == place.origin
                        && entry.is_recent(now)
                        && match &key {
                            Some(key) => entry.idempotency_key == *key,
                            None => entry.arguments == arguments,
                        }
                });
                if let Some(known) = known {
                    return (known.arguments == arguments).then(|| (known.clone(), false));
                }
                let submission = Submission {
                    origin: place.origin.clone(),
                    arguments,
                    idempotency_key: new_key,
                    submitted_at: now,
                    job_id: None,
                    state: None,
                    cost_usd: None,
                };
                content.submissions.push(submission.clone());
                Some((submission, true))
            })
        });
        claimed.await?.ok_or_else(|| {
            let message =
                format!("the idempotency key {shown:?} was used for other arguments; nothing was sent");
            InfraiError::new(ErrorKind::Conflict, "IDEMPOTENCY_CONFLICT", message)
                .with_hint("Leave idempotency_key out, or use a new one for the changed arguments.")
        })
    }

    /// Removes the claim of a submission that was certainly not processed.
    pub(super) async fn forget(&self, key: &str) -> Result<()> {
        let key = key.to_owned();
        self.run(move |place| {
            place.change(|content| {
                content.submissions.retain(|entry| {
                    entry.origin != place.origin || entry.idempotency_key != key || entry.job_id.is_some()
                });
            })
        })
        .await
    }

    /// Records the job of a submission.
    pub(super) async fn record(&self, key: &str, job: &VideoJob) -> Result<()> {
        let cost_usd = job.cost_usd;
        let (key, id, state) = (key.to_owned(), job.job_id.to_string(), job.state.to_string());
        self.run(move |place| {
            place.change(|content| {
                for entry in content.submissions.iter_mut().filter(|entry| entry.idempotency_key == key) {
                    entry.job_id = Some(id.clone());
                    entry.state = Some(state.clone());
                    entry.cost_usd = entry.cost_usd.or(cost_usd);
                }
            })
        })
        .await
    }

    /// Returns the submission of a job.
    pub(super) async fn of_job(&self, id: &str) -> Option<Submission> {
        let entries = self.list().await.unwrap_or_default();
        entries.into_iter().find(|entry| entry.job_id.as_deref() == Some(id))
    }

    /// Returns all submissions to this API that have a job, the newest first.
    pub(super) async fn list(&self) -> Result<Vec<Submission>> {
        self.run(|place| {
            let _lock = place.lock()?;
            let entries = place.read()?.submissions.into_iter().rev();
            Ok(entries.filter(|entry| entry.origin == place.origin && entry.job_id.is_some()).collect())
        })
        .await
    }

    /// Runs on a thread that may block.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Place) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = self.0.clone();
        tokio::task::spawn_blocking(move || work(&place).map_err(|error| place.error(&error)))
            .await
            .map_err(|error| InfraiError::internal(format!("the journal ended in a panic: {error}")))?
    }
}

impl Place {
    fn file(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// Locks the journal until the file is dropped. A file system without locks has none.
    fn lock(&self) -> io::Result<File> {
        let file =
            open(&self.folder.join(LOCK), OpenOptions::new().create(true).truncate(false).write(true))?;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        while matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            if Instant::now() > deadline {
                let message = format!("another process holds {LOCK}");
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, message));
            }
            std::thread::sleep(LOCK_INTERVAL);
        }
        Ok(file)
    }

    fn read(&self) -> io::Result<Content> {
        let read = open(&self.file(), OpenOptions::new().read(true)).and_then(|mut file| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        match read {
            // The parser's message may quote the file.
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                let message = format!("line {} column {} is no journal", error.line(), error.column());
                io::Error::new(io::ErrorKind::InvalidData, message)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Content::default()),
            Err(error) => Err(error),
        }
    }

    /// Changes the content, and writes it completely or not at all. The file is for this user alone.
    fn change<T>(&self, change: impl FnOnce(&mut Content) -> T) -> io::Result<T> {
        let _lock = self.lock()?;
        let mut content = self.read()?;
        let before = content.submissions.clone();
        let value = change(&mut content);
        if content.submissions != before {
            // A key that the API remembers is never given up: its call would be charged again.
            let mut surplus = content.submissions.len().saturating_sub(CAPACITY);
            let now = unix_seconds();
            content.submissions.retain(|entry| {
                let goes = surplus > 0 && !entry.is_recent(now);
                surplus -= usize::from(goes);
                !goes
            });
            let mut file = tempfile::Builder::new().prefix(NAME).tempfile_in(&self.folder)?;
            file.write_all(&serde_json::to_vec(&content)?)?;
            file.as_file().sync_all()?;
            file.persist(self.file())?;
        }
        Ok(value)
    }

    fn error(&self, error: &io::Error) -> InfraiError {
        let message = format!("{} cannot be used: {error}", self.file().display());
        InfraiError::new(ErrorKind::Configuration, "FILE_ERROR", message).with_hint(
            "Ask the user to make the folder and the file usable. The file keeps the keys of the last 24 hours: without them, a \
             repeated call is charged again.",
        )
    }
}

/// Opens a regular file, without following a link and without waiting for the other end of a FIFO.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;

        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
