//! Seam to the asynchronous runtime: time, tasks, the caller's runtime and randomness.
//!
//! The crate uses Tokio's timers, tasks and runtime only through this file, so that it is the one place to replace where
//! another runtime is used. Locks, channels and macros of Tokio depend on no runtime. The transport brings its own
//! dependency on Tokio with reqwest.

use std::{pin::Pin, time::Duration};

use futures_util::FutureExt as _;
pub(crate) use tokio::{
    runtime::{Handle, Id as RuntimeId},
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep},
};

use crate::error::{InfraiError, Result};

/// A boxed future.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Returns the instant `timeout` after `now`, or one decades away if the sum overflows.
pub(crate) fn deadline(now: Instant, timeout: Duration) -> Instant {
    const THIRTY_YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    now.checked_add(timeout).unwrap_or_else(|| now + THIRTY_YEARS)
}

/// Awaits `work` until the deadline. Returns `None` if the deadline passes first.
///
/// Like [`timeout`], this is no `async fn`, whose future would hold `work` twice.
pub(crate) fn until<T>(deadline: Instant, work: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
    tokio::time::timeout_at(deadline, work).map(Result::ok)
}

/// Awaits `work` for `limit` at most. Returns `None` if the time passes first.
pub(crate) fn timeout<T>(limit: Duration, work: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
    tokio::time::timeout(limit, work).map(Result::ok)
}

/// Returns the caller's Tokio runtime.
pub(crate) fn current() -> Result<Handle> {
    Handle::try_current().map_err(|_| {
        InfraiError::configuration("CONFIGURATION_INVALID", "this call was awaited outside a Tokio runtime")
            .with_hint("Await it inside a Tokio runtime with time and I/O enabled, such as #[tokio::main].")
    })
}

/// Returns the id of the caller's Tokio runtime. `None` outside a runtime.
pub(crate) fn current_id() -> Option<RuntimeId> {
    Handle::try_current().ok().map(|runtime| runtime.id())
}

/// Spawns a task in a runtime. Returns `None` if the runtime is shut down.
pub(crate) fn spawn(
    runtime: &Handle,
    task: impl Future<Output = ()> + Send + 'static,
) -> Option<AbortHandle> {
    let task = runtime.spawn(task);
    let abort = task.abort_handle();
    let shut_down = task.now_or_never().is_some_and(|end| end.is_err_and(|error| error.is_cancelled()));
    (!shut_down).then_some(abort)
}

/// Runs work on the runtime's blocking pool. A panic becomes an error.
pub(crate) async fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(match error.try_into_panic() {
            Ok(panic) => InfraiError::panicked(panic.as_ref()),
            Err(error) => InfraiError::internal(error.to_string()),
        }),
    }
}

/// Fills `bytes` with randomness from the operating system. A generator in this process's memory would give two forked
/// children the same bytes.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| {
        InfraiError::internal(format!("the operating system returned no random bytes: {error}"))
    })
}

/// Returns a seed for a generator of jitter.
pub(crate) fn random_seed() -> Result<u64> {
    let mut seed = [0; 8];
    fill_random(&mut seed)?;
    Ok(u64::from_ne_bytes(seed))
}
