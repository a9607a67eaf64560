//! Blocking calls: the caller's thread runs the call and leaves the runtime at intervals for Python's signal handlers.

use std::{pin::Pin, sync::Arc, time::Duration};

use infrai::{ErrorKind, InfraiError};
use pyo3::prelude::*;
use tokio::{runtime::Handle, sync::oneshot, task::yield_now};

use crate::{
    callbacks::CallbackQueue,
    errors,
    fork::ProcessLocal,
    logging,
    runtime::{CallFuture, Runtimes, ToPython, runtimes},
};

/// Longest time in the runtime between two checks for signals.
const SIGNAL_CHECK_INTERVAL: Duration = Duration::from_millis(50);

enum Step {
    Ready(Result<ToPython, InfraiError>),
    Interrupted,
}

/// Runs a call to its end on this thread and returns its value. With a `worker`, tasks of the call go on after it.
///
/// Signal handlers run at least every 50 ms, and the call's callbacks as they arrive. An exception of a handler or of an
/// update's callback ends the call: its future is dropped, and the request with it. With a `signal`, the first exception
/// sends it and lets the call end by itself; a second one drops the future.
pub(crate) fn run(
    py: Python<'_>,
    worker: Option<&Handle>,
    queue: Option<&Arc<CallbackQueue>>,
    mut signal: Option<oneshot::Sender<()>>,
    future: CallFuture,
) -> PyResult<Py<PyAny>> {
    let runtimes = runtimes(py)?;
    // Dropped after the future, whose end moves a poll that it shares to another wait.
    let reader = queue.map(CallbackQueue::register_reader);
    let mut future = ProcessLocal::new(Box::pin(async move {
        if worker.is_none() {
            // The runtime stood still since the last call. After this turn it has noticed the connections that the server
            // has closed meanwhile, and the request is sent on another one.
            yield_now().await;
        }
        future.await
    }));
    let mut pending_error = None;
    let outcome = loop {
        let step = py.detach(|| block_for_interval(runtimes, worker, future.as_mut(), queue));
        if let Err(exception) = run_pending(py, runtimes, queue) {
            let signal = signal.take().filter(|_| runtimes.is_current_process());
            if signal.is_none_or(|signal| signal.send(()).is_err()) {
                return Err(pending_error.unwrap_or(exception));
            }
            pending_error = Some(exception);
        }
        if let Step::Ready(outcome) = step {
            break outcome;
        }
    };
    drop(future);
    drop(reader);
    match pending_error {
        Some(exception) => Err(exception),
        None => outcome.map_err(|error| errors::to_pyerr(py, error))?(py),
    }
}

/// Stays in the runtime until the future is ready, a callback arrives, or the interval has passed.
fn block_for_interval(
    runtimes: &Runtimes,
    worker: Option<&Handle>,
    mut future: Pin<&mut (impl Future<Output = Result<ToPython, InfraiError>> + Send)>,
    queue: Option<&Arc<CallbackQueue>>,
) -> Step {
    let interval = async {
        tokio::select! {
            biased;
            outcome = future.as_mut() => Step::Ready(outcome),
            () = async { if let Some(queue) = queue { queue.notified().await } }, if queue.is_some() => Step::Interrupted,
            () = tokio::time::sleep(SIGNAL_CHECK_INTERVAL) => Step::Interrupted,
        }
    };
    match worker {
        Some(worker) => worker.block_on(interval),
        None => runtimes.current_thread().block_on(interval),
    }
}

/// Runs callbacks, log records and signal handlers on the caller's thread, attached.
fn run_pending(
    py: Python<'_>,
    runtimes: &ProcessLocal<Runtimes>,
    queue: Option<&Arc<CallbackQueue>>,
) -> PyResult<()> {
    if let Some(queue) = queue {
        while runtimes.is_current_process()
            && let Some(event) = queue.pop()
        {
            queue.run(py, event, None)?;
        }
    }
    logging::flush(py)?;
    py.check_signals()?;
    if runtimes.is_current_process() { Ok(()) } else { Err(fork_error(py)) }
}

/// Returns the error of a parent's call in a forked child.
pub(crate) fn fork_error(py: Python<'_>) -> PyErr {
    let error = InfraiError::new(
        ErrorKind::Aborted,
        "ABORTED",
        "the process forked while this call was in flight; the call continues in the parent only",
    );
    errors::to_pyerr(py, error.with_hint("Make a new call in the child."))
}
