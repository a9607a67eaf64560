//! Envelope parser: splits a response's JSON into the envelope's members while parsing it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, MapAccess, Visitor},
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

/// Parses JSON. Validates UTF-8 once for the whole text and not for each string. Half of a surrogate pair becomes U+FFFD.
pub(super) fn parse(bytes: &[u8]) -> serde_json::Result<RawEnvelope> {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse_text(text).or_else(|error| match replace_lone_surrogates(text) {
            Some(text) => parse_text(&text),
            None => Err(error),
        }),
        // The parser's error names the position of the invalid bytes.
        Err(_) => serde_json::from_slice(bytes).map(RawEnvelope::Other),
    }
}

/// Parses JSON that is no response of a call. Half of a surrogate pair becomes U+FFFD.
pub(crate) fn parse_value<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(bytes).or_else(|error| {
        match std::str::from_utf8(bytes).ok().and_then(replace_lone_surrogates) {
            Some(text) => serde_json::from_str(&text),
            None => Err(error),
        }
    })
}

fn parse_text(text: &str) -> serde_json::Result<RawEnvelope> {
    if text.trim_ascii_start().starts_with('{') {
        serde_json::from_str(text).map(|Object(parts)| parts)
    } else {
        serde_json::from_str(text).map(RawEnvelope::Other)
    }
}

/// Replaces each escape of half a surrogate pair by the escape of U+FFFD, which has the same length. Returns `None` if the
/// text has none.
fn replace_lone_surrogates(text: &str) -> Option<String> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(found) = text[at..].find('\\') {
        at += found;
        match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => {
                out.push_str(&text[copied..at]);
                out.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            // The escaped character may be longer than a byte in text that is not JSON.
            _ => at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        }
    }
    (copied > 0).then(|| out + &text[copied..])
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
    fn half_of_a_surrogate_pair_is_replaced() {
        for (text, expected) in [
            (r#"{"a":"x\ud800"}"#, json!({"a": "x\u{fffd}"})),
            (r#"{"a":"\udc00y"}"#, json!({"a": "\u{fffd}y"})),
            (r#"["\uD83D\uDE00 \uD83D\uD83D\uDE00 \uDE00"]"#, json!(["😀 \u{fffd}😀 \u{fffd}"])),
            (r#"["\\ud800 \ud800\n"]"#, json!(["\\ud800 \u{fffd}\n"])),
            (r#"{"\udfff":{"ok":"\ud800\u0041"}}"#, json!({"\u{fffd}": {"ok": "\u{fffd}A"}})),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap(), expected, "{text}");
        }
        for invalid in [r#"{"a":"\ud800"#, r#"["\ud8"]"#, "\\", "\"\\é\\ud800"] {
            assert!(read(invalid.as_bytes()).is_err(), "{invalid}");
        }
        let envelope = read(br#"{"ok":true,"data":{"job_id":"vid_1","note":"\ud800"}}"#).unwrap();
        assert_eq!(envelope["data"], json!({"job_id": "vid_1", "note": "\u{fffd}"}));
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
