//! Canonical form of a JSON body, so that equal requests have equal hashes.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Returns the SHA-256 of the canonical bytes: keys sorted by code point, no spaces, whole floats as integers.
pub(crate) fn hash(value: &Value) -> [u8; 32] {
    let mut out = String::new();
    write(value, &mut out);
    Sha256::digest(out.as_bytes()).into()
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            // UTF-8 sorts by bytes as by code points.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|left, right| left.0.cmp(right.0));
            out.push('{');
            for (index, (key, member)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write(member, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Number(number) => match number.as_f64() {
            #[allow(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            Some(float) if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 => {
                out.push_str(&(float as i64).to_string());
            }
            _ => out.push_str(&number.to_string()),
        },
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spelling_does_not_matter_and_meaning_does() {
        let hash_of = |text: &str| hash(&serde_json::from_str(text).expect("JSON"));
        let plain = hash_of(r#"{"a":5,"b":"é"}"#);
        assert_eq!(plain, hash_of("{ \"b\": \"\\u00e9\", \"a\": 5.0 }\n"));
        assert_ne!(plain, hash_of(r#"{"a":5.5,"b":"é"}"#));
        assert_ne!(plain, hash_of(r#"{"a":"5","b":"é"}"#));
        assert_ne!(hash_of("[1,[2]]"), hash_of("[1,2]"));
    }

    proptest! {
        #[test]
        fn the_order_of_members_does_not_matter(
            members in proptest::collection::btree_map(".{0,3}", any::<i32>(), 0..6), other in ".{0,3}", more in any::<i32>(),
        ) {
            let written = |members: Vec<(&String, &i32)>| {
                let members: Vec<_> = members
                    .into_iter()
                    .map(|(name, number)| format!("{}: {number}.0", Value::from(name.as_str())))
                    .collect();
                serde_json::from_str::<Value>(&format!("{{{}}}", members.join(","))).expect("JSON")
            };
            let forwards = hash(&written(members.iter().collect()));
            prop_assert_eq!(forwards, hash(&written(members.iter().rev().collect())));
            let mut changed = members.clone();
            changed.insert(other, more);
            prop_assert_eq!(forwards == hash(&written(changed.iter().collect())), changed == members);
        }
    }
}
