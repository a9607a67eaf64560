//! Video: typed methods of the `/v1/video` routes, waits and downloads.

mod batch;
mod calls;
pub(crate) mod compact_job;
pub(crate) mod costs;
mod download;
#[cfg(test)]
mod download_tests;
mod file_url;
pub(crate) mod generate;
mod job_ref;
pub(crate) mod job_source;
mod parse;
mod resumable;
pub(crate) mod routes;
mod target;
mod wait;
mod watch;

pub use self::{
    batch::{
        BatchAbort, BatchEvent, BatchUpdate, GenerateMany, GenerateManyItem, PlannedAction, PlannedItem,
        SavedVideo, WantedEvents,
    },
    calls::CancelResult,
    download::{Download, DownloadProgress, DownloadRequest, DownloadStreamRequest, VideoBytes},
    generate::Generate,
    job_ref::JobRef,
    wait::Wait,
    watch::Watch,
};
use crate::{api::client::ApiClient, error::Result};
pub use crate::{
    job::{JobError, JobId, VideoJob, VideoState},
    options::{DEFAULT_WAIT_TIMEOUT, GenerateRequest},
};

/// Methods for videos; see [`InfraiClient::video`](crate::InfraiClient::video).
#[derive(Debug, Clone, Copy)]
pub struct Video<'a> {
    pub(crate) client: &'a ApiClient,
}

impl Video<'_> {
    /// Submits a job: `POST /v1/video/generate`.
    ///
    /// `prompt` describes the video and must not be empty. The methods of [`Generate`] set further options, and
    /// `.await` sends the request.
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

    /// Submits a job from a prepared request: `POST /v1/video/generate`.
    pub fn generate_from(&self, request: GenerateRequest) -> Generate {
        Generate { client: self.client.clone(), request }
    }

    /// Fetches the job's current state: `GET /v1/video/jobs/{id}`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the id is empty, `"."` or `".."`. An error of the kind
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is unknown. Those of
    /// [every call](crate::InfraiClient#errors-of-every-call).
    pub async fn status(&self, id: impl Into<JobRef>) -> Result<VideoJob> {
        let ApiClient { http, routes, costs, .. } = self.client;
        calls::status(http, routes, costs, &id.into().id, None).await
    }

    /// Cancels a job: `POST /v1/video/jobs/{id}/cancel`.
    ///
    /// # Errors
    /// As [`status`](Self::status). For a job that has already ended, the result has `ok: false`.
    pub async fn cancel(&self, id: impl Into<JobRef>) -> Result<CancelResult> {
        let ApiClient { http, routes, costs, .. } = self.client;
        calls::cancel(http, routes, costs, &id.into().id, None).await
    }

    /// Waits until a job has ended and returns it. Default timeout: 30 minutes.
    ///
    /// The client polls `GET /v1/video/jobs/{id}`. All waits of a client share one poller: several waits for one job
    /// send one request, and [`PollingOptions`](crate::PollingOptions) limit the requests of all.
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

    /// Yields the job's first state and every change, including the terminal state. A job that fails is the last item
    /// of the stream, not an error.
    ///
    /// The client polls `GET /v1/video/jobs/{id}` at least every
    /// [`PollingOptions::refresh`](crate::PollingOptions::refresh) seconds as far as the rate limit allows.
    pub fn watch(&self, job: impl Into<JobRef>) -> Watch {
        Watch::new(self.client.clone(), job.into())
    }

    /// Saves a job's video to a file, completely or not at all.
    ///
    /// The client fetches `GET /v1/video/jobs/{id}` if the URL of the video is unknown.
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

    /// Opens a job's video as a stream of bytes, whose size and type are known. The client fetches
    /// `GET /v1/video/jobs/{id}` if the URL is unknown.
    pub fn download_stream(&self, job: impl Into<JobRef>) -> DownloadStreamRequest {
        DownloadStreamRequest::new(self.client.clone(), job.into())
    }

    /// Submits many jobs, at most [`concurrency`](GenerateMany::concurrency) at a time, waits for each, and yields each
    /// when it ends.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> infrai::Result<()> {
    /// # let (client, _world) = sandboxed().await;
    /// let mut many = client.video().generate_many(["a red kite", "a blue kite"]).concurrency(2).key_prefix("kites-1");
    /// while let Some(item) = many.next().await.transpose()? {
    ///     match item.result {
    ///         Ok(job) => println!("{}: {}", item.index, job.video_url.unwrap_or_default()),
    ///         Err(error) => eprintln!("{}: {error}", item.index),
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
