//! `wait`: polls for the end of a job, with timeout and abort.

use std::{fmt, future::IntoFuture, sync::Arc, time::Duration};

use serde_json::Map;

use crate::{
    api::{
        client::ApiClient,
        video::{
            calls::{cancel, matching_status},
            compact_job::CompactJob,
            costs::JobCosts,
            job_ref::JobRef,
            job_source::subscribe,
        },
    },
    error::{ErrorKind, InfraiError, Result, shorten},
    job::{JobId, VideoJob, VideoState},
    metadata::Metadata,
    options::WaitOptions,
    polling::source::PollEvent,
    redact::Redactor,
    runtime::{self, BoxFuture},
};

/// Timeout of the cancel request at the end of a wait.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

type OnUpdate = Box<dyn FnMut(&VideoJob) + Send>;

/// Wait for the end of a job; see [`Video::wait`](super::Video::wait). [`send`](Self::send) or `.await` starts it.
/// Dropping its future stops the polls. The job continues.
#[must_use = "nothing is waited for until it is awaited"]
pub struct Wait {
    client: ApiClient,
    job: JobRef,
    options: WaitOptions,
    on_update: Option<OnUpdate>,
    abort: Option<BoxFuture<'static, ()>>,
}

impl Wait {
    pub(crate) fn new(client: ApiClient, job: JobRef) -> Self {
        Self { client, job, options: WaitOptions::default(), on_update: None, abort: None }
    }

    /// For bindings: replaces the options.
    #[doc(hidden)]
    pub fn options(mut self, options: WaitOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the timeout of the wait. Default: 30 minutes.
    ///
    /// The wait polls once more before it times out. If many waits time out together, their last polls queue for
    /// [`max_requests_per_second`](crate::PollingOptions::max_requests_per_second), and each wait stays until its poll
    /// has finished.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Removes the timeout: the wait has no limit.
    pub fn no_timeout(mut self) -> Self {
        self.options.timeout = None;
        self
    }

    /// Sets whether the wait cancels the job when it times out. Default: no.
    ///
    /// The cancel request has a timeout of 5 seconds. No more cancel requests are in flight than
    /// [`PollingOptions::concurrency`](crate::PollingOptions::concurrency). If the job has succeeded in the meantime,
    /// the wait returns it, because the account was charged for it.
    pub fn cancel_on_timeout(mut self, cancel: bool) -> Self {
        self.options.cancel_on_timeout = cancel;
        self
    }

    /// Sets a callback that runs with the job's first state and with every change. With a callback, the client polls
    /// the job at least every [`PollingOptions::refresh`](crate::PollingOptions::refresh) seconds as far as the rate
    /// limit allows.
    pub fn on_update(mut self, on_update: impl FnMut(&VideoJob) + Send + 'static) -> Self {
        self.on_update = Some(Box::new(on_update));
        self
    }

    /// Sets a future that aborts the wait: once it is ready, the wait ends with an error of the kind
    /// [`Aborted`](ErrorKind::Aborted).
    pub fn abort_when(mut self, aborted: impl Future<Output = ()> + Send + 'static) -> Self {
        self.abort = Some(Box::pin(aborted));
        self
    }

    /// Sets whether the wait cancels the job when [`abort_when`](Self::abort_when) aborts it. Default: no. The cancel
    /// request has a timeout of 5 seconds.
    pub fn cancel_on_abort(mut self, cancel: bool) -> Self {
        self.options.cancel_on_abort = cancel;
        self
    }

    /// Waits until the job has ended and returns it. Polls that fail are retried until the wait times out, unless a
    /// retry cannot help.
    ///
    /// # Errors
    /// - An error of the kind [`JobFailed`](ErrorKind::JobFailed) or [`JobCancelled`](ErrorKind::JobCancelled), with
    ///   the job.
    /// - `WAIT_TIMEOUT` and `ABORTED`, with the job's last known state, or its cancelled state after a successful cancel.
    /// - The error of a poll that a retry cannot help, such as an unknown id or a rejected key. A refusal without the
    ///   API's envelope, from a gateway, ends only the wait for an id that this client does not know, at the third in a
    ///   row.
    /// - `UNEXPECTED_RESPONSE` if three responses in a row are about another job.
    pub async fn send(self) -> Result<VideoJob> {
        let Self { client, job, options, on_update, abort } = self;
        let WaitOptions { timeout, cancel_on_timeout, cancel_on_abort } = options;
        let (id, job) = (job.id.clone(), job.with_redactor_of(&client.http));
        let mut wait = WaitState { on_update, last: None, last_error: None };
        let aborted = async {
            match abort {
                Some(abort) => abort.await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            biased;
            () = aborted => None,
            ended = wait.run(&client, job, timeout) => Some(ended),
        };
        // The subscription has ended with `run`, so that it does not poll while the cancel request waits for others.
        let WaitState { last, last_error, .. } = wait;
        let redactor = last.as_ref().map(|last| last.redactor.clone()).unwrap_or_default();
        let redactor = redactor.or_else(|| client.http.redactor());
        let with_last = |error: InfraiError, cancelled| {
            let last = match last.map(|last| last.job()) {
                Some(Ok(job)) => Some(job),
                _ => None,
            };
            let job = if cancelled { cancelled_job(last, &id, &redactor, &client.costs) } else { last };
            match job {
                Some(job) => error.with_job(job),
                None => error,
            }
            .redacted(&redactor)
        };
        match ended {
            Some(Ok(Some(job))) => into_result(job),
            Some(Err(error)) if error.job().is_none() => Err(with_last(error, false)),
            Some(Err(error)) => Err(error),
            Some(Ok(None)) => {
                let timeout = timeout.unwrap_or_default();
                let shown = shorten(&redactor.text(id.as_str()), 80);
                let mut message = format!("the job {shown} had not ended after {timeout:?}");
                if let Some(last_error) = &last_error {
                    message = format!("{message}; the last poll failed: {last_error}");
                }
                let mut error = InfraiError::new(ErrorKind::WaitTimeout, "WAIT_TIMEOUT", message);
                let mut cancelled = false;
                if cancel_on_timeout {
                    // Boxed here and below, so that each wait does not hold the memory of a call that few waits make.
                    match Box::pin(cancel_job(&client, &id)).await {
                        CancelOutcome::AlreadyEnded(job) => return into_result(*job),
                        CancelOutcome::Cancelled => {
                            cancelled = true;
                            error = error
                                .with_details(serde_json::json!({ "cancelled": true }))
                                .with_hint(
                                    "The job was cancelled. Generate again with a longer timeout if the video is still wanted.",
                                );
                        }
                        CancelOutcome::Unknown(cancel_error) => {
                            error = error.with_details(
                                serde_json::json!({ "cancelled": false, "cancel_error": cancel_error.to_string() }),
                            );
                        }
                    }
                }
                Err(with_last(error, cancelled))
            }
            None => {
                let mut error =
                    InfraiError::new(ErrorKind::Aborted, "ABORTED", "the wait was aborted by its caller");
                let mut cancelled = false;
                if cancel_on_abort {
                    let result = Box::pin(async {
                        let _permit = client.poller.acquire_cancel_permit(CANCEL_TIMEOUT).await;
                        cancel(&client.http, &client.routes, &client.costs, &id, Some(CANCEL_TIMEOUT)).await
                    });
                    cancelled = result.await.is_ok_and(|result| result.ok);
                    error = error.with_details(serde_json::json!({ "cancelled": cancelled }));
                }
                Err(with_last(error, cancelled))
            }
        }
    }
}

/// Returns the job after a successful cancel: its last known fields, and the state `cancelled`.
fn cancelled_job(
    last: Option<VideoJob>,
    id: &JobId,
    redactor: &Redactor,
    costs: &JobCosts,
) -> Option<VideoJob> {
    let (mut fields, metadata) = match last {
        Some(job) => (job.raw.fields, job.metadata),
        None => (Map::from_iter([("job_id".to_owned(), id.as_str().into())]), Metadata::default()),
    };
    let state = VideoState::Cancelled;
    fields.insert("state".into(), state.as_str().into());
    if let Some(status) = fields.get_mut("status") {
        *status = state.as_str().into();
    }
    let mut job = VideoJob::read(fields, metadata, redactor.clone()).ok()?;
    costs.received(&mut job);
    Some(job)
}

/// Returns a job that succeeded, or the error of one that failed or was cancelled.
fn into_result(job: VideoJob) -> Result<VideoJob> {
    match job.end_error() {
        Some(error) => Err(error),
        None => Ok(job),
    }
}

struct WaitState {
    on_update: Option<OnUpdate>,
    /// Last known state.
    last: Option<CompactJob>,
    /// Error of the last poll. `None` if it succeeded.
    last_error: Option<InfraiError>,
}

impl WaitState {
    /// Polls until the job has ended and returns it. `None` if the timeout passed first.
    async fn run(
        &mut self,
        client: &ApiClient,
        job: JobRef,
        timeout: Option<Duration>,
    ) -> Result<Option<VideoJob>> {
        let ApiClient { http, routes, costs, poller } = client;
        let attempt_timeout = http.config().options.attempt_timeout;
        let start = poller.now();
        let sleep = async |timeout: Option<Duration>| match timeout {
            Some(timeout) => poller.sleep_until(start + timeout.as_secs_f64()).await,
            None => std::future::pending().await,
        };
        let observes = self.on_update.is_some();
        // A slow key function gets as much time past the deadline as the last poll would.
        let mut subscription = tokio::select! {
            biased;
            opened = subscribe(http, routes, costs, poller, job, observes) => opened?,
            () = sleep(timeout.map(|timeout| timeout.saturating_add(attempt_timeout))) => return Ok(None),
        };
        let timed_out = sleep(timeout);
        tokio::pin!(timed_out);
        loop {
            tokio::select! {
                biased;
                event = subscription.next() => {
                    if let Some(job) = self.handle(event)? {
                        return Ok(Some(job));
                    }
                }
                () = &mut timed_out => break,
            }
        }
        // The last poll. It may wait in the rate limiter's queue for as long as the queue advances.
        subscription.poll_now();
        let options = &http.config().options;
        let turn = Duration::try_from_secs_f64(2.0 / options.polling.max_requests_per_second)
            .unwrap_or(Duration::MAX);
        let turn_timeout = options.attempt_timeout.saturating_add(turn);
        let stalled = runtime::sleep(turn_timeout);
        tokio::pin!(stalled);
        let mut poll_status = subscription.poll_status();
        loop {
            tokio::select! {
                biased;
                event = subscription.next() => {
                    let finished = matches!(event, Some(PollEvent::PollFinished(_)));
                    if let Some(job) = self.handle(event)? {
                        return Ok(Some(job));
                    }
                    if finished {
                        return Ok(None);
                    }
                }
                () = &mut stalled => {
                    let current = subscription.poll_status();
                    if current == poll_status {
                        return Ok(None);
                    }
                    poll_status = current;
                    stalled.set(runtime::sleep(turn_timeout));
                }
            }
        }
    }

    /// Handles an event of the poller. Returns the job if it has ended.
    fn handle(&mut self, event: Option<PollEvent<VideoJob>>) -> Result<Option<VideoJob>> {
        match event {
            Some(PollEvent::Updated(job, compact)) => {
                if let Some(on_update) = &mut self.on_update {
                    on_update(&job);
                }
                self.last = Some(compact);
                self.last_error = None;
                Ok(job.is_terminal().then(|| Arc::unwrap_or_clone(job)))
            }
            Some(PollEvent::PollFinished(last_error)) => {
                self.last_error = last_error;
                Ok(None)
            }
            Some(PollEvent::Failed(error)) => Err(error),
            None => Err(InfraiError::internal("the polling ended before the job did")),
        }
    }
}

enum CancelOutcome {
    Cancelled,
    AlreadyEnded(Box<VideoJob>),
    Unknown(InfraiError),
}

/// Cancels a job. If it has already ended, fetches its state.
async fn cancel_job(client: &ApiClient, id: &JobId) -> CancelOutcome {
    let _permit = client.poller.acquire_cancel_permit(CANCEL_TIMEOUT).await;
    let ApiClient { http, routes, costs, .. } = client;
    match cancel(http, routes, costs, id, Some(CANCEL_TIMEOUT)).await {
        Ok(result) if result.ok => CancelOutcome::Cancelled,
        Ok(_) => match matching_status(http, routes, costs, id, Some(CANCEL_TIMEOUT)).await {
            Ok(job) if job.is_terminal() => CancelOutcome::AlreadyEnded(Box::new(job)),
            Ok(job) => CancelOutcome::Unknown(InfraiError::internal(format!(
                "the API did not cancel the job although it has not ended; its state is {}",
                job.raw.redactor.text(job.state.as_str())
            ))),
            Err(error) => CancelOutcome::Unknown(error),
        },
        Err(error) => CancelOutcome::Unknown(error),
    }
}

impl IntoFuture for Wait {
    type Output = Result<VideoJob>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("job", &self.job.id)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
