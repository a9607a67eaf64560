//! Dispatch of calls: a core future blocks its caller, or completes a future of an event loop.

use std::sync::Arc;

use infrai::{CallContext, InfraiClient};
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::{
    blocking::{self, RuntimeKind},
    callbacks::{CallbackEvent, CallbackQueue, UpdateSender},
    errors,
    event_loop::EventLoopHandle,
    logging,
    runtime::{CallFuture, runtimes},
};

/// The event loop of an awaited call; `None` for a blocking one.
pub(crate) type LoopArg<'a, 'py> = Option<&'a Bound<'py, EventLoopHandle>>;

/// The client of a call.
pub(crate) struct CallTarget {
    pub(crate) client: InfraiClient,
    /// Whether the client has hooks or a key function.
    pub(crate) has_callbacks: bool,
}

/// Makes a call. Returns its value, or its id on the event loop.
pub(crate) fn dispatch(
    py: Python<'_>,
    has_callbacks: bool,
    event_loop: LoopArg<'_, '_>,
    future: CallFuture,
) -> PyResult<Py<PyAny>> {
    let queue = if !needs_queue(py, has_callbacks) {
        None
    } else if event_loop.is_some() {
        Some(CallbackQueue::of_current_context(py)?)
    } else {
        Some(CallbackQueue::of_thread())
    };
    dispatch_with(py, queue, event_loop, RuntimeKind::CurrentThread, future)
}

/// Makes a call, or one read of a stream, with this queue of its callbacks.
pub(crate) fn dispatch_with(
    py: Python<'_>,
    queue: Option<Arc<CallbackQueue>>,
    event_loop: LoopArg<'_, '_>,
    kind: RuntimeKind,
    future: CallFuture,
) -> PyResult<Py<PyAny>> {
    match event_loop {
        Some(event_loop) => {
            spawn(py, queue, event_loop, event_loop.get().state().next_call_id(), None, future)
        }
        None => blocking::run(py, kind, queue.as_ref(), None, in_context(queue.clone(), future)),
    }
}

/// Makes a call with updates: for the callback of a blocking call, or for the event loop if `callback` is not `None`.
/// `signal` lets the call end by itself when it is cancelled.
pub(crate) fn dispatch_with_updates(
    py: Python<'_>,
    target: CallTarget,
    event_loop: LoopArg<'_, '_>,
    callback: Option<Py<PyAny>>,
    signal: Option<oneshot::Sender<()>>,
    make: impl FnOnce(InfraiClient, Option<UpdateSender>) -> CallFuture,
) -> PyResult<Py<PyAny>> {
    let needs_queue = needs_queue(py, target.has_callbacks);
    let Some(event_loop) = event_loop else {
        let queue = (needs_queue || callback.is_some()).then(CallbackQueue::of_thread);
        let updates = queue.clone().zip(callback.map(Arc::new)).map(|(queue, callback)| -> UpdateSender {
            Box::new(move |update| queue.push(CallbackEvent::Update(Arc::clone(&callback), update)))
        });
        let future = in_context(queue.clone(), make(target.client, updates));
        return blocking::run(py, RuntimeKind::CurrentThread, queue.as_ref(), signal, future);
    };
    let state = Arc::clone(event_loop.get().state());
    let id = state.next_call_id();
    let updates = callback.map(|_| -> UpdateSender { Box::new(move |update| state.push_update(id, update)) });
    let future = make(target.client, updates);
    let queue = needs_queue.then(|| CallbackQueue::of_current_context(py)).transpose()?;
    spawn(py, queue, event_loop, id, signal, future)
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
