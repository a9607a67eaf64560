//! Hands letters to the Python callables they are for. Runs attached, outside every runtime, holding no lock.

use std::fmt;

use infrai::{ApiKey, ErrorKind, InfraiError};
use pyo3::{prelude::*, types::PyDict};

use crate::{
    errors,
    mailbox::{KeyQuestion, Letter, Mailbox},
    python,
};

/// An exception of a Python callable on its way through the core: it comes out as itself.
pub(crate) struct Raised(pub(crate) PyErr);

impl fmt::Debug for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Raised(…)")
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Python callable raised")
    }
}

impl std::error::Error for Raised {}

/// Delivers a client's letters: hooks are called, keys are asked for.
pub(crate) fn all(py: Python<'_>, mailbox: &Mailbox) -> PyResult<()> {
    while let Some(letter) = mailbox.take() {
        match letter {
            Letter::Key(question) => answer(py, question),
            other => hook(py, &other)?,
        }
    }
    Ok(())
}

/// Calls a hook. What it raises goes to `sys.unraisablehook`: instrumentation must not end a call that is paid for.
/// Ctrl-C and what else is no `Exception` does.
pub(crate) fn hook(py: Python<'_>, letter: &Letter) -> PyResult<()> {
    let event = PyDict::new(py);
    let (hook, filled) = match letter {
        Letter::Request { hook, method, path, attempt } => (hook, common(&event, method, path, *attempt)),
        Letter::Response { hook, method, path, attempt, status, latency, request_id } => {
            let filled = common(&event, method, path, *attempt).and_then(|()| {
                event.set_item(python::intern!(py, "status"), *status)?;
                event.set_item(python::intern!(py, "latency"), latency.as_secs_f64())?;
                event.set_item(python::intern!(py, "request_id"), request_id.as_deref())
            });
            (hook, filled)
        }
        _ => return Ok(()),
    };
    let called = filled.and_then(|()| python::call(hook.bind(py), (event,)));
    called.map(|_| ()).or_else(|error| errors::report(py, error, Some(hook.bind(py))))
}

fn common(event: &Bound<'_, PyDict>, method: &str, path: &str, attempt: u32) -> PyResult<()> {
    let py = event.py();
    event.set_item(python::intern!(py, "method"), method)?;
    event.set_item(python::intern!(py, "path"), path)?;
    event.set_item(python::intern!(py, "attempt"), attempt)
}

/// Asks a key function on this thread. One that gives an awaitable is run in an event loop of its own.
fn answer(py: Python<'_>, question: KeyQuestion) {
    let KeyQuestion { function, answer } = question;
    let given = python::member(py, "infrai._keys", "ask").and_then(|ask| python::call(&ask, (&*function,)));
    // Whoever asked may be gone by now.
    let _ = answer.send(key(given));
}

/// The key that a function gave, or why there is none.
pub(crate) fn key(given: PyResult<Bound<'_, PyAny>>) -> Result<ApiKey, InfraiError> {
    let given = given.map_err(|raised| {
        InfraiError::new(ErrorKind::Configuration, "CONFIGURATION_INVALID", "the api_key function raised")
            .with_source(Raised(raised))
    })?;
    if let Ok(text) = given.extract::<String>() {
        return ApiKey::new(text);
    }
    let got = given.get_type().name().map(|name| name.to_string()).unwrap_or_default();
    Err(InfraiError::new(
        ErrorKind::Configuration,
        "CONFIGURATION_INVALID",
        format!("the api_key function takes no argument and gives a str; it gave a value of type {got}"),
    ))
}

/// The exception of a Python callable, if that is what an error is about.
pub(crate) fn raised(py: Python<'_>, error: &InfraiError) -> Option<PyErr> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<Raised>().map(|Raised(error)| errors::copy(py, error))
}
