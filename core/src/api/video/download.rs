//! `download`: a job's video as a complete file or as a stream of bytes.

use std::{
    fmt,
    future::IntoFuture,
    io::{BufWriter, Seek as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;

use crate::{
    api::{
        client::ApiClient,
        video::{
            job_ref::JobRef,
            resumable::{Chunk, ResumableDownload},
            target::{Target, file_error},
        },
    },
    error::{ErrorKind, InfraiError, Result},
    job::VideoJob,
    options::DownloadOptions,
    runtime::BoxFuture,
};

/// Progress of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct DownloadProgress {
    /// Number of bytes received so far.
    pub received: u64,
    /// Length of the file in bytes. `None` if the server did not announce it.
    pub total: Option<u64>,
}

/// A finished download.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct Download {
    /// Path of the file.
    pub path: PathBuf,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// The job whose video it is.
    pub job: VideoJob,
}

type OnProgress = Box<dyn FnMut(DownloadProgress) + Send>;

/// Request of a download; see [`Video::download`](super::Video::download). [`send`](Self::send) or `.await` starts it.
/// Dropping its future removes the temporary file.
#[must_use = "nothing is downloaded until it is awaited"]
pub struct DownloadRequest {
    client: ApiClient,
    job: JobRef,
    path: PathBuf,
    options: DownloadOptions,
    on_progress: Option<OnProgress>,
}

impl DownloadRequest {
    pub(crate) fn new(client: ApiClient, job: JobRef, path: PathBuf) -> Self {
        Self { client, job, path, options: DownloadOptions::default(), on_progress: None }
    }

    /// Checks that a video can be saved to this path, before a job is submitted and charged. The check leaves no file.
    ///
    /// # Errors
    /// `FILE_EXISTS`, `FILE_ERROR` and `INVALID_ARGUMENT`, as [`send`](Self::send).
    pub fn check_target(path: impl AsRef<Path>, overwrite: bool) -> Result<()> {
        Target::check(path.as_ref(), overwrite)?.create_temporary().map(drop)
    }

    /// For bindings: replaces the options.
    #[doc(hidden)]
    pub fn options(mut self, options: DownloadOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets whether the download may replace an existing file. Default: no.
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.options.overwrite = overwrite;
        self
    }

    /// Sets the timeout of the whole download, from [`send`](Self::send) to the last byte. It includes the status call,
    /// retries and pauses. Default: no limit.
    ///
    /// Independently of it, an attempt fails after
    /// [`download_idle_timeout`](crate::ClientBuilder::download_idle_timeout) without a byte. The client's
    /// [`timeout`](crate::ClientBuilder::timeout) bounds the status call only.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Sets a callback that runs after each chunk is written.
    pub fn on_progress(mut self, on_progress: impl FnMut(DownloadProgress) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(on_progress));
        self
    }

    /// Downloads the video to a temporary file beside the target and renames it when it is complete.
    ///
    /// The client resumes after a broken connection if the server supports it, and starts over otherwise. If the URL
    /// has expired, the client fetches the job once for a new one. It gives up after
    /// [`max_retries`](crate::ClientBuilder::max_retries) further attempts. A resumed attempt that receives 64 KiB
    /// resets the count of failures. Attempts whose bytes were discarded stay counted.
    ///
    /// A symbolic link is followed. A replaced file keeps its mode. The client removes the temporary files that killed
    /// processes left for the same target. An empty file and a page of HTML, XML or JSON are no video.
    ///
    /// # Errors
    /// - `FILE_EXISTS`, `FILE_ERROR` and `INVALID_ARGUMENT` for the target, before any request where possible.
    /// - `JOB_NOT_READY` if the job has not ended, and an error of the kind [`JobFailed`](ErrorKind::JobFailed) or
    ///   [`JobCancelled`](ErrorKind::JobCancelled) if it ended without a video.
    /// - `DOWNLOAD_FAILED` if the file's host does not deliver the complete file.
    /// - `DOWNLOAD_TIMEOUT` if [`timeout`](Self::timeout) passed. The download saves nothing.
    /// - Those of [every call](crate::InfraiClient#errors-of-every-call).
    pub async fn send(self) -> Result<Download> {
        let Self { client, job, path, options, mut on_progress } = self;
        let DownloadOptions { overwrite, timeout } = options;
        let target = Target::check(&path, overwrite)?;
        target.remove_abandoned();
        let mut file = target.create_temporary()?;
        let (job, mut source) = ResumableDownload::open(client, &job, timeout).await?;
        let mut writer = BufWriter::with_capacity(256 * 1024, file.as_file_mut());
        loop {
            match source.next().await? {
                Chunk::Bytes(bytes) => {
                    writer.write_all(&bytes).map_err(|error| file_error(&path, "written", error))?;
                    if let Some(on_progress) = &mut on_progress {
                        on_progress(DownloadProgress { received: source.received, total: source.total });
                    }
                }
                Chunk::Restart => {
                    writer
                        .rewind()
                        .and_then(|()| writer.get_mut().set_len(0))
                        .map_err(|error| file_error(&path, "written", error))?;
                }
                Chunk::End => break,
            }
        }
        writer.flush().map_err(|error| file_error(&path, "written", error))?;
        drop(writer);
        file.as_file().sync_all().map_err(|error| file_error(&path, "written", error))?;
        // Something else may have taken the name meanwhile.
        Target::check(&path, overwrite)?.save(file, overwrite)?;
        Ok(Download { path, bytes: source.received, job })
    }
}

/// Stream of a video's bytes; see [`Video::download_stream`](super::Video::download_stream).
#[must_use = "nothing is downloaded until it is read"]
pub struct VideoBytes {
    source: ResumableDownload,
    job: VideoJob,
    ended: bool,
}

/// Request of a download as a stream; see [`Video::download_stream`](super::Video::download_stream).
/// [`send`](Self::send) or `.await` opens the stream.
#[must_use = "nothing is opened until it is awaited"]
pub struct DownloadStreamRequest {
    client: ApiClient,
    job: JobRef,
    timeout: Option<Duration>,
}

impl DownloadStreamRequest {
    pub(crate) fn new(client: ApiClient, job: JobRef) -> Self {
        Self { client, job, timeout: None }
    }

    /// For bindings: replaces the options. A stream has no file to overwrite.
    #[doc(hidden)]
    pub fn options(self, DownloadOptions { timeout, .. }: DownloadOptions) -> Self {
        Self { timeout, ..self }
    }

    /// Sets the timeout of the whole download, from [`send`](Self::send) to the last byte. It includes the time that
    /// the reader spends between two chunks. Default: no limit. See also [`DownloadRequest::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Fetches the job if its URL is unknown, requests the file, and returns the stream. Its bytes are read as the
    /// reader takes them.
    ///
    /// # Errors
    /// `JOB_NOT_READY`, the job's failure, `DOWNLOAD_FAILED` and `DOWNLOAD_TIMEOUT`, as [`DownloadRequest::send`], and
    /// those of [every call](crate::InfraiClient#errors-of-every-call).
    pub async fn send(self) -> Result<VideoBytes> {
        let Self { client, job, timeout } = self;
        let (job, mut source) = ResumableDownload::open(client, &job, timeout).await?;
        source.connect().await?;
        Ok(VideoBytes { source, job, ended: false })
    }
}

impl VideoBytes {
    /// Returns the job whose video it is.
    pub fn job(&self) -> &VideoJob {
        &self.job
    }

    /// Returns the size of the file in bytes, for a `Content-Length`. `None` if the file's host did not announce it.
    pub fn size(&self) -> Option<u64> {
        self.source.total
    }

    /// Returns the media type of the file as its host announced it, such as `video/mp4`.
    pub fn content_type(&self) -> Option<&str> {
        self.source.content_type.as_deref()
    }

    /// Returns the progress of the download.
    pub fn progress(&self) -> DownloadProgress {
        DownloadProgress { received: self.source.received, total: self.source.total }
    }

    /// Returns the next chunk. `None` after the last.
    ///
    /// # Errors
    /// As [`DownloadRequest::send`]. Also `DOWNLOAD_FAILED` if the connection broke and the file's host cannot resume,
    /// because the stream cannot take back the bytes that it has returned.
    pub async fn next(&mut self) -> Option<Result<Bytes>> {
        if self.ended {
            return None;
        }
        let result = match self.source.next().await {
            Ok(Chunk::Bytes(bytes)) => return Some(Ok(bytes)),
            Ok(Chunk::End) => None,
            Ok(Chunk::Restart) => Some(Err(InfraiError::new(
                ErrorKind::Connection,
                "DOWNLOAD_FAILED",
                "the connection broke and the file's host cannot resume the stream",
            )
            .with_hint("Download to a file, which can start over, or open a new stream."))),
            Err(error) => Some(Err(error)),
        };
        self.ended = true;
        result
    }
}

impl fmt::Debug for VideoBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VideoBytes").field("job", &self.job.job_id).finish_non_exhaustive()
    }
}

impl IntoFuture for DownloadStreamRequest {
    type Output = Result<VideoBytes>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for DownloadStreamRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadStreamRequest").field("job", &self.job.id).finish_non_exhaustive()
    }
}

impl IntoFuture for DownloadRequest {
    type Output = Result<Download>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl fmt::Debug for DownloadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadRequest")
            .field("job", &self.job.id)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
