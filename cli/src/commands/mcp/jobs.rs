//! `video_status`, `cancel_video` and `list_videos`.

use std::sync::Arc;

use infrai::{InfraiError, JobId, Result};
use rmcp::schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{
    app::App,
    journal::Submission,
    result::{self, JobResult},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub(super) struct JobArguments {
    /// Id of the job
    job_id: String,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListArguments {
    /// Most jobs to return, the newest first. Default: 20
    #[schemars(range(min = 1, max = 100))]
    limit: Option<i64>,
}

/// Result of a cancel.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct CancelResult {
    /// Whether the job is cancelled; false if it had ended before
    cancelled: bool,
    #[serde(flatten)]
    job: JobResult,
}

/// Jobs that were submitted from this output folder.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct ListResult {
    /// The jobs, the newest first
    jobs: Vec<ListedJob>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct ListedJob {
    /// Beginning of the prompt
    prompt: String,
    /// Unix time of the submission, in seconds
    submitted_at: u64,
    /// Id of the job
    job_id: String,
    /// Current state, or the last known one if the API did not answer
    state: String,
    /// Cost in US dollars
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
    /// Idempotency key of the submission
    idempotency_key: String,
}

pub(super) async fn status(app: &App, arguments: JobArguments) -> Result<JobResult> {
    let job = app.status(&arguments.job_id).await?;
    Ok(app.describe(&job).await)
}

pub(super) async fn cancel(app: &App, arguments: JobArguments) -> Result<CancelResult> {
    let cancelled = app.client.video().cancel(JobId::new(&arguments.job_id)).await?.ok;
    let job = app.status(&arguments.job_id).await?;
    let mut job = app.describe(&job).await;
    if cancelled {
        job.next = result::money(&job);
    }
    Ok(CancelResult { cancelled, job })
}

/// Lists the newest jobs with their current states.
pub(super) async fn list(app: &Arc<App>, arguments: ListArguments) -> Result<ListResult> {
    let limit = arguments.limit.unwrap_or(20);
    let count = usize::try_from(limit).ok().filter(|count| (1..=100).contains(count));
    let count =
        count.ok_or_else(|| InfraiError::invalid_argument("limit", limit, "a whole number from 1 to 100"))?;
    let mut entries = app.journal.list().await?;
    entries.truncate(count);
    let mut polls = JoinSet::new();
    for (at, entry) in entries.iter().enumerate() {
        let ended = entry.state.as_deref().is_some_and(|state| infrai::VideoState::from(state).is_terminal());
        if let Some(id) = entry.job_id.clone().filter(|_| !ended) {
            let app = Arc::clone(app);
            polls.spawn(async move { (at, app.status(&id).await) });
        }
    }
    while let Some(polled) = polls.join_next().await {
        if let Ok((at, Ok(job))) = polled {
            app.describe(&job).await;
            entries[at].state = Some(job.state.to_string());
        }
    }
    Ok(ListResult { jobs: entries.into_iter().filter_map(listed).collect() })
}

fn listed(entry: Submission) -> Option<ListedJob> {
    let prompt = entry.arguments.get("prompt").and_then(serde_json::Value::as_str).unwrap_or_default();
    Some(ListedJob {
        prompt: prompt.chars().take(120).collect(),
        submitted_at: entry.submitted_at,
        job_id: entry.job_id?,
        state: entry.state.unwrap_or_default(),
        cost_usd: entry.cost_usd,
        idempotency_key: entry.idempotency_key,
    })
}
