//! The Python exception of an `infrai::InfraiError`, with its causes.

use std::{error::Error as StdError, fmt};

use infrai::{InfraiError, Language};
use pyo3::{
    exceptions::{PyException, PyOSError},
    prelude::*,
    sync::PyOnceLock,
};

use crate::{convert::to_python, py_util};

/// The exception of a Python callable within an error of the core.
pub(crate) struct PyCause(pub(crate) PyErr);

impl fmt::Debug for PyCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PyCause(…)")
    }
}

impl fmt::Display for PyCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it raised an exception")
    }
}

impl StdError for PyCause {}

/// Returns the exception of the Python callable that caused an error.
fn python_cause(py: Python<'_>, error: &InfraiError) -> Option<PyErr> {
    error.source()?.downcast_ref::<PyCause>().map(|PyCause(exception)| exception.clone_ref(py))
}

/// Runs the body of an exported function. A panic becomes an `InternalError`: `PyO3` would raise an exception that
/// `except Exception` does not catch.
pub(crate) fn catch_panic<T>(py: Python<'_>, body: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    infrai_bindings::catch_panic(body).unwrap_or_else(|error| Err(to_pyerr(py, error)))
}

/// Hands an `Exception` to `sys.unraisablehook`, and returns any other exception.
pub(crate) fn write_unraisable(
    py: Python<'_>,
    exception: PyErr,
    about: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    if !exception.is_instance_of::<PyException>(py) {
        return Err(exception);
    }
    exception.write_unraisable(py, about);
    Ok(())
}

/// Returns the `InfraiError` of one item of many. The exception of a callable is its cause, unless it is no `Exception`:
/// that one is raised.
pub(crate) fn to_exception(py: Python<'_>, error: InfraiError) -> PyResult<PyErr> {
    match python_cause(py, &error) {
        Some(exception) if !exception.is_instance_of::<PyException>(py) => Err(exception),
        _ => construct(py, error),
    }
}

/// Returns the exception of an error. That of a callable comes out as itself.
pub(crate) fn to_pyerr(py: Python<'_>, error: InfraiError) -> PyErr {
    python_cause(py, &error).unwrap_or_else(|| construct(py, error).unwrap_or_else(|failure| failure))
}

/// Returns the exception of an argument that is refused before anything is sent.
pub(crate) fn invalid_argument(py: Python<'_>, field: &str, got: &str, expected: &str) -> PyErr {
    to_pyerr(py, InfraiError::invalid_argument(field, got, expected))
}

fn construct(py: Python<'_>, error: InfraiError) -> PyResult<PyErr> {
    static FROM_NATIVE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let from_native = py_util::cached_attr(&FROM_NATIVE, py, "infrai._errors", "_from_native")?;
    let error = error.in_language(Language::Python);
    let fields = to_python::value(py, &error.to_json())?;
    let exception = PyErr::from_value(py_util::call(from_native, (error.to_string(), fields))?);
    exception.set_cause(py, source_to_cause(py, error.source()));
    Ok(exception)
}

/// Returns a chain of causes. An error of the operating system becomes an `OSError` with its number.
fn source_to_cause(py: Python<'_>, source: Option<&(dyn StdError + 'static)>) -> Option<PyErr> {
    let source = source?;
    if let Some(PyCause(exception)) = source.downcast_ref() {
        return Some(exception.clone_ref(py));
    }
    let text = source.to_string();
    let number = source.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error);
    let exception = match number {
        Some(number) => PyOSError::new_err((number, text)),
        None => PyException::new_err(text),
    };
    exception.set_cause(py, source_to_cause(py, source.source()));
    Some(exception)
}
