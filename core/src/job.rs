//! Video job: id, state, files and all other fields that the API sent.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value};

use crate::{metadata::Metadata, redact::Redactor};

/// Field for the response metadata in a job's JSON.
pub(crate) const METADATA: &str = "_metadata";

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

/// Error of a failed job. The API sends a string or an object.
#[derive(Debug, Clone, PartialEq)]
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
    /// Metadata of the response.
    pub metadata: Metadata,
    pub(crate) raw: Map<String, Value>,
    /// Redacts the call's secrets in errors about this job.
    pub(crate) redactor: Redactor,
}

impl VideoJob {
    /// Returns whether the job has ended, with or without success.
    pub fn is_terminal(&self) -> bool {
        self.state.is_terminal()
    }

    /// Returns whether there is a video.
    pub fn is_success(&self) -> bool {
        self.state.is_success()
    }

    /// Returns the fields that the API sent, without `null`s. Fields that it spelled differently also appear under their
    /// documented names.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.raw
    }

    /// Returns the fields that this crate does not know.
    pub fn extra(&self) -> impl Iterator<Item = (&str, &Value)> {
        const KNOWN: [&str; 6] = ["job_id", "state", "video_url", "thumbnail_url", "error", "progress"];
        self.raw
            .iter()
            .filter(|(name, _)| !KNOWN.contains(&name.as_str()))
            .map(|(name, value)| (name.as_str(), value))
    }

    /// Returns the job as JSON, with its metadata as `_metadata`. [`from_json`](Self::from_json) parses it.
    pub fn to_json(&self) -> Value {
        let mut map = self.raw.clone();
        if !self.metadata.is_empty() {
            map.insert(METADATA.into(), Value::Object(self.metadata.as_map().clone()));
        }
        Value::Object(map)
    }

    /// Returns a redacted copy for errors.
    pub(crate) fn redacted(&self, redactor: &Redactor) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(|text| redactor.text(text));
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
            progress: self.progress.filter(|progress| redactor.value(&(*progress).into()).is_number()),
            metadata: self.metadata.redacted(redactor),
            raw: redactor.map(&self.raw),
            redactor: redactor.clone(),
        }
    }
}

impl Serialize for VideoJob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Like `to_json`, without copying all fields.
        let mut map = serializer.serialize_map(None)?;
        let mut metadata = Some(self.metadata.as_map()).filter(|metadata| !metadata.is_empty());
        for (name, value) in &self.raw {
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
