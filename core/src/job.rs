//! A video job as the API tells of it: its id, its state, its files, and everything else that came.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value};

use crate::{metadata::Metadata, redact::Redactor};

/// Where a job's JSON has what the response said about itself.
pub(crate) const METADATA: &str = "_metadata";

/// A job's id: opaque, whatever characters it holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(Arc<str>);

impl JobId {
    /// Takes an id as it is. It is checked when it is used: `""`, `"."` and `".."` are refused.
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(id.as_ref().into())
    }

    /// The id itself.
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

/// Where a job stands. The API's states are not a closed list: one that is not known here is kept as it came,
/// and counts as still going.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VideoState {
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
    /// Any other string.
    Other(Box<str>),
}

impl VideoState {
    /// The state as the API wrote it.
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

    /// Whether the job has ended, one way or another.
    pub fn is_terminal(&self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Other(_))
    }

    /// Whether there is a video.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Completed | Self::Done)
    }

    /// Whether the job was cancelled.
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

/// Why a job failed, in the form the API chose: a string, or an object.
#[derive(Debug, Clone, PartialEq)]
pub struct JobError {
    /// A code, if it gave one.
    pub code: Option<String>,
    /// What happened, in words.
    pub message: String,
    /// The error as it came.
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

/// A video job as last seen. Plain data: it holds no client and no key.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct VideoJob {
    /// The job's id.
    pub job_id: JobId,
    /// Where it stands.
    pub state: VideoState,
    /// Where the video is, once there is one. Presigned: it carries its own authorization and expires.
    pub video_url: Option<String>,
    /// Where a still of it is.
    pub thumbnail_url: Option<String>,
    /// Why it failed.
    pub error: Option<JobError>,
    /// How far it is, from 0 to 1, if the API says so.
    pub progress: Option<f64>,
    /// What the response said about itself.
    pub metadata: Metadata,
    pub(crate) raw: Map<String, Value>,
    /// Keeps what was sent to get it out of the errors that are made of it.
    pub(crate) redactor: Redactor,
}

impl VideoJob {
    /// Whether the job has ended, one way or another.
    pub fn is_terminal(&self) -> bool {
        self.state.is_terminal()
    }

    /// Whether there is a video.
    pub fn is_success(&self) -> bool {
        self.state.is_success()
    }

    /// The fields that the API sent, the documented names added where it used others, `null`s left out.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.raw
    }

    /// The fields that this crate does not know.
    pub fn extra(&self) -> impl Iterator<Item = (&str, &Value)> {
        const KNOWN: [&str; 6] = ["job_id", "state", "video_url", "thumbnail_url", "error", "progress"];
        self.raw
            .iter()
            .filter(|(name, _)| !KNOWN.contains(&name.as_str()))
            .map(|(name, value)| (name.as_str(), value))
    }

    /// The job as JSON, its metadata as `_metadata`; [`from_json`](Self::from_json) reads it back.
    pub fn to_json(&self) -> Value {
        let mut map = self.raw.clone();
        if !self.metadata.is_empty() {
            map.insert(METADATA.into(), Value::Object(self.metadata.as_map().clone()));
        }
        Value::Object(map)
    }

    /// Returns the job as an error may show it.
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
        // As `to_json`, without a copy of everything.
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
