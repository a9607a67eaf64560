//! Resumable download: retries after broken connections, and a new URL when the first has expired.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::Url;

use crate::{
    api::{
        client::ApiClient,
        video::{
            file_url::{fetch_job, job_with_url, request_file},
            job_ref::JobRef,
        },
    },
    error::{ErrorKind, InfraiError, Result, shorten},
    http::{
        retry,
        transport::{BodyStream, SendError, TransportError, WireResponse},
    },
    job::{JobId, VideoJob},
    redact::Redactor,
    runtime::{self, Instant, deadline},
    text::Escaped,
    wire::{codes, coding, path, retry_after},
};

/// Bytes that an attempt has to receive to reset the count of failures. Without a minimum, a server that sends one byte
/// per attempt would keep the client retrying forever.
const MIN_PROGRESS: u64 = 64 * 1024;

/// Item of a download.
pub(super) enum Chunk {
    Bytes(Bytes),
    /// The download starts over, because the file on the server has changed or cannot be resumed. The reader discards
    /// all bytes so far.
    Restart,
    End,
}

/// A download in progress.
pub(super) struct ResumableDownload {
    client: ApiClient,
    id: JobId,
    /// Redacts the keys of the status calls in errors and logs.
    redactor: Redactor,
    url: Url,
    body: Option<Box<dyn BodyStream>>,
    etag: Option<HeaderValue>,
    pub(super) received: u64,
    pub(super) total: Option<u64>,
    pub(super) content_type: Option<String>,
    /// Offset at which the current attempt started.
    attempt_start: u64,
    /// Failed attempts since the last reset, plus `discarded_failures`.
    failures: u32,
    /// Failed attempts whose bytes were discarded. A reset keeps them, so that a server cannot make the client fetch
    /// the same bytes forever.
    discarded_failures: u32,
    /// The job was fetched for a new URL. This happens at most once.
    url_refreshed: bool,
    limit: Option<Limit>,
}

/// Timeout and deadline of a download.
#[derive(Clone, Copy)]
struct Limit {
    timeout: Duration,
    end: Instant,
}

impl Limit {
    /// Runs work until the deadline. Returns the timeout if it passed first.
    async fn bound<T>(limit: Option<Self>, work: impl Future<Output = T>) -> Result<T, Duration> {
        let Some(Self { timeout, end }) = limit else { return Ok(work.await) };
        // Work that is always ready would never let the timer fire.
        if Instant::now() >= end {
            return Err(timeout);
        }
        runtime::until(end, work).await.ok_or(timeout)
    }
}

impl ResumableDownload {
    /// Determines the URL of the job's video and starts the timeout. The request for the file follows with
    /// [`next`](Self::next).
    pub(super) async fn open(
        client: ApiClient,
        job: &JobRef,
        timeout: Option<Duration>,
    ) -> Result<(VideoJob, Self)> {
        let limit = timeout.map(|timeout| Limit { timeout, end: deadline(Instant::now(), timeout) });
        let (job, url) = Limit::bound(limit, job_with_url(&client, job)).await.unwrap_or_else(|timeout| {
            Err(timeout_error(&job.id, &client.http.redactor(), timeout, 0, None))
        })?;
        let source = Self {
            client,
            id: job.job_id.clone(),
            redactor: job.raw.redactor.clone(),
            url,
            body: None,
            etag: None,
            received: 0,
            total: None,
            content_type: None,
            attempt_start: 0,
            failures: 0,
            discarded_failures: 0,
            url_refreshed: false,
            limit,
        };
        Ok((job, source))
    }

    /// Requests the file, so that its length and type are known before the first chunk.
    ///
    /// # Errors
    /// `DOWNLOAD_TIMEOUT` if the timeout has passed.
    pub(super) async fn connect(&mut self) -> Result<()> {
        let limit = self.limit;
        let connected = async {
            // Nothing has been received, so that no request asks the reader to start over.
            while self.body.is_none() {
                self.request().await?;
            }
            Ok(())
        };
        let result = Limit::bound(limit, connected).await;
        result.unwrap_or_else(|timeout| Err(self.timeout_error(timeout)))
    }

    /// Returns the next chunk.
    ///
    /// # Errors
    /// `DOWNLOAD_TIMEOUT` if the timeout has passed.
    pub(super) async fn next(&mut self) -> Result<Chunk> {
        let limit = self.limit;
        let result = Limit::bound(limit, self.next_chunk()).await;
        result.unwrap_or_else(|timeout| Err(self.timeout_error(timeout)))
    }

    fn timeout_error(&self, timeout: Duration) -> InfraiError {
        timeout_error(&self.id, &self.redactor, timeout, self.received, self.total)
    }

    async fn next_chunk(&mut self) -> Result<Chunk> {
        loop {
            if self.body.is_none() {
                if let Some(chunk) = self.request().await? {
                    return Ok(chunk);
                }
                continue;
            }
            let timeout = self.client.http.config().options.download_idle_timeout;
            let Some(body) = &mut self.body else { continue };
            let chunk = runtime::timeout(timeout, body.next())
                .await
                .unwrap_or_else(|| Err(TransportError::read_timeout(timeout)));
            match chunk {
                Ok(Some(bytes)) if bytes.is_empty() => {}
                Ok(Some(bytes)) => {
                    if self.received == 0 && is_markup(&bytes) {
                        return Err(self.not_a_video("a page of text"));
                    }
                    self.received += bytes.len() as u64;
                    if self.received - self.attempt_start >= MIN_PROGRESS {
                        self.failures = self.discarded_failures;
                    }
                    if self.total.is_some_and(|total| self.received > total) {
                        return Err(self.invalid_response("the server sent more bytes than it announced"));
                    }
                    return Ok(Chunk::Bytes(bytes));
                }
                Ok(None) if self.received == 0 && self.total.is_none_or(|total| total == 0) => {
                    return Err(self.not_a_video("an empty file"));
                }
                Ok(None) if self.total.is_none_or(|total| total == self.received) => return Ok(Chunk::End),
                Ok(None) => {
                    self.body = None;
                    self.backoff(self.truncated("the file ended early"), None).await?;
                }
                // The file is complete. Only the end of the response's framing is missing.
                Err(_) if self.total == Some(self.received) => return Ok(Chunk::End),
                Err(error) => {
                    self.body = None;
                    let error = self.truncated(&error.message);
                    self.backoff(error, None).await?;
                }
            }
        }
    }

    /// Requests the file or the rest of it. Returns [`Chunk::Restart`] if the reader has to start over.
    async fn request(&mut self) -> Result<Option<Chunk>> {
        let mut from = self.received;
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        match &self.etag {
            Some(etag) if from > 0 => {
                let range = HeaderValue::try_from(format!("bytes={from}-"))
                    .map_err(|error| InfraiError::internal(error.to_string()))?;
                headers.insert(header::RANGE, range);
                headers.insert(header::IF_RANGE, etag.clone());
            }
            _ => from = 0,
        }
        let new_connection = self.failures > 0;
        let invalid = |reason: &str| self.invalid_response(reason);
        let sent = request_file(&self.client.http, &self.url, &headers, new_connection, invalid).await;
        let response = match sent {
            Ok(response) => response,
            Err(SendError::Setup(error)) => return Err(error),
            Err(SendError::Transport(cause)) => {
                let error = self.connect_error(&cause);
                if !cause.retryable {
                    return Err(error);
                }
                self.backoff(error, None).await?;
                return Ok(None);
            }
        };
        let status = response.status;
        match status.as_u16() {
            200 => self.start_body(response, 0, None),
            206 if from > 0 => {
                let (start, total) = content_range(&response.headers).unwrap_or_default();
                let reason = if start != Some(from)
                    || (total.is_some() && self.total.is_some_and(|known| total != Some(known)))
                {
                    "the server sent another range than the requested one"
                } else if !response.headers.get_all(header::ETAG).iter().eq(&self.etag) {
                    "the server sent a range without the file's ETag"
                } else {
                    let total = total.or(self.total);
                    return self.start_body(response, from, total);
                };
                self.etag = None;
                self.backoff(self.invalid_response(reason), None).await?;
                Ok(None)
            }
            416 if from > 0 => {
                self.etag = None;
                self.backoff(self.invalid_response("the server no longer has the rest of the file"), None)
                    .await?;
                Ok(None)
            }
            401 | 403 | 404 | 410 if !self.url_refreshed => {
                self.url_refreshed = true;
                // The status call needs a connection too.
                drop(response);
                let shown = self.redactor.text(self.id.as_str());
                tracing::debug!(
                    status = status.as_u16(),
                    job = %Escaped(&shown),
                    "the file's URL has expired; fetching the job for a new one"
                );
                let job;
                (job, self.url) = fetch_job(&self.client, &self.id).await?;
                self.redactor = job.raw.redactor;
                Ok(None)
            }
            code => {
                let error = self.status_error(status);
                if !codes::is_retryable_status(code) {
                    return Err(error);
                }
                let floor = retry_after::parse(&response.headers);
                drop(response);
                self.backoff(error, floor).await?;
                Ok(None)
            }
        }
    }

    /// Starts to read a response's body, which is the file from offset `from`. `total` is the length of the file, if
    /// known.
    fn start_body(&mut self, response: WireResponse, from: u64, total: Option<u64>) -> Result<Option<Chunk>> {
        let compressions = coding::compressions(&response.headers);
        if !compressions.is_empty() {
            let compressions = compressions.join(", ");
            return Err(self.invalid_response(&format!(
                "the server sent the file compressed with {compressions} although it was asked not to"
            )));
        }
        if let Some(page) = page_type(&response.headers) {
            return Err(self.not_a_video(&format!("a page of the type {page}")));
        }
        let length = response
            .headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        // End of the range, which may be before the end of the file.
        let end = match length.map(|length| from.checked_add(length)) {
            Some(Some(end)) if total.is_none_or(|total| end <= total) => Some(end),
            Some(_) => {
                return Err(self.invalid_response("the server announced more bytes than the file can have"));
            }
            None => None,
        };
        let restarted = from == 0 && self.received > 0;
        if restarted {
            self.discarded_failures = self.failures;
        }
        self.received = from;
        self.attempt_start = from;
        self.total = total.or(end);
        let content_type = response.headers.get(header::CONTENT_TYPE);
        self.content_type = content_type.and_then(|value| Some(value.to_str().ok()?.to_owned()));
        // A weak ETag does not guarantee equal bytes, so the client cannot resume with it.
        self.etag =
            response.headers.get(header::ETAG).filter(|etag| etag.as_bytes().first() == Some(&b'"')).cloned();
        self.body = Some(response.body);
        Ok(restarted.then_some(Chunk::Restart))
    }

    /// Counts a failed attempt and waits before the next one. Returns the error if no attempt or time is left.
    async fn backoff(&mut self, error: InfraiError, floor: Option<Duration>) -> Result<()> {
        let options = &self.client.http.config().options;
        let retries = self.client.http.max_retries();
        let timeout = self.client.http.timeout();
        self.failures += 1;
        if self.failures > retries || floor.is_some_and(|floor| floor > timeout) {
            return Err(error.with_call(self.failures, None, false));
        }
        let random = self.client.http.random();
        let pause = retry::backoff(self.failures, options.retry_base, options.retry_cap, floor, random);
        let left = self.limit.map(|limit| limit.end.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| pause >= left) {
            tracing::debug!(?pause, "no retry, because the pause would exceed the download's timeout");
            return Err(error.with_call(self.failures, None, false));
        }
        tracing::debug!(error = %Escaped(&error), ?pause, received = self.received, "retrying the download after a pause");
        runtime::sleep(pause).await;
        Ok(())
    }

    fn message(&self, reason: &str) -> String {
        error_message(&self.id, &self.redactor, reason)
    }

    fn invalid_response(&self, reason: &str) -> InfraiError {
        InfraiError::new(ErrorKind::UnexpectedResponse, "DOWNLOAD_FAILED", self.message(reason))
    }

    fn not_a_video(&self, sent: &str) -> InfraiError {
        self.invalid_response(&format!("the file's host sent {sent} instead of a video")).with_hint(
            "Download again later. A proxy or a login page of the network may have answered in its place.",
        )
    }

    fn truncated(&self, reason: &str) -> InfraiError {
        let bytes = byte_count(self.received, self.total);
        let message = self.message(&format!("the connection broke after {bytes}: {reason}"));
        InfraiError::new(ErrorKind::Connection, "DOWNLOAD_FAILED", message).with_retry(true, None)
    }

    fn connect_error(&self, cause: &TransportError) -> InfraiError {
        let origin = path::origin(&self.url);
        let message = self.message(&format!("{origin}: {}", cause.message));
        let mut error = InfraiError::new(ErrorKind::Connection, "DOWNLOAD_FAILED", message)
            .with_retry(cause.retryable, None);
        if let Some(hint) = cause.hint {
            error = error.with_hint(hint);
        }
        error
    }

    fn status_error(&self, status: StatusCode) -> InfraiError {
        let code = status.as_u16();
        let kind = match code {
            // The file's host rejects the URL, not the project's key.
            401 | 403 => ErrorKind::Permission,
            _ => codes::kind_of_status(code),
        };
        let message = self.message(&format!("the file's host answered {code}"));
        InfraiError::new(kind, "DOWNLOAD_FAILED", message)
            .with_status(code)
            .with_retry(codes::is_retryable_status(code), None)
    }
}

fn error_message(id: &JobId, redactor: &Redactor, reason: &str) -> String {
    let id = shorten(&redactor.text(id.as_str()), 80);
    redactor.text(&format!("the video of the job {id} could not be downloaded: {reason}"))
}

fn byte_count(received: u64, total: Option<u64>) -> String {
    let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
    format!("{received}{of} bytes")
}

fn timeout_error(
    id: &JobId,
    redactor: &Redactor,
    timeout: Duration,
    received: u64,
    total: Option<u64>,
) -> InfraiError {
    let bytes = byte_count(received, total);
    let reason = format!("the timeout of {timeout:?} passed after {bytes}");
    InfraiError::new(ErrorKind::Timeout, "DOWNLOAD_TIMEOUT", error_message(id, redactor, &reason))
        .with_retry(true, None)
        .with_hint("Download again with a longer timeout; nothing was saved.")
}

/// Returns the media type of a response that is a page and not a video: HTML, XML or JSON.
fn page_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media = value.split(';').next()?.trim().to_ascii_lowercase();
    let subtype = media.split_once('/')?.1;
    let page =
        matches!(subtype, "html" | "xml" | "json") || subtype.ends_with("+xml") || subtype.ends_with("+json");
    page.then_some(media)
}

/// Returns whether a body begins as HTML, XML or JSON does. No video format begins so.
fn is_markup(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    matches!(body.trim_ascii_start(), [b'<' | b'{', ..])
}

/// Returns the start of the range and the length of the file: 100 and 200 for `bytes 100-199/200`.
fn content_range(headers: &HeaderMap) -> Option<(Option<u64>, Option<u64>)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.parse().ok();
    Some((start, total.parse().ok()))
}
