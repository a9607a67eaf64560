//! Videos: what can be asked of `/v1/video`, a typed method a route, and waiting for what was asked.

mod download;
#[cfg(test)]
mod download_tests;
mod generate;
mod job;
mod many;
mod snapshot;
mod source;
mod wait;
mod watch;

use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value};

pub(crate) use self::snapshot::Snapshot;
pub use self::{
    download::{Download, DownloadProgress, DownloadRequest, DownloadStreamRequest, VideoBytes},
    generate::{Generate, GenerateRequest},
    job::{JobError, JobId, JobRef, VideoJob, VideoState},
    many::{GenerateMany, GenerateManyItem},
    wait::{DEFAULT_WAIT, Wait},
    watch::Watch,
};
use crate::{
    client::{InfraiClient, call::CallSpec},
    error::{InfraiError, Result},
    key::ApiKey,
    metadata::Metadata,
    wire::{
        path,
        read::{self, Fields},
    },
};

/// The calls about videos; see [`InfraiClient::video`].
#[derive(Debug, Clone, Copy)]
pub struct Video<'a> {
    pub(crate) client: &'a InfraiClient,
}

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
        crate::account::with_metadata(&self.raw, &self.metadata)
    }
}

impl Video<'_> {
    /// Starts a job: `POST /v1/video/generate`. What it returns is set further and sent by `.await`.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> infrai::Result<()> {
    /// # let (client, _world) = sandboxed().await;
    /// let job = client.video().generate("a paper boat on a pond").aspect("9:16").duration_seconds(4.0).await?;
    /// println!("{} {}", job.job_id, job.state);
    /// # Ok(())
    /// # }
    /// ```
    pub fn generate(&self, prompt: impl Into<String>) -> Generate {
        Generate { client: self.client.clone(), request: GenerateRequest::new(prompt) }
    }

    /// Starts a job from a request that was put together before.
    pub fn generate_from(&self, request: GenerateRequest) -> Generate {
        Generate { client: self.client.clone(), request }
    }

    /// Looks at a job once: `GET /v1/video/jobs/{id}`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for an empty id, `"."` or `".."`; not found for an unknown one; else as every call.
    pub async fn status(&self, id: impl Into<JobRef>) -> Result<VideoJob> {
        VideoJob::answered(self.client.call(status_spec(&id.into().id)?).await?)
    }

    /// Cancels a job: `POST /v1/video/jobs/{id}/cancel`.
    ///
    /// # Errors
    /// As [`status`](Self::status). A job that had already ended is no error: its answer is `ok: false`.
    pub async fn cancel(&self, id: impl Into<JobRef>) -> Result<CancelResult> {
        cancel(self.client, &id.into().id, None).await
    }

    /// Waits until a job has ended and returns it: 30 minutes at most, unless told otherwise.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> infrai::Result<()> {
    /// # let (client, _world) = sandboxed().await;
    /// # let job = client.video().generate("x").duration_seconds(1.0).await?;
    /// use std::time::Duration;
    ///
    /// let job = client
    ///     .video()
    ///     .wait(&job.job_id)
    ///     .timeout(Duration::from_secs(600))
    ///     .on_update(|job| println!("{}", job.state))
    ///     .await?;
    /// println!("{}", job.video_url.unwrap_or_default());
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait(&self, job: impl Into<JobRef>) -> Wait {
        Wait::new(self.client.clone(), job.into())
    }

    /// The job's first state and every change of it, the last included; then the stream ends. A job that ends badly is
    /// its last item, and no error.
    pub fn watch(&self, job: impl Into<JobRef>) -> Watch {
        Watch::new(self.client.clone(), job.into())
    }

    /// Saves a job's video to a file: whole, or not at all.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> infrai::Result<()> {
    /// # let (client, _world) = sandboxed().await;
    /// # let job = client.video().generate("x").duration_seconds(1.0).await?; client.video().wait(&job).await?;
    /// let saved = client.video().download(&job.job_id, "video.mp4").overwrite(true).await?;
    /// println!("{} bytes at {}", saved.bytes, saved.path.display());
    /// # Ok(())
    /// # }
    /// ```
    pub fn download(&self, job: impl Into<JobRef>, path: impl Into<std::path::PathBuf>) -> DownloadRequest {
        DownloadRequest::new(self.client.clone(), job.into(), path.into())
    }

    /// Opens a job's video as a stream of bytes.
    pub fn download_stream(&self, job: impl Into<JobRef>) -> DownloadStreamRequest {
        DownloadStreamRequest::new(self.client.clone(), job.into())
    }

    /// Starts many jobs, some at once, waits for each, and yields them as they end.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> infrai::Result<()> {
    /// # let (client, _world) = sandboxed().await;
    /// let mut many = client.video().generate_many(["a red kite", "a blue kite"]).concurrency(2).key_prefix("kites-1");
    /// while let Some((index, result)) = many.next().await {
    ///     match result {
    ///         Ok(job) => println!("{index}: {}", job.video_url.unwrap_or_default()),
    ///         Err(error) => eprintln!("{index}: {error}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn generate_many<T: Into<GenerateRequest>>(
        &self,
        requests: impl IntoIterator<Item = T>,
    ) -> GenerateMany {
        GenerateMany::new(self.client.clone(), requests.into_iter().map(Into::into).collect())
    }
}

pub(crate) fn status_spec(id: &JobId) -> Result<CallSpec> {
    Ok(CallSpec {
        path: ["/v1/video/jobs/", &path::segment("id", id.as_str())?].concat(),
        route: "/v1/video/jobs/{id}",
        ..CallSpec::default()
    })
}

/// Looks at a job once more, for those who wait: one attempt, with this key if there is one.
pub(crate) async fn look(
    client: &InfraiClient,
    id: &JobId,
    key: Option<ApiKey>,
) -> Result<(Arc<VideoJob>, Option<std::time::Duration>)> {
    let reply = client.call(CallSpec { single: true, key, ..status_spec(id)? }).await?;
    let retry_after = reply.retry_after;
    Ok((Arc::new(VideoJob::answered(reply)?), retry_after))
}

pub(crate) async fn cancel(
    client: &InfraiClient,
    id: &JobId,
    timeout: Option<std::time::Duration>,
) -> Result<CancelResult> {
    let spec = CallSpec {
        method: Method::POST,
        path: format!("/v1/video/jobs/{}/cancel", path::segment("id", id.as_str())?),
        route: "/v1/video/jobs/{id}/cancel",
        answers_with_ok: true,
        timeout,
        ..CallSpec::default()
    };
    client.call(spec).await?.typed(|data, metadata, redactor| {
        let raw = read::object("cancel result", data, redactor)?;
        let fields = Fields { what: "cancel result", map: &raw, redactor };
        let ok = fields.flag("ok")?.ok_or_else(|| fields.missing("ok"))?;
        Ok(CancelResult { ok, metadata, raw })
    })
}

/// Refuses a prompt of nothing.
pub(crate) fn check_prompt(prompt: &str) -> Result<()> {
    if prompt.trim().is_empty() {
        return Err(InfraiError::invalid_argument(
            "prompt",
            format!("{prompt:?}"),
            "a description of the video, not empty",
        ));
    }
    Ok(())
}
