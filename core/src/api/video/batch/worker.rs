//! Workers of a batch: each takes one item after the other, submits it, waits for its job and saves its video.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::{
    api::{
        client::ApiClient,
        video::{
            batch::{
                budget::Budget,
                item::{BatchEvent, BatchUpdate, GenerateManyItem, SavedVideo, WantedEvents},
                journal::Journal,
                keys::{self, Fingerprint},
                plan::{self, Step, ambiguous, complete_file},
                record::{Record, now},
            },
            download::DownloadRequest,
            generate::Generate,
            job_ref::JobRef,
            wait::Wait,
        },
    },
    error::{ErrorKind, InfraiError, Result},
    http::call::check_idempotency_key,
    job::VideoJob,
    options::{BatchOptions, GenerateRequest},
    runtime,
};

/// Time that an aborted batch gives the submissions in flight, so that their jobs are known.
const ABORT_GRACE: Duration = Duration::from_secs(5);

/// An item that no worker has taken yet.
#[derive(Debug)]
pub(super) struct QueuedItem {
    pub(super) index: usize,
    pub(super) key: String,
    pub(super) request: GenerateRequest,
}

/// State that the workers of a batch share.
pub(super) struct Shared {
    pub(super) client: ApiClient,
    pub(super) options: BatchOptions,
    pub(super) queue: Mutex<VecDeque<QueuedItem>>,
    /// Limits the submissions in flight. Thousands of connections at once would slow all of them down.
    pub(super) permits: Semaphore,
    pub(super) journal: Journal,
    pub(super) budget: Budget,
    /// Error after which nothing more is submitted.
    pub(super) stop: Mutex<Option<InfraiError>>,
    pub(super) sender: mpsc::UnboundedSender<Result<BatchEvent>>,
    pub(super) wanted: WantedEvents,
    pub(super) aborted: watch::Receiver<bool>,
    /// Items that an abort cut off, for its error.
    pub(super) cut_off: Mutex<CutOff>,
}

/// Items that an abort cut off.
#[derive(Debug, Default)]
pub(super) struct CutOff {
    jobs: Vec<Value>,
    not_submitted: usize,
    /// Submissions without a known outcome.
    unknown: usize,
    /// Finished videos.
    not_downloaded: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn is_aborted(&self) -> bool {
        *self.aborted.borrow()
    }

    /// Becomes ready once the batch is aborted.
    fn aborted(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut aborted = self.aborted.clone();
        async move {
            if aborted.wait_for(|aborted| *aborted).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn next(&self) -> Option<QueuedItem> {
        if self.is_aborted() {
            return None;
        }
        let mut queue = lock(&self.queue);
        let next = queue.pop_front();
        if queue.is_empty() {
            // The waits for the jobs do not need the memory of thousands of requests.
            queue.shrink_to_fit();
        }
        next
    }

    /// Stops all later submissions.
    fn stop(&self, error: &InfraiError) {
        lock(&self.stop).get_or_insert_with(|| error.clone());
    }

    fn check_stopped(&self) -> Result<()> {
        lock(&self.stop).as_ref().map_or(Ok(()), |cause| Err(not_submitted(cause)))
    }

    /// Writes a record about a job that exists. If that fails, the batch submits nothing more.
    fn record(&self, record: impl FnOnce() -> Record) {
        if let Err(error) = self.journal.record(record) {
            self.stop(&error);
        }
    }
}

/// Takes items until the queue is empty or the batch is aborted.
pub(super) async fn work(shared: Arc<Shared>) {
    while let Some(QueuedItem { index, key, request }) = shared.next() {
        // A panic becomes the result of the item.
        let ended = AssertUnwindSafe(run(&shared, index, &key, request)).catch_unwind().await;
        let (result, file) = match ended {
            Ok(Some(Ok((job, file)))) => (Ok(job), file),
            Ok(Some(Err(error))) => (Err(error), None),
            Ok(None) => continue,
            Err(_) => {
                let error = InfraiError::internal("the call panicked").with_hint(
                    "Read the panic's message. A hook (`on_request`, `on_response`) may be its cause.",
                );
                (Err(error), None)
            }
        };
        let result = result.map_err(|error: InfraiError| error.or_idempotency_key(&key));
        let item = BatchEvent::Item(GenerateManyItem { index, key, result, file });
        if shared.sender.send(Ok(item)).is_err() {
            return;
        }
    }
}

/// Returns the outcome of an item. `None` if the batch was aborted meanwhile.
async fn run(
    shared: &Shared,
    index: usize,
    key: &str,
    request: GenerateRequest,
) -> Option<Result<(VideoJob, Option<SavedVideo>)>> {
    let fingerprint = keys::fingerprint(&request.to_json());
    let current = shared.journal.ledger().current_key(key, &fingerprint, shared.options.retry_failed);
    let outcome = match job(shared, index, key, &current, &fingerprint, request).await {
        Ok(job) => save(shared, key, &current, job).await,
        Err(error) => Err(error),
    };
    match outcome {
        Err(error) if error.kind() == ErrorKind::Aborted && shared.is_aborted() => {
            let mut cut_off = lock(&shared.cut_off);
            match error.job() {
                Some(job) if job.is_success() => cut_off.not_downloaded += 1,
                Some(job) => {
                    let cancelled =
                        error.details().and_then(|details| details.get("cancelled")) == Some(&true.into());
                    let job_id = job.job_id.as_str();
                    cut_off
                        .jobs
                        .push(json!({"index": index, "key": key, "job_id": job_id, "cancelled": cancelled}));
                }
                None if error.may_have_been_processed() => cut_off.unknown += 1,
                None => cut_off.not_submitted += 1,
            }
            None
        }
        outcome => Some(outcome),
    }
}

/// Returns the item's job at its successful end: that of an earlier run, or a new one.
async fn job(
    shared: &Shared,
    index: usize,
    key: &str,
    current: &str,
    fingerprint: &Fingerprint,
    request: GenerateRequest,
) -> Result<VideoJob> {
    let options = &shared.options;
    let step = Step::next(&shared.journal.ledger(), current, fingerprint, options, now())?;
    // Needed only for a cost that the end of the job tells first.
    let class = shared.budget.is_limited().then(|| keys::price_class(&request.to_json()));
    let counted;
    let job: JobRef = match step {
        Step::Ended(job) => return job.end_error().map_or(Ok(*job), Err),
        Step::Ambiguous => return Err(ambiguous(current)),
        Step::Wait(id, cost_usd) => {
            counted = cost_usd.is_some();
            JobRef::from(id).cost_usd(cost_usd)
        }
        Step::Submit => {
            if let Some(folder) = &options.output_dir {
                plan::check_free(folder, key)?;
            }
            // Boxed, so that the item does not hold the submission's memory during the wait.
            let job = Box::pin(submit(shared, current.to_owned(), request)).await?;
            counted = job.cost_usd.is_some();
            if shared.wanted.submits {
                let update = BatchUpdate { index, key: key.to_owned(), job: job.clone() };
                let _ = shared.sender.send(Ok(BatchEvent::Submitted(update)));
            }
            job.into()
        }
    };
    let id = job.id.clone();
    // The job may have ended already, if the idempotency key is from an earlier run.
    let mut wait = Wait::new(shared.client.clone(), job)
        .abort_when(shared.aborted())
        .cancel_on_abort(options.cancel_on_abort);
    wait = match options.timeout {
        Some(timeout) => wait.timeout(timeout),
        None => wait.no_timeout(),
    };
    if shared.wanted.updates {
        let (sender, key) = (shared.sender.clone(), key.to_owned());
        wait = wait.on_update(move |job| {
            let update = BatchUpdate { index, key: key.clone(), job: job.clone() };
            let _ = sender.send(Ok(BatchEvent::Updated(update)));
        });
    }
    let ended = wait.await;
    let job = match &ended {
        Ok(job) => Some(job),
        Err(error) => error.job().filter(|job| error.kind() != ErrorKind::Aborted && job.is_terminal()),
    };
    if let Some(job) = job {
        if let (false, Some(class), Some(cost_usd)) = (counted, class, job.cost_usd) {
            shared.budget.learn(&class, cost_usd);
        }
        record_end(shared, current.to_owned(), job);
    }
    ended.map_err(|error| {
        let error = error.or_idempotency_key(current);
        if error.kind() == ErrorKind::Aborted && error.job().is_none() {
            return error.with_job(VideoJob::submitted(id));
        }
        error
    })
}

/// Submits an item under a key.
async fn submit(shared: &Shared, key: String, mut request: GenerateRequest) -> Result<VideoJob> {
    shared.check_stopped()?;
    request.check()?;
    check_idempotency_key(&key)?;
    let reserved = shared.budget.reserve(&request).await;
    let reserved = reserved.inspect_err(|error| shared.stop(error))?;
    // The semaphore is never closed.
    let Ok(_permit) = shared.permits.acquire().await else { return Err(aborted()) };
    shared.check_stopped()?;
    if shared.is_aborted() {
        return Err(aborted());
    }
    let intent = || Record::Intent { key: key.clone(), time: now(), request: request.to_json() };
    shared.journal.record_synced(intent).await.inspect_err(|error| shared.stop(error))?;
    request.idempotency_key = Some(key.clone());
    let sent = tokio::select! {
        biased;
        sent = Generate { client: shared.client.clone(), request }.send() => sent,
        () = async { shared.aborted().await; runtime::sleep(ABORT_GRACE).await } => {
            reserved.assume();
            return Err(aborted().with_call(1, Some(&key), true));
        }
    };
    match sent {
        Ok(job) => {
            let cost_usd = job.cost_usd;
            reserved.settle(cost_usd);
            let job_id = job.job_id.as_str().to_owned();
            shared.record(|| Record::Submitted { key, time: now(), job_id, cost_usd });
            Ok(job)
        }
        Err(error) => {
            if error.may_have_been_processed() {
                reserved.assume();
            } else {
                let code = error.code().to_owned();
                shared.record(|| Record::Refused { key, time: now(), code });
            }
            if matches!(error.status(), Some(401 | 402)) || error.code() == "API_KEY_MISSING" {
                shared.stop(&error);
            }
            Err(error)
        }
    }
}

fn record_end(shared: &Shared, key: String, job: &VideoJob) {
    shared.budget.refund(job.refunded_usd.unwrap_or_default());
    shared.record(|| Record::Ended {
        key,
        time: now(),
        job_id: job.job_id.as_str().to_owned(),
        state: job.state.as_str().to_owned(),
        cost_usd: job.cost_usd,
        refunded_usd: job.refunded_usd,
        job: job.to_json(),
    });
}

/// Saves the video in the batch's folder, unless its file is complete.
async fn save(
    shared: &Shared,
    key: &str,
    current: &str,
    job: VideoJob,
) -> Result<(VideoJob, Option<SavedVideo>)> {
    let Some(folder) = &shared.options.output_dir else { return Ok((job, None)) };
    let stored = shared.journal.ledger().entry(current).and_then(|entry| entry.saved);
    let complete = complete_file(folder, key, stored);
    let file = if let Some(file) = complete {
        file
    } else {
        let path = folder.join(keys::file_name(key));
        let download = DownloadRequest::new(shared.client.clone(), (&job).into(), path).overwrite(true);
        let saved = tokio::select! {
            biased;
            saved = Box::pin(download.send()) => saved,
            () = shared.aborted() => return Err(aborted().with_job(job)),
        };
        let saved =
            saved.map_err(|error| if error.job().is_none() { error.with_job(job.clone()) } else { error })?;
        SavedVideo { path: saved.path, bytes: saved.bytes, downloaded: true }
    };
    if file.downloaded || stored.is_none() {
        let (name, bytes) = (keys::file_name(key), file.bytes);
        shared.record(|| Record::Saved { key: current.to_owned(), time: now(), file: name, bytes });
    }
    Ok((job, Some(file)))
}

fn aborted() -> InfraiError {
    InfraiError::new(ErrorKind::Aborted, "ABORTED", "the batch was aborted by its caller")
}

/// Returns the error of an aborted batch: the jobs that continue, and the number of items that were not submitted.
pub(super) fn abort_error(shared: &Shared) -> InfraiError {
    let CutOff { mut jobs, mut not_submitted, unknown, not_downloaded } =
        std::mem::take(&mut *lock(&shared.cut_off));
    let ledger = shared.journal.ledger();
    for item in lock(&shared.queue).drain(..) {
        let fingerprint = keys::fingerprint(&item.request.to_json());
        let current = ledger.current_key(&item.key, &fingerprint, shared.options.retry_failed);
        match Step::next(&ledger, &current, &fingerprint, &shared.options, now()) {
            Ok(Step::Wait(id, _)) => {
                jobs.push(
                    json!({"index": item.index, "key": item.key, "job_id": id.as_str(), "cancelled": false}),
                );
            }
            Ok(Step::Submit) => not_submitted += 1,
            _ => {}
        }
    }
    let going_on = jobs.iter().filter(|job| job["cancelled"] != true).count();
    let mut message = format!(
        "the batch was aborted by its caller: {going_on} jobs continue, {not_submitted} items were not submitted"
    );
    for (count, what) in
        [(unknown, "submissions have no known outcome"), (not_downloaded, "videos were not downloaded")]
    {
        if count > 0 {
            let _ = write!(message, ", {count} {what}");
        }
    }
    let mut error = InfraiError::new(ErrorKind::Aborted, "ABORTED", message);
    if going_on + not_submitted + unknown + not_downloaded > 0 {
        error = error.with_hint("Run the batch again with the same `checkpoint` to wait for the jobs and submit the rest, or cancel the jobs.");
    }
    error.with_details(json!({
        "jobs": jobs, "not_submitted": not_submitted, "unknown": unknown, "not_downloaded": not_downloaded,
    }))
}

/// Returns the error of an item that was not submitted because an earlier one was refused.
fn not_submitted(cause: &InfraiError) -> InfraiError {
    let mut error = InfraiError::new(
        cause.kind(),
        cause.code(),
        format!("not submitted, because an earlier item was refused: {}", cause.message()),
    )
    .with_hint(cause.hint())
    .with_checkout_url(cause.checkout_url().map(str::to_owned));
    if let Some(status) = cause.status() {
        error = error.with_status(status);
    }
    error
}
