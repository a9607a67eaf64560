//! Jobs as records: what is known of them in fields, all of them as JSON text.

use std::sync::Arc;

use infrai::{
    InfraiError, Metadata, VideoJob, VideoState,
    video::{CancelResult, JobError, JobId, JobRef},
};
use serde_json::{Map, Value};

/// A video job as last seen: plain data.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct NativeJob {
    /// The job's id.
    pub job_id: String,
    /// Where it stands.
    pub state: NativeState,
    /// The same as the API wrote it.
    pub state_text: String,
    /// Whether it has ended, one way or another.
    pub is_terminal: bool,
    /// Whether there is a video.
    pub is_success: bool,
    /// Whether it was cancelled.
    pub is_cancelled: bool,
    /// Where the video is, once there is one. Presigned: it carries its own authorization and expires.
    pub video_url: Option<String>,
    /// Where a still of it is.
    pub thumbnail_url: Option<String>,
    /// Why it failed.
    pub error: Option<NativeJobError>,
    /// How far it is, from 0 to 1, if the API says so.
    pub progress: Option<f64>,
    /// What the response said about itself.
    pub metadata: NativeMetadata,
    /// The fields that the SDK does not know, as the JSON text of an object; none where there are none.
    pub extra_json: Option<String>,
    /// Everything, as JSON text: what [`native_job_from_json`] reads.
    pub json: String,
}

/// A job's state: an open list.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum NativeState {
    /// Accepted, not begun.
    Queued,
    /// Being made.
    Running,
    /// Made: success.
    Succeeded,
    /// Made: success.
    Completed,
    /// Made: success.
    Done,
    /// Ended without a video.
    Failed,
    /// Ended without a video.
    Error,
    /// Ended without a video: too old.
    Expired,
    /// Cancelled.
    Cancelled,
    /// Cancelled, as the API may spell it too.
    Canceled,
    /// Any other; it counts as still going.
    Unknown {
        /// The state as the API wrote it.
        value: String,
    },
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct NativeJobError {
    /// A code, if the API gave one.
    pub code: Option<String>,
    /// What happened, in words.
    pub message: String,
    /// The error as it came, as JSON text.
    pub raw_json: String,
}

/// What a response said about itself.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct NativeMetadata {
    /// What the call cost, in US dollars.
    pub cost_usd: Option<f64>,
    /// How long the API took, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Who did the work.
    pub vendor: Option<String>,
    /// Whether the answer came from a cache.
    pub cache_hit: Option<bool>,
    /// The API's id of the request.
    pub request_id: Option<String>,
    /// Everything that came, as the JSON text of an object.
    pub json: String,
}

/// What a cancel answered.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct NativeCancelResult {
    /// Whether the job is cancelled; `false` when it had ended otherwise.
    pub ok: bool,
    /// What the response said about itself.
    pub metadata: NativeMetadata,
    /// Everything, as JSON text.
    pub json: String,
}

/// Which job is meant.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum NativeJobRef {
    /// The one of this id.
    Id {
        /// The id.
        id: String,
    },
    /// A job as last seen, by its [`NativeJob::json`].
    Seen {
        /// That text.
        json: String,
    },
}

/// The text of an object, or its emptiness.
fn object(map: &Map<String, Value>) -> String {
    serde_json::to_string(map).unwrap_or_else(|_| "{}".into())
}

impl From<&Metadata> for NativeMetadata {
    fn from(metadata: &Metadata) -> Self {
        Self {
            cost_usd: metadata.cost_usd(),
            latency_ms: metadata.latency_ms(),
            vendor: metadata.vendor().map(str::to_owned),
            cache_hit: metadata.cache_hit(),
            request_id: metadata.request_id().map(str::to_owned),
            json: object(metadata.as_map()),
        }
    }
}

impl From<&VideoState> for NativeState {
    fn from(state: &VideoState) -> Self {
        match state {
            VideoState::Queued => Self::Queued,
            VideoState::Running => Self::Running,
            VideoState::Succeeded => Self::Succeeded,
            VideoState::Completed => Self::Completed,
            VideoState::Done => Self::Done,
            VideoState::Failed => Self::Failed,
            VideoState::Error => Self::Error,
            VideoState::Expired => Self::Expired,
            VideoState::Cancelled => Self::Cancelled,
            VideoState::Canceled => Self::Canceled,
            other => Self::Unknown { value: other.as_str().to_owned() },
        }
    }
}

impl From<&JobError> for NativeJobError {
    fn from(error: &JobError) -> Self {
        Self { code: error.code.clone(), message: error.message.clone(), raw_json: error.raw.to_string() }
    }
}

impl From<&VideoJob> for NativeJob {
    fn from(job: &VideoJob) -> Self {
        let extra: Map<String, Value> =
            job.extra().map(|(name, value)| (name.to_owned(), value.clone())).collect();
        Self {
            job_id: job.job_id.as_str().to_owned(),
            state: (&job.state).into(),
            state_text: job.state.as_str().to_owned(),
            is_terminal: job.is_terminal(),
            is_success: job.is_success(),
            is_cancelled: job.state.is_cancelled(),
            video_url: job.video_url.clone(),
            thumbnail_url: job.thumbnail_url.clone(),
            error: job.error.as_ref().map(NativeJobError::from),
            progress: job.progress,
            metadata: (&job.metadata).into(),
            extra_json: (!extra.is_empty()).then(|| object(&extra)),
            json: job.to_json().to_string(),
        }
    }
}

impl From<VideoJob> for NativeJob {
    fn from(job: VideoJob) -> Self {
        Self::from(&job)
    }
}

impl From<Arc<VideoJob>> for NativeJob {
    fn from(job: Arc<VideoJob>) -> Self {
        Self::from(&*job)
    }
}

impl From<CancelResult> for NativeCancelResult {
    fn from(result: CancelResult) -> Self {
        Self { ok: result.ok, metadata: (&result.metadata).into(), json: result.to_json().to_string() }
    }
}

pub(crate) fn parse_job(text: &str) -> Result<VideoJob, InfraiError> {
    let refuse = |why: &str| InfraiError::invalid_argument("job", why, "a job as the SDK wrote it, in JSON");
    let value = serde_json::from_str(text).map_err(|error| refuse(&error.to_string()))?;
    VideoJob::from_json(value).map_err(|error| refuse(error.message()))
}

impl TryFrom<NativeJobRef> for JobRef {
    type Error = InfraiError;

    fn try_from(job: NativeJobRef) -> Result<Self, InfraiError> {
        match job {
            NativeJobRef::Id { id } => Ok(JobId::from(id).into()),
            NativeJobRef::Seen { json } => parse_job(&json).map(JobRef::from),
        }
    }
}
