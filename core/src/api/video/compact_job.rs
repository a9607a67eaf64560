//! A job as last seen, in few bytes: what a wait of half an hour keeps of every look.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    error::{InfraiError, Result},
    job::VideoJob,
    metadata::Metadata,
    redact::Redactor,
};

/// A job's JSON. A [`VideoJob`] takes several times as much memory, and ten thousand waits would hold one each only to
/// compare it with the next, or to show it when their time is over.
#[derive(Clone)]
pub(crate) struct CompactJob {
    /// The fields, then the metadata.
    json: Arc<[u8]>,
    fields: usize,
    pub(crate) redactor: Redactor,
}

impl CompactJob {
    pub(crate) fn of(job: &VideoJob) -> Self {
        let mut json = Vec::with_capacity(512);
        write(job.fields(), &mut json);
        let fields = json.len();
        write(job.metadata.as_map(), &mut json);
        Self { json: json.into(), fields, redactor: job.redactor.clone() }
    }

    /// The job again.
    ///
    /// # Errors
    /// `INTERNAL`: what was written cannot be read.
    pub(crate) fn job(&self) -> Result<VideoJob> {
        let metadata = Metadata::from(read(&self.json[self.fields..])?);
        VideoJob::read(read(&self.json[..self.fields])?, metadata, self.redactor.clone())
    }

    /// Whether its fields are those of `job`, whatever their responses said about themselves.
    pub(crate) fn matches(&self, job: &VideoJob) -> bool {
        let mut json = Vec::with_capacity(self.fields);
        write(job.fields(), &mut json);
        // Maps in order of insertion, which another crate may have asked serde_json for, may differ in bytes alone.
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
    // Writing JSON values into memory has no way to fail.
    let _ = serde_json::to_writer(out, map);
}

fn read(json: &[u8]) -> Result<Map<String, Value>> {
    serde_json::from_slice(json)
        .map_err(|error| InfraiError::internal(format!("a job that was kept cannot be read again: {error}")))
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
    fn a_job_that_was_kept_is_the_job() {
        for fields in [
            json!({"job_id": "vid_1", "state": "running", "progress": 0.300_000_000_000_000_04, "video_url": "https://f/?s=é"}),
            json!({"id": 18_446_744_073_709_551_615_u64, "status": "new to us", "_metadata": "its own", "cost": 1e-300}),
            json!({"job_id": "vid_2", "state": "failed", "error": {"code": "x", "more": [null, {"deep": true}]}}),
        ] {
            for metadata in [json!({}), json!({"cost_usd": 0.1, "request_id": "r"})] {
                let job = job(fields.clone(), metadata);
                let kept = CompactJob::of(&job);
                assert_eq!(kept.job().unwrap(), job);
                assert!(kept.matches(&job));
            }
        }
    }

    #[test]
    fn a_job_differs_by_its_fields_and_not_by_what_the_response_said_of_itself() {
        let fields = json!({"job_id": "vid_1", "state": "running", "progress": 0.5});
        let kept = CompactJob::of(&job(fields.clone(), json!({"latency_ms": 1})));
        assert!(kept.matches(&job(fields, json!({"latency_ms": 2}))));
        assert!(
            !kept.matches(&job(json!({"job_id": "vid_1", "state": "running", "progress": 0.6}), json!({})))
        );
        assert!(!kept.matches(&job(json!({"job_id": "vid_1", "state": "running"}), json!({}))));
    }
}
