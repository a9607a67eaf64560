//! The one path that every call takes: key, headers, attempts, pauses between them, and what is known when it fails.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::Value;
use tokio::time::Instant;
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
    runtime::{self, BoxFuture, deadline},
    text::{Escaped, escape_text},
    wire::{
        envelope::{self, Body, Response, ResponseMeta},
        json, path,
    },
};

/// What is asked, before the client adds where and as whom.
#[derive(Debug, Default)]
pub(crate) struct RequestSpec {
    pub(crate) method: Method,
    /// Below the base URL, already percent-encoded.
    pub(crate) path: String,
    /// The route's template, for logs.
    pub(crate) route: &'static str,
    pub(crate) raw_query: Option<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) idempotency_key: Option<String>,
    /// Instead of the client's: `activate` knows its own.
    pub(crate) base_url: Option<Url>,
    /// Beside the key, a text that no error may repeat.
    pub(crate) redact: Option<String>,
    /// `activate` alone goes without a key.
    pub(crate) unauthenticated: bool,
    /// `cancel` answers with `ok`.
    pub(crate) requires_ok: bool,
    /// A look inside a wait: one attempt, outside the retry budget, since the wait decides when to look again.
    pub(crate) no_retry: bool,
    /// A key that the key function gave for this call already.
    pub(crate) key: Option<ApiKey>,
    /// Instead of the client's timeout.
    pub(crate) timeout: Option<Duration>,
}

/// An attempt that brought no value.
struct AttemptError {
    error: InfraiError,
    ambiguous: bool,
    timed_out: bool,
}

/// What one attempt knows about itself.
struct Attempt<'a> {
    number: u32,
    method: &'a Method,
    url: &'a Url,
    timeout: Duration,
    /// The call's deadline, not the attempt's own bound, is what ends it.
    last: bool,
    redactor: &'a Redactor,
    requires_ok: bool,
    bodiless: bool,
}

impl HttpClient {
    /// Makes a call: up to `max_retries` further attempts, all within the call's timeout, all with one idempotency key.
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
        let begun = Instant::now();
        let timeout = spec.timeout.unwrap_or_else(|| self.timeout());
        let deadline = deadline(begun, timeout);
        let safe = matches!(spec.method, Method::GET | Method::HEAD);
        let idempotency_key = match &spec.idempotency_key {
            Some(key) => Some(check_idempotency_key(key)?.to_owned()),
            None if safe => None,
            None => Some(new_idempotency_key()?),
        };
        let endpoint = match &spec.base_url {
            Some(url) => Arc::new(Endpoint::new(url.clone(), Credential::Missing)?),
            None => {
                with_deadline(deadline, self.auth().config().backend_name(), self.auth().endpoint_for_call())
                    .await?
            }
        };
        let url = path::join(&endpoint.base_url, &spec.path, spec.raw_query.as_deref(), &spec.query)?;
        let body = spec.body.as_ref().map(|body| Bytes::from(json::canonical(body)));
        let mut key = match spec.key {
            _ if spec.unauthenticated => None,
            Some(key) => Some(key),
            None => Some(with_deadline(deadline, API_KEY_FUNCTION, endpoint.key.get()).await?),
        };
        let mut redactor = self.call_redactor(key.as_ref(), spec.redact.as_deref());
        let max_retries = if spec.no_retry { 0 } else { self.max_retries() };

        let (mut sent, mut failed, mut ambiguous, mut asked_again, mut cost) = (0, 0, false, false, None);
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
            let AttemptError { error, ambiguous: open, timed_out } =
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
            ambiguous |= open && !safe;
            broken |= matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout);
            let finish =
                |error: InfraiError| Err(error.with_call(sent, idempotency_key.as_deref(), ambiguous));

            // A key that a function gives may have been replaced since: ask once more.
            if error.status() == Some(401)
                && !asked_again
                && key.is_some()
                && let Credential::Provider(provider) = &endpoint.key
            {
                asked_again = true;
                match with_deadline(deadline, API_KEY_FUNCTION, provider.get()).await {
                    Ok(fresh) => {
                        self.record_sent_key(&fresh);
                        redactor = redactor.and(fresh.shared());
                        key = Some(fresh);
                    }
                    Err(error) => return finish(error.redacted(&redactor)),
                }
                continue;
            }
            failed += 1;
            if !error.is_retryable() || failed > max_retries {
                return finish(error);
            }
            let random = self.random();
            let pause = retry::backoff(
                failed,
                config.options.retry_base,
                config.options.retry_cap,
                error.retry_after(),
                random,
            );
            if pause >= deadline.saturating_duration_since(Instant::now()) {
                tracing::debug!(?pause, "the next attempt would come after the call's deadline");
                return finish(error);
            }
            cost = self.inner.retry_budget.try_acquire(timed_out);
            if cost.is_none() {
                tracing::debug!("the retry budget is spent");
                return finish(error);
            }
            tracing::debug!(attempt = sent, ?pause, code = &*escape_text(error.code()), "trying again");
            tokio::time::sleep(pause).await;
        }
    }

    /// Returns what takes a call's secrets out of all that is shown of it.
    fn call_redactor(&self, key: Option<&ApiKey>, secret: Option<&str>) -> Redactor {
        let redactor = key.map_or_else(Redactor::default, |key| self.record_sent_key(key));
        match secret {
            Some(secret) => redactor.and(&secret.into()),
            None => redactor,
        }
    }

    /// Asks the key function for the key of a wait, in the wait's own context. `None` where the key is fixed.
    pub(crate) async fn provided_key(&self) -> Result<Option<ApiKey>> {
        let Some(provider) = self.auth().key_provider() else { return Ok(None) };
        let deadline = deadline(Instant::now(), self.timeout());
        with_deadline(deadline, API_KEY_FUNCTION, provider.get()).await.map(Some)
    }

    /// Sends one request without retries, for a download.
    pub(crate) fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, SendError>> {
        self.inner.transport.send(request)
    }

    /// Sends one attempt and reads its answer within its time.
    async fn attempt(&self, request: WireRequest, attempt: Attempt<'_>) -> Result<Response, AttemptError> {
        let Attempt { method, redactor, .. } = attempt;
        let hooks = &self.config().hooks;
        let hooked = hooks.on_request.is_some() || hooks.on_response.is_some();
        // The id of a job, which a server chose, is a part of it.
        let path = if hooked { redactor.text(attempt.url.path()) } else { String::new() };
        if let Some(hook) = &hooks.on_request {
            hook(&RequestEvent { method: method.as_str(), path: &path, attempt: attempt.number });
        }
        let begun = Instant::now();
        let mut status = None;
        let end = deadline(begun, attempt.timeout);
        let outcome = match tokio::time::timeout_at(end, self.inner.transport.send(request)).await {
            Ok(Ok(response)) => {
                status = Some(response.status.as_u16());
                read_response(response, &attempt, end).await
            }
            Ok(Err(error)) => Err(from_send_error(error)),
            Err(_) => Err(timeout_error(&attempt)),
        };
        let outcome =
            outcome.map_err(|failed| AttemptError { error: failed.error.redacted(redactor), ..failed });
        let latency = begun.elapsed();

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

    /// The headers of an attempt.
    fn headers(
        &self,
        endpoint: &Endpoint,
        key: Option<&ApiKey>,
        idempotency_key: Option<&str>,
        has_body: bool,
    ) -> Result<HeaderMap> {
        let mut headers = self.inner.base_headers.clone();
        headers.insert(header::HOST, endpoint.host.clone());
        // `extend` would send both where the client has one of the same name.
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

/// What errors call the application's key function.
const API_KEY_FUNCTION: &str = "the api_key function";

/// Who looks for a key gets no longer than the call has.
async fn with_deadline<T>(deadline: Instant, who: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    runtime::until(deadline, work).await.unwrap_or_else(|| {
        Err(InfraiError::new(
            ErrorKind::Timeout,
            "DEADLINE_EXCEEDED",
            format!("{who} gave no key before the call's deadline"),
        ))
    })
}

/// Reads a response's body, up to the limit, and makes of it what it is.
async fn read_response(
    response: WireResponse,
    attempt: &Attempt<'_>,
    end: Instant,
) -> Result<Response, AttemptError> {
    let WireResponse { status, headers, mut body } = response;
    let mut bytes = Vec::new();
    let (mut fault, mut cut) = (None, false);
    loop {
        let Ok(next) = tokio::time::timeout_at(end, body.next()).await else {
            if status.is_success() {
                return Err(timeout_error(attempt));
            }
            cut = true;
            break;
        };
        match next {
            Ok(Some(chunk)) => {
                if bytes.len() + chunk.len() > MAX_BODY_BYTES {
                    if status.is_success() {
                        return Err(body_too_large(status.as_u16()));
                    }
                    // A failure is the error of its status, however much it has to say, and however long it takes.
                    cut = true;
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
        None if cut => Body::Truncated(bytes),
        None => Body::Complete(bytes),
        // Of a success that was cut off nothing is known; of a failure the status is.
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
    let what = if before_sending { "the API cannot be reached" } else { "the connection to the API broke" };
    let mut error =
        InfraiError::new(ErrorKind::Connection, "CONNECTION_FAILED", format!("{what}: {message}"))
            .with_retry(retryable, None);
    if let Some(hint) = hint {
        error = error.with_hint(hint);
    }
    if let Some(source) = source {
        error = error.with_boxed_source(source);
    }
    AttemptError { error, ambiguous: !before_sending, timed_out: false }
}

fn timeout_error(attempt: &Attempt<'_>) -> AttemptError {
    let (code, what) = if attempt.last {
        ("DEADLINE_EXCEEDED", "the call's deadline")
    } else {
        ("TIMEOUT", "the attempt's timeout")
    };
    let error = InfraiError::new(
        ErrorKind::Timeout,
        code,
        format!("no answer within {what} ({:.3} s)", attempt.timeout.as_secs_f64()),
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

/// A key of the caller's: what an HTTP header carries unchanged.
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

/// A fresh idempotency key, for callers who want to know it before they call: so that a call that was broken off can be
/// made again and is charged once.
///
/// A `UUIDv7` whose random bits come from the operating system each time: a generator in this process's memory would
/// give two children of one fork the same key, and one of them another's video.
///
/// # Errors
/// `INTERNAL` when the operating system gives no randomness.
pub fn new_idempotency_key() -> Result<String> {
    let mut random = [0_u8; 10];
    runtime::fill_random(&mut random)?;
    let millis = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().hyphenated().to_string())
}
