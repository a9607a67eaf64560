//! Videos: typed methods of the `/v1/video` routes, and waits for jobs.

mod calls;
pub(crate) mod compact_job;
mod download;
#[cfg(test)]
mod download_tests;
pub(crate) mod generate;
mod generate_many;
mod job_ref;
pub(crate) mod job_source;
mod parse;
mod resumable;
mod wait;
mod watch;

pub use self::{
    calls::CancelResult,
    download::{Download, DownloadProgress, DownloadRequest, DownloadStreamRequest, VideoBytes},
    generate::Generate,
    generate_many::{GenerateMany, GenerateManyItem},
    job_ref::JobRef,
    wait::Wait,
    watch::Watch,
};
use crate::{api::client::ApiClient, error::Result};
pub use crate::{
    job::{JobError, JobId, VideoJob, VideoState},
    options::{DEFAULT_WAIT_TIMEOUT, GenerateRequest},
};

/// The calls about videos; see [`InfraiClient::video`](crate::InfraiClient::video).
#[derive(Debug, Clone, Copy)]
pub struct Video<'a> {
    pub(crate) client: &'a ApiClient,
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
        calls::status(&self.client.http, &id.into().id, None).await
    }

    /// Cancels a job: `POST /v1/video/jobs/{id}/cancel`.
    ///
    /// # Errors
    /// As [`status`](Self::status). A job that had already ended is no error: its answer is `ok: false`.
    pub async fn cancel(&self, id: impl Into<JobRef>) -> Result<CancelResult> {
        calls::cancel(&self.client.http, &id.into().id, None).await
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
