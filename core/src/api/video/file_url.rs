//! URL of a job's video: lookup, checks, and the request for the file with its redirects.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, HeaderValue, Method, header};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::{
    api::{
        client::ApiClient,
        video::{calls::matching_status, job_ref::JobRef},
    },
    error::{ErrorKind, InfraiError, Result, shorten},
    http::{
        client::HttpClient,
        transport::{PermittedBody, SendError, TransportError, WireRequest, WireResponse},
    },
    job::{JobId, VideoJob},
    runtime,
    wire::path,
};

const MAX_REDIRECTS: u32 = 5;

const PLAIN_HTTP_HINT: &str = "The API's operator should give the file an https address.";

/// Returns the job with the URL of its video. Fetches the job unless its last known state has the URL.
pub(super) async fn job_with_url(client: &ApiClient, job: &JobRef) -> Result<(VideoJob, Url)> {
    let job = job.clone().with_redactor_of(&client.http);
    if let Some(known) = job.known.filter(|job| job.is_success() && job.video_url.is_some()) {
        let url = video_url(client, &known)?;
        return Ok((Arc::unwrap_or_clone(known), url));
    }
    fetch_job(client, &job.id).await
}

/// Fetches the job and returns it with the URL of its video.
///
/// # Errors
/// The job's failure, or `JOB_NOT_READY` if it has not ended.
pub(super) async fn fetch_job(client: &ApiClient, id: &JobId) -> Result<(VideoJob, Url)> {
    let job = matching_status(&client.http, &client.routes, &client.costs, id, None).await?;
    if let Some(error) = job.end_error() {
        return Err(error);
    }
    if !job.is_terminal() {
        let redactor = job.raw.redactor.clone();
        let id = shorten(&redactor.text(id.as_str()), 80);
        let message = format!("the job {id} is {} and has no video yet", job.state);
        return Err(InfraiError::new(ErrorKind::InvalidRequest, "JOB_NOT_READY", message)
            .with_hint("Wait for the job first, then download it.")
            .with_job(job)
            .redacted(&redactor));
    }
    let url = video_url(client, &job)?;
    Ok((job, url))
}

/// Returns the URL of the job's video, if the client may request it.
fn video_url(client: &ApiClient, job: &VideoJob) -> Result<Url> {
    let id = shorten(&job.raw.redactor.text(job.job_id.as_str()), 80);
    let unusable = |reason: &str| {
        InfraiError::new(
            ErrorKind::UnexpectedResponse,
            "UNEXPECTED_RESPONSE",
            format!("the job {id} has {reason}"),
        )
    };
    let text = job.video_url.as_deref().ok_or_else(|| unusable("ended in success but has no video_url"))?;
    let url = Url::parse(text).map_err(|_| unusable("a video_url that is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(unusable("a video_url that is not http(s)"));
    }
    if !path::is_requestable(&url) {
        return Err(unusable("a video_url that cannot be requested"));
    }
    if !client.http.auth().config().allows_scheme(&url) {
        let origin = job.raw.redactor.text(&path::origin(&url));
        return Err(unusable(&format!("a video_url that is plain http and not on this machine: {origin}"))
            .with_hint(PLAIN_HTTP_HINT));
    }
    Ok(url)
}

/// Removes user and password from a URL and returns them as an `Authorization` header. In the URL of a request, proxies
/// and logs would see them, and servers ignore them.
fn take_authorization(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut text: Vec<u8> = percent_decode_str(url.username()).collect();
    text.push(b':');
    text.extend(percent_decode_str(url.password().unwrap_or_default()));
    // Neither can fail for an http(s) URL with a host.
    let (_, _) = (url.set_username(""), url.set_password(None));
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64.encode(text))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Sends the request and follows redirects. No request carries the project's key or the client's default headers.
/// `invalid` returns the error of a response that cannot be followed.
pub(super) async fn request_file(
    http: &HttpClient,
    url: &Url,
    headers: &HeaderMap,
    new_connection: bool,
    invalid: impl Fn(&str) -> InfraiError,
) -> Result<WireResponse, SendError> {
    let timeout = http.config().options.download_idle_timeout;
    let mut url = url.clone();
    for _ in 0..=MAX_REDIRECTS {
        let (mut request_url, mut headers) = (url.clone(), headers.clone());
        if let Some(authorization) = take_authorization(&mut request_url) {
            headers.insert(header::AUTHORIZATION, authorization);
        }
        if !path::is_requestable(&request_url) {
            let reason = "the server redirected to a URL that cannot be requested";
            return Err(SendError::Setup(invalid(reason)));
        }
        let request = WireRequest {
            method: Method::GET,
            url: request_url,
            headers,
            body: None,
            file: true,
            new_connection,
        };
        let permit = http.connection().await;
        let send = http.send(request);
        let response = runtime::timeout(timeout, send)
            .await
            .unwrap_or_else(|| Err(SendError::Transport(TransportError::read_timeout(timeout))))?;
        if !matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            let body = Box::new(PermittedBody { body: response.body, _permit: permit });
            return Ok(WireResponse { body, ..response });
        }
        let target = response
            .headers
            .get(header::LOCATION)
            .and_then(|location| url.join(location.to_str().ok()?).ok())
            .filter(|target| matches!(target.scheme(), "http" | "https"))
            .ok_or_else(|| SendError::Setup(invalid("the server redirected without an http(s) URL")))?;
        if url.scheme() == "https" && target.scheme() != "https" {
            let origin = path::origin(&target);
            return Err(SendError::Setup(
                invalid(&format!("the server redirected from https to {origin}")).with_hint(PLAIN_HTTP_HINT),
            ));
        }
        if !http.auth().config().allows_scheme(&target) {
            let origin = path::origin(&target);
            return Err(SendError::Setup(
                invalid(&format!("the server redirected to plain http at {origin}"))
                    .with_hint(PLAIN_HTTP_HINT),
            ));
        }
        url = target;
    }
    Err(SendError::Setup(invalid("the server redirected too often")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_a_url_become_a_header() {
        let mut url = Url::parse("https://user:p%40ss@files.example/v.mp4?x=1").unwrap();
        let header = take_authorization(&mut url).unwrap();
        assert_eq!((header.to_str().unwrap(), header.is_sensitive()), ("Basic dXNlcjpwQHNz", true));
        assert_eq!(url.as_str(), "https://files.example/v.mp4?x=1");
        assert_eq!(take_authorization(&mut url), None);
    }
}
