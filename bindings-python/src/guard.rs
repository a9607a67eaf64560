//! The one guard that every exported function goes through: a panic becomes an `InfraiError` that asks for a report.

use std::panic::{AssertUnwindSafe, catch_unwind};

use infrai::InfraiError;
use pyo3::prelude::*;

use crate::errors;

/// Runs an exported function's body. `PyO3` would make of a panic an exception that `except Exception` does not catch.
pub(crate) fn guarded<T>(py: Python<'_>, body: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|panic| Err(errors::raise(py, &InfraiError::panicked(panic.as_ref()))))
}
