//! A JavaScript value as a tree that outlives the call: read whole, with every doubt named by its path.
#![expect(
    unsafe_code,
    reason = "Node-API is C: napi's own readers lose half characters and follow prototypes"
)]

use std::ptr;

use infrai::InfraiError;
use napi::{Env, JsValue as _, Unknown, ValueType, check_status, sys};

use crate::guard::Refusal;

/// How deep a value may be nested.
const DEEPEST: usize = 256;
/// How long an array may be: `length` alone costs JavaScript nothing, and may say more than memory holds.
const LONGEST: u32 = 1 << 22;

/// What JavaScript gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Js {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    /// A `BigInt`, as its digits.
    Integer(String),
    Text(String),
    List(Vec<Js>),
    Record(Vec<(String, Js)>),
    /// What is no data, such as a function, as a message calls it.
    Opaque(&'static str),
}

impl Js {
    /// What it is, for a message.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Undefined => "undefined".into(),
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Number(number) if number.is_infinite() && *number > 0.0 => "Infinity".into(),
            Self::Number(number) if number.is_infinite() => "-Infinity".into(),
            Self::Number(number) => number.to_string(),
            Self::Integer(digits) => format!("the BigInt {digits}"),
            Self::Text(text) => format!("{text:?}"),
            Self::List(_) => "an array".into(),
            Self::Record(_) => "an object".into(),
            Self::Opaque(what) => (*what).into(),
        }
    }

    /// Whether it counts as not given.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null)
    }
}

/// Reads a value whole.
pub(crate) fn read(env: Env, value: &Unknown<'_>, path: &str) -> Result<Js, Refusal> {
    let mut reader = Reader { env: env.raw(), path: path.to_owned(), above: Vec::new() };
    reader.read(value.raw())
}

struct Reader {
    env: sys::napi_env,
    path: String,
    /// The objects that hold the one being read.
    above: Vec<sys::napi_value>,
}

/// Calls a function of Node-API that writes what it gives.
macro_rules! ask {
    ($call:ident($env:expr $(, $argument:expr)*) -> $initial:expr) => {{
        let mut given = $initial;
        // SAFETY: the values come from this call's own handle scope on the environment's thread, `given` lives here.
        check_status!(unsafe { sys::$call($env $(, $argument)*, &raw mut given) })?;
        given
    }};
}

impl Reader {
    fn refuse(&self, got: &str, expected: &str) -> Refusal {
        InfraiError::invalid_argument(&self.path, got, expected).into()
    }

    fn read(&mut self, value: sys::napi_value) -> Result<Js, Refusal> {
        let kind = ValueType::from(ask!(napi_typeof(self.env, value) -> 0));
        Ok(match kind {
            ValueType::Undefined => Js::Undefined,
            ValueType::Null => Js::Null,
            ValueType::Boolean => Js::Bool(ask!(napi_get_value_bool(self.env, value) -> false)),
            ValueType::Number => Js::Number(ask!(napi_get_value_double(self.env, value) -> 0.0)),
            ValueType::BigInt => {
                let digits = ask!(napi_coerce_to_string(self.env, value) -> ptr::null_mut());
                Js::Integer(self.text(digits)?)
            }
            ValueType::String => Js::Text(self.text(value)?),
            ValueType::Object => self.object(value)?,
            ValueType::Function => Js::Opaque("a function"),
            ValueType::Symbol => Js::Opaque("a symbol"),
            _ => Js::Opaque("a native value"),
        })
    }

    /// A string, refused when it holds half a character: UTF-8 cannot carry that, and the API would see another text.
    fn text(&self, value: sys::napi_value) -> Result<String, Refusal> {
        let mut length = 0;
        // SAFETY: a null buffer asks for the length alone.
        check_status!(unsafe {
            sys::napi_get_value_string_utf16(self.env, value, ptr::null_mut(), 0, &raw mut length)
        })?;
        let mut units = vec![0_u16; length + 1];
        // SAFETY: the buffer holds the units and the zero that ends them.
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
        // The text is not repeated: it may be a key, or as long as a book.
        String::from_utf16(&units).map_err(|_| {
            self.refuse("a string that has half of a surrogate pair", "text of whole characters")
        })
    }

    fn object(&mut self, value: sys::napi_value) -> Result<Js, Refusal> {
        if self.above.len() >= DEEPEST {
            return Err(self.refuse("an object", &format!("data nested at most {DEEPEST} deep")));
        }
        for above in &self.above {
            if ask!(napi_strict_equals(self.env, *above, value) -> false) {
                return Err(self.refuse("an object that contains itself", "data without cycles"));
            }
        }
        self.above.push(value);
        let read = self.members(value);
        self.above.pop();
        read
    }

    fn members(&mut self, value: sys::napi_value) -> Result<Js, Refusal> {
        if ask!(napi_is_array(self.env, value) -> false) {
            return self.list(value);
        }
        let (bytes, buffer) = (
            ask!(napi_is_typedarray(self.env, value) -> false),
            ask!(napi_is_arraybuffer(self.env, value) -> false),
        );
        // Before toJSON, which a Buffer has: it would be sent as a list of numbers.
        if bytes || buffer {
            return Err(self.refuse("bytes", "plain data (send bytes as a base64 string)"));
        }
        if let Some(data) = self.to_json(value)? {
            return self.read(data);
        }
        let names = ask!(napi_get_all_property_names(
            self.env,
            value,
            sys::KeyCollectionMode::own_only,
            sys::KeyFilter::enumerable | sys::KeyFilter::skip_symbols,
            sys::KeyConversion::numbers_to_strings
        ) -> ptr::null_mut());
        let count = ask!(napi_get_array_length(self.env, names) -> 0);
        if count == 0 && !self.is_plain(value)? {
            return Err(
                self.refuse("an object without fields of its own, such as a Map or a Promise", "plain data")
            );
        }
        let mut record = Vec::with_capacity(count as usize);
        for at in 0..count {
            let name = ask!(napi_get_element(self.env, names, at) -> ptr::null_mut());
            let member = ask!(napi_get_property(self.env, value, name) -> ptr::null_mut());
            let name = self.text(name)?;
            let inside = if self.path.is_empty() { name.clone() } else { format!(".{name}") };
            let member = self.within(&inside, member)?;
            record.push((name, member));
        }
        Ok(Js::Record(record))
    }

    fn list(&mut self, value: sys::napi_value) -> Result<Js, Refusal> {
        let count = ask!(napi_get_array_length(self.env, value) -> 0);
        if count > LONGEST {
            let got = format!("an array of {count} items");
            return Err(self.refuse(&got, &format!("an array of at most {LONGEST} items")));
        }
        let mut list = Vec::with_capacity(count as usize);
        for at in 0..count {
            let item = ask!(napi_get_element(self.env, value, at) -> ptr::null_mut());
            list.push(self.within(&format!("[{at}]"), item)?);
        }
        Ok(Js::List(list))
    }

    /// Reads what lies a step further in.
    fn within(&mut self, step: &str, value: sys::napi_value) -> Result<Js, Refusal> {
        let length = self.path.len();
        self.path.push_str(step);
        let read = self.read(value);
        self.path.truncate(length);
        read
    }

    /// What the object's `toJSON` gives, if it has one: a `Date` or a `URL` is its text.
    fn to_json(&self, value: sys::napi_value) -> Result<Option<sys::napi_value>, Refusal> {
        let mut method = ptr::null_mut();
        // SAFETY: the name ends in zero and outlives the call.
        check_status!(unsafe {
            sys::napi_get_named_property(self.env, value, c"toJSON".as_ptr().cast(), &raw mut method)
        })?;
        if ValueType::from(ask!(napi_typeof(self.env, method) -> 0)) != ValueType::Function {
            return Ok(None);
        }
        let mut given = ptr::null_mut();
        // SAFETY: a call without arguments; what it throws stays pending and is handed on.
        let status =
            unsafe { sys::napi_call_function(self.env, value, method, 0, ptr::null(), &raw mut given) };
        check_status!(status)?;
        Ok(Some(given))
    }

    /// Whether the object was written as `{}`, in this realm or another.
    fn is_plain(&self, value: sys::napi_value) -> Result<bool, Refusal> {
        let prototype = ask!(napi_get_prototype(self.env, value) -> ptr::null_mut());
        if ValueType::from(ask!(napi_typeof(self.env, prototype) -> 0)) == ValueType::Null {
            return Ok(true);
        }
        let above = ask!(napi_get_prototype(self.env, prototype) -> ptr::null_mut());
        Ok(ValueType::from(ask!(napi_typeof(self.env, above) -> 0)) == ValueType::Null)
    }
}
