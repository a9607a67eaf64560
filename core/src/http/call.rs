//! Execution of API calls: key, headers, attempts, retries and errors.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument as _, field};
use url::Url;

use crate::{
    auth::{
        api_key::ApiKey,
        endpoint::{Credential, Endpoint},
    },
    error::{ErrorKind, InfraiError, Result},
    http::{
        client::HttpClient,
        hooks::{RequestEvent, ResponseEvent},
        retry,
        transport::{MAX_BODY_BYTES, SendError, TransportError, WireRequest, WireResponse},
    },
    redact::Redactor,
    runtime::{self, BoxFuture, Instant, deadline},
    text::{Escaped, escape_text},
    wire::{
        envelope::{self, Body, Response, ResponseMeta},
        json, path, retry_after,
    },
};

/// A call, without the base URL and the key that the client adds.
#[derive(Debug, Default)]
pub(crate) struct RequestSpec {
    pub(crate) method: Method,
    /// Path below the base URL, already percent-encoded.
    pub(crate) path: String,
    /// Template of the route, for logs.
    pub(crate) route: &'static str,
    pub(crate) raw_query: Option<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) idempotency_key: Option<String>,
    /// Base URL to use instead of the client's, for `activate`.
    pub(crate) base_url: Option<Url>,
    /// Another secret to redact, besides the key.
    pub(crate) redact: Option<String>,
    /// Sends no key, for `activate`.
    pub(crate) unauthenticated: bool,
    /// Returns the envelope's `ok` as data, for `cancel`.
    pub(crate) requires_ok: bool,
    /// Makes one attempt outside the retry budget. For a poll of a wait, which schedules the next poll itself.
    pub(crate) no_retry: bool,
    /// Key that the key function has already returned for this call.
    pub(crate) key: Option<ApiKey>,
    /// Timeout to use instead of the client's.
    pub(crate) timeout: Option<Duration>,
}

/// A failed attempt.
struct AttemptError {
    error: InfraiError,
    /// Whether the API may have processed the request.
    ambiguous: bool,
    timed_out: bool,
}

/// One attempt of a call.
struct Attempt<'a> {
    number: u32,
    method: &'a Method,
    url: &'a Url,
    timeout: Duration,
    /// Whether the call's deadline limits the attempt, and not the attempt's own timeout.
    last: bool,
    redactor: &'a Redactor,
    requires_ok: bool,
    bodiless: bool,
}

/// Response of a [`probe`](HttpClient::probe).
pub(crate) struct ProbeResponse {
    pub(crate) status: u16,
    pub(crate) date: Option<SystemTime>,
    /// Whether the body is a page of HTML.
    pub(crate) is_page: bool,
    /// The error that a call would have.
    pub(crate) error: Option<InfraiError>,
}

impl HttpClient {
    /// Makes a call with up to `max_retries` retries, all within the call's timeout and with one idempotency key.
    pub(crate) async fn call(&self, spec: RequestSpec) -> Result<Response> {
        let span = tracing::info_span!(
            "infrai.call",
            method = %spec.method,
            route = spec.route,
            attempt = field::Empty,
            status = field::Empty,
            request_id = field::Empty,
            latency_ms = field::Empty,
        );
        self.attempts(spec).instrument(span).await
    }

    async fn attempts(&self, spec: RequestSpec) -> Result<Response> {
        let config = self.config();
        let timeout = spec.timeout.unwrap_or_else(|| self.timeout());
        let deadline = deadline(Instant::now(), timeout);
        let safe = matches!(spec.method, Method::GET | Method::HEAD);
        let idempotency_key = match &spec.idempotency_key {
            Some(key) => Some(check_idempotency_key(key)?.to_owned()),
            None if safe => None,
            None => Some(new_idempotency_key()?),
        };
        let endpoint = match (&spec.base_url, self.auth().resolved()) {
            (Some(url), _) => Arc::new(Endpoint::new(url.clone(), Credential::Missing(None))?),
            (None, Some(endpoint)) => endpoint,
            (None, None) => {
                with_deadline(deadline, self.auth().config().backend_name(), self.auth().endpoint_for_call())
                    .await?
            }
        };
        let url = path::join(&endpoint.base_url, &spec.path, spec.raw_query.as_deref(), &spec.query)?;
        let body = spec.body.as_ref().map(|body| Bytes::from(json::canonical(body)));
        let mut key = match spec.key {
            _ if spec.unauthenticated => None,
            Some(key) => Some(key),
            None => Some(match &endpoint.key {
                Credential::Fixed(key) => key.clone(),
                function => with_deadline(deadline, API_KEY_FUNCTION, function.get()).await?,
            }),
        };
        let mut redactor = self.call_redactor(key.as_ref(), spec.redact.as_deref());
        let max_retries = if spec.no_retry { 0 } else { self.max_retries() };

        let (mut sent, mut failed, mut ambiguous, mut key_refreshed, mut cost) = (0, 0, false, false, None);
        let mut broken = false;
        loop {
            let request = WireRequest {
                method: spec.method.clone(),
                url: url.clone(),
                headers: self.headers(&endpoint, key.as_ref(), idempotency_key.as_deref(), body.is_some())?,
                body: body.clone(),
                file: false,
                new_connection: broken,
            };
            let call = (sent, idempotency_key.as_deref(), ambiguous);
            let permit = self.connection_until(deadline, call).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            sent += 1;
            let attempt = Attempt {
                number: sent,
                method: &spec.method,
                url: &url,
                timeout: config.options.attempt_timeout.min(left),
                last: left <= config.options.attempt_timeout,
                redactor: &redactor,
                requires_ok: spec.requires_ok,
                bodiless: spec.method == Method::HEAD,
            };
            let AttemptError { error, ambiguous: may_have_been_processed, timed_out } =
                match self.attempt(request, attempt).await {
                    Ok(mut response) => {
                        if !spec.no_retry {
                            self.inner.retry_budget.refund(cost);
                        }
                        response.meta = ResponseMeta { attempts: sent, idempotency_key };
                        response.redactor = redactor;
                        return Ok(response);
                    }
                    Err(failed) => failed,
                };
            drop(permit);
            ambiguous |= may_have_been_processed && !safe;
            broken |= matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout);
            let finish =
                |error: InfraiError| Err(error.with_call(sent, idempotency_key.as_deref(), ambiguous));

            // The key function may return a new key by now, so the client calls it once more.
            if error.status() == Some(401)
                && !key_refreshed
                && key.is_some()
                && let Credential::Provider(provider) = &endpoint.key
            {
                key_refreshed = true;
                match with_deadline(deadline, API_KEY_FUNCTION, provider.get()).await {
                    Ok(new_key) => {
                        self.record_sent_key(&new_key);
                        redactor = redactor.and(new_key.shared());
                        key = Some(new_key);
                    }
                    Err(error) => return finish(error.redacted(&redactor).caused_by_callback()),
                }
                continue;
            }
            failed += 1;
            if !error.is_retryable() || failed > max_retries {
                return finish(error);
            }
            let Some((pause, retry_cost)) = self.acquire_retry(&error, failed, timed_out, deadline) else {
                return finish(error);
            };
            cost = Some(retry_cost);
            tracing::debug!(attempt = sent, ?pause, code = &*escape_text(error.code()), "retrying");
            runtime::sleep(pause).await;
        }
    }

    /// Returns the pause before the next retry and its cost, taken from the retry budget. Returns `None` if the deadline or
    /// the budget forbids the retry.
    fn acquire_retry(
        &self,
        error: &InfraiError,
        failed: u32,
        timed_out: bool,
        deadline: Instant,
    ) -> Option<(Duration, u32)> {
        let options = &self.config().options;
        let random = self.random();
        let pause =
            retry::backoff(failed, options.retry_base, options.retry_cap, error.retry_after(), random);
        if pause >= deadline.saturating_duration_since(Instant::now()) {
            tracing::debug!(?pause, "no retry: it would start after the call's deadline");
            return None;
        }
        let cost = self.inner.retry_budget.try_acquire(timed_out);
        if cost.is_none() {
            tracing::debug!("no retry: the retry budget is empty");
        }
        Some((pause, cost?))
    }

    /// Returns the redactor of a call's secrets.
    fn call_redactor(&self, key: Option<&ApiKey>, secret: Option<&str>) -> Redactor {
        let redactor = key.map_or_else(Redactor::default, |key| self.record_sent_key(key));
        match secret {
            Some(secret) => redactor.and(&secret.into()),
            None => redactor,
        }
    }

    /// Calls the key function for a wait, in the wait's own context. Returns `None` if the key is fixed.
    pub(crate) async fn provided_key(&self) -> Result<Option<ApiKey>> {
        let Some(provider) = self.auth().key_provider() else { return Ok(None) };
        let deadline = deadline(Instant::now(), self.timeout());
        with_deadline(deadline, API_KEY_FUNCTION, provider.get()).await.map(Some)
    }

    /// Waits for a connection: until fewer than `max_connections` are in use.
    pub(crate) async fn connection(&self) -> Option<OwnedSemaphorePermit> {
        self.inner.transport.permits()?.acquire_owned().await.ok()
    }

    /// Waits for a connection until the deadline. `call` is for the error: the attempts so far, the idempotency key, and
    /// whether the API may have processed the call.
    async fn connection_until(
        &self,
        deadline: Instant,
        (attempts, key, ambiguous): (u32, Option<&str>, bool),
    ) -> Result<Option<OwnedSemaphorePermit>> {
        runtime::until(deadline, self.connection()).await.ok_or_else(|| {
            let limit = self.config().options.max_connections;
            InfraiError::new(
                ErrorKind::Timeout,
                "DEADLINE_EXCEEDED",
                format!("no connection became free before the call's deadline: all {limit} are in use"),
            )
            .with_retry(true, None)
            .with_hint("Make fewer calls at once, read or drop open download streams, allow more time, or raise `max_connections`.")
            .with_call(attempts, key, ambiguous)
        })
    }

    /// Sends one request without a key and without retries.
    pub(crate) async fn probe(&self, base_url: Url, path: &str) -> Result<ProbeResponse> {
        let endpoint = Endpoint::new(base_url, Credential::Missing(None))?;
        let url = path::join(&endpoint.base_url, path, None, &[])?;
        let request = WireRequest {
            method: Method::GET,
            url: url.clone(),
            headers: self.headers(&endpoint, None, None, false)?,
            body: None,
            file: false,
            new_connection: true,
        };
        let attempt = Attempt {
            number: 1,
            method: &Method::GET,
            url: &url,
            timeout: self.timeout(),
            last: true,
            redactor: &self.redactor(),
            requires_ok: false,
            bodiless: false,
        };
        let end = deadline(Instant::now(), attempt.timeout);
        let response = match runtime::until(end, self.inner.transport.send(request)).await {
            Some(Ok(response)) => response,
            Some(Err(error)) => return Err(from_send_error(error).error),
            None => return Err(timeout_error(&attempt).error),
        };
        let content_type = response.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_page = ["text/html", "application/xhtml+xml"]
            .iter()
            .any(|page| content_type.get(..page.len()).is_some_and(|start| start.eq_ignore_ascii_case(page)));
        Ok(ProbeResponse {
            status: response.status.as_u16(),
            date: retry_after::date(&response.headers),
            is_page,
            error: read_response(response, &attempt, end).await.err().map(|failed| failed.error),
        })
    }

    /// Sends one request without retries, for a download.
    pub(crate) fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, SendError>> {
        self.inner.transport.send(request)
    }

    /// Sends one attempt and reads its response within its timeout.
    async fn attempt(&self, request: WireRequest, attempt: Attempt<'_>) -> Result<Response, AttemptError> {
        let Attempt { method, redactor, .. } = attempt;
        let hooks = &self.config().hooks;
        let hooked = hooks.on_request.is_some() || hooks.on_response.is_some();
        // The path may contain a job's id, which the server chose, so it is redacted.
        let path = if hooked { redactor.text(attempt.url.path()) } else { String::new() };
        if let Some(hook) = &hooks.on_request {
            hook(&RequestEvent { method: method.as_str(), path: &path, attempt: attempt.number });
        }
        let start = Instant::now();
        let mut status = None;
        let end = deadline(start, attempt.timeout);
        let outcome = match runtime::until(end, self.inner.transport.send(request)).await {
            Some(Ok(response)) => {
                status = Some(response.status.as_u16());
                read_response(response, &attempt, end).await
            }
            Some(Err(error)) => Err(from_send_error(error)),
            None => Err(timeout_error(&attempt)),
        };
        let outcome =
            outcome.map_err(|failed| AttemptError { error: failed.error.redacted(redactor), ..failed });
        let latency = start.elapsed();

        let request_id = match &outcome {
            Ok(response) => response.metadata.request_id(),
            Err(failed) => failed.error.request_id(),
        };
        let span = tracing::Span::current();
        span.record("attempt", attempt.number);
        span.record("status", status);
        span.record("request_id", request_id.map(escape_text).as_deref());
        span.record("latency_ms", latency.as_secs_f64() * 1000.0);
        match &outcome {
            Ok(_) => tracing::debug!("answered"),
            Err(failed) => tracing::debug!(error = %Escaped(&failed.error), "failed"),
        }
        if let Some(hook) = &hooks.on_response {
            hook(&ResponseEvent {
                method: method.as_str(),
                path: &path,
                attempt: attempt.number,
                status,
                latency,
                request_id,
            });
        }
        outcome
    }

    /// Returns the headers of an attempt.
    fn headers(
        &self,
        endpoint: &Endpoint,
        key: Option<&ApiKey>,
        idempotency_key: Option<&str>,
        has_body: bool,
    ) -> Result<HeaderMap> {
        let mut headers = self.inner.base_headers.clone();
        headers.insert(header::HOST, endpoint.host.clone());
        // `extend` would keep a client's header of the same name beside the call's.
        for (name, value) in self.option_headers.iter() {
            headers.insert(name.clone(), value.clone());
        }
        if let Some(key) = idempotency_key {
            let value =
                HeaderValue::from_str(key).map_err(|error| InfraiError::internal(error.to_string()))?;
            headers.insert("idempotency-key", value);
        }
        if has_body {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(key) = key {
            let value = match &endpoint.authorization {
                Some(value) => value.clone(),
                None => key.authorization()?,
            };
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(headers)
    }
}

/// Name of the application's key function in errors.
const API_KEY_FUNCTION: &str = "the `api_key` function";

/// Awaits a key until the call's deadline. `source` names the source of the key in errors.
async fn with_deadline<T>(
    deadline: Instant,
    source: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    runtime::until(deadline, work).await.unwrap_or_else(|| {
        Err(InfraiError::new(
            ErrorKind::Timeout,
            "DEADLINE_EXCEEDED",
            format!("{source} returned no key before the call's deadline"),
        ))
    })
}

/// Reads a response's body up to the limit and interprets it.
async fn read_response(
    response: WireResponse,
    attempt: &Attempt<'_>,
    end: Instant,
) -> Result<Response, AttemptError> {
    let WireResponse { status, headers, mut body } = response;
    let mut bytes = Vec::new();
    let (mut fault, mut truncated) = (None, false);
    loop {
        let Some(next) = runtime::until(end, body.next()).await else {
            if status.is_success() {
                return Err(timeout_error(attempt));
            }
            truncated = true;
            break;
        };
        match next {
            Ok(Some(chunk)) => {
                if bytes.len() + chunk.len() > MAX_BODY_BYTES {
                    if status.is_success() {
                        return Err(body_too_large(status.as_u16()));
                    }
                    // An error status decides the error, even if its body is too long or too slow.
                    truncated = true;
                    break;
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(None) => break,
            Err(broken) => {
                fault = Some(broken);
                break;
            }
        }
    }
    let body = match fault {
        None if truncated => Body::Truncated(bytes),
        None => Body::Complete(bytes),
        // The outcome of a truncated success is unknown. An error status is known without its body.
        Some(fault) if status.is_success() => {
            let mut failed =
                from_body_error(TransportError { before_sending: false, retryable: true, ..fault });
            failed.error = failed.error.with_status(status.as_u16());
            return Err(failed);
        }
        Some(_) => Body::Truncated(bytes),
    };
    envelope::parse_response(
        attempt.url,
        status,
        &headers,
        &body,
        attempt.requires_ok,
        attempt.bodiless,
        attempt.redactor,
    )
    .map_err(|failure| AttemptError {
        error: failure.error,
        ambiguous: !failure.definite,
        timed_out: false,
    })
}

fn from_send_error(error: SendError) -> AttemptError {
    match error {
        SendError::Setup(error) => AttemptError { error, ambiguous: false, timed_out: false },
        SendError::Transport(fault) => from_body_error(fault),
    }
}

fn from_body_error(fault: TransportError) -> AttemptError {
    let TransportError { message, before_sending, retryable, hint, source } = fault;
    let problem =
        if before_sending { "cannot connect to the API" } else { "the connection to the API broke" };
    let mut error =
        InfraiError::new(ErrorKind::Connection, "CONNECTION_FAILED", format!("{problem}: {message}"))
            .with_retry(retryable, None);
    if let Some(hint) = hint {
        error = error.with_hint(hint);
    }
    if let Some(source) = source {
        error = error.with_shared_source(source.into());
    }
    AttemptError { error, ambiguous: !before_sending, timed_out: false }
}

fn timeout_error(attempt: &Attempt<'_>) -> AttemptError {
    let (code, limit) = if attempt.last {
        ("DEADLINE_EXCEEDED", "the call's deadline")
    } else {
        ("TIMEOUT", "the attempt's timeout")
    };
    let error = InfraiError::new(
        ErrorKind::Timeout,
        code,
        format!("no response within {limit} ({:.3} s)", attempt.timeout.as_secs_f64()),
    )
    .with_retry(true, None);
    AttemptError { error, ambiguous: true, timed_out: true }
}

fn body_too_large(status: u16) -> AttemptError {
    let error =
        envelope::too_large(format!("the response is larger than {} MiB", MAX_BODY_BYTES / 1024 / 1024))
            .with_status(status);
    AttemptError { error, ambiguous: true, timed_out: false }
}

/// Checks that an HTTP header can carry a caller's idempotency key unchanged.
pub(crate) fn check_idempotency_key(key: &str) -> Result<&str> {
    if key.is_empty() || key.len() > 255 || key.bytes().any(|b| !(0x21..=0x7e).contains(&b)) {
        let got = format!("{key:?} ({} bytes)", key.len());
        return Err(InfraiError::invalid_argument(
            "idempotency_key",
            got,
            "1 to 255 visible ASCII characters",
        ));
    }
    Ok(key)
}

/// Returns a new idempotency key, for callers that need it before the call. An interrupted call that is repeated with its
/// key is charged once.
///
/// The key is a `UUIDv7` with random bits from the operating system. A generator in this process's memory would give two
/// forked children the same key, and one of them the other's video.
///
/// # Errors
/// `INTERNAL` if the operating system returns no random bytes.
pub fn new_idempotency_key() -> Result<String> {
    let mut random = [0_u8; 10];
    runtime::fill_random(&mut random)?;
    let millis = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().hyphenated().to_string())
}
