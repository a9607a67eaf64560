//! All fields of an error as data, for the bindings.

use std::error::Error as _;

use serde::Serialize;
use serde_json::Value;

use crate::{
    error::{ErrorKind, InfraiError},
    job::VideoJob,
};

/// The fields of an [`InfraiError`]; its methods describe them.
#[doc(hidden)]
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[non_exhaustive]
pub struct ErrorRecord {
    /// Kind of the error.
    pub kind: ErrorKind,
    /// Stable code.
    pub code: String,
    /// Message, without code or status.
    pub message: String,
    /// Hint on how to resolve the error.
    pub hint: String,
    /// URL of the documentation's entry for the code.
    pub docs_url: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// Number of attempts of the call.
    pub attempts: u32,
    /// Whether the API may have processed the call although no response confirms it.
    pub may_have_been_processed: bool,
    /// HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The API's id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Seconds that the server asked the client to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<f64>,
    /// Idempotency key that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Other fields of the API's error, or details of an error of the SDK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// URL of the payment page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout_url: Option<String>,
    /// The job that the error concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<VideoJob>,
    /// Description in one line, with code, status, request id and attempts.
    #[serde(skip)]
    pub description: String,
    /// Texts of the causes, the nearest first.
    #[serde(skip)]
    pub causes: Vec<String>,
}

impl From<&InfraiError> for ErrorRecord {
    fn from(error: &InfraiError) -> Self {
        let (mut causes, mut source) = (Vec::new(), error.source());
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        Self {
            kind: error.kind(),
            code: error.code().to_owned(),
            message: error.message().to_owned(),
            hint: error.hint(),
            docs_url: error.docs_url(),
            retryable: error.is_retryable(),
            attempts: error.attempts(),
            may_have_been_processed: error.may_have_been_processed(),
            status: error.status(),
            request_id: error.request_id().map(str::to_owned),
            retry_after: error.retry_after().map(|after| after.as_secs_f64()),
            idempotency_key: error.idempotency_key().map(str::to_owned),
            details: error.details().cloned(),
            checkout_url: error.checkout_url().map(str::to_owned),
            job: error.job().cloned(),
            description: error.to_string(),
            causes,
        }
    }
}

impl InfraiError {
    /// Returns all fields as JSON, for the bindings. Durations are in seconds.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(ErrorRecord::from(self)).unwrap_or_default()
    }
}
