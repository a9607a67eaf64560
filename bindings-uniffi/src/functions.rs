//! Exported functions that need no client.

use infrai::InfraiError;

use crate::{
    error::{NativeError, NativeFailure},
    job::{NativeJob, parse_job},
    panic::catch_panic,
};

/// Reads a job from its JSON text, as [`NativeJob::json`] or the API writes it.
///
/// # Errors
/// `INVALID_ARGUMENT`: the text is no job.
#[uniffi::export]
pub fn native_job_from_json(text: &str) -> Result<NativeJob, NativeError> {
    catch_panic(|| parse_job(text).map(NativeJob::from))
}

/// Returns a new idempotency key, for a caller that needs it before the call.
///
/// # Errors
/// `INTERNAL`: the operating system gives no randomness.
#[uniffi::export]
pub fn native_new_idempotency_key() -> Result<String, NativeError> {
    catch_panic(infrai::new_idempotency_key)
}

/// Returns the default timeout of a wait, in seconds.
#[uniffi::export]
pub fn native_default_wait() -> f64 {
    infrai::video::DEFAULT_WAIT_TIMEOUT.as_secs_f64()
}

/// The version of this library and of the packages over it.
#[uniffi::export]
pub fn native_version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// The error of an argument that a package refuses itself, because the surface cannot carry it: the field, what it got
/// and what it takes.
#[uniffi::export]
pub fn native_invalid_argument(field: &str, got: &str, expected: &str) -> NativeFailure {
    NativeFailure::from(&InfraiError::invalid_argument(field, got, expected))
}

/// The error of a fault that a package meets in this library or in what was generated for it.
#[uniffi::export]
pub fn native_internal(message: &str) -> NativeFailure {
    NativeFailure::from(&InfraiError::internal(message))
}
