//! Tasks of the protocol's extension: the task's id is the job's, so that it survives a restart of this server.

use std::sync::Arc;

use infrai::{ErrorKind, JobId, PollingOptions, VideoJob, escape_text};
use rmcp::{
    ErrorData,
    model::{
        CallToolResult, CreateTaskResult, DetailedTask, GetTaskResult, JsonObject, Task, TaskPayload,
        TaskStatus,
    },
    task_manager::current_timestamp,
};
use serde_json::Value;

use super::{
    app::App,
    result::{self, JobResult},
    tools, wait,
};

/// Returns the task of a submitted job.
pub(super) fn created(job: &VideoJob, result: &JobResult) -> CreateTaskResult {
    CreateTaskResult::new(task(job, result))
}

/// Returns the state of a task.
pub(super) async fn get(app: &Arc<App>, id: &str) -> Result<GetTaskResult, ErrorData> {
    let job = app.status(id).await.map_err(|error| protocol_error(id, &error))?;
    let described = app.describe(&job).await;
    let task = task(&job, &described);
    let payload = if !job.is_terminal() {
        TaskPayload::Working
    } else if job.is_cancelled() {
        TaskPayload::Cancelled
    } else {
        TaskPayload::Completed { result: as_object(&tools::described(described)) }
    };
    Ok(GetTaskResult::new(DetailedTask::new(task, payload)))
}

/// Cancels the job of a task. One that has ended stays as it is.
pub(super) async fn cancel(app: &Arc<App>, id: &str) -> Result<(), ErrorData> {
    let cancelled = app.client.video().cancel(JobId::new(id)).await;
    cancelled.map(drop).map_err(|error| protocol_error(id, &error))
}

fn task(job: &VideoJob, result: &JobResult) -> Task {
    let now = current_timestamp();
    let time = |name: &str| job.fields().get(name).and_then(Value::as_str).map(str::to_owned);
    let created = time("created_at").unwrap_or_else(|| now.clone());
    let updated = time("ended_at").unwrap_or(now);
    let cost =
        result.cost_usd.map(|usd| format!(", cost {}", crate::output::dollars(usd))).unwrap_or_default();
    let message = format!("job {}: {}{cost}", job.job_id, wait::label(job));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand milliseconds")]
    let interval = (PollingOptions::default().refresh * 1000.0) as u64;
    // The API keeps jobs without a limit that it declares.
    Task::new(job.job_id.as_str(), TaskStatus::Working, created, updated)
        .with_status_message(escape_text(&message))
        .with_poll_interval_ms(interval)
}

fn as_object(result: &CallToolResult) -> JsonObject {
    match serde_json::to_value(result) {
        Ok(Value::Object(map)) => map,
        _ => JsonObject::new(),
    }
}

/// Returns the protocol's error: that of an unknown task, or of a call that failed.
pub(super) fn protocol_error(id: &str, error: &infrai::InfraiError) -> ErrorData {
    let failure = result::Failure::new(error);
    let data = serde_json::to_value(&failure).ok();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::InvalidRequest => {
            ErrorData::invalid_params(format!("unknown job: {}", escape_text(id)), data)
        }
        _ => ErrorData::internal_error(format!("{} ({})", failure.message, failure.code), data),
    }
}
