//! The SDK's error type.

use std::{error::Error as StdError, fmt, time::Duration};

use serde_json::{Map, Value};

pub use crate::error_kind::ErrorKind;
use crate::{job::VideoJob, language::Language, limits, redact::Redactor};

/// Result of this crate's fallible calls.
pub type Result<T, E = InfraiError> = std::result::Result<T, E>;

/// Page of the documentation with an entry per code.
const ERROR_CODES_URL: &str = "https://infrai.github.io/infrai-sdk/error-codes.html";

/// Beginning of the message about an option that does not exist, up to its name.
pub(crate) const UNKNOWN_OPTION: &str = "unknown option `";

/// An error of the SDK. It is cheap to move and clone, because several waits of one job may share it.
///
/// [`Display`](fmt::Display) describes the error in one line. [`hint`](Self::hint) names a remedy,
/// [`docs_url`](Self::docs_url) the documentation of its code. An error never contains a key. It contains a server's text unchanged: [`escape_text`](crate::escape_text) makes it safe for a terminal or a
/// log.
#[derive(Clone)]
pub struct InfraiError(Box<Inner>);

#[derive(Clone, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts about one failure")]
struct Inner {
    kind: Option<ErrorKind>,
    code: String,
    message: String,
    hint: Option<String>,
    /// Hint of the API, in its own words.
    api_hint: Option<String>,
    status: Option<u16>,
    request_id: Option<String>,
    retryable: bool,
    retry_after: Option<Duration>,
    attempts: u32,
    idempotency_key: Option<String>,
    may_have_been_processed: bool,
    details: Option<Value>,
    checkout_url: Option<String>,
    job: Option<Box<VideoJob>>,
    /// Whether the API's envelope declared the error.
    enveloped: bool,
    source: Option<std::sync::Arc<dyn StdError + Send + Sync>>,
    from_callback: bool,
}

impl InfraiError {
    /// Creates an error, for bindings and mocks.
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind: Some(kind),
            code: code.into(),
            message: message.into(),
            ..Inner::default()
        }))
    }

    /// Creates the error of an argument that was refused before sending: the field, its value and the expected value.
    pub fn invalid_argument(field: &str, got: impl fmt::Display, expected: &str) -> Self {
        // A caller may have confused a key with another argument.
        let got = shorten(&Redactor::default().text(&got.to_string()), 120);
        let mut details = Map::new();
        details.insert("field".into(), field.into());
        details.insert("got".into(), got.clone().into());
        details.insert("expected".into(), expected.into());
        Self::new(
            ErrorKind::InvalidRequest,
            "INVALID_ARGUMENT",
            format!("invalid `{field}`: expected {expected}, got {got}"),
        )
        .with_details(Value::Object(details))
    }

    /// Creates the error of an option that is out of its bounds.
    pub(crate) fn invalid_option(field: &str, got: impl fmt::Display, expected: &str) -> Self {
        Self::invalid_argument(field, got, expected).into_configuration_error()
    }

    /// Converts the error to a configuration error, for an option of a client.
    #[doc(hidden)]
    #[must_use]
    pub fn into_configuration_error(mut self) -> Self {
        self.0.kind = Some(ErrorKind::Configuration);
        self.0.code = "CONFIGURATION_INVALID".into();
        self.0.details = None;
        self
    }

    /// Names options and calls as the language's callers do: in the hint, and in the message of a refusal before sending.
    /// Later messages may quote the server and stay unchanged.
    #[doc(hidden)]
    #[must_use]
    pub fn in_language(mut self, language: Language) -> Self {
        let inner = &mut *self.0;
        let kind = inner.kind.unwrap_or(ErrorKind::Internal);
        match &mut inner.hint {
            Some(hint) => *hint = language.respell(hint).into_owned(),
            None if inner.api_hint.is_none()
                && (kind != ErrorKind::PaymentRequired || inner.checkout_url.is_none()) =>
            {
                inner.hint = Some(language.respell(kind.default_hint()).into_owned());
            }
            None => {}
        }
        if inner.attempts == 0 && inner.status.is_none() {
            if let Some((name, rest)) =
                inner.message.strip_prefix(UNKNOWN_OPTION).and_then(|rest| rest.split_once('`'))
            {
                // The name is the caller's own, and wrong as it stands.
                inner.message = format!("{UNKNOWN_OPTION}{name}`{}", language.respell(rest));
                return self;
            }
            inner.message = language.respell(&inner.message).into_owned();
            if let Some(Value::Object(details)) = &mut inner.details
                && let Some(Value::String(field)) = details.get_mut("field")
            {
                *field = language.respell_name(field).into_owned();
            }
        }
        self
    }

    /// Creates the error of an invalid setting.
    pub(crate) fn configuration(code: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, code, message)
    }

    /// Creates the error of a bug in the SDK. Bindings return it for a panic.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, "INTERNAL", message)
    }

    /// Creates the error of a call that the operating system gave no thread, process or file. The hint names the limit if
    /// the reason is one.
    #[doc(hidden)]
    pub fn resource_limit(reason: impl fmt::Display) -> Self {
        let message = format!("the operating system refused a resource: {reason}");
        let hint = limits::remedy(&message);
        let error = Self::configuration("RESOURCE_LIMIT", message);
        error.with_hint(
            hint.unwrap_or("Free memory, threads or open files, or raise the limit of this process."),
        )
    }

    /// Creates the error of a panic in native code from the panic's payload.
    #[doc(hidden)]
    pub fn panicked(panic: &(dyn std::any::Any + Send)) -> Self {
        let message = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        match limits::remedy(message) {
            Some(_) => Self::resource_limit(message),
            None => Self::internal(format!("the native module panicked: {message}")),
        }
    }

    /// Adds a hint on how to resolve the error. It follows the API's hint, if the API sent one.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds structured details.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.0.details = Some(details);
        self
    }

    /// Adds the HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Adds the error that caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(std::sync::Arc::new(source));
        self
    }

    /// Adds a shared error that caused it.
    #[doc(hidden)]
    #[must_use]
    pub fn with_shared_source(mut self, source: std::sync::Arc<dyn StdError + Send + Sync>) -> Self {
        self.0.source = Some(source);
        self
    }

    /// Adds the job that the error concerns.
    #[must_use]
    pub fn with_job(mut self, job: VideoJob) -> Self {
        self.0.job = Some(Box::new(job));
        self
    }

    /// Marks the error of a callback of the caller, which is no answer to other callers of a shared request.
    pub(crate) fn caused_by_callback(mut self) -> Self {
        self.0.from_callback = true;
        self
    }

    /// Returns whether a callback of the caller failed.
    pub(crate) fn is_callback_error(&self) -> bool {
        self.0.from_callback
    }

    pub(crate) fn with_request_id(mut self, id: Option<String>) -> Self {
        self.0.request_id = id;
        self
    }

    pub(crate) fn with_retry(mut self, retryable: bool, after: Option<Duration>) -> Self {
        self.0.retryable = retryable;
        self.0.retry_after = after;
        self
    }

    /// Records that the API's envelope declared the error.
    pub(crate) fn with_envelope(mut self) -> Self {
        self.0.enveloped = true;
        self
    }

    /// Returns whether the API itself declared the error, and not a gateway in front of it.
    pub(crate) fn is_enveloped(&self) -> bool {
        self.0.enveloped
    }

    pub(crate) fn with_api_hint(mut self, hint: Option<String>) -> Self {
        self.0.api_hint = hint;
        self
    }

    pub(crate) fn with_checkout_url(mut self, url: Option<String>) -> Self {
        self.0.checkout_url = url;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub fn with_call(mut self, attempts: u32, key: Option<&str>, may_have_been_processed: bool) -> Self {
        self.0.attempts = attempts;
        self.0.idempotency_key = key.map(str::to_owned);
        self.0.may_have_been_processed = may_have_been_processed;
        self
    }

    /// Removes the keys that the client sent from all parts of the error, and shortens each text to 64 KiB. The code is
    /// the SDK's own or redacted already. The idempotency key belongs to the caller and stays.
    #[must_use]
    pub(crate) fn redacted(mut self, redactor: &Redactor) -> Self {
        let inner = &mut *self.0;
        inner.message = redactor.text(&inner.message);
        let texts = [&mut inner.hint, &mut inner.api_hint, &mut inner.request_id, &mut inner.checkout_url];
        for text in texts {
            *text = text.as_deref().map(|text| redactor.text(text));
        }
        inner.details = inner.details.as_ref().map(|details| redactor.value(details));
        inner.job = inner.job.take().map(|job| Box::new(job.redacted(redactor)));
        inner.source = inner.source.take().map(|source| redactor.source(source));
        self
    }

    /// Adds the idempotency key of an item, if the error has none.
    pub(crate) fn or_idempotency_key(mut self, key: &str) -> Self {
        self.0.idempotency_key.get_or_insert_with(|| key.to_owned());
        self
    }

    /// Returns the kind, for callers to match on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind.unwrap_or(ErrorKind::Internal)
    }

    /// Returns the stable code: the API's (`INSUFFICIENT_CREDIT`), `HTTP_503` for a failed response without one, or the
    /// SDK's own (`INVALID_ARGUMENT`, `CONNECTION_FAILED`, `WAIT_TIMEOUT`, …).
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// Returns the message, without code or status.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns a hint on how to resolve the error: the API's own, if it sent one, and the SDK's. Without an API's hint and a
    /// specific one of the SDK, it is the general hint of the kind.
    pub fn hint(&self) -> String {
        let own = self.0.hint.clone().or_else(|| match (self.kind(), &self.0.checkout_url) {
            (ErrorKind::PaymentRequired, Some(url)) => {
                Some(format!("Add credit at {url} and call again with the same idempotency key."))
            }
            _ => None,
        });
        match (&self.0.api_hint, own) {
            (None, Some(own)) => own,
            (None, None) => self.kind().default_hint().to_owned(),
            (Some(api), None) => api.clone(),
            (Some(api), Some(own)) if api.ends_with(['.', '!', '?', '。']) => format!("{api} {own}"),
            (Some(api), Some(own)) => format!("{api}. {own}"),
        }
    }

    /// Returns the URL of the documentation's entry for the code. A code that the API invents later leads to the page.
    pub fn docs_url(&self) -> String {
        let code = match self.code() {
            code if code.starts_with("HTTP_") => "http_status".to_owned(),
            code => code.to_ascii_lowercase(),
        };
        if code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            format!("{ERROR_CODES_URL}#{code}")
        } else {
            ERROR_CODES_URL.to_owned()
        }
    }

    /// Returns the HTTP status, if there was a response.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Returns the API's id of the request, for support.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Returns whether the same call may succeed later. The SDK has already retried it.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Returns the time that the server asked the client to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the number of attempts of the call; 0 for one that was refused before the first.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Returns the idempotency key that was sent. A call repeated with it within the API's window (24 hours by
    /// default) has the same result and is charged once.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.0.idempotency_key.as_deref()
    }

    /// Returns whether the API may have processed the call although no response confirms it: bytes of an attempt were
    /// sent and no definite response arrived. Always false for `GET` and `HEAD`.
    pub fn may_have_been_processed(&self) -> bool {
        self.0.may_have_been_processed
    }

    /// Returns the other fields of the API's error, or details of an error of the SDK.
    pub fn details(&self) -> Option<&Value> {
        self.0.details.as_ref()
    }

    /// Returns the URL of the payment page, if the API sent one.
    pub fn checkout_url(&self) -> Option<&str> {
        self.0.checkout_url.as_deref()
    }

    /// Returns the job that the error concerns, in its last known state.
    pub fn job(&self) -> Option<&VideoJob> {
        self.0.job.as_deref()
    }

    /// Returns whether the timeout of an attempt, a call or a wait passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind(), ErrorKind::Timeout | ErrorKind::WaitTimeout)
    }

    /// Returns whether the network failed, and not the API.
    pub fn is_connection(&self) -> bool {
        self.kind() == ErrorKind::Connection
    }
}

impl fmt::Display for InfraiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.0.message, self.0.code)?;
        if let Some(status) = self.0.status {
            write!(f, ", HTTP {status}")?;
        }
        if let Some(id) = &self.0.request_id {
            write!(f, ", request {id}")?;
        }
        if self.0.attempts > 1 {
            write!(f, ", {} attempts", self.0.attempts)?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for InfraiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        f.debug_struct("InfraiError")
            .field("kind", &self.kind())
            .field("code", &inner.code)
            .field("message", &inner.message)
            .field("status", &inner.status)
            .field("request_id", &inner.request_id)
            .field("retryable", &inner.retryable)
            .field("retry_after", &inner.retry_after)
            .field("attempts", &inner.attempts)
            .field("idempotency_key", &inner.idempotency_key)
            .field("may_have_been_processed", &inner.may_have_been_processed)
            .field("details", &inner.details)
            .field("checkout_url", &inner.checkout_url)
            .field("job", &inner.job)
            .finish_non_exhaustive()
    }
}

impl StdError for InfraiError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as &(dyn StdError + 'static))
    }
}

/// Returns the first `limit` characters, with an ellipsis if the text is longer.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
