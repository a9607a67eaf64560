//! Errors of calls, with the core's fields and in the caller's language.

use std::{error::Error as StdError, fmt};

use infrai::{ErrorRecord, InfraiError, Language};
use infrai_bindings::{catch_panic, exception_number};

/// Error of a call.
#[derive(Debug, Clone, uniffi::Error)]
pub enum NativeError {
    /// The SDK's error.
    Failed {
        /// All fields of the error.
        error: ErrorRecord,
        /// Number of the exception among its causes; see [`ApiKeyProviderError`](crate::ApiKeyProviderError).
        exception: Option<i64>,
    },
    /// The caller cancelled the call, and nothing of it goes on.
    Cancelled,
}

impl NativeError {
    /// Returns the core's error with options and calls named as the language's callers do.
    pub(crate) fn new(error: InfraiError, language: Language) -> Self {
        let exception = exception_number(&error);
        Self::Failed { error: record(error, language), exception }
    }
}

/// Returns the fields of an error.
pub(crate) fn record(error: InfraiError, language: Language) -> ErrorRecord {
    ErrorRecord::from(&error.in_language(language))
}

/// Runs the body of an exported function.
pub(crate) fn catch<T>(
    language: Language,
    body: impl FnOnce() -> Result<T, InfraiError>,
) -> Result<T, NativeError> {
    catch_panic(body).flatten().map_err(|error| NativeError::new(error, language))
}

impl fmt::Display for NativeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { error, .. } => f.write_str(&error.description),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl StdError for NativeError {}
