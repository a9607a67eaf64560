//! The core's error with all its fields, for the packages to make their own of.

use std::{error::Error as StdError, fmt};

use infrai::{ErrorKind, InfraiError};

use crate::job::NativeJob;

/// What a call fails with.
#[derive(Debug, Clone, uniffi::Error)]
pub enum NativeError {
    /// The SDK's error.
    Failed {
        /// All that is known of it.
        failure: NativeFailure,
    },
    /// The caller's own cancellation ended the call, and nothing of it goes on.
    Cancelled,
}

/// All that is known of an error; see `infrai::InfraiError`.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeFailure {
    /// What people catch it by.
    pub kind: NativeErrorKind,
    /// The kind's name in data, `payment_required`.
    pub kind_name: String,
    /// The stable code.
    pub code: String,
    /// What happened, in words, without code or status.
    pub message: String,
    /// The same in one line with code, status, request id and attempts.
    pub description: String,
    /// What to do about it.
    pub hint: String,
    /// The HTTP status, where there was a response.
    pub status: Option<i32>,
    /// The API's id of the request.
    pub request_id: Option<String>,
    /// Whether the same call may succeed when made again unchanged.
    pub retryable: bool,
    /// How long the server asked to wait, in seconds.
    pub retry_after: Option<f64>,
    /// How many requests were sent.
    pub attempts: i32,
    /// The idempotency key that was sent.
    pub idempotency_key: Option<String>,
    /// Whether the API may have carried the call out although no answer says so.
    pub may_have_been_processed: bool,
    /// What else the API's error carried, or the facts behind an error of the SDK, as JSON text.
    pub details_json: Option<String>,
    /// Where to pay.
    pub checkout_url: Option<String>,
    /// The job it is about, as last seen.
    pub job: Option<NativeJob>,
    /// The texts of what caused it, the nearest first.
    pub causes: Vec<String>,
    /// The number of what a key function threw, where that is the cause; see
    /// [`NativeKeyFailure`](crate::NativeKeyFailure).
    pub thrown: Option<i64>,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// An error's kind.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
        pub enum NativeErrorKind {
            $($(#[$doc])* $name,)*
        }

        impl From<ErrorKind> for NativeErrorKind {
            fn from(kind: ErrorKind) -> Self {
                match kind {
                    $(ErrorKind::$name => Self::$name,)*
                    _ => Self::Internal,
                }
            }
        }
    };
}

kinds! {
    /// No key, or one that the API does not accept (401).
    Authentication,
    /// The key may not do this (403).
    Permission,
    /// Money is needed first (402).
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
    /// The job ended in failure.
    JobFailed,
    /// The job was cancelled.
    JobCancelled,
    /// The wait's own time ran out; the job goes on.
    WaitTimeout,
    /// The credentials cannot be read, written or understood.
    Credentials,
    /// The client's settings, or the machine's, do not fit what was asked.
    Configuration,
    /// The API answered with something that is not its contract.
    UnexpectedResponse,
    /// A wait that was to cancel its job was cancelled.
    Aborted,
    /// A fault of the SDK itself.
    Internal,
}

fn whole(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

impl From<&InfraiError> for NativeFailure {
    fn from(error: &InfraiError) -> Self {
        let (mut causes, mut thrown, mut source) = (Vec::new(), None, error.source());
        while let Some(cause) = source {
            if let Some(ForeignException { number, .. }) = cause.downcast_ref() {
                thrown = Some(*number);
            }
            causes.push(cause.to_string());
            source = cause.source();
        }
        Self {
            kind: error.kind().into(),
            kind_name: error.kind().as_str().into(),
            code: error.code().into(),
            message: error.message().into(),
            description: error.to_string(),
            hint: error.hint(),
            status: error.status().map(i32::from),
            request_id: error.request_id().map(str::to_owned),
            retryable: error.is_retryable(),
            retry_after: error.retry_after().map(|after| after.as_secs_f64()),
            attempts: whole(error.attempts()),
            idempotency_key: error.idempotency_key().map(str::to_owned),
            may_have_been_processed: error.may_have_been_processed(),
            details_json: error.details().map(ToString::to_string),
            checkout_url: error.checkout_url().map(str::to_owned),
            job: error.job().map(NativeJob::from),
            causes,
            thrown,
        }
    }
}

impl From<InfraiError> for NativeError {
    fn from(error: InfraiError) -> Self {
        Self::Failed { failure: NativeFailure::from(&error) }
    }
}

impl fmt::Display for NativeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { failure } => f.write_str(&failure.description),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl StdError for NativeError {}

/// Exception that a key function threw, as the cause of an error.
#[derive(Debug)]
pub(crate) struct ForeignException {
    number: i64,
    reason: String,
}

impl ForeignException {
    pub(crate) fn new(number: i64, reason: String) -> Self {
        Self { number, reason }
    }
}

impl fmt::Display for ForeignException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl StdError for ForeignException {}
