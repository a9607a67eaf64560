//! The one guard around every exported function and every task: a panic becomes an error that asks for a report.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures_util::FutureExt as _;
use infrai::InfraiError;

/// Why a call did not begin.
pub(crate) enum Refusal {
    /// An error of the SDK: handed to JavaScript as JSON, which makes the class of its kind.
    Error(Box<InfraiError>),
    /// JavaScript threw while its values were read; the exception is pending.
    Thrown(napi::Error),
}

impl From<InfraiError> for Refusal {
    fn from(error: InfraiError) -> Self {
        Self::Error(Box::new(error))
    }
}

impl From<napi::Error> for Refusal {
    fn from(error: napi::Error) -> Self {
        Self::Thrown(error)
    }
}

/// What an exported function gives back: its value, or an error as JSON text.
pub(crate) type Given<T> = napi::Result<napi::Either<T, String>>;

/// Runs what an exported function does.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Refusal>) -> Given<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(napi::Either::A(value)),
        Ok(Err(Refusal::Error(error))) => Ok(napi::Either::B(error.to_json().to_string())),
        Ok(Err(Refusal::Thrown(error))) => Err(error),
        Err(panic) => Ok(napi::Either::B(InfraiError::panicked(panic.as_ref()).to_json().to_string())),
    }
}

/// Runs what a task does.
pub(crate) async fn guarded_async<T>(
    work: impl Future<Output = Result<T, InfraiError>>,
) -> Result<T, InfraiError> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| Err(InfraiError::panicked(panic.as_ref())))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_panic_in_an_exported_function_becomes_an_internal_error() {
        let given = guarded::<()>(|| panic!("at {}", 7)).unwrap();
        let napi::Either::B(text) = given else { panic!("a value") };
        let error: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&error["code"], &error["kind"]), (&"INTERNAL".into(), &"internal".into()));
        assert!(error["message"].as_str().unwrap().ends_with("panicked: at 7"), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("report"), "{error}");
    }

    #[tokio::test]
    async fn a_panic_in_a_task_becomes_an_internal_error() {
        let error = guarded_async::<()>(async { panic!("later") }).await.unwrap_err();
        assert_eq!((error.code(), error.message()), ("INTERNAL", "the native module panicked: later"));
    }
}
