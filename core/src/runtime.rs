//! Runtime seam: deadlines, the caller's Tokio runtime, and randomness.

use std::{future::Future, pin::Pin, time::Duration};

use tokio::{
    runtime::Handle,
    time::{Instant, timeout_at},
};

use crate::error::{InfraiError, Result};

/// A future on the heap, which every caller awaits by the same type.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Returns the moment `timeout` after `now`. A moment that no clock can name is one that never comes.
pub(crate) fn deadline(now: Instant, timeout: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    now.checked_add(timeout).unwrap_or_else(|| now + NEVER)
}

/// Awaits `work` until the deadline. `None` once it has passed.
pub(crate) async fn until<T>(deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
    timeout_at(deadline, work).await.ok()
}

/// Returns the Tokio runtime that the caller is in.
pub(crate) fn current() -> Result<Handle> {
    Handle::try_current().map_err(|_| {
        InfraiError::configuration("CONFIGURATION_INVALID", "this call was awaited outside a Tokio runtime")
            .with_hint("Await it inside a Tokio runtime with time and I/O enabled, such as #[tokio::main].")
    })
}

/// Fills `bytes` with randomness of the operating system: a generator in this process's memory would give two
/// children of one fork the same.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes)
        .map_err(|error| InfraiError::internal(format!("the operating system gives no randomness: {error}")))
}
