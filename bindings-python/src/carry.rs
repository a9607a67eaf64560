//! Makes a call, blocking or awaited: the one place that knows the difference.

use std::sync::Arc;

use infrai::{CallContext, InfraiClient};
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::{
    answer::Work,
    blocking::{self, Place},
    callbacks::CallbackQueue,
    channel::Channel,
    engine, errors, logging,
    video::UpdateSender,
};

/// A call's target.
pub(crate) struct Target {
    pub(crate) client: InfraiClient,
    /// Whether the client has hooks or a key function.
    pub(crate) has_callbacks: bool,
}

/// Makes a call: awaited through the channel, whose number for it is returned, or else here and now.
pub(crate) fn carry(
    py: Python<'_>,
    has_callbacks: bool,
    channel: Option<&Bound<'_, Channel>>,
    place: Place,
    work: Work,
) -> PyResult<Py<PyAny>> {
    let queue = if !needs_queue(py, has_callbacks)? {
        None
    } else if channel.is_some() {
        Some(CallbackQueue::of_current_context(py)?)
    } else {
        Some(CallbackQueue::of_thread())
    };
    carry_with(py, queue, channel, place, work)
}

/// Makes a call, or one read of a stream, whose callbacks have this queue.
pub(crate) fn carry_with(
    py: Python<'_>,
    queue: Option<Arc<CallbackQueue>>,
    channel: Option<&Bound<'_, Channel>>,
    place: Place,
    work: Work,
) -> PyResult<Py<PyAny>> {
    match channel {
        Some(channel) => {
            let number = channel.get().shared().number();
            begin(py, queue, channel, number, work)
        }
        None => {
            blocking::run(py, place, queue.as_ref(), None, in_context(queue.clone(), work))?.into_python(py)
        }
    }
}

/// Returns the queue of a stream that is made now, if it may have callbacks.
pub(crate) fn stream_queue(py: Python<'_>, has_callbacks: bool) -> PyResult<Option<Arc<CallbackQueue>>> {
    needs_queue(py, has_callbacks)?.then(|| CallbackQueue::of_current_context(py)).transpose()
}

fn needs_queue(py: Python<'_>, has_callbacks: bool) -> PyResult<bool> {
    engine::engine(py)?.journal.look_at_level(py);
    Ok(has_callbacks || logging::is_enabled())
}

/// The same call, with its callbacks in this queue.
fn in_context(queue: Option<Arc<CallbackQueue>>, work: Work) -> Work {
    match queue {
        Some(queue) => Box::pin(CallContext::new(queue).scope(work)),
        None => work,
    }
}

fn begin(
    py: Python<'_>,
    queue: Option<Arc<CallbackQueue>>,
    channel: &Bound<'_, Channel>,
    number: u64,
    work: Work,
) -> PyResult<Py<PyAny>> {
    let engine = engine::engine(py)?;
    let shared = channel.get().shared();
    if let Some(queue) = &queue {
        queue.attach_loop(shared);
    }
    shared.begin(engine, number, in_context(queue, work)).map_err(|error| errors::raise(py, &error))?;
    Ok(number.into_pyobject(py)?.into_any().unbind())
}

/// Makes a call that reports updates: to the callable, or, where a channel is given, through it.
pub(crate) fn carry_telling(
    py: Python<'_>,
    target: Target,
    channel: Option<&Bound<'_, Channel>>,
    callback: Option<Py<PyAny>>,
    abort: Option<oneshot::Sender<()>>,
    make: impl FnOnce(InfraiClient, Option<UpdateSender>) -> PyResult<Work>,
) -> PyResult<Py<PyAny>> {
    let needs_queue = needs_queue(py, target.has_callbacks)?;
    let Some(channel) = channel else {
        let queue = (needs_queue || callback.is_some()).then(CallbackQueue::of_thread);
        let updates = queue
            .clone()
            .zip(callback)
            .map(|(queue, callback)| UpdateSender::Thread(queue, Arc::new(callback)));
        let work = in_context(queue.clone(), make(target.client, updates)?);
        return blocking::run(py, Place::Foreground, queue.as_ref(), abort, work)?.into_python(py);
    };
    let shared = channel.get().shared();
    let number = shared.number();
    let updates = callback.map(|_| UpdateSender::EventLoop(Arc::clone(shared), number));
    if let Some(abort) = abort {
        shared.note_abort(number, abort);
    }
    let work = make(target.client, updates)?;
    let queue = needs_queue.then(|| CallbackQueue::of_current_context(py)).transpose()?;
    begin(py, queue, channel, number, work)
}
