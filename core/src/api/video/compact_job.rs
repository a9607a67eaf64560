//! Compact form of a job's last known state, which a wait keeps between polls.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    error::{InfraiError, Result},
    job::VideoJob,
    metadata::Metadata,
    redact::Redactor,
};

/// A job as JSON. A wait compares it with the next state and returns it with a timeout error. A [`VideoJob`] would take
/// several times as much memory in each of thousands of waits.
#[derive(Clone)]
pub(crate) struct CompactJob {
    /// The fields, followed by the metadata.
    json: Arc<[u8]>,
    /// Length of the fields' JSON, in bytes.
    fields: usize,
    pub(crate) redactor: Redactor,
}

impl CompactJob {
    pub(crate) fn of(job: &VideoJob) -> Self {
        let mut json = Vec::with_capacity(512);
        write(job.fields(), &mut json);
        let fields = json.len();
        write(job.metadata.as_map(), &mut json);
        Self { json: json.into(), fields, redactor: job.raw.redactor.clone() }
    }

    /// Restores the job.
    ///
    /// # Errors
    /// `INTERNAL` if the JSON cannot be parsed.
    pub(crate) fn job(&self) -> Result<VideoJob> {
        let metadata = Metadata::from(read(&self.json[self.fields..])?);
        VideoJob::read(read(&self.json[..self.fields])?, metadata, self.redactor.clone())
    }

    /// Returns whether the fields are equal to those of `job`. The metadata may differ.
    pub(crate) fn matches(&self, job: &VideoJob) -> bool {
        let mut json = Vec::with_capacity(self.fields);
        write(job.fields(), &mut json);
        // Another crate may switch serde_json's maps to insertion order. Then equal fields may differ in bytes.
        self.json[..self.fields] == *json
            || read(&self.json[..self.fields]).is_ok_and(|fields| fields == *job.fields())
    }
}

impl fmt::Debug for CompactJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CompactJob(…)")
    }
}

fn write(map: &Map<String, Value>, out: &mut Vec<u8>) {
    // Writing JSON values to memory cannot fail.
    let _ = serde_json::to_writer(out, map);
}

fn read(json: &[u8]) -> Result<Map<String, Value>> {
    serde_json::from_slice(json)
        .map_err(|error| InfraiError::internal(format!("the job's compact form cannot be parsed: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(fields: Value, metadata: Value) -> VideoJob {
        let map = |value| serde_json::from_value::<Map<_, _>>(value).unwrap();
        VideoJob::read(map(fields), Metadata::from(map(metadata)), Redactor::default()).unwrap()
    }

    #[test]
    fn a_restored_job_is_equal() {
        for fields in [
            json!({"job_id": "vid_1", "state": "running", "progress": 0.300_000_000_000_000_04, "video_url": "https://f/?s=é"}),
            json!({"id": 18_446_744_073_709_551_615_u64, "status": "new to us", "_metadata": "its own", "cost": 1e-300}),
            json!({"job_id": "vid_2", "state": "failed", "error": {"code": "x", "more": [null, {"deep": true}]}}),
        ] {
            for metadata in [json!({}), json!({"cost_usd": 0.1, "request_id": "r"})] {
                let job = job(fields.clone(), metadata);
                let compact = CompactJob::of(&job);
                assert_eq!(compact.job().unwrap(), job);
                assert!(compact.matches(&job));
            }
        }
    }

    #[test]
    fn only_fields_make_a_job_differ() {
        let fields = json!({"job_id": "vid_1", "state": "running", "progress": 0.5});
        let compact = CompactJob::of(&job(fields.clone(), json!({"latency_ms": 1})));
        assert!(compact.matches(&job(fields, json!({"latency_ms": 2}))));
        let further = json!({"job_id": "vid_1", "state": "running", "progress": 0.6});
        assert!(!compact.matches(&job(further, json!({}))));
        assert!(!compact.matches(&job(json!({"job_id": "vid_1", "state": "running"}), json!({}))));
    }
}
