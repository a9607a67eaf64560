//! The envelope that every response comes in, and what is made of responses without one.

use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    error::{ErrorKind, InfraiError},
    metadata::Metadata,
    redact::Redactor,
    wire::{
        bounds, codes,
        parts::{Envelope, RawEnvelope, open, parse},
        retry_after,
    },
};

/// How much of a failed response that is no envelope an error hands on.
const EXCERPT: usize = 1024;

/// A response's worth: its data and metadata.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) data: Value,
    pub(crate) metadata: Metadata,
    pub(crate) retry_after: Option<std::time::Duration>,
    pub(crate) meta: ResponseMeta,
    /// Keeps what was sent out of the errors that are made of it.
    pub(crate) redactor: Redactor,
}

/// What an error made of an answered call must still say about the call.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResponseMeta {
    pub(crate) attempts: u32,
    pub(crate) idempotency_key: Option<String>,
}

impl Response {
    /// Reads the data as something typed; what does not fit is an error that still carries the call's key.
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

/// A response that is no success.
pub(crate) struct Failure {
    pub(crate) error: InfraiError,
    /// Whether the server said so itself: then the request was not carried out behind our back.
    pub(crate) definite: bool,
}

/// What has been read of a response's body.
pub(crate) enum Body {
    /// All of it.
    Complete(Vec<u8>),
    /// What came before the connection broke.
    Truncated(Vec<u8>),
}

impl Body {
    fn bytes(&self) -> &[u8] {
        let (Self::Complete(bytes) | Self::Truncated(bytes)) = self;
        bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
    }
}

/// Makes a value or an error of a response. `requires_ok` is `cancel`'s reading: a 200 whose `ok` is false
/// is its answer and no error; `bodiless` is `HEAD`'s: nothing after the headers is no data. `redactor` takes the key out
/// of what cannot be taken out of the finished error: what is cut, an error's code, and a value's request id.
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
        return Err(error_from_envelope(status, body, retry_after, header_id, redactor));
    }
    let bytes = body.bytes();
    let parts = if bytes.is_empty() && (bodiless || matches!(status.as_u16(), 204 | 205)) {
        RawEnvelope::Other(Value::Null)
    } else {
        read(bytes, redactor).map_err(|error| Failure {
            error: error.with_status(status.as_u16()).with_request_id(header_id.clone()),
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
    match open(parts).map(|envelope| without_key(envelope, redactor)) {
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
                error: declared_error(status, &error, retry_after, redactor).with_request_id(id),
                definite: true,
            })
        }
        Err(data) => Ok(response(data, Metadata::default())),
    }
}

/// An envelope whose request id repeats no key: it is logged, told to hooks, and part of errors.
fn without_key(mut envelope: Envelope, redactor: &Redactor) -> Envelope {
    if let Some(id) = envelope.metadata.request_id() {
        let shown = redactor.text(id);
        if shown != id {
            envelope.metadata.set_request_id(shown);
        }
    }
    envelope
}

/// A response whose status says that it failed.
fn error_from_envelope(
    status: StatusCode,
    body: &Body,
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
            let envelope = without_key(envelope, redactor);
            let id = envelope.metadata.request_id().map(str::to_owned);
            (envelope.error.or(Some(Value::Null)), id, true)
        }
        // Without the envelope around it, an error object still says more than the status. But a gateway may have
        // written it, which does not know what became of the request behind it.
        Some(Err(mut value)) => {
            (value.get_mut("error").filter(|error| error.is_object()).map(Value::take), None, false)
        }
        None => (None, None, false),
    };
    let id = id.or(header_id);
    let definite = enveloped || status.is_client_error();
    if let Some(error) = error {
        return Failure {
            error: declared_error(status, &error, retry_after, redactor).with_request_id(id),
            definite,
        };
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
    if !bytes.is_empty() {
        error = error.with_details(json!({ "body": excerpt(bytes, redactor) }));
    }
    Failure { error, definite }
}

/// The error that an envelope declares.
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
        .map_or_else(|| format!("the API answered {http} and gave no message"), str::to_owned);
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
    let url = |map: &Map<String, Value>| {
        ["checkout_url", "next_action_url"]
            .iter()
            .find_map(|name| map.get(*name)?.as_str().map(str::to_owned))
    };
    let checkout = url(&details).or_else(|| url(details.get("details")?.as_object()?));
    let mut result = InfraiError::new(kind, redactor.text(&code), message)
        .with_status(http)
        .with_retry(retryable, retry_after)
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
        .map_or_else(|| "nowhere".to_owned(), |target| super::path::origin(&target));
    InfraiError::new(
        ErrorKind::UnexpectedResponse,
        "REDIRECT",
        format!(
            "the API answered {} and pointed to {target}; an API call follows no redirect",
            status.as_u16()
        ),
    )
    .with_status(status.as_u16())
    .with_details(json!({ "target_origin": target }))
    .with_hint("Set base_url to the API's real address, if you trust it.")
}

/// An answer that is not the contract's.
pub(crate) fn unexpected(message: impl Into<String>, details: Option<Value>) -> InfraiError {
    let error = InfraiError::new(ErrorKind::UnexpectedResponse, "UNEXPECTED_RESPONSE", message);
    match details {
        Some(details) => error.with_details(details),
        None => error,
    }
}

/// A response of which less is read than there is.
pub(crate) fn too_large(message: impl Into<String>) -> InfraiError {
    InfraiError::new(ErrorKind::UnexpectedResponse, "RESPONSE_TOO_LARGE", message)
}

/// Reads a body within the bounds.
fn read(bytes: &[u8], redactor: &Redactor) -> Result<RawEnvelope, InfraiError> {
    if let Some(why) = bounds::too_many_values(bytes) {
        return Err(too_large(why));
    }
    parse(bytes).map_err(|error| match bounds::too_deep(&error) {
        Some(why) => too_large(why),
        None => unexpected(
            format!("the response is not JSON: {error}"),
            Some(json!({ "body": excerpt(bytes, redactor) })),
        ),
    })
}

/// At most 1 KiB of a body as text, the key taken out before it is cut.
fn excerpt(bytes: &[u8], redactor: &Redactor) -> String {
    redactor.first(&String::from_utf8_lossy(bytes), EXCERPT)
}
