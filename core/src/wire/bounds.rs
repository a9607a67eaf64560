//! Bounds on the values and the nesting of a response's JSON.
//!
//! A bound on the length alone is not enough: a value may take two bytes on the wire and a hundred in memory.

/// The most values, including those nested in arrays and objects.
const MAX_VALUES: usize = 100_000;
/// The most levels of arrays and objects, as many as `serde_json` parses.
const MAX_LEVELS: usize = 127;

/// Returns an error message if a response has too many values. The length alone shows that most have not.
pub(super) fn too_many_values(json: &[u8]) -> Option<String> {
    // Every value except the outermost has a comma or a bracket.
    let possible = json.len() > 2 * MAX_VALUES;
    (possible && values(json) > MAX_VALUES)
        .then(|| format!("the response has more than {MAX_VALUES} JSON values"))
}

/// Returns an error message if parsing failed because a response is nested too deeply.
pub(super) fn too_deep(error: &serde_json::Error) -> Option<String> {
    let too_deep = error.to_string().starts_with("recursion limit exceeded");
    too_deep.then(|| format!("the response's JSON is nested more than {MAX_LEVELS} levels deep"))
}

/// Counts the values of a JSON text.
fn values(json: &[u8]) -> usize {
    let (mut values, mut opened) = (1, false);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b',' => values += 1,
            // The first value of an array or object has no comma before it.
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
    fn nesting_bound_is_that_of_the_parser() {
        for levels in [MAX_LEVELS, MAX_LEVELS + 1] {
            let json = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
            let error = serde_json::from_str::<Value>(&json).err();
            assert_eq!(error.as_ref().and_then(too_deep).is_some(), levels > MAX_LEVELS, "{error:?}");
        }
    }

    #[test]
    fn one_value_more_than_the_bound_is_refused() {
        let array = |items: usize| format!("[{}0]", "0,".repeat(items - 1));
        // The array counts as a value. No shorter text has as many values.
        assert_eq!(too_many_values(array(MAX_VALUES - 1).as_bytes()), None);
        assert!(too_many_values(array(MAX_VALUES).as_bytes()).is_some());
    }
}
