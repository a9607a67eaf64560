//! Journal of submissions in the output folder: the same arguments have the same idempotency key for a day.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use infrai::{ErrorKind, InfraiError, Result, VideoJob, new_idempotency_key};
use rmcp::model::JsonObject;
use serde::{Deserialize, Serialize};

/// Name of the file. Names of its lock and its temporary files begin alike.
pub(super) const NAME: &str = ".infrai-mcp.json";
const LOCK: &str = ".infrai-mcp.lock";
/// Seconds for which a repeated call is the same submission.
const KEY_LIFETIME: u64 = 24 * 3600;
/// Most submissions that the file keeps.
const CAPACITY: usize = 500;

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

    /// Returns the submission of these arguments: that of the last 24 hours, else a new one. It is on the disk before the
    /// request is sent.
    pub(super) async fn claim(&self, arguments: JsonObject) -> Result<Submission> {
        let given = arguments.get("idempotency_key").and_then(serde_json::Value::as_str).map(str::to_owned);
        let key = match given {
            Some(key) => key,
            None => new_idempotency_key()?,
        };
        let now = unix_seconds();
        self.run(move |place| {
            place.change(|content| {
                let known = content.submissions.iter().rev().find(|entry| {
                    entry.origin == place.origin
                        && entry.arguments == arguments
                        && now.saturating_sub(entry.submitted_at) < KEY_LIFETIME
                });
                if let Some(known) = known {
                    return known.clone();
                }
                let submission = Submission {
                    origin: place.origin.clone(),
                    arguments,
                    idempotency_key: key,
                    submitted_at: now,
                    job_id: None,
                    state: None,
                    cost_usd: None,
                };
                content.submissions.push(submission.clone());
                submission
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
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.folder.join(LOCK))?;
        let _ = file.lock();
        Ok(file)
    }

    fn read(&self) -> io::Result<Content> {
        match fs::read(self.file()) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
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
            let surplus = content.submissions.len().saturating_sub(CAPACITY);
            content.submissions.drain(..surplus);
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
            "Make the folder writable or remove the file, or name another folder with --output-dir.",
        )
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
