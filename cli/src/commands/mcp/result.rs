//! Results of tools: jobs and failures as data, with what to do next.

use infrai::{ErrorKind, InfraiError, Language, VideoJob, escape_text};
use rmcp::{
    model::{CallToolResult, ContentBlock},
    schemars::JsonSchema,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::journal::Submission;
use crate::output::dollars;

/// A job.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct JobResult {
    /// Id of the job, for the other tools
    pub(super) job_id: String,
    /// queued, running, succeeded, failed, cancelled, or another state of the API
    pub(super) state: String,
    /// Whether the job has ended
    pub(super) ended: bool,
    /// Progress from 0 to 1
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) progress: Option<f64>,
    /// Cost of the job in US dollars, charged once
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cost_usd: Option<f64>,
    /// Part of the cost that was returned after the job failed or was cancelled, in US dollars
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refunded_usd: Option<f64>,
    /// Idempotency key of the submission
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) idempotency_key: Option<String>,
    /// Whether the job was submitted before by the same arguments: nothing was charged again
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replayed: Option<bool>,
    /// URL of the finished video; it expires
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) video_url: Option<String>,
    /// URL of a still image of the video
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thumbnail_url: Option<String>,
    /// Why the job has no video
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Failure>,
    /// The next step
    pub(super) next: String,
}

/// A failure: what happened, what to do, and whether money may have moved.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct Failure {
    /// Stable code, such as `INVALID_ARGUMENT` or `INSUFFICIENT_CREDIT`
    pub(super) code: String,
    /// What happened
    pub(super) message: String,
    /// What to do next
    pub(super) next: String,
    /// Whether the account may have been charged
    pub(super) money_may_have_moved: bool,
    /// Idempotency key of the request: repeated with it, the request takes effect once
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) idempotency_key: Option<String>,
    /// Page at which a person adds credit
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) checkout_url: Option<String>,
    /// Seconds to wait before the next call
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after_seconds: Option<f64>,
    /// The API's id of the request, for support
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<String>,
}

impl JobResult {
    /// Describes a job, and its submission if this folder's journal has it.
    pub(super) fn new(job: &VideoJob, submission: Option<&Submission>) -> Self {
        let id = job.job_id.as_str();
        let error = (job.is_terminal() && !job.is_success()).then(|| Failure::of_job(job));
        let next = match &error {
            Some(failure) => failure.next.clone(),
            None if job.is_success() => format!("Save the video: download_video with job_id {id}."),
            None => format!("Call wait_for_video with job_id {id}; it shows progress."),
        };
        let text = |text: &Option<String>| text.as_deref().map(|text| escape_text(text).into_owned());
        Self {
            job_id: escape_text(id).into_owned(),
            state: escape_text(job.state.as_str()).into_owned(),
            ended: job.is_terminal(),
            progress: job.progress,
            cost_usd: job.cost_usd.or_else(|| submission.and_then(|submission| submission.cost_usd)),
            refunded_usd: job.refunded_usd,
            idempotency_key: submission.map(|submission| submission.idempotency_key.clone()),
            replayed: None,
            video_url: text(&job.video_url),
            thumbnail_url: text(&job.thumbnail_url),
            error,
            next: escape_text(&next).into_owned(),
        }
    }
}

/// Says what a job without a video cost.
pub(super) fn money(job: &JobResult) -> String {
    match (job.cost_usd.map(dollars), job.refunded_usd.map(dollars)) {
        (Some(cost), Some(refunded)) => format!("{cost} was charged, and {refunded} was returned."),
        (Some(cost), None) => format!("{cost} was charged; account_balance shows whether it was returned."),
        (None, _) => "The account may have been charged; account_balance shows it.".to_owned(),
    }
}

impl Failure {
    /// Describes an error in the words of the tools.
    pub(super) fn new(error: &InfraiError) -> Self {
        let error = error.clone().in_language(Language::Command);
        let text = |text: Option<&str>| text.map(|text| escape_text(text).into_owned());
        Self {
            code: escape_text(error.code()).into_owned(),
            message: escape_text(error.message()).into_owned(),
            next: escape_text(&next_step(&error)).into_owned(),
            money_may_have_moved: error.may_have_been_processed(),
            idempotency_key: text(error.idempotency_key()),
            checkout_url: text(error.checkout_url()),
            retry_after_seconds: error.retry_after().map(|pause| pause.as_secs_f64()),
            request_id: text(error.request_id()),
        }
    }

    /// Describes a job that ended without a video. It was charged when it was submitted.
    fn of_job(job: &VideoJob) -> Self {
        let (code, what) = if job.is_cancelled() {
            ("JOB_CANCELLED", "the job was cancelled")
        } else {
            ("JOB_FAILED", "the job failed")
        };
        let reason = job.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        Self {
            code: code.into(),
            message: escape_text(&format!("{what}{reason}")).into_owned(),
            next: "Read the reason. For another try, call generate_video with a changed prompt, or with the same arguments and the next number as take."
                .into(),
            money_may_have_moved: job.refunded_usd.is_none() || job.refunded_usd < job.cost_usd,
            idempotency_key: None,
            checkout_url: None,
            retry_after_seconds: None,
            request_id: None,
        }
    }

    /// Returns the result of a tool that failed.
    pub(super) fn into_result(self) -> CallToolResult {
        let money = if self.money_may_have_moved {
            "The account may have been charged."
        } else {
            "Nothing was charged by this call."
        };
        let mut result = CallToolResult::error(vec![ContentBlock::text(self.text(money))]);
        result.structured_content = Some(json!({ "error": self }));
        result
    }

    fn text(&self, money: &str) -> String {
        format!("{} ({})\nNext: {}\nMoney: {money}", self.message, self.code, self.next)
    }
}

fn next_step(error: &InfraiError) -> String {
    if error.may_have_been_processed() {
        return "Call the same tool again with the same arguments; it takes effect once.".into();
    }
    match error.kind() {
        ErrorKind::Authentication if error.code() == "API_KEY_MISSING" => {
            "Ask the user to run `infrai activate` in a terminal, or to set INFRAI_API_KEY in this server's environment; then call again.".into()
        }
        ErrorKind::Authentication => {
            "Ask the user to check INFRAI_API_KEY or the credentials file (`infrai whoami`), then call again.".into()
        }
        ErrorKind::PaymentRequired => {
            "Call top_up, give the user the page to pay at, and call again with the same arguments once it is paid."
                .into()
        }
        ErrorKind::NotFound => "Check job_id: list_videos shows the jobs of this server.".into(),
        ErrorKind::RateLimit => match error.retry_after() {
            Some(pause) => format!("Call again in {} s.", pause.as_secs_f64().ceil()),
            None => "Call again later, with fewer calls at once.".into(),
        },
        ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::Server => {
            "Call again with the same arguments; nothing is charged twice.".into()
        }
        _ => match error.code() {
            "FILE_EXISTS" => "Choose another path, or set overwrite to true.".into(),
            "JOB_NOT_READY" => "Call wait_for_video first.".into(),
            _ => error.hint(),
        },
    }
}

/// Returns the result of a tool that succeeded, as structured content and as its JSON in text.
pub(super) fn success(value: &impl Serialize) -> CallToolResult {
    CallToolResult::structured(escaped(serde_json::to_value(value).unwrap_or_default()))
}

/// Returns the result of a tool whose job ended without a video.
pub(super) fn ended_badly(job: JobResult) -> CallToolResult {
    let text = match &job.error {
        Some(failure) => failure.text(&money(&job)),
        None => String::new(),
    };
    let mut result = CallToolResult::error(vec![ContentBlock::text(format!("Job {}: {text}", job.job_id))]);
    result.structured_content = serde_json::to_value(job).ok();
    result
}

/// Returns the result of a failed call.
pub(super) fn failure(error: &InfraiError) -> CallToolResult {
    Failure::new(error).into_result()
}

/// Returns a value whose texts have visible escapes instead of characters that control or reorder text.
pub(super) fn escaped(value: Value) -> Value {
    match value {
        Value::String(text) => escape_text(&text).into_owned().into(),
        Value::Array(items) => items.into_iter().map(escaped).collect(),
        Value::Object(map) => {
            map.into_iter().map(|(name, value)| (escape_text(&name).into_owned(), escaped(value))).collect()
        }
        other => other,
    }
}
