//! Video job: id, state, files and all other fields that the API sent.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value};

use crate::{metadata::Metadata, redact::Redactor};

/// Field for the response metadata in a job's JSON.
pub(crate) const METADATA: &str = "_metadata";
/// Field for the cost in a job's JSON.
pub(crate) const COST_USD: &str = "cost_usd";
/// Field for the refund in a job's JSON.
pub(crate) const REFUNDED_USD: &str = "refunded_usd";

/// Returns whether a number can be an amount of money.
pub(crate) fn is_amount(usd: f64) -> bool {
    usd.is_finite() && usd >= 0.0
}

/// A job's id. It is opaque and may have any characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(Arc<str>);

impl JobId {
    /// Wraps an id without checking it. Calls check it: they refuse `""`, `"."` and `".."`.
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(id.as_ref().into())
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for JobId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

macro_rules! id_from {
    ($($text:ty),*) => {$(
        impl From<$text> for JobId {
            fn from(id: $text) -> Self {
                Self::new(id)
            }
        }
    )*};
}
id_from!(&str, String, &String);

#[cfg(feature = "uniffi")]
uniffi::custom_type!(JobId, String, {
    lower: |id| id.as_str().to_owned(),
    try_lift: |id| Ok(id.into()),
});

/// State of a job. The API may add states: an unknown one is kept as [`Other`](Self::Other) and is not terminal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VideoState {
    /// Accepted but not started.
    Queued,
    /// In progress.
    Running,
    /// Success: the video exists.
    Succeeded,
    /// Success, in another spelling of the API.
    Completed,
    /// Success, in another spelling of the API.
    Done,
    /// Failed without a video.
    Failed,
    /// Failed, in another spelling of the API.
    Error,
    /// Failed because the job became too old.
    Expired,
    /// Cancelled.
    Cancelled,
    /// Cancelled, in another spelling of the API.
    Canceled,
    /// Any other state.
    Other(Box<str>),
}

impl VideoState {
    /// Returns the state as the API spelled it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Completed => "completed",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Canceled => "canceled",
            Self::Other(text) => text,
        }
    }

    /// Returns whether the job has ended, with or without success.
    pub fn is_terminal(&self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Other(_))
    }

    /// Returns whether there is a video.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Completed | Self::Done)
    }

    /// Returns whether the job was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Canceled)
    }
}

impl From<&str> for VideoState {
    fn from(text: &str) -> Self {
        match text {
            "queued" => Self::Queued,
            "running" => Self::Running,
            "succeeded" => Self::Succeeded,
            "completed" => Self::Completed,
            "done" => Self::Done,
            "failed" => Self::Failed,
            "error" => Self::Error,
            "expired" => Self::Expired,
            "cancelled" => Self::Cancelled,
            "canceled" => Self::Canceled,
            other => Self::Other(other.into()),
        }
    }
}

impl fmt::Display for VideoState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(feature = "uniffi")]
uniffi::custom_type!(VideoState, String, {
    lower: |state| state.as_str().to_owned(),
    try_lift: |state| Ok(state.as_str().into()),
});

/// Error of a failed job. The API sends a string or an object.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct JobError {
    /// Error code, if the API sent one.
    pub code: Option<String>,
    /// Error message.
    pub message: String,
    /// The unchanged error.
    pub raw: Value,
}

impl JobError {
    fn redacted(&self, redactor: &Redactor) -> Self {
        Self {
            code: self.code.as_deref().map(|code| redactor.text(code)),
            message: redactor.text(&self.message),
            raw: redactor.value(&self.raw),
        }
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} ({code})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// A video job in its last known state. Plain data without a client or a key.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct VideoJob {
    /// The job's id.
    pub job_id: JobId,
    /// Current state.
    pub state: VideoState,
    /// URL of the finished video. Presigned: it carries its own authorization and expires.
    pub video_url: Option<String>,
    /// URL of a still image of the video.
    pub thumbnail_url: Option<String>,
    /// Error of a failed job.
    pub error: Option<JobError>,
    /// Progress from 0 to 1, if the API sends it.
    pub progress: Option<f64>,
    /// Cost of the job in US dollars, before any refund. It is the API's field of the job. Where the API sends none, it
    /// is the cost that the response to `generate` named, which the client remembers for its last 10,000 jobs and which
    /// the job's JSON contains. `None` if neither is known.
    pub cost_usd: Option<f64>,
    /// Part of the cost that the API gave back after the job failed or was cancelled, in US dollars. `None` if the API
    /// does not say.
    pub refunded_usd: Option<f64>,
    /// Metadata of the response that this state came with. Its cost is that of the request: 0 for a status request.
    pub metadata: Metadata,
    pub(crate) raw: RawJob,
}

/// The fields that the API sent, and the redactor of the call's secrets for errors about the job.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RawJob {
    pub(crate) fields: Map<String, Value>,
    pub(crate) redactor: Redactor,
}

// The redactor holds secrets and stays in the core.
#[cfg(feature = "uniffi")]
uniffi::custom_type!(RawJob, String, {
    lower: |raw| crate::foreign::object_text(&raw.fields),
    try_lift: |text| Ok(RawJob { fields: serde_json::from_str(&text)?, redactor: Redactor::default() }),
});

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl VideoJob {
    /// Returns whether the job has ended, with or without success.
    pub fn is_terminal(&self) -> bool {
        self.state.is_terminal()
    }

    /// Returns whether there is a video.
    pub fn is_success(&self) -> bool {
        self.state.is_success()
    }

    /// Returns whether the job was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.state.is_cancelled()
    }

    /// Returns the job as JSON, with its metadata as `_metadata`. [`from_json`](Self::from_json) parses it.
    pub fn to_json(&self) -> Value {
        let mut map = self.raw.fields.clone();
        if !self.metadata.is_empty() {
            map.insert(METADATA.into(), Value::Object(self.metadata.as_map().clone()));
        }
        Value::Object(map)
    }
}

impl VideoJob {
    /// Returns the fields that the API sent, without `null`s. Fields that it spelled differently also appear under their
    /// documented names.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.raw.fields
    }

    /// Returns the fields that this crate does not know.
    pub fn extra(&self) -> impl Iterator<Item = (&str, &Value)> {
        const KNOWN: [&str; 8] =
            ["job_id", "state", "video_url", "thumbnail_url", "error", "progress", COST_USD, REFUNDED_USD];
        self.raw
            .fields
            .iter()
            .filter(|(name, _)| !KNOWN.contains(&name.as_str()))
            .map(|(name, value)| (name.as_str(), value))
    }

    /// Sets the amounts of a job that did not name them itself.
    pub(crate) fn set_amounts(&mut self, cost_usd: Option<f64>, refunded_usd: Option<f64>) {
        for (name, field, amount) in
            [(COST_USD, &mut self.cost_usd, cost_usd), (REFUNDED_USD, &mut self.refunded_usd, refunded_usd)]
        {
            if let (None, Some(usd)) = (*field, amount) {
                *field = amount;
                self.raw.fields.insert(name.into(), usd.into());
            }
        }
    }

    /// Returns a redacted copy for errors.
    pub(crate) fn redacted(&self, redactor: &Redactor) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(|text| redactor.text(text));
        let number =
            |number: Option<f64>| number.filter(|number| redactor.value(&(*number).into()).is_number());
        let state = match &self.state {
            VideoState::Other(state) => redactor.text(state).as_str().into(),
            known => known.clone(),
        };
        Self {
            job_id: redactor.text(self.job_id.as_str()).into(),
            state,
            video_url: text(&self.video_url),
            thumbnail_url: text(&self.thumbnail_url),
            error: self.error.as_ref().map(|error| error.redacted(redactor)),
            progress: number(self.progress),
            cost_usd: number(self.cost_usd),
            refunded_usd: number(self.refunded_usd),
            metadata: self.metadata.redacted(redactor),
            raw: RawJob { fields: redactor.map(&self.raw.fields), redactor: redactor.clone() },
        }
    }
}

#[cfg(feature = "uniffi")]
#[uniffi::export]
impl VideoJob {
    /// Returns the fields that the SDK does not know as JSON. `None` if there are none.
    pub(crate) fn extra_json(&self) -> Option<Map<String, Value>> {
        let extra: Map<_, _> = self.extra().map(|(name, value)| (name.to_owned(), value.clone())).collect();
        Some(extra).filter(|extra| !extra.is_empty())
    }
}

impl Serialize for VideoJob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Like `to_json`, without copying all fields.
        let mut map = serializer.serialize_map(None)?;
        let mut metadata = Some(self.metadata.as_map()).filter(|metadata| !metadata.is_empty());
        for (name, value) in &self.raw.fields {
            if let Some(metadata) = metadata.take_if(|_| name.as_str() >= METADATA) {
                map.serialize_entry(METADATA, metadata)?;
                if name == METADATA {
                    continue;
                }
            }
            map.serialize_entry(name, value)?;
        }
        if let Some(metadata) = metadata {
            map.serialize_entry(METADATA, metadata)?;
        }
        map.end()
    }
}
