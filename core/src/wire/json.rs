//! Canonical JSON, which makes the same call the same bytes in every language.
//!
//! Keys are sorted by code point. There are no spaces. Text is UTF-8, with `\u` escapes only where JSON needs them.
//! Floats are printed as in ECMAScript. Integers are exact from −2⁶³ to 2⁶⁴−1. One newline ends the text.

use serde_json::{Number, Value};

use crate::error::{InfraiError, Result};

/// Returns the canonical bytes of a value, with the newline that ends a request body.
///
/// ```
/// use serde_json::json;
/// let body = infrai::wire::json::canonical(&json!({"prompt": "日落", "duration_seconds": 5.0}));
/// assert_eq!(body, "{\"duration_seconds\":5,\"prompt\":\"日落\"}\n".as_bytes());
/// ```
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    write(value, &mut out);
    out.push(b'\n');
    out
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(map) => {
            // The map may not be sorted: another crate may have enabled serde_json's insertion order.
            let mut members: Vec<_> = map.iter().collect();
            members.sort_unstable_by(|a, b| a.0.cmp(b.0));
            out.push(b'{');
            for (at, (key, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_string(key, out);
                out.push(b':');
                write(member, out);
            }
            out.push(b'}');
        }
    }
}

fn write_number(number: &Number, out: &mut Vec<u8>) {
    if number.is_i64() || number.is_u64() {
        out.extend_from_slice(number.to_string().as_bytes());
    } else {
        let float = number.as_f64().unwrap_or_default();
        out.extend_from_slice(ryu_js::Buffer::new().format(float).as_bytes());
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string always becomes JSON");
}

/// Parses a caller's JSON for a request body. Refuses integers that would lose digits.
///
/// # Errors
/// `INVALID_ARGUMENT` naming `field` if the text is not JSON or has an integer outside −2⁶³ to 2⁶⁴−1.
pub fn parse_body(field: &str, text: &str) -> Result<Value> {
    let value = serde_json::from_str(text)
        .map_err(|error| InfraiError::invalid_argument(field, format!("{error}"), "JSON text"))?;
    match integer_out_of_range(text) {
        Some(integer) => Err(out_of_range(field, integer)),
        None => Ok(value),
    }
}

/// Returns the error of an integer that would lose digits, for bindings whose integers have no bounds.
pub fn out_of_range(field: &str, integer: &str) -> InfraiError {
    InfraiError::invalid_argument(
        field,
        format!("the integer {integer}"),
        "integers from -9223372036854775808 to 18446744073709551615 (send larger ones as a string)",
    )
}

/// Returns the first integer of a valid JSON text that is out of range. Does not build the numbers.
fn integer_out_of_range(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let start = at;
                while at < bytes.len() && matches!(bytes[at], b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
                {
                    at += 1;
                }
                let token = &text[start..at];
                let is_integer = !token.contains(['.', 'e', 'E']);
                if is_integer && token.parse::<i64>().is_err() && token.parse::<u64>().is_err() {
                    return Some(token);
                }
            }
            _ => at += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn text(value: &Value) -> String {
        String::from_utf8(canonical(value)).unwrap()
    }

    #[test]
    fn keys_are_sorted_by_code_point() {
        // U+FF61 sorts after U+1F600 in UTF-16 units, before it by code point.
        assert_eq!(
            text(&json!({"😀": 1, "｡": 2, "b": 3, "a": {"z": 1, "y": 2}})),
            "{\"a\":{\"y\":2,\"z\":1},\"b\":3,\"｡\":2,\"😀\":1}\n"
        );
    }

    #[test]
    fn floats_are_printed_as_in_ecmascript() {
        for (float, expected) in [
            (5.0, "5"),
            (2.5, "2.5"),
            (1e21, "1e+21"),
            (1e-7, "1e-7"),
            (-0.0, "0"),
            (123_456_789.125, "123456789.125"),
        ] {
            assert_eq!(text(&json!(float)), format!("{expected}\n"));
        }
    }

    #[test]
    fn integers_keep_every_digit() {
        assert_eq!(text(&json!([i64::MIN, u64::MAX, 0])), "[-9223372036854775808,18446744073709551615,0]\n");
    }

    #[test]
    fn text_stays_utf8_with_only_needed_escapes() {
        assert_eq!(
            text(&json!("日落 \"q\" \\ / \n\t\u{1}\u{7f}é")),
            "\"日落 \\\"q\\\" \\\\ / \\n\\t\\u0001\u{7f}é\"\n"
        );
    }

    #[test]
    fn integer_that_would_lose_digits_is_refused() {
        let error = parse_body("body", r#"{"a\"1":"18446744073709551616","n":[1, 18446744073709551616]}"#)
            .unwrap_err();
        assert!(error.message().contains("18446744073709551616"), "{error}");
        assert!(
            parse_body("body", r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":1e30}"#).is_ok()
        );
        assert!(
            parse_body("body", "{").unwrap_err().message().starts_with("invalid `body`: expected JSON text")
        );
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::hash_map(".*", inner, 0..8)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    /// Compares numbers by value, because integral floats come back as integers.
    fn same(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| same(v, w)))
            }
            _ => a == b,
        }
    }

    proptest! {
        #[test]
        fn canonical_json_parses_to_the_same_value(value in values()) {
            let bytes = canonical(&value);
            let back: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert!(same(&value, &back));
            prop_assert_eq!(bytes, canonical(&back));
        }
    }
}
