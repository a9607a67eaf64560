//! JSON form of results.

use serde_json::{Map, Value};

use crate::metadata::Metadata;

/// The fields of a result as JSON, its metadata as `_metadata`.
pub(crate) fn with_metadata(raw: &Map<String, Value>, metadata: &Metadata) -> Value {
    let mut map = raw.clone();
    map.retain(|_, value| !value.is_null());
    if !metadata.is_empty() {
        map.insert("_metadata".into(), Value::Object(metadata.as_map().clone()));
    }
    Value::Object(map)
}
