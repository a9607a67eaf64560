//! Conversion of Python values to the core's. A value without such a form is refused by name, before anything is sent.

use std::{fmt, path::PathBuf};

use infrai::{options::is_secret, wire::json};
use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple},
};
use serde_json::{Map, Number, Value};

use crate::{
    errors::{invalid_argument, to_pyerr},
    py_util,
};

/// Deepest nesting of a body. A list that contains itself would have no end.
const MAX_DEPTH: usize = 128;

const TEXT: &str = "text (a str without lone surrogates)";
const JSON: &str = "JSON (None, bool, int, float, str, list, tuple, and dict with str keys)";

/// Returns a value as an error shows it.
fn repr_for_error(value: &Bound<'_, PyAny>) -> String {
    let ascii = py_util::import_attr(value.py(), "builtins", "ascii");
    let text = ascii.and_then(|ascii| py_util::call(&ascii, (value,))?.extract::<String>());
    text.unwrap_or_else(|_| format!("a value of type {}", type_name(value)))
}

fn invalid(field: &str, value: &Bound<'_, PyAny>, expected: &str) -> PyErr {
    invalid_argument(value.py(), field, &repr_for_error(value), expected)
}

/// Returns the name of a value's type.
pub(crate) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "unknown".to_owned(), |name| name.to_string())
}

/// Returns a text.
pub(crate) fn text(field: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    text_at(&JsonPath::Argument(field), value)
}

fn text_at(path: &JsonPath<'_>, value: &Bound<'_, PyAny>) -> PyResult<String> {
    value.extract().map_err(|_| path.invalid(value, TEXT))
}

/// Returns a number, whatever Python calls one. The core checks its bounds.
pub(crate) fn number(field: &str, value: &Bound<'_, PyAny>) -> PyResult<f64> {
    let is_number = !value.is_instance_of::<PyBool>() && !value.is_instance_of::<PyString>();
    let number = if is_number { value.extract::<f64>().ok() } else { None };
    number.ok_or_else(|| invalid(field, value, "a number"))
}

/// Returns a path: `str`, `bytes` or `os.PathLike`.
pub(crate) fn path(field: &str, value: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    value.extract().map_err(|_| invalid(field, value, "a path (str or os.PathLike)"))
}

/// Returns the items of an iterable that is no text and no dict.
pub(crate) fn array<'py>(field: &str, value: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let iterable = !value.is_instance_of::<PyString>() && !value.is_instance_of::<PyDict>();
    let items = iterable.then(|| value.try_iter().ok()).flatten();
    let items = items.ok_or_else(|| invalid(field, value, "a list or another iterable"))?;
    let mut found = Vec::new();
    while let Some(item) = py_util::next(&items)? {
        // An endless iterator in C would not be interrupted otherwise.
        value.py().check_signals()?;
        found.push(item);
    }
    Ok(found)
}

/// Returns a mapping as a dict. To find out whether a value is one may take a call of Python code, and most are ids.
pub(crate) fn as_dict<'py>(job: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    if job.is_instance_of::<PyString>() {
        return Ok(None);
    }
    if let Ok(dict) = job.cast::<PyDict>() {
        return Ok(Some(dict.clone()));
    }
    let Ok(mapping) = job.cast::<PyMapping>() else { return Ok(None) };
    let dict = PyDict::new(job.py());
    dict.update(mapping)?;
    Ok(Some(dict))
}

/// Returns query parameters from a dict or pairs. `None` leaves a parameter out, and a list repeats it.
pub(crate) fn query(value: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let pairs = match value.cast::<PyDict>() {
        Ok(dict) => dict.items().into_any(),
        Err(_) => value.clone(),
    };
    let mut found = Vec::new();
    for pair in array("query", &pairs)? {
        let halves = array("query", &pair)?;
        let [name, member] = &halves[..] else {
            return Err(invalid("query", &pair, "a dict, or pairs of name and value"));
        };
        let name = text("query", name)?;
        let field = format!("query.{name}");
        let members = match member.cast::<PyList>() {
            Ok(list) => list.iter().collect(),
            Err(_) => vec![member.clone()],
        };
        for member in members {
            let text = match json(&field, &member)? {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Array(_) | Value::Object(_) => {
                    return Err(invalid(&field, &member, "a str, a number, a bool or None"));
                }
                plain => String::from_utf8_lossy(&json::canonical(&plain)).trim_end().to_owned(),
            };
            found.push((name.clone(), text));
        }
    }
    Ok(found)
}

/// Path of a value within an argument.
enum JsonPath<'a> {
    Argument(&'a str),
    /// An option, which may be a number of another library.
    Option(&'a str),
    Key(&'a JsonPath<'a>, &'a str),
    Item(&'a JsonPath<'a>, usize),
}

impl fmt::Display for JsonPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(name) | Self::Option(name) => f.write_str(name),
            Self::Key(path, key) => write!(f, "{path}.{key}"),
            Self::Item(path, index) => write!(f, "{path}[{index}]"),
        }
    }
}

impl JsonPath<'_> {
    /// Returns the option that the value belongs to, if it is not an argument's.
    fn option(&self) -> Option<&str> {
        match self {
            Self::Argument(_) => None,
            Self::Option(name) => Some(name),
            Self::Key(path, _) | Self::Item(path, _) => path.option(),
        }
    }

    /// Returns the error of the value at this path. It does not show the value of an option that may be a secret.
    fn invalid(&self, value: &Bound<'_, PyAny>, expected: &str) -> PyErr {
        let got = if self.option().is_some_and(is_secret) {
            format!("a value of type {} that cannot be sent", type_name(value))
        } else {
            repr_for_error(value)
        };
        invalid_argument(value.py(), &self.to_string(), &got, expected)
    }
}

/// Returns a value of JSON.
pub(crate) fn json(field: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    from(&JsonPath::Argument(field), value, 0)
}

/// Returns a dict of options.
pub(crate) fn options(options: &Bound<'_, PyDict>) -> PyResult<Value> {
    let options = options.iter().map(|(name, value)| {
        let name = name.extract::<String>()?;
        let value = from(&JsonPath::Option(&name), &value, 0)?;
        Ok((name, value))
    });
    options.collect::<PyResult<_>>().map(Value::Object)
}

/// Returns the options of `generate` from one of many prompts: a text, or a mapping in which `None` counts as absent.
pub(crate) fn prompt(index: usize, item: &Bound<'_, PyAny>) -> PyResult<Value> {
    let root = JsonPath::Option("prompts");
    let path = JsonPath::Item(&root, index);
    if item.is_instance_of::<PyString>() {
        return Ok(Map::from_iter([("prompt".to_owned(), text_at(&path, item)?.into())]).into());
    }
    let expected = "a prompt, or a dict of generate's options with a prompt";
    let dict = as_dict(item)?.ok_or_else(|| path.invalid(item, expected))?;
    let mut options = from_dict(&path, &dict, 0)?;
    options.retain(|name, value| name == "prompt" || !value.is_null());
    Ok(options.into())
}

fn from(path: &JsonPath<'_>, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    let py = value.py();
    if depth > MAX_DEPTH {
        let got = "a value that nests deeper";
        return Err(invalid_argument(py, &path.to_string(), got, "at most 128 levels"));
    }
    if value.is_none() {
        return Ok(Value::Null);
    }
    if value.is_instance_of::<PyString>() {
        return text_at(path, value).map(Value::String);
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Value::Bool(flag.is_true()));
    }
    if value.is_instance_of::<PyInt>() {
        return integer(path, value);
    }
    if let Ok(float) = value.cast::<PyFloat>() {
        return finite(path, value, float.value());
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        return from_dict(path, dict, depth).map(Value::Object);
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let items = value.try_iter()?.enumerate();
        let items = items.map(|(index, item)| from(&JsonPath::Item(path, index), &item?, depth + 1));
        return items.collect::<PyResult<Vec<_>>>().map(Value::Array);
    }
    // Integers of other libraries convert through __index__.
    if let Ok(number) = value.call_method0(py_util::intern!(py, "__index__")) {
        return integer(path, &number);
    }
    if path.option().is_some()
        && let Ok(number) = value.extract::<f64>()
    {
        return finite(path, value, number);
    }
    Err(path.invalid(value, JSON))
}

fn finite(path: &JsonPath<'_>, value: &Bound<'_, PyAny>, number: f64) -> PyResult<Value> {
    let number = Number::from_f64(number).map(Value::Number);
    number.ok_or_else(|| path.invalid(value, "a finite number"))
}

fn integer(path: &JsonPath<'_>, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    let number = value.extract::<i64>().map(Value::from).or_else(|_| value.extract::<u64>().map(Value::from));
    number.map_err(|_| {
        if path.option().is_some_and(is_secret) {
            return path.invalid(value, JSON);
        }
        // The interpreter refuses to print the longest ones.
        let digits = value.str().map_or_else(|_| "with thousands of digits".into(), |text| text.to_string());
        to_pyerr(value.py(), json::out_of_range(&path.to_string(), &digits))
    })
}

fn from_dict(path: &JsonPath<'_>, dict: &Bound<'_, PyDict>, depth: usize) -> PyResult<Map<String, Value>> {
    let mut map = Map::new();
    // A list of its own, since code that a member runs to convert itself may change the dict.
    for item in dict.items() {
        let (key, member) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        let field = || format!("{path}: its key {}", repr_for_error(&key));
        if !key.is_instance_of::<PyString>() {
            return Err(invalid_argument(dict.py(), &field(), &type_name(&key), "a str"));
        }
        let Ok(name) = key.extract::<String>() else {
            return Err(invalid_argument(dict.py(), &field(), &repr_for_error(&key), TEXT));
        };
        let value = from(&JsonPath::Key(path, &name), &member, depth + 1)?;
        map.insert(name, value);
    }
    Ok(map)
}
