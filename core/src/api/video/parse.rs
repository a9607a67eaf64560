//! Parsing of jobs from responses and from JSON.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

use crate::{
    error::{ErrorKind, InfraiError, Result, shorten},
    job::{COST_USD, JobError, JobId, METADATA, REFUNDED_USD, RawJob, VideoJob, VideoState, is_amount},
    metadata::Metadata,
    redact::Redactor,
    wire::{
        envelope::{Response, unexpected},
        read::{self, FieldReader},
    },
};

impl JobError {
    fn read(raw: &Value) -> Option<Self> {
        let (code, message) = match raw {
            Value::String(text) => (None, text.clone()),
            Value::Object(map) => {
                let text = |name: &str| map.get(name).and_then(Value::as_str).map(str::to_owned);
                (text("code"), text("message").unwrap_or_else(|| raw.to_string()))
            }
            _ => return None,
        };
        Some(Self { code, message, raw: raw.clone() })
    }
}

/// Returns an amount of money. Removes one that cannot be right, so that no language has to expect it.
fn take_amount(raw: &mut Map<String, Value>, name: &str) -> Option<f64> {
    let amount = raw.get(name)?.as_f64().filter(|usd| is_amount(*usd));
    if amount.is_none() {
        raw.remove(name);
    }
    amount
}

impl VideoJob {
    /// Reads a job from JSON, as [`to_json`](Self::to_json) or the API writes it.
    ///
    /// # Errors
    /// `UNEXPECTED_RESPONSE` if `job_id` (or `id`) or `state` (or `status`) is missing, or a field has the wrong type.
    pub fn from_json(value: Value) -> Result<Self> {
        let redactor = Redactor::default();
        let mut map = read::object("video job", value, &redactor)?;
        let metadata = match map.remove(METADATA) {
            Some(Value::Object(metadata)) => Metadata::from(metadata),
            _ => Metadata::default(),
        };
        Self::read(map, metadata, redactor)
    }

    /// Reads the job from a response.
    pub(crate) fn from_response(response: Response) -> Result<Self> {
        response.typed(|data, metadata, redactor| {
            Self::read(read::object("video job", data, redactor)?, metadata, redactor.clone())
        })
    }

    /// Returns a job of which no state is known yet.
    pub(crate) fn submitted(job_id: JobId) -> Self {
        let state = VideoState::Queued;
        let fields = Map::from_iter([
            ("job_id".to_owned(), job_id.as_str().into()),
            ("state".to_owned(), state.as_str().into()),
        ]);
        Self {
            job_id,
            state,
            video_url: None,
            thumbnail_url: None,
            error: None,
            progress: None,
            cost_usd: None,
            refunded_usd: None,
            metadata: Metadata::default(),
            raw: RawJob { fields, redactor: Redactor::default() },
        }
    }

    pub(crate) fn read(mut raw: Map<String, Value>, metadata: Metadata, redactor: Redactor) -> Result<Self> {
        if raw.values().any(Value::is_null) {
            raw.retain(|_, value| !value.is_null());
        }
        let (cost_usd, refunded_usd) = (take_amount(&mut raw, COST_USD), take_amount(&mut raw, REFUNDED_USD));
        let fields = FieldReader { resource: "video job", map: &raw, redactor: &redactor };
        let job_id = match fields.id("job_id")? {
            Some(id) => JobId::new(id),
            None => JobId::new(fields.id("id")?.ok_or_else(|| fields.missing("job_id"))?),
        };
        let state = match fields.str("state")? {
            Some(state) => VideoState::from(state),
            None => fields.str("status")?.ok_or_else(|| fields.missing("state"))?.into(),
        };
        let video_url = fields.text("video_url")?;
        let thumbnail_url = fields.text("thumbnail_url")?;
        let progress = fields.number("progress")?;
        let error = match raw.get("error") {
            None => None,
            Some(error) => Some(JobError::read(error).ok_or_else(|| {
                unexpected(
                    "invalid field \"error\" of the video job: expected a string or an object",
                    Some(serde_json::json!({ "error": redactor.text(&error.to_string()) })),
                )
            })?),
        };
        for (name, text) in [("job_id", job_id.as_str()), ("state", state.as_str())] {
            if raw.get(name).and_then(Value::as_str) != Some(text) {
                raw.insert(name.into(), text.into());
            }
        }
        Ok(Self {
            job_id,
            state,
            video_url,
            thumbnail_url,
            error,
            progress,
            cost_usd,
            refunded_usd,
            metadata,
            raw: RawJob { fields: raw, redactor },
        })
    }

    /// Returns the error of a job that failed or was cancelled, redacted.
    pub(crate) fn end_error(&self) -> Option<InfraiError> {
        if !self.is_terminal() || self.is_success() {
            return None;
        }
        let (kind, code, verb) = if self.state.is_cancelled() {
            (ErrorKind::JobCancelled, "JOB_CANCELLED", "was cancelled")
        } else {
            (ErrorKind::JobFailed, "JOB_FAILED", "failed")
        };
        let reason = self.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        let id = shorten(&self.raw.redactor.text(self.job_id.as_str()), 80);
        let error = InfraiError::new(kind, code, format!("the job {id} {verb}{reason}"));
        Some(error.with_job(self.clone()).redacted(&self.raw.redactor))
    }
}

impl<'de> Deserialize<'de> for VideoJob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_is_serialized_as_its_json() {
        let metadata = Map::from_iter([("cost_usd".to_owned(), json!(0.5))]);
        for raw in [
            json!({"job_id": "vid_1", "state": "queued", "a": 1, "Z": {"b": [null]}, "_": 2, "z": "ä"}),
            json!({"id": 7, "status": "weird", "_metadata": "its own", "error": {"code": "x"}}),
            json!({"job_id": "vid_1", "state": "queued", "_metadata": "its own"}),
        ] {
            for metadata in [Map::new(), metadata.clone()] {
                let job =
                    VideoJob::read(raw.as_object().unwrap().clone(), metadata.into(), Redactor::default())
                        .unwrap();
                assert_eq!(serde_json::to_string(&job).unwrap(), job.to_json().to_string());
            }
        }
    }
}
