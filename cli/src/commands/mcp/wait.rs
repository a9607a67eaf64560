//! `wait_for_video`: a bounded wait with progress.

use std::{
    future::IntoFuture as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use infrai::{ErrorKind, InfraiError, JobId, Result, VideoJob};
use rmcp::{RoleServer, schemars::JsonSchema, service::RequestContext};
use serde::Deserialize;
use tokio::{sync::mpsc, time};

use super::{
    app::App,
    progress::{HEARTBEAT, Reporter},
};

/// Default time of a wait: less than the minute after which many clients give up a call.
const DEFAULT_TIMEOUT: f64 = 50.0;
const MAX_TIMEOUT: f64 = 3600.0;
/// Time beyond the timeout for the last poll.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub(super) struct WaitArguments {
    /// Id of the job
    job_id: String,
    /// Longest wait in seconds. If the job has not ended by then, call again. Keep it below your own time-out
    #[serde(default = "default_timeout")]
    #[schemars(range(min = 0, max = 3600))]
    timeout_seconds: f64,
}

fn default_timeout() -> f64 {
    DEFAULT_TIMEOUT
}

/// Waits until the job has ended or the time has passed, and returns the job in its last known state.
pub(super) async fn run(
    app: &App,
    arguments: WaitArguments,
    context: &RequestContext<RoleServer>,
) -> Result<VideoJob> {
    let WaitArguments { job_id, timeout_seconds } = arguments;
    if !(0.0..=MAX_TIMEOUT).contains(&timeout_seconds) {
        return Err(InfraiError::invalid_argument("timeout_seconds", timeout_seconds, "0 to 3600 seconds"));
    }
    let timeout = Duration::from_secs_f64(timeout_seconds);
    let mut reporter = Reporter::of(context);
    let last = Arc::new(Mutex::new(None::<VideoJob>));
    let (sender, mut changes) = mpsc::unbounded_channel();
    let mut wait = app.client.video().wait(JobId::new(&job_id)).timeout(timeout);
    // Only a caller that sees progress needs the more frequent polls.
    if reporter.is_some() {
        let last = last.clone();
        wait = wait.on_update(move |job| {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(job.clone());
            let _ = sender.send((job.progress, label(job)));
        });
    }
    let wait = wait.into_future();
    let deadline = time::sleep(timeout + GRACE);
    tokio::pin!(wait, deadline);
    let mut heartbeat = time::interval(HEARTBEAT);
    let mut shown = (None, format!("job {job_id}"));
    let ended = loop {
        tokio::select! {
            biased;
            () = context.ct.cancelled() => {
                return Err(InfraiError::new(ErrorKind::Aborted, "ABORTED", "the client cancelled the wait"));
            }
            ended = &mut wait => break Some(ended),
            () = &mut deadline => break None,
            Some(change) = changes.recv() => {
                if shown != change {
                    shown = change;
                    report(&mut reporter, &shown).await;
                    heartbeat.reset();
                }
            }
            // The first tick is at once.
            _ = heartbeat.tick() => report(&mut reporter, &shown).await,
        }
    };
    let job = match ended {
        Some(Ok(job)) => return Ok(job),
        Some(Err(error)) => match (error.kind(), error.job()) {
            (ErrorKind::JobFailed | ErrorKind::JobCancelled | ErrorKind::WaitTimeout, Some(job)) => {
                Some(job.clone())
            }
            _ => return Err(error),
        },
        None => last.lock().unwrap_or_else(PoisonError::into_inner).take(),
    };
    match job {
        Some(job) => Ok(job),
        None => app.status(&job_id).await,
    }
}

async fn report(reporter: &mut Option<Reporter>, (share, message): &(Option<f64>, String)) {
    if let Some(reporter) = reporter {
        reporter.report(*share, message).await;
    }
}

/// Returns the state and the percentage of a job.
pub(super) fn label(job: &VideoJob) -> String {
    match job.progress.filter(|_| !job.is_terminal()) {
        Some(share) => format!("{} {:.0}%", job.state, (share * 100.0).floor()),
        None => job.state.to_string(),
    }
}
