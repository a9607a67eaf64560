//! Foreign form of JSON values and paths, for the types that derive theirs.

use std::path::PathBuf;

use serde_json::{Map, Value};

/// An object of JSON.
type JsonObject = Map<String, Value>;

/// Returns an object as JSON text.
pub(crate) fn object_text(object: &JsonObject) -> String {
    serde_json::to_string(object).unwrap_or_else(|_| "{}".into())
}

uniffi::custom_type!(Value, String, {
    remote,
    lower: |value| value.to_string(),
    try_lift: |text| Ok(serde_json::from_str(&text)?),
});

uniffi::custom_type!(JsonObject, String, {
    remote,
    lower: |object| object_text(&object),
    try_lift: |text| Ok(serde_json::from_str(&text)?),
});

uniffi::custom_type!(PathBuf, String, {
    remote,
    lower: |path| path.display().to_string(),
    try_lift: |path| Ok(path.into()),
});
