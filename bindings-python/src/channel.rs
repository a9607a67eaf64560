//! From the background thread to an event loop: outcomes queue up, and one byte through a socket that the loop watches
//! wakes it. The background thread never touches Python.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::FutureExt as _;
use infrai::InfraiError;
use pyo3::{prelude::*, types::PyList};
use tokio::{sync::oneshot, task::AbortHandle};

use crate::{
    answer::{Answer, Work},
    callbacks::{CallbackQueue, Update},
    engine::{self, Engine},
    errors,
    guard::guarded,
    owned::Owned,
    wake::Wake,
};

/// What an event loop is told; the numbers are those of `infrai._loop`.
enum Event {
    Ended(Result<Answer, InfraiError>),
    Told(Update),
    /// A call has callbacks to run.
    Callbacks(Arc<CallbackQueue>),
}

const ENDED: u8 = 0;
const FAILED: u8 = 1;
const TOLD: u8 = 2;
const RAISED: u8 = 3;

/// What the event loop's thread and the background thread share.
pub(crate) struct Shared {
    /// None once the loop has let go of it.
    events: Mutex<Option<Vec<(u64, Event)>>>,
    tasks: Mutex<HashMap<u64, AbortHandle>>,
    /// Calls that have something left to do when they are given up.
    aborts: Mutex<HashMap<u64, oneshot::Sender<()>>>,
    numbers: AtomicU64,
    wake: Wake,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Queues an event, and returns whether it is the first, for which the loop has to be woken; `None` once the loop is
    /// gone.
    fn queue(&self, number: u64, event: Event) -> Option<bool> {
        let mut events = lock(&self.events);
        let events = events.as_mut()?;
        events.push((number, event));
        Some(events.len() == 1)
    }

    fn post(&self, number: u64, event: Event) {
        if self.queue(number, event) == Some(true) {
            self.wake.wake();
        }
    }

    /// Has the loop run a call's callbacks; false once it is gone. `locked` says that the caller may hold a lock that a
    /// thread which runs Python waits for.
    pub(crate) fn push_callbacks(self: &Arc<Self>, queue: Arc<CallbackQueue>, locked: bool) -> bool {
        let first = self.queue(0, Event::Callbacks(queue));
        if first == Some(true) {
            match engine::current().map(Engine::background) {
                Some(Ok(runtime)) if locked && self.wake.attaches() => {
                    let shared = Arc::clone(self);
                    runtime.spawn_blocking(move || shared.wake.wake());
                }
                _ => self.wake.wake(),
            }
        }
        first.is_some()
    }

    /// An update of a call.
    pub(crate) fn post_update(&self, number: u64, update: Update) {
        self.post(number, Event::Told(update));
    }

    /// The number of a call to be begun.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Begins a call; its end is told under its number.
    pub(crate) fn begin(
        self: &Arc<Self>,
        engine: &Engine,
        number: u64,
        work: Work,
    ) -> Result<(), InfraiError> {
        let shared = Arc::clone(self);
        let task = engine.background()?.spawn(async move {
            let outcome = AssertUnwindSafe(work).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|panic| Err(InfraiError::panicked(panic.as_ref())));
            shared.post(number, Event::Ended(outcome));
        });
        // Its end can be taken out by this thread alone, and so not before it is noted here.
        lock(&self.tasks).insert(number, task.abort_handle());
        Ok(())
    }

    /// The call of this number ends itself when told to.
    pub(crate) fn note_abort(&self, number: u64, abort: oneshot::Sender<()>) {
        lock(&self.aborts).insert(number, abort);
    }

    fn cancel(&self, number: u64) {
        lock(&self.aborts).remove(&number);
        if let Some(task) = lock(&self.tasks).remove(&number) {
            task.abort();
        }
    }
}

/// An event loop's end of it. Dropping it cancels what is under way, and hands callbacks that are due to a thread.
#[pyclass(frozen, module = "infrai._native")]
pub(crate) struct Channel(Owned<Ending>);

/// Ends what is under way when the event loop lets go of it.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        let tasks: Vec<_> = lock(&self.0.tasks).drain().collect();
        for (_, task) in tasks {
            task.abort();
        }
        let events = lock(&self.0.events).take();
        for (_, event) in events.into_iter().flatten() {
            if let Event::Callbacks(queue) = event {
                queue.loop_ended(&self.0);
            }
        }
    }
}

impl Channel {
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }
}

#[pymethods]
impl Channel {
    /// A channel whose loop is woken through a file descriptor, or else by calling `wake`.
    #[new]
    #[pyo3(signature = (wake=None))]
    fn new(py: Python<'_>, wake: Option<Py<PyAny>>) -> PyResult<Self> {
        guarded(py, || {
            let wake = Wake::new(wake)?;
            let shared = Shared {
                events: Mutex::new(Some(Vec::new())),
                tasks: Mutex::default(),
                aborts: Mutex::default(),
                numbers: AtomicU64::new(0),
                wake,
            };
            Ok(Self(Owned::new(Ending(Arc::new(shared)))))
        })
    }

    /// The file descriptor to watch for reading.
    fn fileno(&self) -> i64 {
        self.0.0.wake.fileno()
    }

    /// Whether this process made it.
    fn is_ours(&self) -> bool {
        self.0.is_ours()
    }

    /// Ends a call: its request and its polling stop.
    fn cancel(&self, py: Python<'_>, number: u64) -> PyResult<()> {
        guarded(py, || {
            if self.0.is_ours() {
                self.0.0.cancel(number);
            }
            Ok(())
        })
    }

    /// Tells a call to end itself, and whether it can: its end is told as ever.
    fn abort(&self, py: Python<'_>, number: u64) -> PyResult<bool> {
        guarded(py, || {
            let abort = if self.0.is_ours() { lock(&self.0.0.aborts).remove(&number) } else { None };
            Ok(abort.is_some_and(|abort| abort.send(()).is_ok()))
        })
    }

    /// What has come since the last time: a list of (number, what, value). Runs the callbacks that are due; a key function
    /// is called by `ask`, with where its key goes.
    fn drain<'py>(&self, py: Python<'py>, ask: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        guarded(py, || {
            let told = PyList::empty(py);
            if !self.0.is_ours() {
                return Ok(told);
            }
            let shared = &self.0.0;
            shared.wake.clear();
            let events = lock(&shared.events).as_mut().map(std::mem::take).unwrap_or_default();
            for (number, event) in events {
                match event {
                    Event::Ended(outcome) => {
                        lock(&shared.tasks).remove(&number);
                        let (what, value) = ended(py, outcome);
                        told.append((number, what, value))?;
                    }
                    Event::Told(update) => told.append((number, TOLD, update.into_python(py)?))?,
                    Event::Callbacks(queue) => {
                        queue.begin();
                        while self.0.is_ours()
                            && let Some(event) = queue.pop()
                        {
                            note(py, &told, queue.run(py, event, Some(ask)))?;
                        }
                    }
                }
            }
            if let Some(engine) = engine::current() {
                note(py, &told, engine.journal.deliver(py))?;
            }
            Ok(told)
        })
    }
}

/// What is to be raised in the loop once everything else is handed out.
fn note(py: Python<'_>, told: &Bound<'_, PyList>, done: PyResult<()>) -> PyResult<()> {
    done.or_else(|raised| told.append((0, RAISED, raised.into_value(py))))
}

/// A call's end as Python is told of it; a value that cannot be converted is an error of the call.
fn ended(py: Python<'_>, outcome: Result<Answer, InfraiError>) -> (u8, Py<PyAny>) {
    let value = match outcome {
        Ok(answer) => answer.into_python(py),
        Err(error) => Err(errors::raise(py, &error)),
    };
    match value {
        Ok(value) => (ENDED, value),
        Err(error) => (FAILED, error.into_value(py).into_any()),
    }
}
