//! Calls of the `/v1/video/jobs` routes.

use std::time::Duration;

use http::Method;
use serde_json::{Map, Value};

use crate::{
    api::result::with_metadata,
    error::{InfraiError, Result},
    http::{call::RequestSpec, client::HttpClient},
    job::{JobId, VideoJob},
    metadata::Metadata,
    wire::{
        path,
        read::{self, FieldReader},
    },
};

/// What a cancel answered.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CancelResult {
    /// Whether the job is cancelled; `false` when it had ended otherwise.
    pub ok: bool,
    /// What the response said about itself.
    pub metadata: Metadata,
    raw: Map<String, Value>,
}

impl CancelResult {
    /// Everything the API sent, as JSON.
    pub fn to_json(&self) -> Value {
        with_metadata(&self.raw, &self.metadata)
    }
}

/// Returns the request of a job's state.
pub(super) fn status_spec(id: &JobId) -> Result<RequestSpec> {
    Ok(RequestSpec {
        path: ["/v1/video/jobs/", &path::segment("id", id.as_str())?].concat(),
        route: "/v1/video/jobs/{id}",
        ..RequestSpec::default()
    })
}

/// Fetches a job's state.
pub(super) async fn status(http: &HttpClient, id: &JobId, timeout: Option<Duration>) -> Result<VideoJob> {
    VideoJob::answered(http.call(RequestSpec { timeout, ..status_spec(id)? }).await?)
}

/// Cancels a job.
pub(super) async fn cancel(http: &HttpClient, id: &JobId, timeout: Option<Duration>) -> Result<CancelResult> {
    let spec = RequestSpec {
        method: Method::POST,
        path: format!("/v1/video/jobs/{}/cancel", path::segment("id", id.as_str())?),
        route: "/v1/video/jobs/{id}/cancel",
        requires_ok: true,
        timeout,
        ..RequestSpec::default()
    };
    http.call(spec).await?.typed(|data, metadata, redactor| {
        let raw = read::object("cancel result", data, redactor)?;
        let fields = FieldReader { what: "cancel result", map: &raw, redactor };
        let ok = fields.flag("ok")?.ok_or_else(|| fields.missing("ok"))?;
        Ok(CancelResult { ok, metadata, raw })
    })
}

/// Refuses an empty prompt.
pub(super) fn check_prompt(prompt: &str) -> Result<()> {
    if prompt.trim().is_empty() {
        return Err(InfraiError::invalid_argument(
            "prompt",
            format!("{prompt:?}"),
            "a description of the video, not empty",
        ));
    }
    Ok(())
}
