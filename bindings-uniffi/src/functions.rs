//! Exported functions that need no client.

use infrai::{ErrorRecord, InfraiError, Language, VideoJob, video::DEFAULT_WAIT_TIMEOUT};

use crate::{
    call::Call,
    error::{NativeError, catch, record},
};

/// Parses a job from the JSON that the SDK or the API wrote.
///
/// # Errors
/// `INVALID_ARGUMENT` if the text is not a job.
#[uniffi::export]
pub fn job_from_json(text: &str, language: Language) -> Result<VideoJob, NativeError> {
    catch(language, || {
        let invalid =
            |got: &str| InfraiError::invalid_argument("job", got, "a job as the SDK wrote it, in JSON");
        let value = serde_json::from_str(text).map_err(|error| invalid(&error.to_string()))?;
        VideoJob::from_json(value).map_err(|error| invalid(error.message()))
    })
}

/// Returns a new idempotency key.
///
/// # Errors
/// `INTERNAL` if the operating system has no randomness.
#[uniffi::export]
pub fn new_idempotency_key(language: Language) -> Result<String, NativeError> {
    catch(language, infrai::new_idempotency_key)
}

/// Returns the default timeout of a wait in seconds.
#[uniffi::export]
pub fn default_wait_timeout() -> f64 {
    DEFAULT_WAIT_TIMEOUT.as_secs_f64()
}

/// Returns the error of an argument that a package refuses itself, because JSON cannot carry it.
#[uniffi::export]
pub fn invalid_argument(field: &str, got: &str, expected: &str, language: Language) -> ErrorRecord {
    record(InfraiError::invalid_argument(field, got, expected), language)
}

/// Returns the error of a bug in this library or in its generated code.
#[uniffi::export]
pub fn internal_error(message: &str, language: Language) -> ErrorRecord {
    record(InfraiError::internal(message), language)
}

/// For tests of the packages: panics in a call.
///
/// # Errors
/// `INTERNAL`, always.
#[uniffi::export]
pub async fn panic_for_tests(language: Language) -> Result<(), NativeError> {
    Call::new(language, None, None).run(async { panic!("asked for by a test") }).await
}
