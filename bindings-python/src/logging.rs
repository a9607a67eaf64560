//! Log of the core for Python's `logging`: recorded on any thread, emitted by the logger `infrai` in the context of the call
//! that a record belongs to, or by the next call if it belongs to none.

use std::{
    fmt::{self, Write as _},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyList},
};
use serde_json::Value;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt as _},
    registry::LookupSpan,
};

use crate::{convert, errors, fork::ProcessStatic, py_util};

/// Most records that wait to be emitted.
const CAPACITY: usize = 10_000;

// Levels of Python's `logging`.
const OFF: u8 = 0;
const DEBUG: u8 = 10;
const WARN: u8 = 30;

/// Level of Python's logger when a call last began.
static LEVEL: AtomicU8 = AtomicU8::new(OFF);

/// The records that belong to no call.
static BUFFER: ProcessStatic<LogBuffer> = ProcessStatic::new();

#[derive(Default)]
struct LogBuffer {
    records: Mutex<Vec<LogRecord>>,
    unread: AtomicBool,
}

type Fields = Vec<(&'static str, Value)>;

/// A record that Python's logger has not received yet.
pub(crate) struct LogRecord {
    level: Level,
    message: String,
    fields: Fields,
}

/// Drops all records until a call reads the level again.
pub(crate) fn disable() {
    LEVEL.store(OFF, Ordering::Relaxed);
}

/// Imports what emits records, for a client: a fork while a call of another thread imports it would block the child.
pub(crate) fn load(py: Python<'_>) -> PyResult<()> {
    py_util::import_attr(py, "infrai._log", "emit").map(drop)
}

/// Reads the level of Python's logger.
pub(crate) fn refresh_level(py: Python<'_>) {
    let level = effective_level(py).unwrap_or(OFF);
    if level != OFF {
        let _ = BUFFER.get_or_try_init(|| Ok::<_, std::convert::Infallible>(LogBuffer::default()));
    }
    LEVEL.store(level, Ordering::Relaxed);
}

/// Returns whether Python's logger took any records when a call last began.
pub(crate) fn is_enabled() -> bool {
    LEVEL.load(Ordering::Relaxed) != OFF
}

/// Emits the records that belong to no call.
pub(crate) fn flush(py: Python<'_>) -> PyResult<()> {
    let Some(buffer) = BUFFER.get().filter(|buffer| buffer.unread.swap(false, Ordering::AcqRel)) else {
        return Ok(());
    };
    let records = std::mem::take(&mut *buffer.records.lock().unwrap_or_else(PoisonError::into_inner));
    emit(py, records, |emit, records| py_util::call(emit, (records,)))
}

/// Emits records: `call` calls `infrai._log.emit` with them. An `Exception` that a handler raises ends no call.
pub(crate) fn emit<'py>(
    py: Python<'py>,
    records: Vec<LogRecord>,
    call: impl FnOnce(&Bound<'py, PyAny>, Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let emitted = to_python(py, records)
        .and_then(|records| call(&py_util::import_attr(py, "infrai._log", "emit")?, records.into_any()));
    emitted.map(drop).or_else(|error| errors::write_unraisable(py, error, None))
}

/// Returns the level of the logger. It is off while no code has imported `logging`.
fn effective_level(py: Python<'_>) -> PyResult<u8> {
    static MODULES: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static ENABLED_FOR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let modules = py_util::cached_attr(&MODULES, py, "sys", "modules")?;
    if !modules.cast::<PyDict>()?.contains(py_util::intern!(py, "logging"))? {
        return Ok(OFF);
    }
    let enabled_for = py_util::get_or_try_init(&ENABLED_FOR, py, || {
        let logger = py_util::import_attr(py, "logging", "getLogger")?.call1(("infrai",))?;
        logger.getattr("isEnabledFor").map(Bound::unbind)
    })?;
    for level in [DEBUG, WARN] {
        if py_util::call(enabled_for.bind(py), (level,))?.extract()? {
            return Ok(level);
        }
    }
    Ok(OFF)
}

/// Returns the records as `infrai._log` takes them.
fn to_python(py: Python<'_>, records: Vec<LogRecord>) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    for LogRecord { level, message, fields } in records {
        let level = match level {
            Level::ERROR => 40_u8,
            Level::WARN => WARN,
            Level::INFO => 20,
            _ => DEBUG,
        };
        let dict = PyDict::new(py);
        for (name, value) in fields {
            dict.set_item(name, convert::value(py, &value)?)?;
        }
        list.append((level, message, dict))?;
    }
    Ok(list)
}

/// Makes this module's `tracing` log to Python. `route` hands a record to the call that it belongs to, or returns it.
pub(crate) fn install(route: fn(LogRecord) -> Option<LogRecord>) {
    // A second load in one process keeps the first one's subscriber.
    let _ =
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(PyLogLayer { route }));
}

struct PyLogLayer {
    route: fn(LogRecord) -> Option<LogRecord>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for PyLogLayer {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // Python's level may change at any time.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let level = LEVEL.load(Ordering::Relaxed);
        let least = if level == DEBUG { Level::DEBUG } else { Level::WARN };
        level != OFF && *metadata.level() <= least && metadata.target().starts_with("infrai")
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut visitor = FieldVisitor::default();
        attributes.record(&mut visitor);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(visitor.fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut visitor = FieldVisitor::default();
        values.record(&mut visitor);
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            fields.retain(|(known, _)| visitor.fields.iter().all(|(name, _)| name != known));
            fields.append(&mut visitor.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut visitor = FieldVisitor::default();
        event.record(&mut visitor);
        let FieldVisitor { message, mut fields } = visitor;
        if let Some(span) = context.event_span(event)
            && let Some(of_span) = span.extensions().get::<Fields>()
        {
            fields.splice(0..0, of_span.iter().cloned());
        }
        let record = LogRecord { level: *event.metadata().level(), message, fields };
        if let (Some(record), Some(buffer)) = ((self.route)(record), BUFFER.get()) {
            let mut records = buffer.records.lock().unwrap_or_else(PoisonError::into_inner);
            if records.len() < CAPACITY {
                records.push(record);
            }
            buffer.unread.store(true, Ordering::Release);
        }
    }
}

#[derive(Default)]
struct FieldVisitor {
    message: String,
    fields: Fields,
}

macro_rules! record_values {
    ($($record:ident: $value:ty,)*) => {$(
        fn $record(&mut self, field: &Field, value: $value) {
            self.fields.push((field.name(), value.into()));
        }
    )*};
}

impl Visit for FieldVisitor {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing into a String cannot fail.
            let _ = write!(self.message, "{value:?}");
        } else {
            self.fields.push((field.name(), format!("{value:?}").into()));
        }
    }

    record_values! {
        record_str: &str,
        record_i64: i64,
        record_u64: u64,
        record_f64: f64,
        record_bool: bool,
    }
}
