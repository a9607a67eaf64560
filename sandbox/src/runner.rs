//! Workers that run jobs from `queued` to their end.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use infrai_render::{RenderError, RenderReport, RenderSpec, render};
use sha2::{Digest, Sha256};

use crate::{
    catalog::{self, FAIL, SLOW},
    db::Db,
    error::ApiError,
    private::{self, Kind},
    store::jobs::{self, Job, Next},
    time, tokens,
};

/// Name of a job's video in its folder and its URL.
pub(crate) const VIDEO: &str = "video.mp4";
/// Name of a job's thumbnail in its folder and its URL.
pub(crate) const THUMBNAIL: &str = "thumbnail.jpg";

/// The live state of a job that is being rendered.
#[derive(Debug, Default)]
struct RunningJob {
    /// The bits of a double between 0 and 1.
    progress: AtomicU64,
    cancelled: AtomicBool,
}

/// The worker threads, and the jobs they render.
#[derive(Debug)]
pub(crate) struct Runner {
    db: Arc<Db>,
    files: PathBuf,
    slow: Duration,
    live: Arc<Mutex<HashMap<String, Arc<RunningJob>>>>,
    /// Counts the changes that workers wait for.
    changes: Mutex<u64>,
    changed: Condvar,
    stopping: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The outcome of a rendering.
enum RenderOutcome {
    Whole { video_etag: String, thumbnail_etag: String, warnings: String },
    Failed { code: String, message: String },
    Abandoned,
}

/// Returns the folder of a job below the folder of all files. Fails for an id that the sandbox does not generate,
/// because it could lead anywhere.
pub(crate) fn job_dir(files: &Path, id: &str) -> io::Result<PathBuf> {
    if jobs::is_job_id(id) {
        return Ok(files.join(id));
    }
    let message = format!("the database has a job with the id {id:?}, which no sandbox generates");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runner {
    /// Starts `workers` rendering threads, and one for the models that wait.
    pub(crate) fn start(
        db: Arc<Db>,
        files: PathBuf,
        slow: Duration,
        workers: usize,
    ) -> io::Result<Arc<Self>> {
        let runner = Arc::new(Self {
            db,
            files,
            slow,
            live: Arc::default(),
            changes: Mutex::new(0),
            changed: Condvar::new(),
            stopping: AtomicBool::new(false),
            threads: Mutex::default(),
        });
        let spawn = |name: String, work: fn(&Self)| {
            let shared = runner.clone();
            std::thread::Builder::new().name(name).spawn(move || work(&shared))
        };
        let started = (0..workers)
            .map(|index| spawn(format!("sandbox-render-{index}"), Self::worker_loop))
            .chain(std::iter::once_with(|| spawn("sandbox-hold".to_owned(), Self::blocked_loop)))
            .try_for_each(|thread| thread.map(|thread| lock(&runner.threads).push(thread)));
        match started {
            Ok(()) => Ok(runner),
            Err(error) => {
                runner.signal_stop();
                Err(error)
            }
        }
    }

    /// Wakes the workers after a job was queued, cancelled or made ready.
    pub(crate) fn wake(&self) {
        *lock(&self.changes) += 1;
        self.changed.notify_all();
    }

    /// Stops the rendering of a cancelled job.
    pub(crate) fn abandon(&self, id: &str) {
        if let Some(live) = lock(&self.live).get(id) {
            live.cancelled.store(true, Ordering::Relaxed);
        }
        self.wake();
    }

    /// Signals all threads to end. Their jobs are queued again at the next start.
    pub(crate) fn signal_stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Waits for the threads to end.
    pub(crate) fn join(&self) {
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            let _ = thread.join();
        }
    }

    /// Returns the progress of a running job, from 0 to 1. It never decreases.
    #[allow(clippy::cast_precision_loss, reason = "milliseconds of a job's life")]
    pub(crate) fn progress(&self, job: &Job) -> f64 {
        let slow = job.request.model == SLOW;
        match job.stage.as_str() {
            "rendering" => {
                let live = lock(&self.live).get(&job.id).cloned();
                let done = live.map_or(0.0, |live| f64::from_bits(live.progress.load(Ordering::Relaxed)));
                if slow { 0.5 + done / 2.0 } else { done }
            }
            "render" if slow => {
                let started = job.started_at.unwrap_or(job.ready_at);
                let waited = (time::unix_millis() - started).max(0) as f64;
                (waited / (job.ready_at - started).max(1) as f64).min(1.0) / 2.0
            }
            "stuck" => 0.5,
            _ => 0.0,
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn changes(&self) -> u64 {
        *lock(&self.changes)
    }

    /// Sleeps until something changes after `seen`, at most for `at_most`.
    fn wait(&self, seen: u64, at_most: Duration) {
        let changes = lock(&self.changes);
        let _ = self.changed.wait_timeout_while(changes, at_most, |now| *now == seen && !self.is_stopping());
    }

    /// Runs the thread of the models that wait. They must not occupy a rendering worker.
    fn blocked_loop(&self) {
        let slow = i64::try_from(self.slow.as_millis()).unwrap_or(i64::MAX / 2);
        while !self.is_stopping() {
            let seen = self.changes();
            match self.db.write_blocking(move |transaction| jobs::start_held(transaction, slow)) {
                Ok(0) => self.wait(seen, Duration::from_secs(60)),
                Ok(_) => self.wake(),
                Err(error) => self.pause(&error),
            }
        }
    }

    /// Runs the thread of one worker.
    fn worker_loop(&self) {
        while !self.is_stopping() {
            let seen = self.changes();
            match self.claim() {
                Ok(Next::Job(job)) => {
                    let live = lock(&self.live).get(&job.id).cloned().unwrap_or_default();
                    self.run(&job, &live);
                    lock(&self.live).remove(&job.id);
                }
                Ok(Next::At(ready_at)) => {
                    let left = (ready_at - time::unix_millis()).clamp(1, 60_000);
                    self.wait(seen, Duration::from_millis(left.unsigned_abs()));
                }
                Ok(Next::Nothing) => self.wait(seen, Duration::from_secs(60)),
                Err(error) => self.pause(&error),
            }
        }
    }

    fn claim(&self) -> Result<Next, ApiError> {
        let known = self.live.clone();
        self.db.write_blocking(move |transaction| {
            let next = jobs::claim(transaction)?;
            // Before the commit, so that a later cancel finds the rendering.
            if let Next::Job(job) = &next {
                lock(&known).insert(job.id.clone(), Arc::default());
            }
            Ok(next)
        })
    }

    fn run(&self, job: &Job, live: &RunningJob) {
        let rendered = if let Some(code) = &job.request.injected_error_code {
            RenderOutcome::Failed {
                code: code.clone(),
                message: "an injected fault; the charge was refunded".to_owned(),
            }
        } else if job.request.model == FAIL {
            RenderOutcome::Failed {
                code: "SANDBOX_FAILURE".to_owned(),
                message: format!("the model {FAIL} always fails; the charge was refunded"),
            }
        } else {
            catch_unwind(AssertUnwindSafe(|| self.render(job, live))).unwrap_or_else(|_| {
                RenderOutcome::Failed {
                    code: "RENDER_FAILED".to_owned(),
                    message: "the renderer crashed; see the sandbox's log".to_owned(),
                }
            })
        };
        let kept = match rendered {
            RenderOutcome::Whole { video_etag, thumbnail_etag, warnings } => {
                let id = job.id.clone();
                self.retry_write(move |db| {
                    let (id, video, thumbnail, warnings) =
                        (id.clone(), video_etag.clone(), thumbnail_etag.clone(), warnings.clone());
                    db.write_blocking(move |transaction| {
                        jobs::succeed(transaction, &id, &video, &thumbnail, &warnings)
                    })
                })
            }
            RenderOutcome::Failed { code, message } => {
                tracing::info!(job = %job.id, code, "job failed");
                let failed = job.clone();
                self.retry_write(move |db| {
                    let (job, code, message) = (failed.clone(), code.clone(), message.clone());
                    db.write_blocking(move |transaction| jobs::fail(transaction, &job, &code, &message))
                });
                false
            }
            RenderOutcome::Abandoned => false,
        };
        if !kept {
            remove(&self.files, &job.id);
        }
    }

    /// Repeats a failed write (a full disk, for example) until it succeeds: a finished job must not stay running.
    fn retry_write(&self, write: impl Fn(&Db) -> Result<bool, ApiError>) -> bool {
        while !self.is_stopping() {
            match write(&self.db) {
                Ok(done) => return done,
                Err(error) => self.pause(&error),
            }
        }
        // Queued again at the next start, which removes its files.
        false
    }

    fn pause(&self, error: &ApiError) {
        if !self.is_stopping() {
            tracing::warn!(error = %error.message, "a worker could not write; retrying");
            self.wait(self.changes(), Duration::from_millis(500));
        }
    }

    fn render(&self, job: &Job, live: &RunningJob) -> RenderOutcome {
        match self.produce(job, live) {
            Ok((report, video_etag, thumbnail_etag)) => {
                tracing::info!(job = %job.id, frames = report.frames, bytes = report.bytes, "job rendered");
                let warnings = serde_json::Value::from(report.warnings).to_string();
                RenderOutcome::Whole { video_etag, thumbnail_etag, warnings }
            }
            Err(RenderError::Cancelled) => RenderOutcome::Abandoned,
            Err(RenderError::Io(error)) => RenderOutcome::Failed {
                code: "RENDER_FAILED".to_owned(),
                message: format!("the video could not be written: {error}"),
            },
            Err(RenderError::Encode(message)) => {
                RenderOutcome::Failed { code: "RENDER_FAILED".to_owned(), message }
            }
        }
    }

    fn produce(&self, job: &Job, live: &RunningJob) -> Result<(RenderReport, String, String), RenderError> {
        let folder = job_dir(&self.files, &job.id).map_err(RenderError::Io)?;
        private::make_folder(&folder).map_err(RenderError::Io)?;
        let (video, thumbnail) = (folder.join(VIDEO), folder.join(THUMBNAIL));
        let (width, height) = catalog::dimensions(&job.request.resolution, &job.request.aspect);
        #[allow(clippy::cast_precision_loss, reason = "at most a minute of milliseconds")]
        let spec = RenderSpec {
            prompt: job.request.prompt.clone(),
            width,
            height,
            duration_seconds: job.request.duration_ms as f64 / 1000.0,
            label: format!("{} · {}", job.request.resolution, job.request.prefer),
        };
        let mut progress = |done: f64| {
            let now = done.clamp(0.0, 1.0).max(f64::from_bits(live.progress.load(Ordering::Relaxed)));
            live.progress.store(now.to_bits(), Ordering::Relaxed);
        };
        let cancelled = || live.cancelled.load(Ordering::Relaxed) || self.is_stopping();
        let report = render(&spec, &video, &thumbnail, &mut progress, &cancelled)?;
        Ok((report, etag(&video).map_err(RenderError::Io)?, etag(&thumbnail).map_err(RenderError::Io)?))
    }
}

/// Returns a strong entity tag: the start of the file's SHA-256.
fn etag(path: &Path) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(tokens::hex(&hash.finalize()[..16])),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// Removes the rendered files of a job, and its folder if nothing else is in it.
fn remove(files: &Path, id: &str) {
    if let Err(error) = job_dir(files, id).and_then(|folder| remove_files(&folder))
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, job = ?id, "files of a finished job could not be removed");
    }
}

fn remove_files(folder: &Path) -> io::Result<()> {
    private::check(&fs::symlink_metadata(folder)?, Kind::Folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_render_output) {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir(folder)
}

/// Returns true for the names of a rendering's files: video or thumbnail, complete or partial.
fn is_render_output(name: &str) -> bool {
    [VIDEO, THUMBNAIL].iter().any(|whole| {
        let unfinished = name.strip_prefix('.').and_then(|name| name.strip_prefix(whole));
        name == *whole
            || unfinished.is_some_and(|rest| rest.starts_with('.') && rest.strip_suffix(".part").is_some())
    })
}

/// Removes the files that a killed process left for the jobs in `unfinished`. Other entries are not the sandbox's and
/// stay.
pub(crate) fn remove_orphans(files: &Path, unfinished: &HashSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(files)? {
        let name = entry?.file_name();
        if let Some(id) = name.to_str().filter(|name| unfinished.contains(*name)) {
            remove(files, id);
        }
    }
    Ok(())
}
