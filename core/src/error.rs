//! The one error of the SDK: what happened, what is known of it, and what to do.

use std::{error::Error as StdError, fmt, time::Duration};

use serde_json::{Map, Value};

use crate::{job::VideoJob, redact::Redactor};

/// What every fallible call of this crate returns.
pub type Result<T, E = InfraiError> = std::result::Result<T, E>;

/// What people catch: the kind of an [`InfraiError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No key, or one that the API does not accept (401).
    Authentication,
    /// The key may not do this (403).
    Permission,
    /// Money is needed first (402); see [`InfraiError::checkout_url`].
    PaymentRequired,
    /// An argument was refused, by the SDK before sending or by the API (400, 413, 422).
    InvalidRequest,
    /// The thing asked for does not exist, or is another account's (404, 410).
    NotFound,
    /// The request contradicts an earlier one (409).
    Conflict,
    /// Too many requests (429).
    RateLimit,
    /// The API, or what stands before it, failed (5xx).
    Server,
    /// The API could not be reached, or the connection broke.
    Connection,
    /// No answer in time.
    Timeout,
    /// The job ended in failure; see [`InfraiError::job`].
    JobFailed,
    /// The job was cancelled; see [`InfraiError::job`].
    JobCancelled,
    /// The wait's own time ran out; the job goes on. See [`InfraiError::job`].
    WaitTimeout,
    /// The credentials file cannot be read, written or understood.
    Credentials,
    /// The client's settings, or the machine's, do not fit what was asked.
    Configuration,
    /// The API answered with something that is not its contract.
    UnexpectedResponse,
    /// The caller's own abort signal ended the call.
    Aborted,
    /// A fault of the SDK itself: please report it.
    Internal,
}

impl ErrorKind {
    /// The kind's name in data: `payment_required`, `wait_timeout`, ….
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::PaymentRequired => "payment_required",
            Self::InvalidRequest => "invalid_request",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::RateLimit => "rate_limit",
            Self::Server => "server",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::JobFailed => "job_failed",
            Self::JobCancelled => "job_cancelled",
            Self::WaitTimeout => "wait_timeout",
            Self::Credentials => "credentials",
            Self::Configuration => "configuration",
            Self::UnexpectedResponse => "unexpected_response",
            Self::Aborted => "aborted",
            Self::Internal => "internal",
        }
    }

    /// What to do, where the error itself names nothing better.
    const fn remedy(self) -> &'static str {
        match self {
            Self::Authentication => {
                "Check the project key (INFRAI_API_KEY, the api_key argument, or the credentials file), or activate this device anew."
            }
            Self::Permission => {
                "Use a key whose project may do this, or ask the project's owner for the right."
            }
            Self::PaymentRequired => {
                "Add credit to the account, then call again with the same idempotency key."
            }
            Self::InvalidRequest => "Correct the argument that the message names and call again.",
            Self::NotFound => "Check the id, and that the key belongs to the account that made it.",
            Self::Conflict => "Use a fresh idempotency key for a different request.",
            Self::RateLimit => "Send fewer requests, or wait as long as retry_after says.",
            Self::Server => {
                "Try again later with the same idempotency key; report the request id if it persists."
            }
            Self::Connection => "Check the network, the proxy and the base URL, then call again.",
            Self::Timeout => "Call again with the same idempotency key, or allow more time.",
            Self::JobFailed => "Read the job's error before generating again.",
            Self::JobCancelled => "Generate again if the video is still wanted.",
            Self::WaitTimeout => "The job goes on: wait again with its id, or cancel it.",
            Self::Credentials => {
                "Mend or move the credentials file, or name another with INFRAI_CREDENTIALS_FILE."
            }
            Self::Configuration => "Correct the setting that the message names.",
            Self::UnexpectedResponse => {
                "Check the base URL and anything that stands before the API; report the request id."
            }
            Self::Aborted => "The job, if one was submitted, goes on: wait for it with its id, or cancel it.",
            Self::Internal => "This is a fault of the SDK: please report it with this message.",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of the SDK. Cheap to move; cloned freely, since waiters of one job may share it.
///
/// [`Display`](fmt::Display) says what happened in one line; [`hint`](Self::hint) says what to do.
/// No key is ever part of it. Words of a server stand in it as they came: [`escape_text`](crate::escape_text) makes them
/// safe for a terminal or a log.
#[derive(Clone)]
pub struct InfraiError(Box<Inner>);

#[derive(Clone, Default)]
struct Inner {
    kind: Option<ErrorKind>,
    code: String,
    message: String,
    hint: Option<String>,
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
    source: Option<std::sync::Arc<dyn StdError + Send + Sync>>,
}

impl InfraiError {
    /// An error of one's own, as bindings and mocks need it.
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind: Some(kind),
            code: code.into(),
            message: message.into(),
            ..Inner::default()
        }))
    }

    /// An argument refused before anything is sent: the field, what it got, and what it takes.
    pub fn invalid_argument(field: &str, got: impl fmt::Display, expected: &str) -> Self {
        let got = shorten(&got.to_string(), 120);
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

    /// Returns the error of an option out of its bounds.
    pub(crate) fn invalid_option(field: &str, got: impl fmt::Display, expected: &str) -> Self {
        Self::invalid_argument(field, got, expected).into_configuration_error()
    }

    /// Returns the error of an option that cannot be read, from the message of serde.
    pub(crate) fn unreadable_option(path: &str, message: &str) -> Self {
        let parent = |name: &str| match path.rsplit_once('.') {
            Some((parent, _)) => format!("{parent}.{name}"),
            None => name.to_owned(),
        };
        let named = |start: &str| message.strip_prefix(start)?.split_once('`');
        let text = if let Some((name, rest)) = named("unknown field `") {
            format!("unknown option `{}`{rest}", parent(name))
        } else if let Some((name, _)) = named("missing field `") {
            format!("missing option `{name}`")
        } else if let Some((got, expected)) = message
            .split_once(": ")
            .filter(|(start, _)| matches!(*start, "invalid type" | "invalid value" | "invalid length"))
            .and_then(|(_, rest)| rest.rsplit_once(", expected "))
        {
            format!("invalid `{path}`: expected {expected}, got {got}")
        } else {
            format!("invalid `{path}`: {message}")
        };
        let details = Map::from_iter([("field".to_owned(), path.into())]);
        Self::new(ErrorKind::InvalidRequest, "INVALID_ARGUMENT", text).with_details(Value::Object(details))
    }

    /// Returns the same error as one of a client's options.
    #[doc(hidden)]
    #[must_use]
    pub fn into_configuration_error(mut self) -> Self {
        self.0.kind = Some(ErrorKind::Configuration);
        self.0.code = "CONFIGURATION_INVALID".into();
        self.0.details = None;
        self
    }

    /// A setting that cannot be used.
    pub(crate) fn configuration(code: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, code, message)
    }

    /// A fault of the SDK itself (bindings turn a panic into it).
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, "INTERNAL", message)
    }

    /// What a panic of the SDK's native half becomes, by its payload.
    #[doc(hidden)]
    pub fn panicked(panic: &(dyn std::any::Any + Send)) -> Self {
        let what = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        Self::internal(format!("the native module panicked: {what}"))
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the facts behind it.
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

    pub(crate) fn with_boxed_source(mut self, source: Box<dyn StdError + Send + Sync>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the job it is about.
    #[must_use]
    pub fn with_job(mut self, job: VideoJob) -> Self {
        self.0.job = Some(Box::new(job));
        self
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

    pub(crate) fn with_checkout_url(mut self, url: Option<String>) -> Self {
        self.0.checkout_url = url;
        self
    }

    pub(crate) fn with_call(
        mut self,
        attempts: u32,
        key: Option<&str>,
        may_have_been_processed: bool,
    ) -> Self {
        self.0.attempts = attempts;
        self.0.idempotency_key = key.map(str::to_owned);
        self.0.may_have_been_processed = may_have_been_processed;
        self
    }

    /// Returns the error as it may be shown: without the keys that were sent, in any of its parts, and at most 64 KiB of
    /// each text. Its code is the SDK's,
    /// or was redacted as it came; the idempotency key is the caller's own.
    #[must_use]
    pub(crate) fn redacted(mut self, redactor: &Redactor) -> Self {
        let inner = &mut *self.0;
        inner.message = redactor.text(&inner.message);
        for text in [&mut inner.hint, &mut inner.request_id, &mut inner.checkout_url] {
            *text = text.as_deref().map(|text| redactor.text(text));
        }
        inner.details = inner.details.as_ref().map(|details| redactor.value(details));
        inner.job = inner.job.take().map(|job| Box::new(job.redacted(redactor)));
        inner.source = inner.source.take().map(|source| redactor.source(source));
        self
    }

    /// Its kind: what people match on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind.unwrap_or(ErrorKind::Internal)
    }

    /// The stable code: the API's (`INSUFFICIENT_CREDIT`), `HTTP_503` where a failed response gave none,
    /// or the SDK's own (`INVALID_ARGUMENT`, `CONNECTION_FAILED`, `WAIT_TIMEOUT`, …).
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// What happened, in words, without code or status.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it, in one sentence.
    pub fn hint(&self) -> String {
        if let Some(hint) = &self.0.hint {
            return hint.clone();
        }
        match (self.kind(), &self.0.checkout_url) {
            (ErrorKind::PaymentRequired, Some(url)) => {
                format!("Add credit at {url} and call again with the same idempotency key.")
            }
            (kind, _) => kind.remedy().to_owned(),
        }
    }

    /// The HTTP status, where there was a response.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The API's id of the request, for its support.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Whether the same call may succeed when made again unchanged (the SDK has then already tried).
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// How long the server asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// How many requests were sent for the call.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The idempotency key that was sent: a call repeated with it gives the same result and is charged once.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.0.idempotency_key.as_deref()
    }

    /// Whether the API may have carried the call out although no answer says so: bytes of an attempt left
    /// and no definite answer came. Never true for `GET` and `HEAD`.
    pub fn may_have_been_processed(&self) -> bool {
        self.0.may_have_been_processed
    }

    /// What else the API's error carried, or the facts behind an error of the SDK.
    pub fn details(&self) -> Option<&Value> {
        self.0.details.as_ref()
    }

    /// Where to pay, when the API said so.
    pub fn checkout_url(&self) -> Option<&str> {
        self.0.checkout_url.as_deref()
    }

    /// The job it is about, as last seen.
    pub fn job(&self) -> Option<&VideoJob> {
        self.0.job.as_deref()
    }

    /// Whether the time ran out: of an attempt, a call or a wait.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind(), ErrorKind::Timeout | ErrorKind::WaitTimeout)
    }

    /// Whether the network, not the API, is at fault.
    pub fn is_connection(&self) -> bool {
        self.kind() == ErrorKind::Connection
    }

    /// All fields as JSON, as the bindings hand them on. Durations are in seconds.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        let inner = &self.0;
        map.insert("kind".into(), self.kind().as_str().into());
        map.insert("code".into(), inner.code.clone().into());
        map.insert("message".into(), inner.message.clone().into());
        map.insert("hint".into(), self.hint().into());
        map.insert("retryable".into(), inner.retryable.into());
        map.insert("attempts".into(), inner.attempts.into());
        map.insert("may_have_been_processed".into(), inner.may_have_been_processed.into());
        let mut optional = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                map.insert(name.into(), value);
            }
        };
        optional("status", inner.status.map(Value::from));
        optional("request_id", inner.request_id.clone().map(Value::from));
        optional("retry_after", inner.retry_after.map(|d| Value::from(d.as_secs_f64())));
        optional("idempotency_key", inner.idempotency_key.clone().map(Value::from));
        optional("details", inner.details.clone());
        optional("checkout_url", inner.checkout_url.clone().map(Value::from));
        optional("job", inner.job.as_ref().map(|job| job.to_json()));
        Value::Object(map)
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

/// The first `limit` characters, with a mark where some were left out.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
