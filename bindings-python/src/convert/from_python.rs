//! Python's values as the core's. What has no such form is refused by name, before anything is sent.

use std::{fmt, path::PathBuf, time::Duration};

use infrai::{InfraiError, wire::json};
use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple},
};
use serde_json::{Map, Number, Value};

use crate::{
    errors::{raise, refuse},
    python,
};

/// The deepest that a body may nest; a list that holds itself would have no end.
const DEPTH: usize = 128;

const TEXT: &str = "text (a str without lone surrogates)";
const SECONDS: &str = "a positive number of seconds";
const JSON: &str = "JSON (None, bool, int, float, str, list, tuple, and dict with str keys)";

/// How a value is shown in a refusal.
fn shown(value: &Bound<'_, PyAny>) -> String {
    let shown = if value.is_instance_of::<PyString>() {
        value.as_any().call_method0("__repr__")
    } else {
        value.repr().map(Bound::into_any)
    };
    let text = shown.and_then(|text| {
        let encoded =
            text.call_method1(python::intern!(value.py(), "encode"), ("ascii", "backslashreplace"))?;
        encoded.call_method1(python::intern!(value.py(), "decode"), ("ascii",))?.extract::<String>()
    });
    text.unwrap_or_else(|_| format!("a value of type {}", type_name(value)))
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "unknown".to_owned(), |name| name.to_string())
}

/// A text.
pub(crate) fn text(field: impl fmt::Display, value: &Bound<'_, PyAny>) -> PyResult<String> {
    let refused = || refuse(value.py(), &field.to_string(), &shown(value), TEXT);
    let text = value.cast::<PyString>().map_err(|_| refused())?;
    text.to_str().map(str::to_owned).map_err(|_| refused())
}

/// A text, or nothing for `None`.
pub(crate) fn optional_text(field: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if value.is_none() { Ok(None) } else { text(field, value).map(Some) }
}

/// A text that must not be shown in a refusal.
pub(crate) fn required_text(field: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    value.cast::<PyString>().ok().and_then(|text| text.to_str().ok().map(str::to_owned)).ok_or_else(|| {
        refuse(value.py(), field, &format!("a value of type {} that cannot be sent", type_name(value)), TEXT)
    })
}

/// A number, whatever Python calls one; the core says whether it is a good one.
pub(crate) fn number(field: &str, value: &Bound<'_, PyAny>) -> PyResult<f64> {
    let refused = || refuse(value.py(), field, &shown(value), "a number");
    if value.is_instance_of::<PyBool>() || value.is_instance_of::<PyString>() {
        return Err(refused());
    }
    value.extract::<f64>().map_err(|_| refused())
}

/// Seconds.
pub(crate) fn seconds(field: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let seconds = number(field, value)?;
    let refused = |_| refuse(value.py(), field, &shown(value), SECONDS);
    Duration::try_from_secs_f64(seconds).map_err(refused)
}

/// A whole number that is not negative.
pub(crate) fn count<T>(field: &str, value: &Bound<'_, PyAny>) -> PyResult<T>
where
    T: TryFrom<u64>,
{
    let whole = if value.is_instance_of::<PyBool>() { None } else { value.extract::<u64>().ok() };
    whole
        .and_then(|whole| T::try_from(whole).ok())
        .ok_or_else(|| refuse(value.py(), field, &shown(value), "a whole number that is not negative"))
}

/// `True` or `False`.
pub(crate) fn flag(field: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let flag = value.cast::<PyBool>().map(PyBoolMethods::is_true);
    flag.map_err(|_| refuse(value.py(), field, &shown(value), "True or False"))
}

/// A path: `str`, `bytes` or `os.PathLike`.
pub(crate) fn path(field: &str, value: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    let refused = |_| refuse(value.py(), field, &shown(value), "a path (str or os.PathLike)");
    value.extract::<PathBuf>().map_err(refused)
}

/// The items of anything that can be iterated, but for a text.
pub(crate) fn array<'py>(field: &str, value: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if value.is_instance_of::<PyString>() || value.is_instance_of::<PyDict>() {
        return Err(refuse(value.py(), field, &shown(value), "a list or another iterable"));
    }
    match value.try_iter() {
        // One of C's that has no end would not be interrupted otherwise.
        Ok(items) => {
            let mut found = Vec::new();
            while let Some(item) = python::next(&items)? {
                value.py().check_signals()?;
                found.push(item);
            }
            Ok(found)
        }
        Err(_) => Err(refuse(value.py(), field, &shown(value), "a list or another iterable")),
    }
}

/// Query parameters: a dict or pairs. `None` leaves one out; a list repeats it.
pub(crate) fn query(value: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let py = value.py();
    let pairs = match value.cast::<PyDict>() {
        Ok(dict) => dict.items().into_any(),
        Err(_) => value.clone(),
    };
    let mut found = Vec::new();
    for pair in array("query", &pairs)? {
        let halves = array("query", &pair)?;
        let [name, member] = &halves[..] else {
            return Err(refuse(py, "query", &shown(&pair), "a dict, or pairs of name and value"));
        };
        let name = text("query", name)?;
        let field = format!("query.{name}");
        let members = match member.cast::<PyList>() {
            Ok(list) => list.iter().collect(),
            Err(_) => vec![member.clone()],
        };
        for member in members {
            match json(&field, &member)? {
                Value::Null => {}
                Value::String(text) => found.push((name.clone(), text)),
                Value::Array(_) | Value::Object(_) => {
                    return Err(refuse(py, &field, &shown(&member), "a str, a number, a bool or None"));
                }
                plain => {
                    let text = String::from_utf8_lossy(&json::canonical(&plain)).trim_end().to_owned();
                    found.push((name.clone(), text));
                }
            }
        }
    }
    Ok(found)
}

/// Where a value stands in an argument.
enum Place<'a> {
    Root(&'a str),
    Key(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(field) => f.write_str(field),
            Self::Key(place, key) => write!(f, "{place}.{key}"),
            Self::Item(place, index) => write!(f, "{place}[{index}]"),
        }
    }
}

/// Whatever JSON can say.
pub(crate) fn json(field: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    from(&Place::Root(field), value, 0)
}

/// A dict as a JSON object.
pub(crate) fn json_object(field: &str, value: &Bound<'_, PyDict>) -> PyResult<Map<String, Value>> {
    from_dict(&Place::Root(field), value, 0)
}

fn from(place: &Place<'_>, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    let py = value.py();
    if depth > DEPTH {
        return Err(refuse(py, &place.to_string(), "a value that nests deeper", "at most 128 levels"));
    }
    if value.is_none() {
        return Ok(Value::Null);
    }
    if value.is_instance_of::<PyString>() {
        return text(place, value).map(Value::String);
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Value::Bool(flag.is_true()));
    }
    if value.is_instance_of::<PyInt>() {
        return integer(place, value);
    }
    if let Ok(float) = value.cast::<PyFloat>() {
        let number = Number::from_f64(float.value());
        return number
            .map(Value::Number)
            .ok_or_else(|| refuse(py, &place.to_string(), &shown(value), "a finite number"));
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        return from_dict(place, dict, depth).map(Value::Object);
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let items = value.try_iter()?.enumerate();
        let items = items.map(|(index, item)| from(&Place::Item(place, index), &item?, depth + 1));
        return items.collect::<PyResult<Vec<_>>>().map(Value::Array);
    }
    // Integers of other libraries say what they are through __index__.
    match value.call_method0(python::intern!(py, "__index__")) {
        Ok(number) => integer(place, &number),
        Err(_) => Err(refuse(py, &place.to_string(), &shown(value), JSON)),
    }
}

fn integer(place: &Place<'_>, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(number) = value.extract::<i64>() {
        return Ok(number.into());
    }
    if let Ok(number) = value.extract::<u64>() {
        return Ok(number.into());
    }
    // The interpreter refuses to print the longest ones.
    let digits = value.str().map_or_else(|_| "with thousands of digits".to_owned(), |text| text.to_string());
    let error: InfraiError = json::out_of_range(&place.to_string(), &digits);
    Err(raise(value.py(), &error))
}

fn from_dict(place: &Place<'_>, dict: &Bound<'_, PyDict>, depth: usize) -> PyResult<Map<String, Value>> {
    let py = dict.py();
    let mut map = Map::new();
    // Of its own: what a member runs to say what it is may change the dict.
    for item in dict.items() {
        let (key, member) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        if !key.is_instance_of::<PyString>() {
            let field = format!("{place}: its key {}", shown(&key));
            return Err(refuse(py, &field, &type_name(&key), "a str"));
        }
        let name = text(format!("{place}: its key {}", shown(&key)), &key)?;
        let value = from(&Place::Key(place, &name), &member, depth + 1)?;
        map.insert(name, value);
    }
    Ok(map)
}
