//! What the calls about videos take and give besides jobs.

use std::sync::Arc;

use infrai::{
    GenerateRequest, InfraiClient, InfraiError, VideoJob, options,
    video::{Download, DownloadProgress, GenerateMany, JobRef, Wait},
};
use tokio::sync::oneshot;

use crate::{
    callbacks::{NativeProgress, NativeUpdateListener},
    job::NativeJob,
    listener::ListenerHandle,
    options::{NativeGenerate, NativePatience, Patience},
};

/// How to wait.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeWaitOptions {
    /// How long.
    pub timeout: NativePatience,
    /// Whether to cancel the job when the wait's time is over.
    #[uniffi(default = false)]
    pub cancel_on_timeout: bool,
    /// Whether to cancel the job when the wait is cancelled: the wait then takes up to 5 seconds to end, with the job or
    /// an error of the kind `Aborted`.
    #[uniffi(default = false)]
    pub cancel_on_abort: bool,
}

/// How to generate many.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeManyOptions {
    /// How many jobs are under way at once.
    #[uniffi(default = None)]
    pub concurrency: Option<i64>,
    /// Item `i` without a key of its own gets the idempotency key `<prefix>-<i>`.
    #[uniffi(default = None)]
    pub key_prefix: Option<String>,
    /// How long to wait for each job.
    pub timeout: NativePatience,
}

/// A finished download.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct NativeDownload {
    /// Where the file is.
    pub path: String,
    /// How long it is, in bytes.
    pub bytes: i64,
    /// The job it came from.
    pub job: NativeJob,
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl From<DownloadProgress> for NativeProgress {
    fn from(progress: DownloadProgress) -> Self {
        Self { received: whole(progress.received), total: progress.total.map(whole) }
    }
}

impl From<Download> for NativeDownload {
    fn from(saved: Download) -> Self {
        Self { path: saved.path.display().to_string(), bytes: whole(saved.bytes), job: (&saved.job).into() }
    }
}

/// The listener of a wait, behind its listener.
pub(crate) type Updates = ListenerHandle<Arc<dyn NativeUpdateListener>>;

/// A wait, and what asks it to end where it is to cancel its job first.
pub(crate) fn wait(
    client: &InfraiClient,
    job: JobRef,
    options: &NativeWaitOptions,
    updates: Option<Arc<Updates>>,
) -> Result<(Wait, Option<oneshot::Sender<()>>), InfraiError> {
    let mut wait = client.video().wait(job).cancel_on_timeout(options.cancel_on_timeout);
    wait = match options.timeout.try_into()? {
        Patience::Standard => wait,
        Patience::Forever => wait.no_timeout(),
        Patience::Limited(timeout) => wait.timeout(timeout),
    };
    if let Some(updates) = updates {
        wait =
            wait.on_update(move |job: &VideoJob| updates.invoke(|listener| listener.on_update(job.into())));
    }
    if !options.cancel_on_abort {
        return Ok((wait, None));
    }
    let (graceful, aborted) = oneshot::channel::<()>();
    wait = wait.cancel_on_abort(true).abort_when(async move {
        // The sender goes with the call: only a message means that the caller cancelled.
        if aborted.await.is_err() {
            std::future::pending::<()>().await;
        }
    });
    Ok((wait, Some(graceful)))
}

/// Many jobs.
pub(crate) fn many(
    client: &InfraiClient,
    items: Vec<NativeGenerate>,
    options: NativeManyOptions,
) -> Result<GenerateMany, InfraiError> {
    let mut many = client.video().generate_many(items.into_iter().map(GenerateRequest::from));
    if let Some(concurrency) = options.concurrency {
        many = many.concurrency(options::count("concurrency", concurrency)? as usize);
    }
    if let Some(prefix) = options.key_prefix {
        many = many.key_prefix(prefix);
    }
    Ok(match options.timeout.try_into()? {
        Patience::Standard => many,
        Patience::Forever => many.no_timeout(),
        Patience::Limited(timeout) => many.timeout(timeout),
    })
}
