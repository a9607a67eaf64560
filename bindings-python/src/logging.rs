//! The core's log for Python's `logging`: written down by any thread, emitted by the logger `infrai` in the context of the
//! call that a record belongs to, or by the next call where it belongs to none.

use std::{
    cell::RefCell,
    collections::HashMap,
    fmt::{self, Write as _},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
};

use pyo3::{
    IntoPyObjectExt as _,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyList},
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::Interest,
};

use tracing_core::span::Current;

use crate::{
    callbacks::{CallbackEvent, CallbackQueue},
    engine, errors, python,
};

/// The most records that wait to be handed over.
const WAITING: usize = 10_000;

const OFF: u8 = 0;
const WARN: u8 = 1;
const DEBUG: u8 = 2;

/// What Python's logger wants to hear, as it was when a call last began.
static WANTED: AtomicU8 = AtomicU8::new(OFF);

thread_local! {
    /// The spans that this thread is in.
    static INSIDE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Nothing is wanted until a call asks again.
pub(crate) fn silence() {
    WANTED.store(OFF, Ordering::Relaxed);
}

type Fields = Vec<(&'static str, Said)>;

/// A record that Python's logger has not seen yet.
pub(crate) struct Entry {
    level: Level,
    message: String,
    fields: Fields,
}

#[derive(Clone)]
enum Said {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
}

struct SpanRecord {
    metadata: &'static Metadata<'static>,
    fields: Fields,
    handles: usize,
}

/// One process's unread log: the records that belong to no call.
#[derive(Default)]
pub(crate) struct Journal {
    entries: Mutex<Vec<Entry>>,
    spans: Mutex<HashMap<u64, SpanRecord>>,
    numbers: AtomicU64,
    unread: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal {
    /// Asks the logger what it wants. Without the `logging` module imported by somebody there is none to want it.
    #[allow(clippy::unused_self, reason = "the level belongs to the process, as the journal does")]
    pub(crate) fn look_at_level(&self, py: Python<'_>) {
        WANTED.store(wanted(py).unwrap_or(OFF), Ordering::Relaxed);
    }

    /// Hands what was written down to Python. No `Exception` that a handler raises ends a call.
    pub(crate) fn deliver(&self, py: Python<'_>) -> PyResult<()> {
        if !self.unread.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let entries = std::mem::take(&mut *lock(&self.entries));
        let emitted = records(py, entries)
            .and_then(|records| python::call(&python::member(py, "infrai._log", "emit")?, (records,)));
        emitted.map(drop).or_else(|error| errors::report(py, error, None))
    }
}

/// Whether Python's logger wanted any records when a call last began.
pub(crate) fn is_enabled() -> bool {
    WANTED.load(Ordering::Relaxed) != OFF
}

fn wanted(py: Python<'_>) -> PyResult<u8> {
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    static ENABLED_FOR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let modules = python::once(&MODULES, py, || {
        let modules = py.import(python::intern!(py, "sys"))?.getattr(python::intern!(py, "modules"))?;
        PyResult::Ok(modules.cast_into::<PyDict>()?.unbind())
    })?;
    if !modules.bind(py).contains(python::intern!(py, "logging"))? {
        return Ok(OFF);
    }
    let enabled_for = python::once(&ENABLED_FOR, py, || {
        let logger = py
            .import(python::intern!(py, "logging"))?
            .call_method1(python::intern!(py, "getLogger"), ("infrai",))?;
        logger.getattr(python::intern!(py, "isEnabledFor")).map(Bound::unbind)
    })?;
    let enabled = |level: u8| python::call(enabled_for.bind(py), (level,))?.extract::<bool>();
    Ok(if enabled(10)? {
        DEBUG
    } else if enabled(30)? {
        WARN
    } else {
        OFF
    })
}

/// The records as `infrai._log` takes them.
pub(crate) fn records(py: Python<'_>, entries: Vec<Entry>) -> PyResult<Bound<'_, PyList>> {
    let records = PyList::empty(py);
    for entry in entries {
        let level = match entry.level {
            Level::ERROR => 40_u8,
            Level::WARN => 30,
            Level::INFO => 20,
            _ => 10,
        };
        let fields = PyDict::new(py);
        for (name, said) in entry.fields {
            let said = match said {
                Said::Text(text) => text.into_py_any(py)?,
                Said::Integer(integer) => integer.into_py_any(py)?,
                Said::Float(float) => float.into_py_any(py)?,
                Said::Flag(flag) => flag.into_py_any(py)?,
            };
            fields.set_item(name, said)?;
        }
        records.append((level, entry.message, fields))?;
    }
    Ok(records)
}

/// The subscriber of this module's own `tracing`.
pub(crate) struct Bridge;

impl Subscriber for Bridge {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // Python's level may change at any time.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let wanted = WANTED.load(Ordering::Relaxed);
        let least = if wanted == DEBUG { Level::DEBUG } else { Level::WARN };
        wanted != OFF && *metadata.level() <= least && metadata.target().starts_with("infrai")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let Some(engine) = engine::current() else { return Id::from_u64(u64::MAX) };
        let number = engine.journal.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let mut reader = Reader::default();
        span.record(&mut reader);
        lock(&engine.journal.spans)
            .insert(number, SpanRecord { metadata: span.metadata(), fields: reader.fields, handles: 1 });
        Id::from_u64(number)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut reader = Reader::default();
        values.record(&mut reader);
        with_span(span, |span| {
            for (name, said) in reader.fields {
                span.fields.retain(|(known, _)| *known != name);
                span.fields.push((name, said));
            }
        });
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let Some(engine) = engine::current() else { return };
        let journal = &engine.journal;
        let mut reader = Reader::default();
        event.record(&mut reader);
        let inside = INSIDE.with_borrow(|inside| inside.last().copied());
        if let Some(span) = inside
            && let Some(span) = lock(&journal.spans).get(&span)
        {
            reader.fields.splice(0..0, span.fields.iter().cloned());
        }
        let entry =
            Entry { level: *event.metadata().level(), message: reader.message, fields: reader.fields };
        if let Some(queue) = CallbackQueue::current() {
            return queue.push(CallbackEvent::Log(entry));
        }
        let mut entries = lock(&journal.entries);
        if entries.len() < WAITING {
            entries.push(entry);
        }
        journal.unread.store(true, Ordering::Release);
    }

    fn current_span(&self) -> Current {
        let inside = INSIDE.with_borrow(|inside| inside.last().copied());
        let found = inside.and_then(|number| {
            let spans = lock(&engine::current()?.journal.spans);
            spans.get(&number).map(|record| (Id::from_u64(number), record.metadata))
        });
        found.map_or_else(Current::none, |(id, metadata)| Current::new(id, metadata))
    }

    fn enter(&self, span: &Id) {
        INSIDE.with_borrow_mut(|inside| inside.push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        INSIDE.with_borrow_mut(|inside| {
            if let Some(at) = inside.iter().rposition(|number| *number == span.into_u64()) {
                inside.remove(at);
            }
        });
    }

    fn clone_span(&self, span: &Id) -> Id {
        with_span(span, |span| span.handles += 1);
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let Some(engine) = engine::current() else { return false };
        let mut spans = lock(&engine.journal.spans);
        let Some(record) = spans.get_mut(&span.into_u64()) else { return false };
        record.handles -= 1;
        let closed = record.handles == 0;
        if closed {
            spans.remove(&span.into_u64());
        }
        closed
    }
}

fn with_span(span: &Id, change: impl FnOnce(&mut SpanRecord)) {
    if let Some(engine) = engine::current()
        && let Some(record) = lock(&engine.journal.spans).get_mut(&span.into_u64())
    {
        change(record);
    }
}

#[derive(Default)]
struct Reader {
    message: String,
    fields: Fields,
}

impl Visit for Reader {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing into a String cannot fail.
            let _ = write!(self.message, "{value:?}");
        } else {
            self.fields.push((field.name(), Said::Text(format!("{value:?}"))));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.push((field.name(), Said::Text(value.to_owned())));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.push((field.name(), Said::Integer(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.push((field.name(), Said::Integer(i64::try_from(value).unwrap_or(i64::MAX))));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.fields.push((field.name(), Said::Float(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.push((field.name(), Said::Flag(value)));
    }
}
