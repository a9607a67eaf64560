//! Panic guard: a panic becomes an error and never crosses the boundary to another language.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures::FutureExt as _;
use infrai::InfraiError;

/// Runs the body of an exported function.
///
/// # Errors
/// `INTERNAL` if it panics.
pub fn catch_panic<T>(body: impl FnOnce() -> T) -> Result<T, InfraiError> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic| InfraiError::panicked(panic.as_ref()))
}

/// Awaits the work of a call.
///
/// # Errors
/// The work's own, or `INTERNAL` if it panics.
pub async fn catch_async_panic<T>(
    work: impl Future<Output = Result<T, InfraiError>>,
) -> Result<T, InfraiError> {
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome.unwrap_or_else(|panic| Err(InfraiError::panicked(panic.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_function_becomes_an_error() {
        let error = catch_panic::<()>(|| panic!("at {}", 7)).unwrap_err();
        assert_eq!((error.code(), error.message()), ("INTERNAL", "the native module panicked: at 7"));
        assert!(error.hint().contains("report"), "{}", error.hint());
    }

    #[tokio::test]
    async fn a_panic_in_a_call_becomes_an_error() {
        let error = catch_async_panic::<()>(async { panic!("later") }).await.unwrap_err();
        assert_eq!((error.code(), error.message()), ("INTERNAL", "the native module panicked: later"));
    }
}
