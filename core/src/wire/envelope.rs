//! Response envelope, and the interpretation of responses without one.

use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    error::{ErrorKind, InfraiError},
    metadata::Metadata,
    redact::Redactor,
    wire::{
        bounds, codes, coding,
        parts::{Envelope, RawEnvelope, open, parse},
        retry_after,
    },
};

/// The most bytes of a hint, and of a failed response without an envelope in an error's details.
const EXCERPT: usize = 1024;
const CODING_HINT: &str =
    "The client asked for gzip at most. Check the proxy or gateway in front of the API.";

/// Data and metadata of a successful call.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) data: Value,
    pub(crate) metadata: Metadata,
    pub(crate) retry_after: Option<std::time::Duration>,
    pub(crate) meta: ResponseMeta,
    /// Redacts the call's secrets in errors about this response.
    pub(crate) redactor: Redactor,
}

/// Facts about a call that errors about its response must repeat.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResponseMeta {
    pub(crate) attempts: u32,
    pub(crate) idempotency_key: Option<String>,
}

impl Response {
    /// Converts the data to a typed value. The error of a failed conversion carries the call's idempotency key.
    pub(crate) fn typed<T>(
        self,
        read: impl FnOnce(Value, Metadata, &Redactor) -> Result<T, InfraiError>,
    ) -> Result<T, InfraiError> {
        let Self { status, data, metadata, meta, redactor, .. } = self;
        let id = metadata.request_id().map(str::to_owned);
        read(data, metadata, &redactor).map_err(|error| {
            let key = meta.idempotency_key.as_deref();
            let error = error.with_status(status).with_request_id(id);
            error.with_call(meta.attempts, key, key.is_some()).redacted(&redactor)
        })
    }
}

/// A response that is not a success.
pub(crate) struct Failure {
    pub(crate) error: InfraiError,
    /// Whether the API itself reported the failure. Such a request was not processed.
    pub(crate) definite: bool,
}

/// The received part of a response's body.
pub(crate) enum Body {
    Complete(Vec<u8>),
    /// The bytes before the connection broke.
    Truncated(Vec<u8>),
}

impl Body {
    fn bytes(&self) -> &[u8] {
        let (Self::Complete(bytes) | Self::Truncated(bytes)) = self;
        bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
    }
}

/// Interprets a response as a value or an error.
///
/// `requires_ok` is for `cancel`: a 200 whose `ok` is false is its result and not an error. `bodiless` is for `HEAD`: an
/// empty body means no data. `redactor` removes the key from the parts that cannot be redacted in the finished error:
/// shortened texts, an error's code, and the request id of a success.
pub(crate) fn parse_response(
    url: &Url,
    status: StatusCode,
    headers: &HeaderMap,
    body: &Body,
    requires_ok: bool,
    bodiless: bool,
    redactor: &Redactor,
) -> Result<Response, Failure> {
    let retry_after = retry_after::parse(headers);
    let header_id = headers.get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    if status.is_redirection() {
        return Err(Failure {
            error: redirect(url, status, headers).with_request_id(header_id),
            definite: true,
        });
    }
    if !status.is_success() {
        let coding = coding::unsupported(headers);
        return Err(error_from_envelope(status, body, coding, retry_after, header_id, redactor));
    }
    let bytes = body.bytes();
    let parts = if bytes.is_empty() && (bodiless || matches!(status.as_u16(), 204 | 205)) {
        RawEnvelope::Other(Value::Null)
    } else {
        read(bytes, redactor).map_err(|error| Failure {
            error: match coding::unsupported(headers) {
                Some(coding) => unexpected(format!("the response is compressed with {coding}"), None)
                    .with_hint(CODING_HINT),
                None => error,
            }
            .with_status(status.as_u16())
            .with_request_id(header_id.clone()),
            definite: false,
        })?
    };
    let response = |data, metadata| Response {
        status: status.as_u16(),
        data,
        metadata,
        retry_after,
        meta: ResponseMeta::default(),
        redactor: Redactor::default(),
    };
    match open(parts).map(|envelope| redact_request_id(envelope, redactor)) {
        Ok(envelope) if requires_ok => {
            let mut data = match envelope.data {
                Value::Object(data) => data,
                _ => Map::new(),
            };
            if !matches!(data.get("ok"), Some(Value::Bool(_))) || !envelope.ok {
                data.insert("ok".into(), envelope.ok.into());
            }
            Ok(response(Value::Object(data), envelope.metadata))
        }
        Ok(envelope) if envelope.ok => Ok(response(envelope.data, envelope.metadata)),
        Ok(envelope) => {
            let error = envelope.error.unwrap_or(Value::Null);
            let id = envelope.metadata.request_id().map(str::to_owned).or(header_id);
            Err(Failure {
                error: declared_error(status, &error, retry_after, redactor)
                    .with_request_id(id)
                    .with_envelope(),
                definite: true,
            })
        }
        Err(data) => Ok(response(data, Metadata::default())),
    }
}

/// Redacts an envelope's request id, which appears in logs, hooks and errors.
fn redact_request_id(mut envelope: Envelope, redactor: &Redactor) -> Envelope {
    if let Some(id) = envelope.metadata.request_id() {
        let shown = redactor.text(id);
        if shown != id {
            envelope.metadata.set_request_id(shown);
        }
    }
    envelope
}

/// Returns the failure of a response with an error status.
fn error_from_envelope(
    status: StatusCode,
    body: &Body,
    coding: Option<String>,
    retry_after: Option<std::time::Duration>,
    header_id: Option<String>,
    redactor: &Redactor,
) -> Failure {
    let bytes = body.bytes();
    let parsed = match body {
        Body::Complete(_) => read(bytes, redactor).ok(),
        Body::Truncated(_) => None,
    };
    let (error, id, enveloped) = match parsed.map(open) {
        Some(Ok(envelope)) => {
            let envelope = redact_request_id(envelope, redactor);
            let id = envelope.metadata.request_id().map(str::to_owned);
            (envelope.error.or(Some(Value::Null)), id, true)
        }
        // An error object without an envelope still says more than the status. But it may come from a gateway, which
        // does not know whether the API processed the request.
        Some(Err(mut value)) => {
            (value.get_mut("error").filter(|error| error.is_object()).map(Value::take), None, false)
        }
        None => (None, None, false),
    };
    let id = id.or(header_id);
    let definite = enveloped || status.is_client_error();
    if let Some(error) = error {
        let error = declared_error(status, &error, retry_after, redactor).with_request_id(id);
        return Failure { error: if enveloped { error.with_envelope() } else { error }, definite };
    }
    let code = status.as_u16();
    let reason = status.canonical_reason().unwrap_or("an unknown status");
    let mut error = InfraiError::new(
        codes::kind_of_status(code),
        format!("HTTP_{code}"),
        format!("the API answered {code} {reason}"),
    )
    .with_status(code)
    .with_request_id(id)
    .with_retry(codes::is_retryable_status(code), retry_after);
    if let Some(coding) = coding {
        error = error.with_details(json!({ "content_encoding": coding }));
    } else if !bytes.is_empty() {
        error = error.with_details(json!({ "body": excerpt(bytes, redactor) }));
    }
    Failure { error, definite }
}

/// Returns the error that an envelope declares.
fn declared_error(
    status: StatusCode,
    error: &Value,
    retry_after: Option<std::time::Duration>,
    redactor: &Redactor,
) -> InfraiError {
    let http = status.as_u16();
    let text = |name: &str| error.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let code = text("code").map_or_else(|| format!("HTTP_{http}"), str::to_owned);
    let message = text("message")
        .or_else(|| error.as_str().filter(|text| !text.is_empty()))
        .map_or_else(|| format!("the API answered {http} without a message"), str::to_owned);
    let (kind, retryable) = codes::lookup(&code).unwrap_or_else(|| {
        let kind = if status.is_success() { ErrorKind::Server } else { codes::kind_of_status(http) };
        (kind, codes::is_retryable_status(http))
    });
    let mut details = match error {
        Value::Object(map) => map.clone(),
        _ => Map::new(),
    };
    details.remove("code");
    details.remove("message");
    let hint = text("hint").map(|hint| redactor.first(hint.trim(), EXCERPT));
    if hint.is_some() {
        details.remove("hint");
    }
    let url = |map: &Map<String, Value>| {
        ["checkout_url", "next_action_url"]
            .iter()
            .find_map(|name| map.get(*name)?.as_str().map(str::to_owned))
    };
    let checkout = url(&details).or_else(|| url(details.get("details")?.as_object()?));
    let mut result = InfraiError::new(kind, redactor.text(&code), message)
        .with_status(http)
        .with_retry(retryable, retry_after)
        .with_api_hint(hint.filter(|hint| !hint.is_empty()))
        .with_checkout_url(checkout);
    if !details.is_empty() {
        result = result.with_details(Value::Object(details));
    }
    result
}

fn redirect(url: &Url, status: StatusCode, headers: &HeaderMap) -> InfraiError {
    let target = headers
        .get(header::LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| url.join(location).ok())
        .map_or_else(|| "an invalid URL".to_owned(), |target| super::path::origin(&target));
    InfraiError::new(
        ErrorKind::UnexpectedResponse,
        "REDIRECT",
        format!(
            "the API answered {} with a redirect to {target}, and API calls do not follow redirects",
            status.as_u16()
        ),
    )
    .with_status(status.as_u16())
    .with_details(json!({ "target_origin": target }))
    .with_hint("Set `base_url` to the API's real address, if you trust that address.")
}

/// Returns the error of a response that breaks the API's contract.
pub(crate) fn unexpected(message: impl Into<String>, details: Option<Value>) -> InfraiError {
    let error = InfraiError::new(ErrorKind::UnexpectedResponse, "UNEXPECTED_RESPONSE", message);
    match details {
        Some(details) => error.with_details(details),
        None => error,
    }
}

/// Returns the error of a response that exceeds a bound.
pub(crate) fn too_large(message: impl Into<String>) -> InfraiError {
    InfraiError::new(ErrorKind::UnexpectedResponse, "RESPONSE_TOO_LARGE", message)
}

/// Parses a body within the bounds.
fn read(bytes: &[u8], redactor: &Redactor) -> Result<RawEnvelope, InfraiError> {
    if let Some(message) = bounds::too_many_values(bytes) {
        return Err(too_large(message));
    }
    parse(bytes).map_err(|error| match bounds::too_deep(&error) {
        Some(message) => too_large(message),
        None => unexpected(
            format!("the response is not JSON: {error}"),
            Some(json!({ "body": excerpt(bytes, redactor) })),
        ),
    })
}

/// Returns at most 1 KiB of a body as text. Redacts it before shortening it.
fn excerpt(bytes: &[u8], redactor: &Redactor) -> String {
    redactor.first(&String::from_utf8_lossy(bytes), EXCERPT)
}
