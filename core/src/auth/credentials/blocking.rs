//! Blocking work on credentials, run on Tokio's blocking pool in the caller's context and within its deadline.

use crate::{
    context::{self, CallContext},
    error::{ErrorKind, InfraiError, Result},
    runtime::{self, Instant},
};

/// Runs work that reads or writes credentials on the blocking pool, because their file system may not respond.
pub(crate) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (context, span) = (CallContext::current(), tracing::Span::current());
    let logs = tracing::dispatcher::get_default(Clone::clone);
    let work = move || {
        tracing::dispatcher::with_default(&logs, || span.in_scope(|| context::sync_scoped(context, work)))
    };
    runtime::spawn_blocking(work).await
}

/// Awaits work on credentials until the deadline.
pub(crate) async fn with_deadline<T>(deadline: Instant, work: impl Future<Output = Result<T>>) -> Result<T> {
    runtime::until(deadline, work).await.unwrap_or_else(|| {
        Err(InfraiError::new(
            ErrorKind::Timeout,
            "DEADLINE_EXCEEDED",
            "the credentials could not be read or written before the call's deadline",
        )
        .with_hint("Check the file system or the store that holds the credentials."))
    })
}
