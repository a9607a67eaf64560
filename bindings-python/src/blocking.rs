//! Blocking calls: the caller's own thread runs the call, in slices that let Python's signal handlers run.

use std::{pin::Pin, sync::Arc, time::Duration};

use infrai::{ErrorKind, InfraiError};
use pyo3::prelude::*;
use tokio::{
    runtime::{Handle, Runtime},
    sync::oneshot,
    task::yield_now,
};

use crate::{
    callbacks::CallbackQueue,
    engine::{self, Engine},
    errors,
    owned::Owned,
};

/// How long a caller stays in the runtime before it looks for signals.
const SLICE: Duration = Duration::from_millis(50);

/// Where a blocking call runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the caller's thread alone: nothing moves between calls.
    Foreground,
    /// On the caller's thread, what it spawned on the thread that goes on between calls.
    Background,
}

enum Runner<'e> {
    Lent(&'e Runtime),
    Own(&'e Handle),
}

enum Step<T> {
    Done(T),
    Look,
}

/// Runs a future to its end on this thread and gives its value.
///
/// Signal handlers run at least every 50 ms, the call's callbacks as they are due. What a handler or an update's callback
/// raises ends the call: its future is dropped, and the request with it. A call that has something to do then gets the time
/// for it once `abort` has been sent.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    place: Place,
    queue: Option<&Arc<CallbackQueue>>,
    mut abort: Option<oneshot::Sender<()>>,
    future: impl Future<Output = Result<T, InfraiError>> + Send,
) -> PyResult<T> {
    let engine = engine::engine(py)?;
    let runner = match place {
        Place::Foreground => Runner::Lent(engine.foreground()),
        Place::Background => Runner::Own(engine.background().map_err(|error| errors::raise(py, &error))?),
    };
    // Dropped after the future, whose end gives a poll that it shares to another wait.
    let reader = queue.map(CallbackQueue::register_reader);
    let mut future = Owned::new(Box::pin(async move {
        if place == Place::Foreground {
            // Between calls nobody noticed which connections the server has closed. After a turn of the runtime they are told,
            // and one that is closed gives a request that was meant for it back unsent.
            yield_now().await;
        }
        future.await
    }));
    let mut given_up = None;
    let outcome = loop {
        let step = py.detach(|| runner.slice(future.as_mut(), queue));
        if let Err(raised) = run_pending(py, engine, queue) {
            // A call that ends itself gets the time to; being told twice ends it at once.
            let abort = abort.take().filter(|_| engine.is_ours());
            if abort.is_none_or(|abort| abort.send(()).is_err()) {
                return Err(given_up.unwrap_or(raised));
            }
            given_up = Some(raised);
        }
        if let Step::Done(outcome) = step {
            break outcome;
        }
    };
    drop(future);
    drop(reader);
    match given_up {
        Some(raised) => Err(raised),
        None => outcome.map_err(|error| errors::raise(py, &error)),
    }
}

impl Runner<'_> {
    /// Stays in the runtime until the future is ready, a callback is due, or the slice is over.
    fn slice<T>(
        &self,
        mut future: Pin<&mut (impl Future<Output = T> + Send)>,
        queue: Option<&Arc<CallbackQueue>>,
    ) -> Step<T> {
        let slice = async {
            tokio::select! {
                biased;
                value = future.as_mut() => Step::Done(value),
                () = callback_due(queue) => Step::Look,
                () = tokio::time::sleep(SLICE) => Step::Look,
            }
        };
        match self {
            Self::Lent(runtime) => runtime.block_on(slice),
            Self::Own(handle) => handle.block_on(slice),
        }
    }
}

async fn callback_due(queue: Option<&Arc<CallbackQueue>>) {
    match queue {
        Some(queue) => queue.wait().await,
        None => std::future::pending().await,
    }
}

/// Runs what is due between slices, on the caller's thread, attached.
fn run_pending(py: Python<'_>, engine: &Engine, queue: Option<&Arc<CallbackQueue>>) -> PyResult<()> {
    if let Some(queue) = queue {
        while engine.is_ours()
            && let Some(event) = queue.pop()
        {
            queue.run(py, event, None)?;
        }
    }
    engine.journal.deliver(py)?;
    py.check_signals()?;
    if engine.is_ours() { Ok(()) } else { Err(errors::raise(py, &forked())) }
}

/// The error of a call that a child of `fork()` finds itself in.
pub(crate) fn forked() -> InfraiError {
    InfraiError::new(
        ErrorKind::Aborted,
        "ABORTED",
        "the process forked while this call was under way; the call goes on in the parent alone",
    )
    .with_hint("Make the call anew in the child.")
}
