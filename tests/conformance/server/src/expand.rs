//! Fills names into a scenario and writes out its repeated text.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What stands for `${name}`.
pub type Names = BTreeMap<String, Value>;

/// The value with each known `${name}` filled in, and `$repeat` and `$concat` written out.
///
/// A string that is one name and nothing else takes the type of what stands for it. Unknown names stay.
pub fn expand(value: &Value, names: &Names) -> Value {
    match value {
        Value::String(text) => expand_text(text, names),
        Value::Array(items) => Value::Array(items.iter().map(|item| expand(item, names)).collect()),
        Value::Object(object) => expand_object(object, names),
        other => other.clone(),
    }
}

fn expand_text(text: &str, names: &Names) -> Value {
    if let Some(whole) = text.strip_prefix("${").and_then(|t| t.strip_suffix('}'))
        && let Some(value) = names.get(whole)
    {
        return value.clone();
    }
    let mut text = text.to_owned();
    for (name, value) in names {
        let slot = format!("${{{name}}}");
        if text.contains(&slot) {
            let filling = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text = text.replace(&slot, &filling);
        }
    }
    Value::String(text)
}

fn expand_object(object: &Map<String, Value>, names: &Names) -> Value {
    let mut expanded = Map::new();
    for (key, value) in object {
        let Value::String(key) = expand_text(key, names) else { continue };
        expanded.insert(key, expand(value, names));
    }
    if expanded.len() == 1 {
        if let Some([text, times]) = expanded.get("$repeat").and_then(Value::as_array).map(Vec::as_slice)
            && let (Some(text), Some(times)) = (text.as_str(), times.as_u64())
        {
            return Value::String(text.repeat(usize::try_from(times).unwrap_or(0)));
        }
        if let Some(parts) = expanded.get("$concat").and_then(Value::as_array) {
            return Value::String(parts.iter().filter_map(Value::as_str).collect());
        }
    }
    Value::Object(expanded)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names() -> Names {
        [("status".to_owned(), json!(503)), ("host".to_owned(), json!("h"))].into_iter().collect()
    }

    #[test]
    fn a_string_that_is_one_name_takes_its_type() {
        assert_eq!(expand(&json!("${status}"), &names()), json!(503));
    }

    #[test]
    fn a_name_within_text_is_text() {
        assert_eq!(expand(&json!("http://${host}/${status}"), &names()), json!("http://h/503"));
    }

    #[test]
    fn a_name_may_stand_in_a_member_name() {
        assert_eq!(expand(&json!({"${host}": 1}), &names()), json!({"h": 1}));
    }

    #[test]
    fn an_unknown_name_stays() {
        assert_eq!(expand(&json!("${other}"), &names()), json!("${other}"));
    }

    #[test]
    fn repeated_text_is_written_out_within_joined_text() {
        let value = json!({"$concat": ["<", {"$repeat": ["ab", 2]}, ">"]});
        assert_eq!(expand(&value, &names()), json!("<abab>"));
    }
}
