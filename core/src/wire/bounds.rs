//! Bounds on a response's JSON beside its length: a value takes two bytes on the wire and a hundred in memory.

/// The most values, those in arrays and objects at all levels included.
const VALUES: usize = 100_000;
/// The most levels of arrays and objects: as many as `serde_json` reads.
const LEVELS: usize = 127;

/// Returns why a response is not parsed, if it holds too many values. Most are judged by their length alone.
pub(super) fn too_many_values(json: &[u8]) -> Option<String> {
    // All but the outermost value come with a comma or a bracket.
    let possible = json.len() > 2 * VALUES;
    (possible && values(json) > VALUES).then(|| format!("the response holds more than {VALUES} JSON values"))
}

/// Returns why a response could not be parsed, if it was nested too deeply.
pub(super) fn too_deep(error: &serde_json::Error) -> Option<String> {
    let too_deep = error.to_string().starts_with("recursion limit exceeded");
    too_deep.then(|| format!("the response's JSON is nested more than {LEVELS} levels deep"))
}

/// Returns how many values a JSON text holds.
fn values(json: &[u8]) -> usize {
    let (mut values, mut opened) = (1, false);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b',' => values += 1,
            // The first in an array or object has no comma before it.
            _ if opened && !matches!(byte, b']' | b'}') => values += 1,
            _ => {}
        }
        opened = matches!(byte, b'[' | b'{');
        if *byte == b'"' {
            while let Some(byte) = bytes.next().filter(|byte| **byte != b'"') {
                if *byte == b'\\' {
                    bytes.next();
                }
            }
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn count(value: &Value) -> usize {
        1 + match value {
            Value::Array(items) => items.iter().map(count).sum::<usize>(),
            Value::Object(map) => map.values().map(count).sum(),
            _ => 0,
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "[\\[\\]{},:\"\\\\ a]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map("[\\[{,\"\\\\]{0,3}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_are_counted_without_parsing(value in any_json()) {
            prop_assert_eq!(values(value.to_string().as_bytes()), count(&value));
            prop_assert_eq!(values(serde_json::to_string_pretty(&value).unwrap().as_bytes()), count(&value));
        }
    }

    #[test]
    fn the_most_levels_are_the_parsers_own() {
        for levels in [LEVELS, LEVELS + 1] {
            let json = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
            let error = serde_json::from_str::<Value>(&json).err();
            assert_eq!(error.as_ref().and_then(too_deep).is_some(), levels > LEVELS, "{error:?}");
        }
    }

    #[test]
    fn the_most_values_are_read_and_one_more_is_not() {
        let array = |items: usize| format!("[{}0]", "0,".repeat(items - 1));
        // The array is a value too; no shorter text holds as many.
        assert_eq!(too_many_values(array(VALUES - 1).as_bytes()), None);
        assert!(too_many_values(array(VALUES).as_bytes()).is_some());
    }
}
