//! Dispatch of calls: a core future blocks its caller, or completes a future of an event loop.

use std::sync::Arc;

use infrai::CallContext;
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::{
    blocking,
    callbacks::{CallbackEvent, CallbackQueue, UpdateSender},
    errors,
    event_loop::EventLoopHandle,
    logging,
    runtime::{CallFuture, runtimes},
};

/// The event loop of an awaited call; `None` for a blocking one.
pub(crate) type LoopArg<'a, 'py> = Option<&'a Bound<'py, EventLoopHandle>>;

/// Makes a call. Returns its value, or its id on the event loop.
///
/// Updates go to the `on_update` of a blocking call, or to the event loop unless `on_update` is `None`. `signal` lets the call
/// end by itself when it is cancelled.
pub(crate) fn dispatch(
    py: Python<'_>,
    has_callbacks: bool,
    event_loop: LoopArg<'_, '_>,
    on_update: Option<Py<PyAny>>,
    signal: Option<oneshot::Sender<()>>,
    make: impl FnOnce(Option<UpdateSender>) -> CallFuture,
) -> PyResult<Py<PyAny>> {
    let needs_queue = needs_queue(py, has_callbacks);
    let Some(event_loop) = event_loop else {
        let queue = (needs_queue || on_update.is_some()).then(CallbackQueue::of_thread);
        let updates = queue.clone().zip(on_update.map(Arc::new)).map(|(queue, callback)| -> UpdateSender {
            Box::new(move |update| queue.push(CallbackEvent::Update(Arc::clone(&callback), update)))
        });
        return blocking::run(py, None, queue.as_ref(), signal, in_context(queue.clone(), make(updates)));
    };
    let state = Arc::clone(event_loop.get().state());
    let id = state.next_call_id();
    let updates =
        on_update.map(|_| -> UpdateSender { Box::new(move |update| state.push_update(id, update)) });
    let queue = needs_queue.then(|| CallbackQueue::of_current_context(py)).transpose()?;
    spawn(py, queue, event_loop, id, signal, make(updates))
}

/// Opens a stream or makes one read of it, with the queue of the stream's callbacks. `signal` lets the read end by itself
/// when it is cancelled.
pub(crate) fn dispatch_stream(
    py: Python<'_>,
    queue: Option<Arc<CallbackQueue>>,
    event_loop: LoopArg<'_, '_>,
    signal: Option<oneshot::Sender<()>>,
    future: CallFuture,
) -> PyResult<Py<PyAny>> {
    if let Some(event_loop) = event_loop {
        return spawn(py, queue, event_loop, event_loop.get().state().next_call_id(), signal, future);
    }
    let worker = runtimes(py)?.worker().map_err(|error| errors::to_pyerr(py, error))?;
    blocking::run(py, Some(worker), queue.as_ref(), signal, in_context(queue.clone(), future))
}

/// Returns the queue of a stream that is made now, if it may have callbacks.
pub(crate) fn stream_queue(py: Python<'_>, has_callbacks: bool) -> PyResult<Option<Arc<CallbackQueue>>> {
    needs_queue(py, has_callbacks).then(|| CallbackQueue::of_current_context(py)).transpose()
}

fn needs_queue(py: Python<'_>, has_callbacks: bool) -> bool {
    logging::refresh_level(py);
    has_callbacks || logging::is_enabled()
}

/// Returns the same call with its callbacks in this queue.
fn in_context(queue: Option<Arc<CallbackQueue>>, future: CallFuture) -> CallFuture {
    match queue {
        Some(queue) => Box::pin(CallContext::new(queue).scope(future)),
        None => future,
    }
}

fn spawn(
    py: Python<'_>,
    queue: Option<Arc<CallbackQueue>>,
    event_loop: &Bound<'_, EventLoopHandle>,
    id: u64,
    signal: Option<oneshot::Sender<()>>,
    future: CallFuture,
) -> PyResult<Py<PyAny>> {
    let worker = runtimes(py)?.worker().map_err(|error| errors::to_pyerr(py, error))?;
    let event_loop = event_loop.get();
    if let Some(queue) = &queue {
        queue.attach_loop(event_loop.wake());
    }
    event_loop.state().spawn(worker, id, signal, in_context(queue, future));
    Ok(id.into_pyobject(py)?.into_any().unbind())
}
