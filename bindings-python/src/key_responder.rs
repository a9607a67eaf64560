//! Results of key functions.

use std::sync::{Arc, Mutex, PoisonError};

use infrai_bindings::KeyError;
use pyo3::prelude::*;

use crate::{
    convert::type_name,
    errors::{PyCause, catch_panic},
};

/// Returns the key that a function returned, or the reason why there is none.
pub(crate) fn extract_api_key(result: PyResult<Bound<'_, PyAny>>) -> Result<String, KeyError> {
    let value = result.map_err(|exception| KeyError::Exception(Arc::new(PyCause(exception))))?;
    let wrong_type = |_| KeyError::WrongType { got: format!("a value of type {}", type_name(&value)) };
    value.extract::<String>().map_err(wrong_type)
}

/// Receives the result of a key function that an event loop calls.
#[pyclass(frozen, module = "infrai._native")]
pub(crate) struct KeyResponder(Mutex<Option<infrai_bindings::KeyResponder>>);

impl KeyResponder {
    pub(crate) fn new(responder: infrai_bindings::KeyResponder) -> Self {
        Self(Mutex::new(Some(responder)))
    }

    fn send(&self, py: Python<'_>, result: PyResult<Bound<'_, PyAny>>) -> PyResult<()> {
        catch_panic(py, || {
            let responder = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(responder) = responder {
                responder.send(extract_api_key(result));
            }
            Ok(())
        })
    }
}

#[pymethods]
impl KeyResponder {
    /// Sends what the function returned.
    fn resolve(&self, py: Python<'_>, key: Bound<'_, PyAny>) -> PyResult<()> {
        self.send(py, Ok(key))
    }

    /// Sends what the function raised.
    fn reject(&self, py: Python<'_>, error: Bound<'_, PyAny>) -> PyResult<()> {
        self.send(py, Err(PyErr::from_value(error)))
    }
}
