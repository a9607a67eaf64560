//! An `infrai::InfraiError` as the Python exception of its kind, with its causes.

use std::{error::Error as StdError, fmt};

use infrai::InfraiError;
use pyo3::{
    exceptions::{PyException, PyOSError},
    prelude::*,
    sync::PyOnceLock,
};

use crate::{convert, python};

/// The exception of a Python callable on its way through the core: it comes out as itself.
pub(crate) struct PyCause(pub(crate) PyErr);

impl fmt::Debug for PyCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PyCause(…)")
    }
}

impl fmt::Display for PyCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Python callable raised")
    }
}

impl StdError for PyCause {}

/// The exception of a Python callable, if that is what an error is about.
fn python_cause(py: Python<'_>, error: &InfraiError) -> Option<PyErr> {
    error.source()?.downcast_ref::<PyCause>().map(|PyCause(error)| copy(py, error))
}

/// Hands an exception to `sys.unraisablehook`, unless it is none of the kind that programs carry on after.
pub(crate) fn report(py: Python<'_>, error: PyErr, about: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    if !error.is_instance_of::<PyException>(py) {
        return Err(error);
    }
    error.write_unraisable(py, about);
    Ok(())
}

/// The exception for an error of one item of many: an `InfraiError`, whose cause is what a callable raised.
pub(crate) fn item(py: Python<'_>, error: &InfraiError) -> PyResult<PyErr> {
    match python_cause(py, error) {
        Some(raised) if !raised.is_instance_of::<PyException>(py) => Err(raised),
        _ => build(py, error),
    }
}

/// The exception for an error.
pub(crate) fn raise(py: Python<'_>, error: &InfraiError) -> PyErr {
    python_cause(py, error).unwrap_or_else(|| build(py, error).unwrap_or_else(|failure| failure))
}

/// The same exception once more.
pub(crate) fn copy(py: Python<'_>, error: &PyErr) -> PyErr {
    error.clone_ref(py)
}

fn build(py: Python<'_>, error: &InfraiError) -> PyResult<PyErr> {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = python::once(&MAKE, py, || python::member(py, "infrai._errors", "_make").map(Bound::unbind))?
        .bind(py);
    let fields = convert::value(py, &error.to_json())?;
    let exception = PyErr::from_value(python::call(make, (error.to_string(), fields))?);
    exception.set_cause(py, cause(py, error.source()));
    Ok(exception)
}

/// A chain of causes. What the operating system said becomes an `OSError` with its number.
fn cause(py: Python<'_>, source: Option<&(dyn StdError + 'static)>) -> Option<PyErr> {
    let source = source?;
    if let Some(PyCause(raised)) = source.downcast_ref() {
        return Some(copy(py, raised));
    }
    let text = source.to_string();
    let number = source.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error);
    let error = match number {
        Some(number) => PyOSError::new_err((number, text)),
        None => PyException::new_err(text),
    };
    error.set_cause(py, cause(py, source.source()));
    Some(error)
}

/// An argument refused before anything is sent.
pub(crate) fn refuse(py: Python<'_>, field: &str, got: &str, expected: &str) -> PyErr {
    raise(py, &InfraiError::invalid_argument(field, got, expected))
}
