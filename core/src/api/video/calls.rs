//! Calls of a job: status and cancel.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{
    api::{
        result::with_metadata,
        video::{
            costs::JobCosts,
            routes::{JobCall, JobRoutes},
        },
    },
    error::{InfraiError, Result, shorten},
    http::{call::RequestSpec, client::HttpClient, retry},
    job::{JobId, VideoJob, is_amount},
    metadata::Metadata,
    polling::poller::MAX_DOUBTFUL,
    runtime,
    wire::{
        envelope::unexpected,
        read::{self, FieldReader},
    },
};

/// Result of a cancel request.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct CancelResult {
    /// Whether the job is cancelled. `false` if it had already ended another way.
    pub ok: bool,
    /// Metadata of the response.
    pub metadata: Metadata,
    raw: Map<String, Value>,
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl CancelResult {
    /// Returns all fields that the API sent, as JSON.
    pub fn to_json(&self) -> Value {
        with_metadata(&self.raw, &self.metadata)
    }
}

/// Fetches a job's state.
pub(super) async fn status(
    http: &HttpClient,
    routes: &JobRoutes,
    costs: &JobCosts,
    id: &JobId,
    timeout: Option<Duration>,
) -> Result<VideoJob> {
    let common = RequestSpec { timeout, ..RequestSpec::default() };
    let response = routes.call(http, JobCall::Status, id, common).await?;
    let mut job = VideoJob::from_response(response)?;
    costs.received(&mut job);
    Ok(job)
}

/// Fetches a job's state. Fetches it again if the response is about another job.
///
/// # Errors
/// `UNEXPECTED_RESPONSE` if three responses in a row are about other jobs.
pub(super) async fn matching_status(
    http: &HttpClient,
    routes: &JobRoutes,
    costs: &JobCosts,
    id: &JobId,
    timeout: Option<Duration>,
) -> Result<VideoJob> {
    let mut doubtful = 0;
    loop {
        let job = status(http, routes, costs, id, timeout).await?;
        let Err(error) = check_id(&job, id) else { return Ok(job) };
        doubtful += 1;
        if doubtful == MAX_DOUBTFUL {
            return Err(error);
        }
        let options = &http.config().options;
        let pause = retry::backoff(doubtful, options.retry_base, options.retry_cap, None, http.random());
        runtime::sleep(pause).await;
    }
}

/// Checks that a response about a job is about the requested one.
pub(super) fn check_id(job: &VideoJob, requested: &JobId) -> Result<()> {
    if job.job_id == *requested {
        return Ok(());
    }
    let shown = |id: &JobId| shorten(&job.raw.redactor.text(id.as_str()), 80);
    let message = format!(
        "the API answered about the job {} when asked about {}",
        shown(&job.job_id),
        shown(requested)
    );
    Err(unexpected(message, None).with_request_id(job.metadata.request_id().map(str::to_owned)))
}

/// Cancels a job.
pub(super) async fn cancel(
    http: &HttpClient,
    routes: &JobRoutes,
    costs: &JobCosts,
    id: &JobId,
    timeout: Option<Duration>,
) -> Result<CancelResult> {
    let common = RequestSpec { timeout, ..RequestSpec::default() };
    let response = routes.call(http, JobCall::Cancel, id, common).await?;
    let result = response.typed(|data, metadata, redactor| {
        let raw = read::object("cancel result", data, redactor)?;
        let fields = FieldReader { resource: "cancel result", map: &raw, redactor };
        let ok = fields.flag("ok")?.ok_or_else(|| fields.missing("ok"))?;
        Ok(CancelResult { ok, metadata, raw })
    })?;
    if let Some(usd) = result.raw.get("refunded_usd").and_then(Value::as_f64).filter(|usd| is_amount(*usd)) {
        costs.refunded(id, usd);
    }
    Ok(result)
}

/// Checks that the prompt is not empty.
pub(super) fn check_prompt(prompt: &str) -> Result<()> {
    if prompt.trim().is_empty() {
        return Err(InfraiError::invalid_argument(
            "prompt",
            format!("{prompt:?}"),
            "a description of the video, not empty",
        ));
    }
    Ok(())
}
