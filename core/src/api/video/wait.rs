//! `wait`: until a job has ended, or the wait's own time has.

use std::{fmt, future::IntoFuture, sync::Arc, time::Duration};

use crate::{
    api::{
        client::ApiClient,
        video::{
            calls::{cancel, status},
            compact_job::CompactJob,
            job_ref::JobRef,
            job_source::subscribe,
        },
    },
    error::{ErrorKind, InfraiError, Result, shorten},
    job::{JobId, VideoJob},
    options::WaitOptions,
    polling::source::PollEvent,
    redact::Redactor,
    runtime::BoxFuture,
};

/// How long the cancel of a wait that ended may take.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

type OnUpdate = Box<dyn FnMut(&VideoJob) + Send>;

/// A wait for a job's end; see [`Video::wait`](super::Video::wait). Begin it with [`send`](Self::send) or by `.await`;
/// dropping it ends the looking, and the job itself goes on.
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

    /// How long to wait. Default: 30 minutes. At the end comes one last look; those of many waits that end together queue
    /// for [`PollingOptions::rate`](crate::PollingOptions::rate), and each wait stays for its own.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Waits for ever.
    pub fn no_timeout(mut self) -> Self {
        self.options.timeout = None;
        self
    }

    /// Cancels the job when the wait's time is over. The cancel gets 5 seconds from when it is sent, and no more are under
    /// way at once than [`PollingOptions::concurrency`](crate::PollingOptions::concurrency) says; a job that turns out to
    /// have succeeded meanwhile is returned, because it was paid for.
    pub fn cancel_on_timeout(mut self, cancel: bool) -> Self {
        self.options.cancel_on_timeout = cancel;
        self
    }

    /// Called with the job's first state and with every change of it.
    pub fn on_update(mut self, on_update: impl FnMut(&VideoJob) + Send + 'static) -> Self {
        self.on_update = Some(Box::new(on_update));
        self
    }

    /// Ends the wait with an error of the kind [`Aborted`](ErrorKind::Aborted) as soon as this future is ready.
    pub fn abort_when(mut self, aborted: impl Future<Output = ()> + Send + 'static) -> Self {
        self.abort = Some(Box::pin(aborted));
        self
    }

    /// Cancels the job when [`abort_when`](Self::abort_when) ends the wait. The cancel gets 5 seconds from when it is sent.
    pub fn cancel_on_abort(mut self, cancel: bool) -> Self {
        self.options.cancel_on_abort = cancel;
        self
    }

    /// Waits.
    ///
    /// # Errors
    /// Job failed or cancelled, carrying the job; wait timeout, carrying the job as last seen; the error of a look that
    /// cannot be repeated (an unknown id, a key that is not accepted). Looks that failed otherwise are repeated until
    /// the wait's own time is over.
    pub async fn send(self) -> Result<VideoJob> {
        let Self { client, job, options, on_update, abort } = self;
        let WaitOptions { timeout, cancel_on_timeout, cancel_on_abort } = options;
        let (id, job) = (job.id.clone(), job.of(&client.http));
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
        // The subscription ended with the run: a cancel may have to wait for others.
        let WaitState { last, last_error, .. } = wait;
        let seen = last.as_ref().map(|last| last.redactor.clone()).unwrap_or_default();
        let redactor = seen.or_else(|| client.http.redactor());
        let with_last = |error| with_last(error, last, &redactor);
        match ended {
            Some(Ok(Some(job))) => into_result(job),
            Some(Err(error)) if error.job().is_none() => Err(with_last(error)),
            Some(Err(error)) => Err(error),
            Some(Ok(None)) => {
                let timeout = timeout.unwrap_or_default();
                let shown = shorten(&redactor.text(id.as_str()), 80);
                let mut what = format!("the job {shown} had not ended after {timeout:?}");
                if let Some(last_error) = &last_error {
                    what = format!("{what}; the last look at it failed: {last_error}");
                }
                let mut error = InfraiError::new(ErrorKind::WaitTimeout, "WAIT_TIMEOUT", what);
                if cancel_on_timeout {
                    // Boxed, here and below: a wait that goes on must not carry the room for calls that few ever make.
                    match Box::pin(cancel_job(&client, &id)).await {
                        CancelOutcome::Otherwise(job) => return into_result(*job),
                        CancelOutcome::Cancelled => {
                            error = error
                                .with_details(serde_json::json!({ "cancelled": true }))
                                .with_hint("The job was cancelled; generate again with more time if the video is still wanted.");
                        }
                        CancelOutcome::Unknown(last_error) => {
                            error = error.with_details(
                                serde_json::json!({ "cancelled": false, "cancel_error": last_error.to_string() }),
                            );
                        }
                    }
                }
                Err(with_last(error))
            }
            None => {
                let mut error =
                    InfraiError::new(ErrorKind::Aborted, "ABORTED", "the wait was aborted by its caller");
                if cancel_on_abort {
                    let cancelled = Box::pin(async {
                        let _place = client.poller.acquire_cancel_permit(CANCEL_TIMEOUT).await;
                        cancel(&client.http, &id, Some(CANCEL_TIMEOUT)).await
                    });
                    let cancelled = cancelled.await;
                    let cancelled = cancelled.is_ok_and(|answer| answer.ok);
                    error = error.with_details(serde_json::json!({ "cancelled": cancelled }));
                }
                Err(with_last(error))
            }
        }
    }
}

/// Adds the job as last seen to an error of its wait.
fn with_last(error: InfraiError, last: Option<CompactJob>, redactor: &Redactor) -> InfraiError {
    let error = match last.map(|last| last.job()) {
        Some(Ok(job)) => error.with_job(job),
        _ => error,
    };
    error.redacted(redactor)
}

/// A job that has ended, as a wait tells of it.
fn into_result(job: VideoJob) -> Result<VideoJob> {
    match job.end_error() {
        Some(error) => Err(error),
        None => Ok(job),
    }
}

struct WaitState {
    on_update: Option<OnUpdate>,
    last: Option<CompactJob>,
    last_error: Option<InfraiError>,
}

impl WaitState {
    /// The job once it has ended, or `None` when the time is over.
    async fn run(
        &mut self,
        client: &ApiClient,
        job: JobRef,
        timeout: Option<Duration>,
    ) -> Result<Option<VideoJob>> {
        let poller = &client.poller;
        let attempt_timeout = client.http.config().options.attempt_timeout;
        let begun = poller.now();
        let after = async |time: Option<Duration>| match time {
            Some(time) => poller.sleep_until(begun + time.as_secs_f64()).await,
            None => std::future::pending().await,
        };
        let observes = self.on_update.is_some();
        // A key function that is slow gets as long past the deadline as the last poll would.
        let mut subscription = tokio::select! {
            biased;
            opened = subscribe(&client.http, &client.poller, job, observes) => opened?,
            () = after(timeout.map(|timeout| timeout.saturating_add(attempt_timeout))) => return Ok(None),
        };
        let time_is_over = after(timeout);
        tokio::pin!(time_is_over);
        loop {
            tokio::select! {
                biased;
                event = subscription.next() => {
                    if let Some(job) = self.take(event)? {
                        return Ok(Some(job));
                    }
                }
                () = &mut time_is_over => break,
            }
        }
        // One last look. The budget may keep it wait behind those of others, for as long as these come to their turn.
        subscription.poll_now();
        let options = &client.http.config().options;
        let turn = Duration::try_from_secs_f64(2.0 / options.polling.max_requests_per_second)
            .unwrap_or(Duration::MAX);
        let turn_timeout = options.attempt_timeout.saturating_add(turn);
        let over = tokio::time::sleep(turn_timeout);
        tokio::pin!(over);
        let mut poll_status = subscription.poll_status();
        loop {
            tokio::select! {
                biased;
                event = subscription.next() => {
                    let finished = matches!(event, Some(PollEvent::PollFinished(_)));
                    if let Some(job) = self.take(event)? {
                        return Ok(Some(job));
                    }
                    if finished {
                        return Ok(None);
                    }
                }
                () = &mut over => {
                    let now = subscription.poll_status();
                    if now == poll_status {
                        return Ok(None);
                    }
                    poll_status = now;
                    over.set(tokio::time::sleep(turn_timeout));
                }
            }
        }
    }

    /// What an event means; the job if it has ended.
    fn take(&mut self, event: Option<PollEvent<VideoJob>>) -> Result<Option<VideoJob>> {
        match event {
            Some(PollEvent::Updated(job, snapshot)) => {
                if let Some(on_update) = &mut self.on_update {
                    on_update(&job);
                }
                self.last = Some(snapshot);
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
    Otherwise(Box<VideoJob>),
    Unknown(InfraiError),
}

/// Cancels a job; if it had ended already, asks how.
async fn cancel_job(client: &ApiClient, id: &JobId) -> CancelOutcome {
    let _place = client.poller.acquire_cancel_permit(CANCEL_TIMEOUT).await;
    match cancel(&client.http, id, Some(CANCEL_TIMEOUT)).await {
        Ok(answer) if answer.ok => CancelOutcome::Cancelled,
        Ok(_) => match status(&client.http, id, Some(CANCEL_TIMEOUT)).await {
            Ok(job) if job.is_terminal() => CancelOutcome::Otherwise(Box::new(job)),
            Ok(job) => CancelOutcome::Unknown(InfraiError::internal(format!(
                "the API neither cancelled the job nor ended it; its state is {}",
                job.redactor.text(job.state.as_str())
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
