//! Runtime seam: deadlines, the caller's Tokio runtime and randomness.

use std::{future::Future, pin::Pin, time::Duration};

use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
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
pub(crate) async fn until<T>(deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
    timeout_at(deadline, work).await.ok()
}

/// Returns the caller's Tokio runtime.
pub(crate) fn current() -> Result<Handle> {
    Handle::try_current().map_err(|_| {
        InfraiError::configuration("CONFIGURATION_INVALID", "this call was awaited outside a Tokio runtime")
            .with_hint("Await it inside a Tokio runtime with time and I/O enabled, such as #[tokio::main].")
    })
}

/// Fills `bytes` with randomness from the operating system. A generator in this process's memory would give two forked
/// children the same bytes.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| {
        InfraiError::internal(format!("the operating system returned no random bytes: {error}"))
    })
}
