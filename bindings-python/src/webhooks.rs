//! Verification of webhook deliveries.

use infrai::webhooks;
use pyo3::{
    prelude::*,
    types::{PyByteArray, PyBytes, PyMemoryView, PyString},
};

use crate::{
    convert,
    errors::{catch_panic, invalid_argument, to_pyerr},
    py_util,
};

/// Verifies a delivery and returns the fields of its event.
#[pyfunction]
#[pyo3(signature = (body, header, secret, /))]
pub(crate) fn verify_webhook(
    py: Python<'_>,
    body: &Bound<'_, PyAny>,
    header: &Bound<'_, PyAny>,
    secret: &Bound<'_, PyAny>,
) -> PyResult<Py<PyAny>> {
    catch_panic(py, || {
        let body = bytes("body", body)?;
        let header = if header.is_none() { None } else { Some(bytes("header", header)?) };
        let secret = bytes("secret", secret)?;
        let header = header.as_deref().map(String::from_utf8_lossy);
        let event =
            webhooks::verify(&body, header.as_deref(), secret).map_err(|error| to_pyerr(py, error))?;
        let fields = serde_json::to_value(event).unwrap_or_default();
        convert::value(py, &fields).map(Bound::unbind)
    })
}

/// Returns bytes, or the UTF-8 of a text. An error shows the type alone: the value may be a secret.
fn bytes(field: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let py = value.py();
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    if value.is_instance_of::<PyByteArray>() || value.is_instance_of::<PyMemoryView>() {
        let copy = py_util::call(&py_util::import_attr(py, "builtins", "bytes")?, (value,))?;
        return Ok(copy.cast::<PyBytes>()?.as_bytes().to_vec());
    }
    if value.is_instance_of::<PyString>()
        && let Ok(text) = value.extract::<String>()
    {
        return Ok(text.into_bytes());
    }
    let got = format!("a value of type {}", convert::type_name(value));
    Err(invalid_argument(py, field, &got, "bytes or text (for a body: as it was received, not parsed)"))
}

/// A memory of event ids.
#[pyclass(frozen, module = "infrai._native")]
pub(crate) struct SeenEvents(webhooks::SeenEvents);

#[pymethods]
impl SeenEvents {
    #[new]
    fn new(py: Python<'_>, capacity: &Bound<'_, PyAny>, ttl: &Bound<'_, PyAny>) -> PyResult<Self> {
        catch_panic(py, || {
            let number = |field: &str, value: &Bound<'_, PyAny>| {
                if value.is_none() { Ok(None) } else { convert::number(field, value).map(Some) }
            };
            let (capacity, ttl) = (number("capacity", capacity)?, number("ttl", ttl)?);
            webhooks::SeenEvents::from_numbers(capacity, ttl).map(Self).map_err(|error| to_pyerr(py, error))
        })
    }

    /// Adds an id and returns whether it is new.
    fn add(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<bool> {
        catch_panic(py, || Ok(self.0.add(convert::text("id", id)?)))
    }

    /// Forgets an id.
    fn remove(&self, py: Python<'_>, id: &Bound<'_, PyAny>) -> PyResult<()> {
        catch_panic(py, || {
            self.0.remove(convert::text("id", id)?);
            Ok(())
        })
    }
}
