//! Conversion of the core's values to Python's.

use infrai::{VideoJob, video::DownloadProgress};
use pyo3::{
    IntoPyObjectExt as _,
    prelude::*,
    types::{PyDict, PyList, PyString},
};
use serde_json::{Map, Number, Value};

use crate::py_util;

/// Returns JSON as `None`, `bool`, `int`, `float`, `str`, `list` and `dict`.
pub(crate) fn value<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Bool(flag) => flag.into_bound_py_any(py),
        Value::Number(number) => from_number(py, number),
        Value::String(text) => text.into_bound_py_any(py),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(self::value(py, item)?)?;
            }
            Ok(list.into_any())
        }
        Value::Object(map) => object(py, map).map(Bound::into_any),
    }
}

fn from_number<'py>(py: Python<'py>, number: &Number) -> PyResult<Bound<'py, PyAny>> {
    if let Some(integer) = number.as_i64() {
        integer.into_bound_py_any(py)
    } else if let Some(integer) = number.as_u64() {
        integer.into_bound_py_any(py)
    } else {
        number.as_f64().unwrap_or_default().into_bound_py_any(py)
    }
}

/// Returns a key of a dict. The string of a usual key is made and hashed once.
fn interned_key<'py>(py: Python<'py>, name: &str) -> Bound<'py, PyString> {
    macro_rules! interned_keys {
        ($($known:literal),*) => {
            match name {
                $($known => py_util::intern!(py, $known),)*
                other => PyString::new(py, other),
            }
        };
    }
    interned_keys! {
        "aspect", "cache_hit", "code", "cost_usd", "created_at", "duration_seconds", "error", "id", "job_id", "latency_ms",
        "message", "model", "ok", "prefer", "progress", "prompt", "refunded_usd", "request_id", "resolution", "state", "status",
        "thumbnail_url", "vendor", "video_url"
    }
}

/// Returns a JSON object as a `dict`.
pub(crate) fn object<'py>(py: Python<'py>, map: &Map<String, Value>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, member) in map {
        dict.set_item(interned_key(py, name), value(py, member)?)?;
    }
    Ok(dict)
}

/// Returns a job's fields and `_metadata`.
pub(crate) fn job(py: Python<'_>, job: &VideoJob) -> PyResult<Py<PyAny>> {
    let dict = object(py, job.fields())?;
    if !job.metadata.is_empty() {
        dict.set_item(py_util::intern!(py, "_metadata"), object(py, job.metadata.as_map())?)?;
    }
    Ok(dict.into_any().unbind())
}

/// Returns the bytes so far and in all.
pub(crate) fn progress(py: Python<'_>, progress: DownloadProgress) -> PyResult<Py<PyAny>> {
    (progress.received, progress.total).into_py_any(py)
}
