//! Callbacks of a call: queued by the core on any thread, run by Python in the context of the call that they belong to.
//!
//! A blocking call runs them on its own thread, an awaited one on its event loop, in the `contextvars.Context` in which it
//! was made. Between two reads of a blocking stream, a thread of the runtime runs them in the stream's context.

use std::{
    collections::VecDeque,
    ptr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use infrai::{CallContext, VideoJob, video::DownloadProgress};
use infrai_bindings::KeyResponder;
use pyo3::{PyTraverseError, PyVisit, prelude::*, sync::PyOnceLock, types::PyTuple};
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    convert, errors,
    fork::ProcessLocal,
    key_responder::{self, extract_api_key},
    logging::{self, LogRecord},
    py_util, runtime,
};

/// Number of queued events from which on log records are dropped.
const CAPACITY: usize = 10_000;

/// A Python callable that unattached threads may hold.
pub(crate) type Callback = Arc<Py<PyAny>>;

/// A callback to run.
pub(crate) enum CallbackEvent {
    /// `on_update` or `on_progress` of a blocking call.
    Update(Callback, Update),
    /// `on_request` or `on_response`, with its event.
    Hook(Callback, Value),
    /// The key function.
    Key(Callback, KeyResponder),
    /// The logger.
    Log(LogRecord),
}

/// Progress of a wait or of a download.
pub(crate) enum Update {
    Job(Box<VideoJob>),
    Progress(DownloadProgress),
}

/// Hands the updates of a call to its thread or its event loop.
pub(crate) type UpdateSender = Box<dyn Fn(Update) + Send>;

impl Update {
    pub(crate) fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Job(job) => convert::job(py, &job),
            Self::Progress(progress) => convert::progress(py, progress),
        }
    }
}

/// An event loop that runs callbacks.
pub(crate) trait Wake: Send + Sync {
    /// Has the loop run the events of a queue. Returns false once the loop has closed. `locked` says that the caller may
    /// hold a lock that a thread which runs Python waits for.
    fn wake(self: Arc<Self>, queue: Arc<CallbackQueue>, locked: bool) -> bool;
}

#[derive(Default)]
struct State {
    events: VecDeque<CallbackEvent>,
    /// Number of blocking calls that run what arrives.
    readers: usize,
    /// The event loop that runs what arrives. A stream does not keep it alive.
    event_loop: Option<Weak<dyn Wake>>,
    /// Whether the event loop or a thread has been asked to run the events and has not begun.
    scheduled: bool,
}

/// Queue of the callbacks of one call or one stream.
#[derive(Default)]
pub(crate) struct CallbackQueue {
    state: Mutex<State>,
    pushed: Notify,
    /// The call's `contextvars.Context`. `None` for a blocking call, whose thread is in it. Locked only while attached, as
    /// the garbage collector reads it too.
    context: Mutex<Option<Py<PyAny>>>,
    has_context: bool,
    /// Whether a callback runs in the context: a second one cannot enter it.
    entered: AtomicBool,
}

/// The runner of a queue's next events.
enum Runner {
    /// One that has been asked already.
    Scheduled,
    Reader,
    EventLoop(Arc<dyn Wake>),
    Thread,
    /// None, as the call has ended. Its events are dropped without the lock.
    None(VecDeque<CallbackEvent>),
}

/// A blocking call that runs what arrives while this lives.
pub(crate) struct ReaderGuard<'a>(&'a Arc<CallbackQueue>);

impl Drop for ReaderGuard<'_> {
    fn drop(&mut self) {
        self.0.lock().readers -= 1;
        self.0.schedule(false);
    }
}

impl CallbackQueue {
    /// Returns the queue of a blocking call, whose thread runs it.
    pub(crate) fn of_thread() -> Arc<Self> {
        Arc::default()
    }

    /// Returns the queue of a call or stream that is made in the current context.
    pub(crate) fn of_current_context(py: Python<'_>) -> PyResult<Arc<Self>> {
        static COPY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let copy = py_util::cached_attr(&COPY, py, "contextvars", "copy_context")?;
        let context = py_util::call(copy, ())?.unbind();
        Ok(Arc::new(Self { context: Mutex::new(Some(context)), has_context: true, ..Self::default() }))
    }

    /// Returns the queue of the call that the core is working for.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CallContext::current()?.downcast_ref::<Arc<Self>>().cloned()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a record for the call that the core is working for, or returns it if there is none.
    pub(crate) fn push_record(record: LogRecord) -> Option<LogRecord> {
        let Some(queue) = Self::current() else { return Some(record) };
        queue.push(CallbackEvent::Log(record));
        None
    }

    /// Queues an event and has it run. Touches no Python object.
    pub(crate) fn push(self: &Arc<Self>, event: CallbackEvent) {
        let is_log = matches!(event, CallbackEvent::Log(_));
        {
            let mut state = self.lock();
            let full = state.events.len() >= CAPACITY;
            match (state.events.back_mut(), &event) {
                // Of several unread reports, only the last one counts.
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

    /// Has the queued events run, if there are any. `locked` is as for [`Wake::wake`].
    fn schedule(self: &Arc<Self>, locked: bool) {
        loop {
            let runner = self.lock().runner(self.has_context);
            match runner {
                Runner::Scheduled => {}
                Runner::None(events) => drop(events),
                Runner::Reader => self.pushed.notify_waiters(),
                Runner::EventLoop(event_loop) => {
                    if !Arc::clone(&event_loop).wake(Arc::clone(self), locked) {
                        self.detach_loop(Arc::as_ptr(&event_loop));
                        continue;
                    }
                }
                Runner::Thread => self.run_on_worker(),
            }
            return;
        }
    }

    fn run_on_worker(self: &Arc<Self>) {
        let Some(runtime) = runtime::worker() else { return };
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

    /// Notes a blocking call that runs what arrives from now on. In a forked child, whose parent may hold the lock for ever,
    /// the guard does nothing.
    pub(crate) fn register_reader(self: &Arc<Self>) -> ProcessLocal<ReaderGuard<'_>> {
        self.lock().readers += 1;
        ProcessLocal::new(ReaderGuard(self))
    }

    /// Has an event loop run what arrives from now on.
    pub(crate) fn attach_loop(self: &Arc<Self>, event_loop: Weak<dyn Wake>) {
        let mut state = self.lock();
        if !state.is_attached_to(event_loop.as_ptr()) {
            state.event_loop = Some(event_loop);
            state.scheduled = false;
            drop(state);
            self.schedule(false);
        }
    }

    /// Has nothing more run by an event loop that has closed.
    fn detach_loop(&self, event_loop: *const dyn Wake) {
        let mut state = self.lock();
        if state.is_attached_to(event_loop) {
            state.event_loop = None;
            state.scheduled = false;
        }
    }

    /// Has the events of this queue run elsewhere, as their event loop has closed.
    pub(crate) fn loop_closed(self: &Arc<Self>, event_loop: *const dyn Wake) {
        self.detach_loop(event_loop);
        self.schedule(false);
    }

    /// Notes that the events are being run.
    pub(crate) fn begin(&self) {
        self.lock().scheduled = false;
    }

    /// Takes the oldest event.
    pub(crate) fn pop(&self) -> Option<CallbackEvent> {
        self.lock().events.pop_front()
    }

    /// Ready as soon as there is an event.
    pub(crate) async fn notified(&self) {
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

    /// Runs one event, attached, outside of every runtime and holding no lock. On an event loop, `request_key` calls the key
    /// function.
    ///
    /// A hook's `Exception` goes to `sys.unraisablehook`, since instrumentation must not end a call that is paid for. Ctrl-C
    /// and other exceptions that are no `Exception` end the call, and so does any exception of an update's callback.
    pub(crate) fn run(
        &self,
        py: Python<'_>,
        event: CallbackEvent,
        request_key: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        match event {
            CallbackEvent::Update(callback, update) => {
                // An update belongs to its call's thread and ends with the call.
                if !self.has_context {
                    py_util::call(callback.bind(py), (update.into_python(py)?,))?;
                }
                Ok(())
            }
            CallbackEvent::Hook(hook, event) => {
                let hook = hook.bind(py);
                let called = convert::value(py, &event).and_then(|event| self.call(hook, &[event]));
                called.map(drop).or_else(|error| errors::write_unraisable(py, error, Some(hook)))
            }
            // The call has ended, or the poll goes on in another wait's context.
            CallbackEvent::Key(_, responder) if responder.is_closed() => Ok(()),
            CallbackEvent::Key(function, responder) => {
                let function = function.bind(py).clone();
                if let Some(request_key) = request_key {
                    let responder = key_responder::KeyResponder::new(responder);
                    let responder = Bound::new(py, responder)?.into_any();
                    return self.call(request_key, &[function, responder]).map(drop);
                }
                let key = py_util::import_attr(py, "infrai._keys", "call_provider");
                let key = key.and_then(|call_provider| self.call(&call_provider, &[function]));
                responder.send(extract_api_key(key));
                Ok(())
            }
            CallbackEvent::Log(record) => {
                logging::emit(py, vec![record], |emit, records| self.call(emit, &[records]))
            }
        }
    }

    /// Calls a Python function in the call's context.
    fn call<'py>(
        &self,
        function: &Bound<'py, PyAny>,
        arguments: &[Bound<'py, PyAny>],
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = function.py();
        if !self.has_context {
            return py_util::call(function, PyTuple::new(py, arguments)?);
        }
        let context = self.context().as_ref().map(|context| context.bind(py).clone());
        // The garbage collector found the stream unreachable.
        let Some(mut context) = context else { return Ok(py.None().into_bound(py)) };
        let first = !self.entered.swap(true, Ordering::AcqRel);
        if !first {
            context = context.call_method0(py_util::intern!(py, "copy"))?;
        }
        let run = context.getattr(py_util::intern!(py, "run"))?;
        let arguments: Vec<_> = std::iter::once(function).chain(arguments).collect();
        let result = py_util::call(&run, PyTuple::new(py, arguments)?);
        if first {
            self.entered.store(false, Ordering::Release);
        }
        result
    }

    fn context(&self) -> MutexGuard<'_, Option<Py<PyAny>>> {
        self.context.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the garbage collector the context, for the one Python object that holds the queue.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(self.context().as_ref())
    }

    /// Drops the context, for the garbage collector.
    pub(crate) fn clear(&self) {
        let context = self.context().take();
        drop(context);
    }
}

impl State {
    fn is_attached_to(&self, event_loop: *const dyn Wake) -> bool {
        self.event_loop.as_ref().is_some_and(|attached| ptr::addr_eq(attached.as_ptr(), event_loop))
    }

    fn runner(&mut self, has_context: bool) -> Runner {
        if self.events.is_empty() {
            return Runner::Scheduled;
        }
        if self.readers > 0 {
            return Runner::Reader;
        }
        if !has_context {
            return Runner::None(std::mem::take(&mut self.events));
        }
        if std::mem::replace(&mut self.scheduled, true) {
            return Runner::Scheduled;
        }
        self.event_loop.as_ref().and_then(Weak::upgrade).map_or(Runner::Thread, Runner::EventLoop)
    }
}
