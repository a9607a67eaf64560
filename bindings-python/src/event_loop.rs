//! Bridge from the worker thread to an asyncio event loop: outcomes queue up, and a byte in a socket that the loop watches
//! wakes it. The worker thread never touches a Python object.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};
#[cfg(unix)]
use std::{
    io::{Read as _, Write as _},
    os::{fd::AsRawFd as _, unix::net::UnixStream},
};

use infrai::InfraiError;
use infrai_bindings::{CallHandle, catch_async_panic};
use pyo3::{prelude::*, types::PyList};
use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    callbacks::{CallbackQueue, Update, Wake},
    errors::{self, catch_panic},
    fork::ProcessLocal,
    logging, py_util,
    runtime::{self, CallFuture, ToPython},
};

/// An event for the loop.
enum LoopEvent {
    Completed(Result<ToPython, InfraiError>),
    Update(Update),
    /// A call has callbacks to run.
    Callbacks(Arc<CallbackQueue>),
}

// The kinds of events in `infrai._loop`.
const RESULT: u8 = 0;
const ERROR: u8 = 1;
const UPDATE: u8 = 2;
const RAISE: u8 = 3;

/// State that the event loop's thread and the worker thread share.
pub(crate) struct LoopState {
    /// `None` once the loop has closed.
    events: Mutex<Option<Vec<(u64, LoopEvent)>>>,
    calls: Mutex<HashMap<u64, CallHandle>>,
    last_call_id: AtomicU64,
    waker: LoopWaker,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LoopState {
    /// Queues an event. Returns whether it is the first one, which wakes the loop, or `None` once the loop has closed.
    fn push(&self, id: u64, event: LoopEvent) -> Option<bool> {
        let mut events = lock(&self.events);
        let events = events.as_mut()?;
        events.push((id, event));
        Some(events.len() == 1)
    }

    fn push_and_wake(&self, id: u64, event: LoopEvent) {
        if self.push(id, event) == Some(true) {
            self.waker.wake();
        }
    }

    /// Queues an update of a call.
    pub(crate) fn push_update(&self, id: u64, update: Update) {
        self.push_and_wake(id, LoopEvent::Update(update));
    }

    pub(crate) fn next_call_id(&self) -> u64 {
        self.last_call_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Starts a call on the worker. `signal` lets it end by itself when it is cancelled.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        worker: &Handle,
        id: u64,
        signal: Option<oneshot::Sender<()>>,
        future: CallFuture,
    ) {
        let state = Arc::clone(self);
        let task = worker.spawn(async move {
            let outcome = catch_async_panic(future).await;
            state.push_and_wake(id, LoopEvent::Completed(outcome));
        });
        // Only this thread removes the handle, when it takes the outcome, and so not before it is inserted.
        lock(&self.calls).insert(id, CallHandle::task(task.abort_handle()).with_signal(signal));
    }
}

impl Wake for LoopState {
    fn wake(self: Arc<Self>, queue: Arc<CallbackQueue>, locked: bool) -> bool {
        let first = self.push(0, LoopEvent::Callbacks(queue));
        if first == Some(true) {
            match runtime::worker() {
                Some(worker) if locked && self.waker.attaches() => {
                    worker.spawn_blocking(move || self.waker.wake());
                }
                _ => self.waker.wake(),
            }
        }
        first.is_some()
    }
}

/// Wakes an event loop: through a socket that the loop watches, or, where loops cannot watch one, by calling Python.
enum LoopWaker {
    #[cfg(unix)]
    Socket {
        worker_end: UnixStream,
        loop_end: UnixStream,
    },
    Call(Py<PyAny>),
}

impl LoopWaker {
    /// Returns a waker that calls `call`, or one with a socket.
    fn new(py: Python<'_>, call: Option<Py<PyAny>>) -> PyResult<Self> {
        if let Some(call) = call {
            return Ok(Self::Call(call));
        }
        #[cfg(not(unix))]
        {
            let _ = py;
            Err(pyo3::exceptions::PyNotImplementedError::new_err("no socket pairs on this system"))
        }
        #[cfg(unix)]
        {
            let socket = || {
                let (worker_end, loop_end) = UnixStream::pair()?;
                worker_end.set_nonblocking(true)?;
                loop_end.set_nonblocking(true)?;
                Ok(Self::Socket { worker_end, loop_end })
            };
            socket().map_err(|error: std::io::Error| errors::to_pyerr(py, InfraiError::resource_limit(error)))
        }
    }

    /// Wakes the loop. A full socket wakes it already.
    fn wake(&self) {
        match self {
            #[cfg(unix)]
            Self::Socket { worker_end, .. } => {
                let mut worker_end = worker_end;
                let _ = worker_end.write(&[1]);
            }
            Self::Call(call) => {
                Python::try_attach(|py| {
                    // The loop may have closed.
                    let _ = py_util::call(call.bind(py), ());
                });
            }
        }
    }

    /// Returns whether waking the loop waits for Python.
    fn attaches(&self) -> bool {
        matches!(self, Self::Call(_))
    }

    /// Reads the bytes that woke the loop.
    fn drain(&self) {
        match self {
            #[cfg(unix)]
            Self::Socket { loop_end, .. } => {
                let mut loop_end = loop_end;
                let mut bytes = [0; 64];
                while matches!(loop_end.read(&mut bytes), Ok(read) if read == bytes.len()) {}
            }
            Self::Call(_) => {}
        }
    }
}

/// An event loop's end of the bridge. Dropping it cancels its calls and moves their queued callbacks to a thread.
#[pyclass(frozen, module = "infrai._native")]
pub(crate) struct EventLoopHandle(ProcessLocal<CloseOnDrop>);

struct CloseOnDrop(Arc<LoopState>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        let calls: Vec<_> = lock(&self.0.calls).drain().collect();
        for (_, call) in calls {
            call.cancel();
        }
        let events = lock(&self.0.events).take();
        let closed: *const LoopState = Arc::as_ptr(&self.0);
        for (_, event) in events.into_iter().flatten() {
            if let LoopEvent::Callbacks(queue) = event {
                queue.loop_closed(closed);
            }
        }
    }
}

impl EventLoopHandle {
    pub(crate) fn state(&self) -> &Arc<LoopState> {
        &self.0.0
    }

    /// Returns the loop as a runner of callbacks.
    pub(crate) fn wake(&self) -> Weak<dyn Wake> {
        Arc::downgrade(self.state()) as Weak<LoopState>
    }
}

#[pymethods]
impl EventLoopHandle {
    /// Returns a handle whose loop is woken through a file descriptor, or by calling `wake`.
    #[new]
    #[pyo3(signature = (wake=None))]
    fn new(py: Python<'_>, wake: Option<Py<PyAny>>) -> PyResult<Self> {
        catch_panic(py, || {
            let state = LoopState {
                events: Mutex::new(Some(Vec::new())),
                calls: Mutex::default(),
                last_call_id: AtomicU64::new(0),
                waker: LoopWaker::new(py, wake)?,
            };
            Ok(Self(ProcessLocal::new(CloseOnDrop(Arc::new(state)))))
        })
    }

    /// Returns the file descriptor to watch for reading, or -1.
    fn fileno(&self) -> i64 {
        match &self.state().waker {
            #[cfg(unix)]
            LoopWaker::Socket { loop_end, .. } => loop_end.as_raw_fd().into(),
            LoopWaker::Call(_) => -1,
        }
    }

    fn is_current_process(&self) -> bool {
        self.0.is_current_process()
    }

    /// Cancels a call: its request and its polling stop.
    fn cancel(&self, py: Python<'_>, id: u64) -> PyResult<()> {
        catch_panic(py, || {
            if self.is_current_process() {
                let call = lock(&self.state().calls).remove(&id);
                call.inspect(CallHandle::cancel);
            }
            Ok(())
        })
    }

    /// Signals a call to end by itself. Returns false if it cannot.
    fn signal(&self, py: Python<'_>, id: u64) -> PyResult<bool> {
        catch_panic(py, || {
            Ok(self.is_current_process()
                && lock(&self.state().calls).get(&id).is_some_and(CallHandle::signal))
        })
    }

    /// Returns the events since the last time, as a list of (call id, kind, value). Runs the queued callbacks;
    /// `request_key` calls a key function and gets the responder for its key.
    fn drain<'py>(&self, py: Python<'py>, request_key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        catch_panic(py, || {
            let list = PyList::empty(py);
            if !self.is_current_process() {
                return Ok(list);
            }
            let state = self.state();
            state.waker.drain();
            let events = lock(&state.events).as_mut().map(std::mem::take).unwrap_or_default();
            for (id, event) in events {
                match event {
                    LoopEvent::Completed(outcome) => {
                        lock(&state.calls).remove(&id);
                        let value = outcome.map_err(|error| errors::to_pyerr(py, error));
                        // A value that cannot be converted is an error of the call.
                        match value.and_then(|to_python| to_python(py)) {
                            Ok(value) => list.append((id, RESULT, value))?,
                            Err(error) => list.append((id, ERROR, error.into_value(py)))?,
                        }
                    }
                    LoopEvent::Update(update) => list.append((id, UPDATE, update.into_python(py)?))?,
                    LoopEvent::Callbacks(queue) => {
                        queue.begin();
                        while self.is_current_process()
                            && let Some(event) = queue.pop()
                        {
                            push_raise(py, &list, queue.run(py, event, Some(request_key)))?;
                        }
                    }
                }
            }
            push_raise(py, &list, logging::flush(py))?;
            Ok(list)
        })
    }
}

/// Adds an exception that the loop raises once it has handed out everything else.
fn push_raise(py: Python<'_>, list: &Bound<'_, PyList>, result: PyResult<()>) -> PyResult<()> {
    result.or_else(|error| list.append((0, RAISE, error.into_value(py))))
}
