//! Panic guard: a panic becomes an error and never crosses the boundary.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures_util::FutureExt as _;
use infrai::InfraiError;

use crate::error::NativeError;

/// Runs the body of an exported function.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> Result<T, InfraiError>) -> Result<T, NativeError> {
    let outcome = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(InfraiError::panicked(panic.as_ref())));
    Ok(outcome?)
}

/// Awaits the work of an exported asynchronous function.
pub(crate) async fn catch_async_panic<T>(
    work: impl Future<Output = Result<T, InfraiError>>,
) -> Result<T, InfraiError> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| Err(InfraiError::panicked(panic.as_ref())))
}
