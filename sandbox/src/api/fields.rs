//! Reader of a body's fields that refuses unknown ones, other types, and values out of range.

use serde_json::{Map, Value};
use url::Url;

use crate::{catalog, error::ApiError};

/// The fields of a body.
pub(super) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// Accepts `body` if all its fields are `known`.
    pub(super) fn new(body: &'a Map<String, Value>, known: &[&str]) -> Result<Self, ApiError> {
        match body.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(Self(body)),
            Some(unknown) => {
                let name = shorten(unknown);
                let known = known.join(", ");
                let message = format!("unknown field `{name}`: expected {known}");
                Err(ApiError::invalid(message).with("field", name).with("expected", known))
            }
        }
    }

    /// Returns a string, if the field is there.
    pub(super) fn text(&self, name: &str, expected: &str) -> Result<Option<&'a str>, ApiError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, expected, other)),
        }
    }

    /// Returns a required string that `accept` approves.
    pub(super) fn required(
        &self,
        name: &str,
        expected: &str,
        accept: impl Fn(&str) -> bool,
    ) -> Result<&'a str, ApiError> {
        match self.text(name, expected)? {
            Some(text) if accept(text) => Ok(text),
            Some(text) => Err(ApiError::field(name, expected, &format!("{} bytes of text", text.len()))),
            None => Err(ApiError::field(name, expected, "nothing")),
        }
    }

    /// Returns one of `values`, or the default if the field is missing.
    pub(super) fn one_of(&self, name: &str, values: &[&str], default: &str) -> Result<String, ApiError> {
        let expected = format!("one of {}", values.join(", "));
        match self.text(name, &expected)? {
            None => Ok(default.to_owned()),
            Some(text) if values.contains(&text) => Ok(text.to_owned()),
            Some(text) => Err(wrong(name, &expected, &Value::from(text))),
        }
    }

    /// Returns a number, multiplied by `scale` and rounded, if the product is in range.
    pub(super) fn scaled(
        &self,
        name: &str,
        scale: f64,
        range: std::ops::RangeInclusive<i64>,
        expected: &str,
    ) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        #[allow(clippy::cast_precision_loss, reason = "limits far below 2^53")]
        let (least, most) = (*range.start() as f64, *range.end() as f64);
        let scaled = value.as_f64().map(|number| number * scale);
        let scaled = scaled.filter(|scaled| (least..=most).contains(scaled));
        #[allow(clippy::cast_possible_truncation, reason = "in range")]
        let scaled = scaled.map(|scaled| scaled.round() as i64);
        scaled.map(Some).ok_or_else(|| wrong(name, expected, value))
    }

    /// Returns an http or https URL, if the field is there.
    pub(super) fn url(&self, name: &str) -> Result<Option<String>, ApiError> {
        let expected = format!("an absolute http or https URL of at most {} bytes", catalog::URL_LIMIT);
        let Some(text) = self.text(name, &expected)? else { return Ok(None) };
        let sound = text.len() <= catalog::URL_LIMIT
            && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if sound { Ok(Some(text.to_owned())) } else { Err(wrong(name, &expected, &Value::from(text))) }
    }
}

fn wrong(name: &str, expected: &str, got: &Value) -> ApiError {
    ApiError::field(name, expected, &shorten(&got.to_string()))
}

pub(super) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
