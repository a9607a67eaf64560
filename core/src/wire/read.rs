//! Typed fields of a response.
//!
//! `null` counts as absent. An integer id becomes a string. Any other wrong type is an unexpected-response error that
//! names the field.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::{
    error::{InfraiError, Result, shorten},
    redact::Redactor,
    wire::envelope::unexpected,
};

/// Reader of an object's fields.
pub(crate) struct FieldReader<'a> {
    /// The object's name in errors.
    pub(crate) what: &'a str,
    pub(crate) map: &'a Map<String, Value>,
    /// Redacts the call's secrets in errors.
    pub(crate) redactor: &'a Redactor,
}

impl FieldReader<'_> {
    fn wrong(&self, name: &str, value: &Value, expected: &str) -> InfraiError {
        let shown = shown(value, self.redactor);
        unexpected(
            format!("invalid field {name:?} of the {}: expected {expected}, got {shown}", self.what),
            None,
        )
    }

    pub(crate) fn missing(&self, name: &str) -> InfraiError {
        unexpected(format!("the {} from the API has no field {name:?}", self.what), None)
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<String>> {
        Ok(self.str(name)?.map(str::to_owned))
    }

    pub(crate) fn str(&self, name: &str) -> Result<Option<&str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, other, "a string")),
        }
    }

    pub(crate) fn id(&self, name: &str) -> Result<Option<Cow<'_, str>>> {
        match self.get(name) {
            Some(Value::Number(number)) if number.is_i64() || number.is_u64() => {
                Ok(Some(number.to_string().into()))
            }
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            _ => Ok(self.str(name)?.map(Cow::Borrowed)),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(number.as_f64()),
            Some(other) => Err(self.wrong(name, other, "a number")),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.wrong(name, other, "true or false")),
        }
    }
}

/// Returns the data of a typed call, which must be an object.
pub(crate) fn object(what: &str, data: Value, redactor: &Redactor) -> Result<Map<String, Value>> {
    match data {
        Value::Object(map) => Ok(map),
        other => {
            let shown = shown(&other, redactor);
            Err(unexpected(format!("invalid response: expected a {what}, got {shown}"), None))
        }
    }
}

/// Returns the beginning of an unexpected value, redacted.
fn shown(value: &Value, redactor: &Redactor) -> String {
    shorten(&redactor.first(&value.to_string(), 80 * 4), 80)
}
