//! The one guard that every exported function goes through: a panic becomes an `InfraiError` that asks for a report.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use infrai::InfraiError;
use pyo3::prelude::*;

use crate::errors;

/// Runs an exported function's body. `PyO3` would make of a panic an exception that `except Exception` does not catch.
pub(crate) fn guarded<T>(py: Python<'_>, body: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|panic| Err(errors::raise(py, &panicked(panic.as_ref()))))
}

/// The error that a panic becomes.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> InfraiError {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    InfraiError::internal(format!("the SDK's native module panicked: {message}"))
}
