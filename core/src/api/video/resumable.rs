//! A video's bytes from wherever they lie: resumed after a broken connection, asked for anew when the URL has expired.

use std::{future::Future, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use tokio::time::Instant;
use url::Url;

use crate::{
    api::{
        client::ApiClient,
        video::{calls::status, job_ref::JobRef},
    },
    error::{ErrorKind, InfraiError, Result, shorten},
    http::{
        retry,
        transport::{BodyStream, SendError, TransportError, WireRequest, WireResponse},
    },
    job::{JobId, VideoJob},
    redact::Redactor,
    runtime::deadline,
    text::Escaped,
    wire::{codes, path, retry_after},
};

const REDIRECTS: u32 = 5;

/// What a try has to bring for the failures before it to be forgiven: a server that sends a byte per try would otherwise
/// be asked for ever.
const REAL_PROGRESS: u64 = 64 * 1024;

const PLAIN_HTTP_HINT: &str = "The API's operator should give the file an https address.";

/// A chunk of the file.
pub(super) enum Chunk {
    Bytes(Bytes),
    /// What came before is discarded: the file on the server is another, or cannot be resumed.
    Restart,
    End,
}

/// The file's bytes, one chunk after the other.
pub(super) struct ResumableDownload {
    client: ApiClient,
    id: JobId,
    /// Keeps the keys that were sent to get the job out of errors and logs.
    redactor: Redactor,
    url: Url,
    body: Option<Box<dyn BodyStream>>,
    etag: Option<HeaderValue>,
    pub(super) received: u64,
    pub(super) total: Option<u64>,
    /// What was received before the present try.
    resumed_at: u64,
    /// Failed tries since the last real progress, and those that no progress forgives.
    failures: u32,
    /// Failed tries whose bytes were thrown away. They stay counted, so that no server has the same bytes fetched again
    /// and again.
    discarded: u32,
    refreshed: bool,
    limit: Option<Limit>,
}

/// The time that a download has.
#[derive(Clone, Copy)]
struct Limit {
    timeout: Duration,
    end: Instant,
}

impl Limit {
    /// The work's result, or the timeout that passed before there was one.
    async fn bound<T>(limit: Option<Self>, work: impl Future<Output = T>) -> Result<T, Duration> {
        let Some(Self { timeout, end }) = limit else { return Ok(work.await) };
        // Work that is always wait_until_ready would never let the timer have its turn.
        if Instant::now() >= end {
            return Err(timeout);
        }
        tokio::time::timeout_at(end, work).await.map_err(|_| timeout)
    }
}

/// A job that has a video, asked for if it is not known to.
async fn wait_until_ready(client: &ApiClient, job: &JobRef) -> Result<(VideoJob, Url)> {
    let job = job.clone().of(&client.http);
    if let Some(known) = job.known.filter(|job| job.is_success() && job.video_url.is_some()) {
        let url = file_url(client, &known)?;
        return Ok((Arc::unwrap_or_clone(known), url));
    }
    fetch_job(client, &job.id).await
}

async fn fetch_job(client: &ApiClient, id: &JobId) -> Result<(VideoJob, Url)> {
    let job = status(&client.http, id, None).await?;
    if let Some(error) = job.end_error() {
        return Err(error);
    }
    if !job.is_terminal() {
        let redactor = job.redactor.clone();
        let id = shorten(&redactor.text(id.as_str()), 80);
        let message = format!("the job {id} is {} and has no video yet", job.state);
        return Err(InfraiError::new(ErrorKind::InvalidRequest, "JOB_NOT_READY", message)
            .with_hint("Wait for the job first, then download it.")
            .with_job(job)
            .redacted(&redactor));
    }
    let url = file_url(client, &job)?;
    Ok((job, url))
}

fn file_url(client: &ApiClient, job: &VideoJob) -> Result<Url> {
    let id = shorten(&job.redactor.text(job.job_id.as_str()), 80);
    let unusable = |reason: &str| {
        InfraiError::new(
            ErrorKind::UnexpectedResponse,
            "UNEXPECTED_RESPONSE",
            format!("the job {id} has {reason}"),
        )
    };
    let text = job.video_url.as_deref().ok_or_else(|| unusable("ended in success but has no video_url"))?;
    let url = Url::parse(text).map_err(|_| unusable("a video_url that is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(unusable("a video_url that is not http(s)"));
    }
    if !path::is_requestable(&url) {
        return Err(unusable("a video_url that no request can be made of"));
    }
    if !client.http.auth().config().allows_scheme(&url) {
        let origin = job.redactor.text(&path::origin(&url));
        return Err(unusable(&format!("a video_url that is plain http and not on this machine: {origin}"))
            .with_hint(PLAIN_HTTP_HINT));
    }
    Ok(url)
}

/// What stands before the host in a URL, as the header that says it: in the URL of a request it would be shown to proxies
/// and logs, and no server reads it there.
fn userinfo(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut text: Vec<u8> = percent_decode_str(url.username()).collect();
    text.push(b':');
    text.extend(percent_decode_str(url.password().unwrap_or_default()));
    // An http(s) URL with a host takes both.
    let (_, _) = (url.set_username(""), url.set_password(None));
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64.encode(text))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl ResumableDownload {
    /// Finds where the job's video lies. Nothing is fetched yet; the timeout runs from here on.
    pub(super) async fn open(
        client: ApiClient,
        job: &JobRef,
        timeout: Option<Duration>,
    ) -> Result<(VideoJob, Self)> {
        let limit = timeout.map(|timeout| Limit { timeout, end: deadline(Instant::now(), timeout) });
        let (job, url) = Limit::bound(limit, wait_until_ready(&client, job))
            .await
            .unwrap_or_else(|timeout| Err(out_of_time(&job.id, &client.http.redactor(), timeout, 0, None)))?;
        let source = Self {
            client,
            id: job.job_id.clone(),
            redactor: job.redactor.clone(),
            url,
            body: None,
            etag: None,
            received: 0,
            total: None,
            resumed_at: 0,
            failures: 0,
            discarded: 0,
            refreshed: false,
            limit,
        };
        Ok((job, source))
    }

    /// The next chunk, unless the download's time is over.
    pub(super) async fn next(&mut self) -> Result<Chunk> {
        let limit = self.limit;
        Limit::bound(limit, self.chunk()).await.unwrap_or_else(|timeout| {
            Err(out_of_time(&self.id, &self.redactor, timeout, self.received, self.total))
        })
    }

    async fn chunk(&mut self) -> Result<Chunk> {
        loop {
            if self.body.is_none() {
                if let Some(chunk) = self.request().await? {
                    return Ok(chunk);
                }
                continue;
            }
            let timeout = self.client.http.config().options.download_idle_timeout;
            let Some(body) = &mut self.body else { continue };
            let chunk = match tokio::time::timeout(timeout, body.next()).await {
                Ok(chunk) => chunk,
                Err(_) => Err(TransportError::read_timeout(timeout)),
            };
            match chunk {
                Ok(Some(bytes)) if bytes.is_empty() => {}
                Ok(Some(bytes)) => {
                    self.received += bytes.len() as u64;
                    if self.received - self.resumed_at >= REAL_PROGRESS {
                        self.failures = self.discarded;
                    }
                    if self.total.is_some_and(|total| self.received > total) {
                        return Err(self.invalid_response("the server sent more bytes than it announced"));
                    }
                    return Ok(Chunk::Bytes(bytes));
                }
                Ok(None) if self.total.is_none_or(|total| total == self.received) => return Ok(Chunk::End),
                Ok(None) => {
                    self.body = None;
                    self.backoff(self.truncated("the file ended early"), None).await?;
                }
                // All bytes are there; only the end's mark was lost.
                Err(_) if self.total == Some(self.received) => return Ok(Chunk::End),
                Err(fault) => {
                    self.body = None;
                    let error = self.truncated(&fault.message);
                    self.backoff(error, None).await?;
                }
            }
        }
    }

    /// Asks for the file, or the rest of it. A chunk where the reader has to know that it starts over.
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
        let response = match self.follow(headers).await {
            Ok(response) => response,
            Err(SendError::Setup(error)) => return Err(error),
            Err(SendError::Transport(fault)) => {
                let retryable = fault.retryable;
                let error = self.connect_error(&fault);
                if !retryable {
                    return Err(error);
                }
                self.backoff(error, None).await?;
                return Ok(None);
            }
        };
        let status = response.status;
        match status.as_u16() {
            200 => self.begin(response, 0, None),
            206 if from > 0 => {
                let (start, total) = content_range(&response.headers).unwrap_or_default();
                let other = if start != Some(from)
                    || (total.is_some() && self.total.is_some_and(|own| total != Some(own)))
                {
                    "the server answered with another part of the file than was asked for"
                } else if !response.headers.get_all(header::ETAG).iter().eq(&self.etag) {
                    "the server answered with a part that does not carry the file's ETag"
                } else {
                    let total = total.or(self.total);
                    return self.begin(response, from, total);
                };
                self.etag = None;
                self.backoff(self.invalid_response(other), None).await?;
                Ok(None)
            }
            416 if from > 0 => {
                self.etag = None;
                self.backoff(self.invalid_response("the server no longer has the rest of the file"), None)
                    .await?;
                Ok(None)
            }
            401 | 403 | 404 | 410 if !self.refreshed => {
                self.refreshed = true;
                let shown = self.redactor.text(self.id.as_str());
                tracing::debug!(
                    status = status.as_u16(),
                    job = %Escaped(&shown),
                    "the file's URL has expired; asking for a new_connection one"
                );
                let job;
                (job, self.url) = fetch_job(&self.client, &self.id).await?;
                self.redactor = job.redactor;
                Ok(None)
            }
            code => {
                let error = self.status_error(status);
                if !codes::is_retryable_status(code) {
                    return Err(error);
                }
                self.backoff(error, retry_after::parse(&response.headers)).await?;
                Ok(None)
            }
        }
    }

    /// Takes up a response whose body is the file from `from` on. `total` is the file's length where it is known.
    fn begin(&mut self, response: WireResponse, from: u64, total: Option<u64>) -> Result<Option<Chunk>> {
        let encoded =
            response.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
        if encoded {
            return Err(
                self.invalid_response("the server sent the file compressed although it was asked not to")
            );
        }
        let length = response
            .headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        // Where a part ends, which may be before the file does.
        let end = match length.map(|length| from.checked_add(length)) {
            Some(Some(end)) if total.is_none_or(|total| end <= total) => Some(end),
            Some(_) => {
                return Err(self.invalid_response("the server announced more bytes than the file can have"));
            }
            None => None,
        };
        let restarted = from == 0 && self.received > 0;
        if restarted {
            self.discarded = self.failures;
        }
        self.received = from;
        self.resumed_at = from;
        self.total = total.or(end);
        // A weak tag does not promise the same bytes, so nothing could be resumed with it.
        self.etag =
            response.headers.get(header::ETAG).filter(|etag| etag.as_bytes().first() == Some(&b'"')).cloned();
        self.body = Some(response.body);
        Ok(restarted.then_some(Chunk::Restart))
    }

    /// Sends the request, and again where a redirect points, with none of our headers but the range's.
    async fn follow(&self, headers: HeaderMap) -> Result<WireResponse, SendError> {
        let options = &self.client.http.config().options;
        let mut url = self.url.clone();
        for _ in 0..=REDIRECTS {
            let (mut bare, mut headers) = (url.clone(), headers.clone());
            if let Some(authorization) = userinfo(&mut bare) {
                headers.insert(header::AUTHORIZATION, authorization);
            }
            if !path::is_requestable(&bare) {
                let what = "the server redirected to a URL that no request can be made of";
                return Err(SendError::Setup(self.invalid_response(what)));
            }
            let new_connection = self.failures > 0;
            let request = WireRequest {
                method: Method::GET,
                url: bare,
                headers,
                body: None,
                file: true,
                new_connection,
            };
            let send = self.client.http.send(request);
            let response = match tokio::time::timeout(options.download_idle_timeout, send).await {
                Ok(response) => response?,
                Err(_) => {
                    return Err(SendError::Transport(TransportError::read_timeout(
                        options.download_idle_timeout,
                    )));
                }
            };
            if !matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let target = response
                .headers
                .get(header::LOCATION)
                .and_then(|location| url.join(location.to_str().ok()?).ok())
                .filter(|target| matches!(target.scheme(), "http" | "https"))
                .ok_or_else(|| SendError::Setup(self.invalid_response("the server redirected to nowhere")))?;
            if url.scheme() == "https" && target.scheme() != "https" {
                let origin = path::origin(&target);
                return Err(SendError::Setup(
                    self.invalid_response(&format!("the server redirected from https to {origin}"))
                        .with_hint(PLAIN_HTTP_HINT),
                ));
            }
            if !self.client.http.auth().config().allows_scheme(&target) {
                let origin = path::origin(&target);
                return Err(SendError::Setup(
                    self.invalid_response(&format!("the server redirected to plain http at {origin}"))
                        .with_hint(PLAIN_HTTP_HINT),
                ));
            }
            url = target;
        }
        Err(SendError::Setup(self.invalid_response("the server redirected too often")))
    }

    /// Waits before another attempt, or gives up with the error.
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
            tracing::debug!(?pause, "the next try would come after the download's timeout");
            return Err(error.with_call(self.failures, None, false));
        }
        tracing::debug!(error = %Escaped(&error), ?pause, received = self.received, "the download goes on after a pause");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn named(&self, what: &str) -> String {
        named(&self.id, &self.redactor, what)
    }

    fn invalid_response(&self, what: &str) -> InfraiError {
        InfraiError::new(ErrorKind::UnexpectedResponse, "DOWNLOAD_FAILED", self.named(what))
    }

    fn truncated(&self, what: &str) -> InfraiError {
        let bytes = so_far(self.received, self.total);
        let message = self.named(&format!("the connection broke after {bytes}: {what}"));
        InfraiError::new(ErrorKind::Connection, "DOWNLOAD_FAILED", message).with_retry(true, None)
    }

    fn connect_error(&self, fault: &TransportError) -> InfraiError {
        let origin = path::origin(&self.url);
        let message = self.named(&format!("{origin}: {}", fault.message));
        let mut error = InfraiError::new(ErrorKind::Connection, "DOWNLOAD_FAILED", message)
            .with_retry(fault.retryable, None);
        if let Some(hint) = fault.hint {
            error = error.with_hint(hint);
        }
        error
    }

    fn status_error(&self, status: StatusCode) -> InfraiError {
        let code = status.as_u16();
        let kind = match code {
            // The file's host refuses the URL, not the project's key.
            401 | 403 => ErrorKind::Permission,
            _ => codes::kind_of_status(code),
        };
        let message = self.named(&format!("the file's host answered {code}"));
        InfraiError::new(kind, "DOWNLOAD_FAILED", message)
            .with_status(code)
            .with_retry(codes::is_retryable_status(code), None)
    }
}

fn named(id: &JobId, redactor: &Redactor, what: &str) -> String {
    let id = shorten(&redactor.text(id.as_str()), 80);
    redactor.text(&format!("the video of the job {id} could not be downloaded: {what}"))
}

fn so_far(received: u64, total: Option<u64>) -> String {
    let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
    format!("{received}{of} bytes")
}

fn out_of_time(
    id: &JobId,
    redactor: &Redactor,
    timeout: Duration,
    received: u64,
    total: Option<u64>,
) -> InfraiError {
    let bytes = so_far(received, total);
    let what = format!("its timeout of {timeout:?} passed after {bytes}");
    InfraiError::new(ErrorKind::Timeout, "DOWNLOAD_TIMEOUT", named(id, redactor, &what))
        .with_retry(true, None)
        .with_hint("Download again with a longer timeout; nothing was saved.")
}

impl TransportError {
    fn read_timeout(timeout: Duration) -> Self {
        Self {
            message: format!("no byte for {timeout:?}"),
            before_sending: false,
            retryable: true,
            hint: None,
            source: None,
        }
    }
}

/// `bytes 100-199/200` as where it starts and how long the file is.
fn content_range(headers: &HeaderMap) -> Option<(Option<u64>, Option<u64>)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.parse().ok();
    Some((start, total.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_a_password_in_a_files_url_become_a_header() {
        let mut url = Url::parse("https://user:p%40ss@files.example/v.mp4?x=1").unwrap();
        let header = userinfo(&mut url).unwrap();
        assert_eq!((header.to_str().unwrap(), header.is_sensitive()), ("Basic dXNlcjpwQHNz", true));
        assert_eq!(url.as_str(), "https://files.example/v.mp4?x=1");
        assert_eq!(userinfo(&mut url), None);
    }
}
