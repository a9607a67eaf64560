//! Parsing of the options of a call.

use infrai::{InfraiError, options};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Parses a set of options from a JSON object.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, InfraiError> {
    // A value has no line and column, which an error would name.
    let value: Value = serde_json::from_str(text)
        .map_err(|_| InfraiError::internal("the options of a call are not a JSON object"))?;
    options::parse(value)
}
