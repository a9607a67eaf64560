//! `download`: a job's video into a file that is whole or not there at all, or as a stream of bytes.

use std::{
    fmt, fs,
    future::IntoFuture,
    io::{self, BufWriter, Seek as _, Write as _},
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
        },
    },
    error::{ErrorKind, InfraiError, Result, shorten},
    job::VideoJob,
    options::DownloadOptions,
    runtime::BoxFuture,
};

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DownloadProgress {
    /// Bytes so far.
    pub received: u64,
    /// Bytes in all, if the server says so.
    pub total: Option<u64>,
}

/// A finished download.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Download {
    /// Where the file is.
    pub path: PathBuf,
    /// How long it is.
    pub bytes: u64,
    /// The job it came from.
    pub job: VideoJob,
}

type OnProgress = Box<dyn FnMut(DownloadProgress) + Send>;

/// A download to be begun; see [`Video::download`](super::Video::download). Begin it with [`send`](Self::send) or by
/// `.await`; dropping it leaves nothing behind.
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

    /// Checks that a video could be saved here, before one is asked and paid for. Nothing stays behind.
    ///
    /// # Errors
    /// `FILE_EXISTS`, `FILE_ERROR` and `INVALID_ARGUMENT`, as [`send`](Self::send) would say after all the waiting.
    pub fn check_target(path: impl AsRef<Path>, overwrite: bool) -> Result<()> {
        let path = path.as_ref();
        temporary(check_target(path, overwrite)?, path).map(drop)
    }

    /// For bindings: replaces the options.
    #[doc(hidden)]
    pub fn options(mut self, options: DownloadOptions) -> Self {
        self.options = options;
        self
    }

    /// Whether a file of this name may be replaced. Default: no.
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.options.overwrite = overwrite;
        self
    }

    /// How long the download may take in all, from [`send`](Self::send) to the last byte: the job's status call, retries
    /// and pauses included. Default: no limit, since a file's size has none; a download without a byte ends after
    /// [`download_idle_timeout`](crate::ClientBuilder::download_idle_timeout) all the same. The client's
    /// [`timeout`](crate::ClientBuilder::timeout) bounds the status call alone.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Called after every piece that was written.
    pub fn on_progress(mut self, on_progress: impl FnMut(DownloadProgress) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(on_progress));
        self
    }

    /// Downloads: into a temporary file beside the target, which takes the target's name when it is whole. A broken
    /// connection is resumed where the server can, an expired URL asked for anew once. After
    /// [`max_retries`](crate::ClientBuilder::max_retries) further tries it gives up. A resumed try that brings 64 KiB
    /// clears the count; one that had to start over stays counted.
    ///
    /// # Errors
    /// `FILE_EXISTS` and `FILE_ERROR` about the target, before anything is sent where that can be known; `JOB_NOT_READY`
    /// for a job that is still going; job failed or cancelled; `DOWNLOAD_FAILED` when the file's host gives no whole
    /// file; `DOWNLOAD_TIMEOUT` when [`timeout`](Self::timeout) passed, and nothing is saved; else as every call.
    pub async fn send(self) -> Result<Download> {
        let Self { client, job, path, options, mut on_progress } = self;
        let DownloadOptions { overwrite, timeout } = options;
        let folder = check_target(&path, overwrite)?;
        let mut file = temporary(folder, &path)?;
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
        let saved = if overwrite { file.persist(&path) } else { file.persist_noclobber(&path) };
        match saved {
            Ok(_) => Ok(Download { path, bytes: source.received, job }),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(&path)),
            Err(error) => Err(file_error(&path, "put in place", error.error)),
        }
    }
}

/// The folder to write in; whatever can be known to go wrong is said before anything is sent.
fn check_target(path: &Path, overwrite: bool) -> Result<&Path> {
    if path.file_name().is_none() {
        return Err(InfraiError::invalid_argument(
            "path",
            format!("{:?}", path.display()),
            "the name of a file",
        ));
    }
    match fs::symlink_metadata(path) {
        Ok(_) if path.is_dir() => {
            let got = format!("the folder {}", path.display());
            return Err(InfraiError::invalid_argument("path", got, "the name of a file"));
        }
        Ok(_) if !overwrite => return Err(exists(path)),
        _ => {}
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() {
        return Ok(folder);
    }
    let message = format!("the folder {} does not exist", folder.display());
    Err(InfraiError::new(ErrorKind::Configuration, "FILE_ERROR", message).with_hint("Make the folder first."))
}

fn temporary(folder: &Path, path: &Path) -> Result<tempfile::NamedTempFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{}.", shorten(&name, 60));
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    // The finished file is the user's own like any other: what the umask leaves of 0666.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder).map_err(|error| file_error(path, "made", error))
}

fn exists(path: &Path) -> InfraiError {
    let message = format!("{} exists already", path.display());
    InfraiError::new(ErrorKind::InvalidRequest, "FILE_EXISTS", message)
        .with_hint("Name another file, or allow it to be replaced with overwrite.")
}

fn file_error(path: &Path, what: &str, error: io::Error) -> InfraiError {
    let message = format!("{} cannot be {what}: {error}", path.display());
    InfraiError::new(ErrorKind::Configuration, "FILE_ERROR", message)
        .with_hint("Check the folder's permissions and the disk's free space.")
        .with_source(error)
}

/// A video's bytes as they come; see [`Video::download_stream`](super::Video::download_stream).
#[must_use = "nothing is downloaded until it is read"]
pub struct VideoBytes {
    source: ResumableDownload,
    job: VideoJob,
    ended: bool,
}

/// A stream of a video's bytes to be opened; see [`Video::download_stream`](super::Video::download_stream). Open it with
/// [`send`](Self::send) or by `.await`.
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

    /// How long the download may take in all, from [`send`](Self::send) to the last byte: what the reader of the stream
    /// takes between two pieces included. Default: no limit; else as [`DownloadRequest::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Finds the video. Its host is asked when the stream is first read.
    ///
    /// # Errors
    /// As [`DownloadRequest::send`], as far as they come before the first byte.
    pub async fn send(self) -> Result<VideoBytes> {
        let Self { client, job, timeout } = self;
        let (job, source) = ResumableDownload::open(client, &job, timeout).await?;
        Ok(VideoBytes { source, job, ended: false })
    }
}

impl VideoBytes {
    /// The job it comes from.
    pub fn job(&self) -> &VideoJob {
        &self.job
    }

    /// How far it is.
    pub fn progress(&self) -> DownloadProgress {
        DownloadProgress { received: self.source.received, total: self.source.total }
    }

    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// As [`DownloadRequest::send`]; and `DOWNLOAD_FAILED` when the connection broke and the file's host cannot resume,
    /// since what was handed out cannot be taken back.
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
            .with_hint("Download to a file, which can start over, or begin the stream anew."))),
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
