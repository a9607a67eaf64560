//! The callbacks of a call: queued by the core on any thread, run by Python in the context of the call that they belong to.
//!
//! A blocking call runs them on its own thread, an awaited one on its event loop, in the `contextvars.Context` in which it
//! was made. Between two reads of a blocking stream a thread of the runtime runs them, in the stream's context.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use infrai::{
    ApiKey, CallContext, InfraiError, RequestEvent, ResponseEvent, VideoJob, video::DownloadProgress,
};
use pyo3::{
    PyTraverseError, PyVisit,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyTuple},
};
use tokio::sync::{Notify, oneshot};

use crate::{channel, convert, engine, errors, keys, logging, process, python};

/// The number of queued events from which on log records are dropped.
const CAPACITY: usize = 10_000;

/// A Python callable that threads which are not attached may hold.
pub(crate) type Callback = Arc<Py<PyAny>>;

/// One callback to run.
pub(crate) enum CallbackEvent {
    /// For `on_update` or `on_progress` of a blocking call.
    Update(Callback, Update),
    /// For the `on_request` hook.
    Request { hook: Callback, method: String, path: String, attempt: u32 },
    /// For the `on_response` hook.
    Response {
        hook: Callback,
        method: String,
        path: String,
        attempt: u32,
        status: Option<u16>,
        latency: Duration,
        request_id: Option<String>,
    },
    /// For the key function.
    Key(KeyRequest),
    /// For the logger.
    Log(logging::Entry),
}

/// The progress of a wait or of a download.
pub(crate) enum Update {
    Job(Box<VideoJob>),
    Progress(DownloadProgress),
}

impl Update {
    pub(crate) fn into_python(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self {
            Self::Job(job) => convert::job(py, &job),
            Self::Progress(progress) => convert::progress(py, progress),
        }
    }
}

/// A key function to call, and the channel for its key.
pub(crate) struct KeyRequest {
    pub(crate) function: Callback,
    pub(crate) answer: oneshot::Sender<Result<ApiKey, InfraiError>>,
}

impl CallbackEvent {
    pub(crate) fn request(hook: &Callback, event: &RequestEvent<'_>) -> Self {
        Self::Request {
            hook: Arc::clone(hook),
            method: event.method.to_owned(),
            path: event.path.to_owned(),
            attempt: event.attempt,
        }
    }

    pub(crate) fn response(hook: &Callback, event: &ResponseEvent<'_>) -> Self {
        Self::Response {
            hook: Arc::clone(hook),
            method: event.method.to_owned(),
            path: event.path.to_owned(),
            attempt: event.attempt,
            status: event.status,
            latency: event.latency,
            request_id: event.request_id.map(str::to_owned),
        }
    }
}

#[derive(Default)]
struct State {
    events: VecDeque<CallbackEvent>,
    /// Blocking calls that run what arrives.
    readers: usize,
    /// The event loop that runs what arrives.
    event_loop: Weak<channel::Shared>,
    /// Whether the event loop, or a thread, has been asked to run what is queued and has not begun.
    scheduled: bool,
}

/// The queue of one call's or one stream's callbacks.
#[derive(Default)]
pub(crate) struct CallbackQueue {
    state: Mutex<State>,
    pushed: Notify,
    /// The call's `contextvars.Context`. None for a blocking call, whose thread is in it. Locked only while attached, as
    /// the garbage collector reads it too.
    context: Mutex<Option<Py<PyAny>>>,
    has_context: bool,
    /// Whether a callback runs in the context: a second one cannot enter it.
    entered: AtomicBool,
}

/// The runner of the next events of a queue.
enum Runner {
    /// One that knows already.
    Scheduled,
    Reader,
    EventLoop(Arc<channel::Shared>),
    Thread,
    /// The call has ended.
    None,
}

/// A blocking call that runs what arrives, for as long as this lives.
pub(crate) struct ReaderGuard<'a> {
    queue: &'a Arc<CallbackQueue>,
    process: u32,
}

impl Drop for ReaderGuard<'_> {
    fn drop(&mut self) {
        // In a child of `fork()` a thread of the parent may hold the lock for ever.
        if self.process == process::number() {
            self.queue.lock().readers -= 1;
            self.queue.schedule(false);
        }
    }
}

impl CallbackQueue {
    /// Returns the queue of a blocking call, for its thread to run.
    pub(crate) fn of_thread() -> Arc<Self> {
        Arc::default()
    }

    /// Returns the queue of a call or stream that is made in the current context.
    pub(crate) fn of_current_context(py: Python<'_>) -> PyResult<Arc<Self>> {
        static COPY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let copy =
            python::once(&COPY, py, || python::member(py, "contextvars", "copy_context").map(Bound::unbind))?;
        let context = python::call(copy.bind(py), ())?.unbind();
        Ok(Arc::new(Self { context: Mutex::new(Some(context)), has_context: true, ..Self::default() }))
    }

    /// Returns the queue of the call that the core is working for.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CallContext::current()?.downcast_ref::<Arc<Self>>().cloned()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an event and has it run. Touches nothing of Python's.
    pub(crate) fn push(self: &Arc<Self>, event: CallbackEvent) {
        let is_log = matches!(event, CallbackEvent::Log(_));
        {
            let mut state = self.lock();
            let full = state.events.len() >= CAPACITY;
            match (state.events.back_mut(), &event) {
                // Of several unread reports only the last one says how far it is.
                (
                    Some(CallbackEvent::Update(_, Update::Progress(last))),
                    CallbackEvent::Update(_, Update::Progress(next)),
                ) => *last = *next,
                _ if is_log && full => return,
                _ => state.events.push_back(event),
            }
        }
        self.schedule(is_log);
    }

    /// Has what is queued run, if anything is. `locked` says that the caller may hold a lock that a thread which runs Python
    /// waits for.
    fn schedule(self: &Arc<Self>, locked: bool) {
        loop {
            let (runner, dropped) = {
                let mut state = self.lock();
                let runner = state.runner(self.has_context);
                let dropped = if matches!(runner, Runner::None) {
                    std::mem::take(&mut state.events)
                } else {
                    VecDeque::new()
                };
                (runner, dropped)
            };
            drop(dropped);
            match runner {
                Runner::Scheduled | Runner::None => {}
                Runner::Reader => self.pushed.notify_waiters(),
                Runner::EventLoop(event_loop) => {
                    if !event_loop.push_callbacks(Arc::clone(self), locked) {
                        self.detach_loop(&event_loop);
                        continue;
                    }
                }
                Runner::Thread => self.run_on_a_thread(),
            }
            return;
        }
    }

    fn run_on_a_thread(self: &Arc<Self>) {
        let Some(Ok(runtime)) = engine::current().map(engine::Engine::background) else { return };
        let queue = Arc::clone(self);
        runtime.spawn_blocking(move || {
            Python::try_attach(|py| {
                queue.begin();
                while let Some(event) = queue.pop() {
                    if let Err(error) = queue.run(py, event, None) {
                        error.write_unraisable(py, None);
                    }
                }
            })
        });
    }

    /// Notes a blocking call that runs what arrives from now on.
    pub(crate) fn register_reader(self: &Arc<Self>) -> ReaderGuard<'_> {
        self.lock().readers += 1;
        ReaderGuard { queue: self, process: process::number() }
    }

    /// Has an event loop run what arrives from now on.
    pub(crate) fn attach_loop(self: &Arc<Self>, event_loop: &Arc<channel::Shared>) {
        let mut state = self.lock();
        if !std::ptr::eq(state.event_loop.as_ptr(), Arc::as_ptr(event_loop)) {
            state.event_loop = Arc::downgrade(event_loop);
            state.scheduled = false;
            drop(state);
            self.schedule(false);
        }
    }

    /// Has nothing more run by an event loop that has ended.
    fn detach_loop(&self, event_loop: &Arc<channel::Shared>) {
        let mut state = self.lock();
        if std::ptr::eq(state.event_loop.as_ptr(), Arc::as_ptr(event_loop)) {
            state.event_loop = Weak::new();
            state.scheduled = false;
        }
    }

    /// An event loop ended with events of this queue still to run.
    pub(crate) fn loop_ended(self: &Arc<Self>, event_loop: &Arc<channel::Shared>) {
        self.detach_loop(event_loop);
        self.schedule(false);
    }

    /// Notes that what is queued is being run.
    pub(crate) fn begin(&self) {
        self.lock().scheduled = false;
    }

    /// Takes the oldest event.
    pub(crate) fn pop(&self) -> Option<CallbackEvent> {
        self.lock().events.pop_front()
    }

    /// Ready as soon as there is an event.
    pub(crate) async fn wait(&self) {
        loop {
            let pushed = self.pushed.notified();
            tokio::pin!(pushed);
            pushed.as_mut().enable();
            if !self.lock().events.is_empty() {
                return;
            }
            pushed.await;
        }
    }

    /// Runs one event, attached, outside every runtime and holding no lock. On an event loop, `ask` calls the key function.
    ///
    /// A hook's `Exception` goes to `sys.unraisablehook`: instrumentation must not end a call that is paid for. Ctrl-C and
    /// other exceptions that are no `Exception` do, and so does any exception of an update's callback.
    pub(crate) fn run(
        &self,
        py: Python<'_>,
        event: CallbackEvent,
        ask: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        match event {
            CallbackEvent::Update(callback, update) => {
                // An update belongs to its call's thread and ends with the call.
                if !self.has_context {
                    python::call(callback.bind(py), (update.into_python(py)?,))?;
                }
                Ok(())
            }
            CallbackEvent::Request { hook, method, path, attempt } => {
                let event = attempt_event(py, &method, &path, attempt);
                self.call_hook(hook.bind(py), event)
            }
            CallbackEvent::Response { hook, method, path, attempt, status, latency, request_id } => {
                let event = attempt_event(py, &method, &path, attempt).and_then(|event| {
                    event.set_item(python::intern!(py, "status"), status)?;
                    event.set_item(python::intern!(py, "latency"), latency.as_secs_f64())?;
                    event.set_item(python::intern!(py, "request_id"), request_id.as_deref())?;
                    Ok(event)
                });
                self.call_hook(hook.bind(py), event)
            }
            // The call has ended, or the poll goes on in another wait's context.
            CallbackEvent::Key(request) if request.answer.is_closed() => Ok(()),
            CallbackEvent::Key(KeyRequest { function, answer }) => {
                let function = function.bind(py).clone();
                if let Some(ask) = ask {
                    let reply = Bound::new(py, keys::KeyReply::new(answer))?.into_any();
                    return self.call(ask, &[function, reply]).map(drop);
                }
                let key =
                    python::member(py, "infrai._keys", "ask").and_then(|ask| self.call(&ask, &[function]));
                // The receiver may be gone by now.
                let _ = answer.send(keys::api_key(key));
                Ok(())
            }
            CallbackEvent::Log(entry) => {
                let emitted = logging::records(py, vec![entry]).and_then(|records| {
                    self.call(&python::member(py, "infrai._log", "emit")?, &[records.into_any()])
                });
                emitted.map(drop).or_else(|error| errors::report(py, error, None))
            }
        }
    }

    fn call_hook(&self, hook: &Bound<'_, PyAny>, event: PyResult<Bound<'_, PyDict>>) -> PyResult<()> {
        let called = event.and_then(|event| self.call(hook, &[event.into_any()]));
        called.map(drop).or_else(|error| errors::report(hook.py(), error, Some(hook)))
    }

    /// Calls a function of Python's in the call's context.
    fn call<'py>(
        &self,
        function: &Bound<'py, PyAny>,
        arguments: &[Bound<'py, PyAny>],
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = function.py();
        if !self.has_context {
            return python::call(function, PyTuple::new(py, arguments)?);
        }
        let context = self.context().as_ref().map(|context| context.bind(py).clone());
        // The garbage collector found the stream unreachable.
        let Some(mut context) = context else { return Ok(py.None().into_bound(py)) };
        let first = !self.entered.swap(true, Ordering::AcqRel);
        if !first {
            context = context.call_method0(python::intern!(py, "copy"))?;
        }
        let run = context.getattr(python::intern!(py, "run"))?;
        let arguments: Vec<_> = std::iter::once(function).chain(arguments).collect();
        let result = python::call(&run, PyTuple::new(py, arguments)?);
        if first {
            self.entered.store(false, Ordering::Release);
        }
        result
    }

    fn context(&self) -> MutexGuard<'_, Option<Py<PyAny>>> {
        self.context.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the garbage collector the context, for the one object of Python's that holds the queue.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self.context().as_ref())
    }

    /// Lets go of the context, for the garbage collector.
    pub(crate) fn clear(&self) {
        let context = self.context().take();
        drop(context);
    }
}

impl State {
    fn runner(&mut self, has_context: bool) -> Runner {
        if self.events.is_empty() {
            return Runner::Scheduled;
        }
        if self.readers > 0 {
            return Runner::Reader;
        }
        if !has_context {
            return Runner::None;
        }
        if std::mem::replace(&mut self.scheduled, true) {
            return Runner::Scheduled;
        }
        self.event_loop.upgrade().map_or(Runner::Thread, Runner::EventLoop)
    }
}

fn attempt_event<'py>(
    py: Python<'py>,
    method: &str,
    path: &str,
    attempt: u32,
) -> PyResult<Bound<'py, PyDict>> {
    let event = PyDict::new(py);
    event.set_item(python::intern!(py, "method"), method)?;
    event.set_item(python::intern!(py, "path"), path)?;
    event.set_item(python::intern!(py, "attempt"), attempt)?;
    Ok(event)
}
