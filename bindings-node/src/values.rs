//! JavaScript values as trees that outlive the call. The path names each value that cannot be read.
#![expect(
    unsafe_code,
    reason = "Node-API is C: napi's own readers lose unpaired surrogates and follow prototypes"
)]

use std::ptr;

use infrai::InfraiError;
use napi::{JsValue as _, Unknown, ValueType, check_status, sys};

use crate::errors::CallError;

/// Deepest nesting of a value.
const MAX_DEPTH: usize = 256;
/// Longest array. A `length` costs JavaScript nothing, and may be more than memory holds.
const MAX_LENGTH: u32 = 1 << 22;

/// A value of JavaScript.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum JsValue {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    /// A `BigInt`, as its digits.
    Integer(String),
    Text(String),
    List(Vec<JsValue>),
    Record(Vec<(String, JsValue)>),
    /// A value that is no data, such as a function, in a message's words.
    Opaque(&'static str),
}

impl JsValue {
    /// Returns the type in a message's words, without the value.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Integer(_) => "a BigInt",
            Self::Text(_) => "a string",
            Self::List(_) => "an array",
            Self::Record(_) => "an object",
            Self::Opaque(what) => what,
        }
    }

    /// Returns the value in a message's words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Number(number) if number.is_infinite() && *number > 0.0 => "Infinity".into(),
            Self::Number(number) if number.is_infinite() => "-Infinity".into(),
            Self::Number(number) => number.to_string(),
            Self::Integer(digits) => format!("the BigInt {digits}"),
            Self::Text(text) => format!("{text:?}"),
            other => other.type_name().into(),
        }
    }

    /// Returns whether the value counts as unset.
    pub(crate) fn is_nullish(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null)
    }
}

/// Reads a value with all that it contains.
pub(crate) fn read(value: &Unknown<'_>, path: &str) -> Result<JsValue, CallError> {
    let mut reader = Reader { env: value.value().env, path: path.to_owned(), above: Vec::new() };
    reader.read(value.raw())
}

struct Reader {
    env: sys::napi_env,
    path: String,
    /// The objects around the current one.
    above: Vec<sys::napi_value>,
}

/// Calls a function of Node-API that writes its result to a pointer.
macro_rules! napi_call {
    ($call:ident($env:expr $(, $argument:expr)*) -> $initial:expr) => {{
        let mut result = $initial;
        // SAFETY: the values come from this call's own handle scope on the environment's thread, `result` lives here.
        check_status!(unsafe { sys::$call($env $(, $argument)*, &raw mut result) })?;
        result
    }};
}

impl Reader {
    fn refuse(&self, got: &str, expected: &str) -> CallError {
        InfraiError::invalid_argument(&self.path, got, expected).into()
    }

    fn read(&mut self, value: sys::napi_value) -> Result<JsValue, CallError> {
        let kind = ValueType::from(napi_call!(napi_typeof(self.env, value) -> 0));
        Ok(match kind {
            ValueType::Undefined => JsValue::Undefined,
            ValueType::Null => JsValue::Null,
            ValueType::Boolean => JsValue::Bool(napi_call!(napi_get_value_bool(self.env, value) -> false)),
            ValueType::Number => JsValue::Number(napi_call!(napi_get_value_double(self.env, value) -> 0.0)),
            ValueType::BigInt => {
                let digits = napi_call!(napi_coerce_to_string(self.env, value) -> ptr::null_mut());
                JsValue::Integer(self.text(digits)?)
            }
            ValueType::String => JsValue::Text(self.text(value)?),
            ValueType::Object => self.object(value)?,
            ValueType::Function => JsValue::Opaque("a function"),
            ValueType::Symbol => JsValue::Opaque("a symbol"),
            _ => JsValue::Opaque("a native value"),
        })
    }

    /// Reads a string. An unpaired surrogate is an error: UTF-8 cannot carry it, and the API would get another text.
    fn text(&self, value: sys::napi_value) -> Result<String, CallError> {
        let mut length = 0;
        // SAFETY: with a null buffer, the function writes the length alone.
        check_status!(unsafe {
            sys::napi_get_value_string_utf16(self.env, value, ptr::null_mut(), 0, &raw mut length)
        })?;
        let mut units = vec![0_u16; length + 1];
        // SAFETY: the buffer has space for the units and the final zero.
        check_status!(unsafe {
            sys::napi_get_value_string_utf16(
                self.env,
                value,
                units.as_mut_ptr(),
                units.len(),
                &raw mut length,
            )
        })?;
        units.truncate(length);
        // Without the text, which may be a key, or very long.
        String::from_utf16(&units).map_err(|_| {
            self.refuse("a string that has half of a surrogate pair", "text of whole characters")
        })
    }

    fn object(&mut self, value: sys::napi_value) -> Result<JsValue, CallError> {
        if self.above.len() >= MAX_DEPTH {
            return Err(self.refuse("an object", &format!("data nested at most {MAX_DEPTH} deep")));
        }
        for above in &self.above {
            if napi_call!(napi_strict_equals(self.env, *above, value) -> false) {
                return Err(self.refuse("an object that contains itself", "data without cycles"));
            }
        }
        self.above.push(value);
        let read = self.members(value);
        self.above.pop();
        read
    }

    fn members(&mut self, value: sys::napi_value) -> Result<JsValue, CallError> {
        if napi_call!(napi_is_array(self.env, value) -> false) {
            return self.list(value);
        }
        let (bytes, buffer) = (
            napi_call!(napi_is_typedarray(self.env, value) -> false),
            napi_call!(napi_is_arraybuffer(self.env, value) -> false),
        );
        // Before `toJSON`, which turns a Buffer into a list of numbers.
        if bytes || buffer {
            return Err(self.refuse("bytes", "plain data (send bytes as a base64 string)"));
        }
        if let Some(data) = self.to_json(value)? {
            return self.read(data);
        }
        let names = napi_call!(napi_get_all_property_names(
            self.env,
            value,
            sys::KeyCollectionMode::own_only,
            sys::KeyFilter::enumerable | sys::KeyFilter::skip_symbols,
            sys::KeyConversion::numbers_to_strings
        ) -> ptr::null_mut());
        let count = napi_call!(napi_get_array_length(self.env, names) -> 0);
        if count == 0 && !self.is_plain(value)? {
            return Ok(JsValue::Opaque("an object without fields of its own, such as a Map or a Promise"));
        }
        let mut record = Vec::with_capacity(count as usize);
        for at in 0..count {
            let name = napi_call!(napi_get_element(self.env, names, at) -> ptr::null_mut());
            let member = napi_call!(napi_get_property(self.env, value, name) -> ptr::null_mut());
            let name = self.text(name)?;
            let inside = if self.path.is_empty() { name.clone() } else { format!(".{name}") };
            let member = self.with_path(&inside, member)?;
            record.push((name, member));
        }
        Ok(JsValue::Record(record))
    }

    fn list(&mut self, value: sys::napi_value) -> Result<JsValue, CallError> {
        let count = napi_call!(napi_get_array_length(self.env, value) -> 0);
        if count > MAX_LENGTH {
            let got = format!("an array of {count} items");
            return Err(self.refuse(&got, &format!("an array of at most {MAX_LENGTH} items")));
        }
        let mut list = Vec::with_capacity(count as usize);
        for at in 0..count {
            let item = napi_call!(napi_get_element(self.env, value, at) -> ptr::null_mut());
            list.push(self.with_path(&format!("[{at}]"), item)?);
        }
        Ok(JsValue::List(list))
    }

    /// Reads a member or an item.
    fn with_path(&mut self, step: &str, value: sys::napi_value) -> Result<JsValue, CallError> {
        let length = self.path.len();
        self.path.push_str(step);
        let read = self.read(value);
        self.path.truncate(length);
        read
    }

    /// Returns the result of the object's `toJSON`, if it has one. A `Date` or a `URL` becomes text.
    fn to_json(&self, value: sys::napi_value) -> Result<Option<sys::napi_value>, CallError> {
        let mut method = ptr::null_mut();
        // SAFETY: the name ends in zero and outlives the call.
        check_status!(unsafe {
            sys::napi_get_named_property(self.env, value, c"toJSON".as_ptr().cast(), &raw mut method)
        })?;
        if ValueType::from(napi_call!(napi_typeof(self.env, method) -> 0)) != ValueType::Function {
            return Ok(None);
        }
        let mut data = ptr::null_mut();
        // SAFETY: a call without arguments. Its exception stays pending, for the caller of the exported function.
        let status =
            unsafe { sys::napi_call_function(self.env, value, method, 0, ptr::null(), &raw mut data) };
        check_status!(status)?;
        Ok(Some(data))
    }

    /// Returns whether the object is a plain one, `{}`, of this realm or another.
    fn is_plain(&self, value: sys::napi_value) -> Result<bool, CallError> {
        let prototype = napi_call!(napi_get_prototype(self.env, value) -> ptr::null_mut());
        if ValueType::from(napi_call!(napi_typeof(self.env, prototype) -> 0)) == ValueType::Null {
            return Ok(true);
        }
        let above = napi_call!(napi_get_prototype(self.env, prototype) -> ptr::null_mut());
        Ok(ValueType::from(napi_call!(napi_typeof(self.env, above) -> 0)) == ValueType::Null)
    }
}
