//! From the background thread to an event loop: outcomes queue up, and one byte through a socket that the loop watches
//! wakes it. The background thread never touches Python.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::FutureExt as _;
use infrai::InfraiError;
use pyo3::{prelude::*, types::PyList};
use tokio::{sync::oneshot, task::AbortHandle};

use crate::{
    answer::{Answer, Work},
    convert, deliver,
    engine::{self, Engine},
    errors,
    guard::guarded,
    keys::KeyReply,
    mailbox::{KeyQuestion, Letter, Mailbox},
    owned::Owned,
    wake::Wake,
};

/// What an event loop is told; the numbers are those of `infrai._loop`.
enum Event {
    Ended(Result<Answer, InfraiError>),
    Told(Letter),
    Mail(Arc<Mailbox>),
}

const ENDED: u8 = 0;
const FAILED: u8 = 1;
const TOLD: u8 = 2;
const KEY_WANTED: u8 = 3;
const RAISED: u8 = 4;

tokio::task_local! {
    /// The event loop whose call the background thread is at.
    static CALLER: Weak<Shared>;
}

/// The event loop whose call this is; `None` where it is nobody's, or a blocking one.
pub(crate) fn caller() -> Option<Arc<Shared>> {
    CALLER.try_with(Weak::upgrade).ok().flatten()
}

/// What the event loop's thread and the background thread share.
pub(crate) struct Shared {
    events: Mutex<Vec<(u64, Event)>>,
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
    fn post(&self, number: u64, event: Event) {
        let first = {
            let mut events = lock(&self.events);
            events.push((number, event));
            events.len() == 1
        };
        if first {
            self.wake.wake();
        }
    }

    /// A client's letters are to be delivered.
    pub(crate) fn post_mail(&self, mailbox: Arc<Mailbox>) {
        self.post(0, Event::Mail(mailbox));
    }

    /// A key is wanted for a call of this event loop.
    pub(crate) fn post_question(&self, question: KeyQuestion) {
        self.post(0, Event::Told(Letter::Key(question)));
    }

    /// Something that a call tells while it is under way.
    pub(crate) fn post_update(&self, number: u64, letter: Letter) {
        self.post(number, Event::Told(letter));
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
        let work = CALLER.scope(Arc::downgrade(self), work);
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

/// An event loop's end of it. Dropping it cancels what is under way.
#[pyclass(frozen, module = "infrai._native")]
pub(crate) struct Channel(Owned<Ending>);

/// Cancels what is under way when the event loop lets go of it.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        let tasks: Vec<_> = lock(&self.0.tasks).drain().collect();
        for (_, task) in tasks {
            task.abort();
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
                events: Mutex::default(),
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

    /// What has come since the last time: a list of (number, what, value).
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        guarded(py, || {
            let told = PyList::empty(py);
            if !self.0.is_ours() {
                return Ok(told);
            }
            let shared = &self.0.0;
            shared.wake.clear();
            let events = std::mem::take(&mut *lock(&shared.events));
            for (number, event) in events {
                match event {
                    Event::Ended(outcome) => {
                        lock(&shared.tasks).remove(&number);
                        let (what, value) = ended(py, outcome);
                        told.append((number, what, value))?;
                    }
                    Event::Told(Letter::Update(job)) => {
                        told.append((number, TOLD, convert::job(py, &job)?))?;
                    }
                    Event::Told(Letter::Progress(progress)) => {
                        told.append((number, TOLD, convert::progress(py, progress)?))?;
                    }
                    Event::Told(Letter::Key(question)) => ask(py, &told, question)?,
                    Event::Told(_) => {}
                    Event::Mail(mailbox) => {
                        while let Some(letter) = mailbox.take() {
                            match letter {
                                Letter::Key(question) => ask(py, &told, question)?,
                                other => note(py, &told, deliver::hook(py, &other))?,
                            }
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

/// A key function that the loop is to ask.
fn ask(py: Python<'_>, told: &Bound<'_, PyList>, question: KeyQuestion) -> PyResult<()> {
    let function = question.function.clone_ref(py);
    let reply = Py::new(py, KeyReply::new(question.answer))?;
    told.append((0, KEY_WANTED, (function, reply)))
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
