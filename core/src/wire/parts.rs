//! Envelope parser: splits a response's JSON into the envelope's members while parsing it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::metadata::Metadata;

/// An envelope's members.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) ok: bool,
    pub(super) data: Value,
    pub(super) error: Option<Value>,
    pub(super) metadata: Metadata,
}

/// Returns the envelope, or the whole value as `Err` if the JSON is not an envelope.
pub(super) fn open(parts: RawEnvelope) -> Result<Envelope, Value> {
    let (ok, data, error, metadata, mut others) = match parts {
        RawEnvelope::Object { ok, data, error, metadata, others } => (ok, data, error, metadata, others),
        RawEnvelope::Other(value) => return Err(value),
    };
    match ok {
        Some(Value::Bool(ok)) if data.is_some() || metadata.is_some() || (!ok && error.is_some()) => {
            let metadata = match metadata {
                Some(Value::Object(metadata)) => Metadata::from(metadata),
                _ => Metadata::default(),
            };
            let error = error.filter(|error| !error.is_null());
            Ok(Envelope { ok, data: data.unwrap_or(Value::Null), error, metadata })
        }
        ok => {
            for (name, value) in [("ok", ok), ("data", data), ("error", error), ("metadata", metadata)] {
                if let Some(value) = value {
                    others.insert(name.into(), value);
                }
            }
            Err(Value::Object(others))
        }
    }
}

/// A response's JSON, with an envelope's members separate from all others. This saves one map per response.
#[derive(Debug)]
pub(super) enum RawEnvelope {
    Object {
        ok: Option<Value>,
        data: Option<Value>,
        error: Option<Value>,
        metadata: Option<Value>,
        others: Map<String, Value>,
    },
    Other(Value),
}

/// JSON object as a [`RawEnvelope`].
struct Object(RawEnvelope);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor).map(Self)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = RawEnvelope;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<RawEnvelope, A::Error> {
        let (mut ok, mut data, mut error, mut metadata, mut others) = (None, None, None, None, Map::new());
        while let Some(name) = members.next_key()? {
            let value = members.next_value()?;
            match name {
                Name::Ok => ok = Some(value),
                Name::Data => data = Some(value),
                Name::Error => error = Some(value),
                Name::Metadata => metadata = Some(value),
                Name::Other(name) => {
                    others.insert(name, value);
                }
            }
        }
        Ok(RawEnvelope::Object { ok, data, error, metadata, others })
    }
}

/// Name of an object's member.
enum Name {
    Ok,
    Data,
    Error,
    Metadata,
    Other(String),
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
                Ok(match name {
                    "ok" => Name::Ok,
                    "data" => Name::Data,
                    "error" => Name::Error,
                    "metadata" => Name::Metadata,
                    other => Name::Other(other.to_owned()),
                })
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// Parses JSON. Validates UTF-8 once for the whole text and not for each string.
pub(super) fn parse(bytes: &[u8]) -> serde_json::Result<RawEnvelope> {
    let object = bytes.trim_ascii_start().starts_with(b"{");
    match std::str::from_utf8(bytes) {
        Ok(text) if object => serde_json::from_str(text).map(|Object(parts)| parts),
        Ok(text) => serde_json::from_str(text).map(RawEnvelope::Other),
        // The parser's error names the position of the invalid bytes.
        Err(_) => serde_json::from_slice(bytes).map(RawEnvelope::Other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &[u8]) -> Result<Value, String> {
        match parse(text).map(open).map_err(|error| error.to_string())? {
            Ok(envelope) => Ok(json!({
                "ok": envelope.ok, "data": envelope.data, "error": envelope.error, "metadata": envelope.metadata.as_map(),
            })),
            Err(value) => Ok(value),
        }
    }

    #[test]
    fn any_json_but_an_envelope_is_the_data_itself() {
        for text in [
            r#"{"ok":true}"#,
            r#"{"ok":1,"data":{"a":null},"metadata":{}}"#,
            r#"{"ok":true,"error":"x","z":[{"ok":true,"data":1}]}"#,
            r#"{"data":1,"error":2,"metadata":3,"o":4}"#,
            "[1,[2.5,-3,18446744073709551615,1e300],\"x\\u00e4\",null,true]",
            "null",
            "-0.0",
            "\"ok\"",
            "{}",
        ] {
            assert_eq!(
                read(text.as_bytes()).unwrap(),
                serde_json::from_str::<Value>(text).unwrap(),
                "{text}"
            );
        }
    }

    #[test]
    fn last_of_duplicate_members_counts() {
        let text = br#"{"ok":false,"data":1,"extra":0,"ok":true,"data":2}"#;
        assert_eq!(read(text).unwrap(), json!({"ok": true, "data": 2, "error": null, "metadata": {}}));
    }

    proptest! {
        #[test]
        fn invalid_json_gives_the_parsers_error(text in proptest::collection::vec(any::<u8>(), 0..12)) {
            let parsed = serde_json::from_slice::<Value>(&text).map_err(|error| error.to_string());
            prop_assert_eq!(read(&text), parsed);
        }
    }
}
