//! Records of the checkpoint file: one JSON object per line, one line per event.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of the format. A reader refuses later versions, and skips events that it does not know.
pub(super) const VERSION: u32 = 1;
/// Beginning of every checkpoint file.
pub(super) const FILE_START: &str = "{\"event\":\"batch\",";

/// An event of a batch. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Record {
    /// First line of the file.
    Batch { version: u32, key_prefix: String, time: f64 },
    /// Written and synced before the request of a job is sent.
    Intent { key: String, time: f64, request: Value },
    /// The API accepted the job.
    Submitted {
        key: String,
        time: f64,
        job_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        cost_usd: Option<f64>,
    },
    /// The API refused the request, and it is certain that there is no job.
    Refused { key: String, time: f64, code: String },
    /// The job has ended, with or without success.
    Ended {
        key: String,
        time: f64,
        job_id: String,
        state: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        cost_usd: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        refunded_usd: Option<f64>,
        job: Value,
    },
    /// The video is saved.
    Saved { key: String, time: f64, file: String, bytes: u64 },
    /// Event of a later version.
    #[serde(other)]
    Unknown,
}

/// Returns the time now, in seconds since 1970.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
