//! Compares what came with what was expected, and says where they differ.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

/// Compares values, keeping what `$bind` has seen and the differences found.
#[derive(Debug, Default)]
pub struct Matcher {
    bound: BTreeMap<String, String>,
    /// What differed, one readable line each.
    pub differences: Vec<String>,
}

impl Matcher {
    /// Notes every difference between an expected value (plain, or with matchers) and an actual one.
    pub fn compare(&mut self, at: &str, expected: &Value, actual: Option<&Value>) {
        if let Some(operators) = operators(expected) {
            for (operator, operand) in operators {
                self.apply(at, operator, operand, actual);
            }
            return;
        }
        let Some(actual) = actual else {
            self.differ(at, &show(expected), "nothing");
            return;
        };
        match (expected, actual) {
            (Value::Object(expected), Value::Object(actual)) => {
                self.compare_objects(at, expected, actual, true);
            }
            (Value::Array(expected), Value::Array(actual)) => {
                if expected.len() != actual.len() {
                    let (e, a) = (format!("{} items", expected.len()), format!("{} items", actual.len()));
                    self.differ(at, &e, &format!("{a}: {}", show(&Value::Array(actual.clone()))));
                    return;
                }
                for (i, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                    self.compare(&format!("{at}[{i}]"), expected, Some(actual));
                }
            }
            (Value::String(expected), Value::String(actual)) if expected != actual => {
                let (e, a) = first_difference(expected, actual);
                self.differ(at, &e, &a);
            }
            (expected, actual) if !same_scalar(expected, actual) => {
                self.differ(at, &show(expected), &show(actual));
            }
            _ => {}
        }
    }

    /// Compares member by member; `whole` forbids members that are not expected. `_metadata` at the top is compared
    /// only where the scenario names it.
    fn compare_objects(
        &mut self,
        at: &str,
        expected: &Map<String, Value>,
        actual: &Map<String, Value>,
        whole: bool,
    ) {
        for (name, expected) in expected {
            self.compare(&format!("{at}.{name}"), expected, actual.get(name));
        }
        for (name, value) in actual {
            if whole && name != "_metadata" && !expected.contains_key(name) {
                self.differ(&format!("{at}.{name}"), "nothing", &show(value));
            }
        }
    }

    fn apply(&mut self, at: &str, operator: &str, operand: &Value, actual: Option<&Value>) {
        if operator == "$absent" {
            if let Some(actual) = actual {
                self.differ(at, "nothing", &show(actual));
            }
            return;
        }
        let Some(actual) = actual else {
            self.differ(at, &format!("{operator} {}", show(operand)), "nothing");
            return;
        };
        let text = actual.as_str().map_or_else(|| actual.to_string(), str::to_owned);
        let holds = match operator {
            "$any" => true,
            "$has" => return self.apply_has(at, operand, actual),
            "$starts" => return self.apply_starts(at, operand, actual),
            "$json" => return self.apply_json(at, operand, &text),
            "$all" => {
                for operand in operand.as_array().into_iter().flatten() {
                    self.compare(at, operand, Some(actual));
                }
                true
            }
            "$bind" => return self.apply_bind(at, operand, &text),
            "$match" => operand.as_str().and_then(|p| Regex::new(p).ok()).is_some_and(|r| r.is_match(&text)),
            "$contains" => operand.as_str().is_some_and(|part| text.contains(part)),
            "$lacks" => operand.as_str().is_some_and(|part| !text.contains(part)),
            "$longest" => operand.as_u64().is_some_and(|most| text.chars().count() as u64 <= most),
            "$between" => between(operand, actual),
            "$is" => operand.as_str().is_some_and(|class| is_of_class(class, &text)),
            _ => false,
        };
        if !holds {
            self.differ(at, &format!("{operator} {}", show(operand)), &show(actual));
        }
    }

    fn apply_has(&mut self, at: &str, operand: &Value, actual: &Value) {
        match (operand.as_object(), actual.as_object()) {
            (Some(expected), Some(actual)) => self.compare_objects(at, expected, actual, false),
            _ => self.differ(at, &format!("an object with {}", show(operand)), &show(actual)),
        }
    }

    fn apply_starts(&mut self, at: &str, operand: &Value, actual: &Value) {
        match (operand.as_array(), actual.as_array()) {
            (Some(expected), Some(actual)) => {
                for (i, expected) in expected.iter().enumerate() {
                    self.compare(&format!("{at}[{i}]"), expected, actual.get(i));
                }
            }
            _ => self.differ(at, &format!("a list that starts with {}", show(operand)), &show(actual)),
        }
    }

    fn apply_json(&mut self, at: &str, operand: &Value, text: &str) {
        match serde_json::from_str(text) {
            Ok(parsed) => self.compare(at, operand, Some(&parsed)),
            Err(_) => self.differ(at, "JSON", &shorten(text)),
        }
    }

    /// The same name stands for the same text throughout a scenario, and two names for two texts.
    fn apply_bind(&mut self, at: &str, operand: &Value, text: &str) {
        let name = operand.as_str().unwrap_or_default();
        if let Some(bound) = self.bound.get(name) {
            if bound != text {
                let expected = format!("{bound:?} again (`{name}`)");
                self.differ(at, &expected, &shorten(text));
            }
        } else if let Some((other, _)) = self.bound.iter().find(|(_, bound)| *bound == text) {
            let expected = format!("something else for `{name}` than for `{other}`");
            self.differ(at, &expected, &shorten(text));
        } else {
            self.bound.insert(name.to_owned(), text.to_owned());
        }
    }

    /// Notes a difference.
    pub fn differ(&mut self, at: &str, expected: &str, actual: &str) {
        self.differences.push(format!("{at}: expected {expected}, got {actual}"));
    }
}

/// The operators of a matcher: an object whose every member starts with `$`.
fn operators(value: &Value) -> Option<&Map<String, Value>> {
    value.as_object().filter(|object| !object.is_empty() && object.keys().all(|key| key.starts_with('$')))
}

/// Numbers are compared by value: `5` is `5.0`.
fn same_scalar(a: &Value, b: &Value) -> bool {
    if a == b {
        return true;
    }
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64(),
        _ => false,
    }
}

fn between(operand: &Value, actual: &Value) -> bool {
    match (operand[0].as_f64(), operand[1].as_f64(), actual.as_f64()) {
        (Some(least), Some(most), Some(actual)) => (least..=most).contains(&actual),
        _ => false,
    }
}

/// Whether a text belongs to a named class.
pub fn is_of_class(class: &str, text: &str) -> bool {
    let pattern = match class {
        "uuid7" => "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        "uuid" => "^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        "idempotency_key" => "^[!-~]{1,255}$",
        "user_agent" => {
            r"^infrai-[a-z]+/[0-9A-Za-z.+-]+ \(core/[0-9A-Za-z.+-]+; [^;()]+; [^;()]+; [^;()]+\)( [ -~]+)?$"
        }
        _ => return false,
    };
    Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}

/// A value as short text.
pub fn show(value: &Value) -> String {
    shorten(&value.to_string())
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 300 {
        return text.to_owned();
    }
    let head: String = text.chars().take(200).collect();
    format!("{head}… ({} characters)", text.chars().count())
}

/// Two long texts from a little before the place where they part.
fn first_difference(expected: &str, actual: &str) -> (String, String) {
    if expected.len().max(actual.len()) < 200 {
        return (format!("{expected:?}"), format!("{actual:?}"));
    }
    let place = expected.chars().zip(actual.chars()).take_while(|(a, b)| a == b).count();
    let from = place.saturating_sub(20);
    let part = |text: &str| {
        let shown: String = text.chars().skip(from).take(200).collect();
        let head = if from > 0 { format!("(from character {from}) …") } else { String::new() };
        format!("{head}{shown:?} ({} characters)", text.chars().count())
    };
    (part(expected), part(actual))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn differences(expected: &Value, actual: &Value) -> Vec<String> {
        let mut matcher = Matcher::default();
        matcher.compare("value", expected, Some(actual));
        matcher.differences
    }

    fn fits(expected: &Value, actual: &Value) -> bool {
        differences(expected, actual).is_empty()
    }

    #[test]
    fn plain_json_is_exact() {
        assert!(fits(&json!({"a": [1, "x", null]}), &json!({"a": [1.0, "x", null]})));
        assert!(!fits(&json!({"a": 1}), &json!({"a": 1, "b": 2})), "an extra member");
        assert!(!fits(&json!({"a": 1, "b": 2}), &json!({"a": 1})), "a missing member");
        assert!(!fits(&json!({"a": null}), &json!({})), "null is not absent");
        assert!(!fits(&json!([1]), &json!([1, 2])), "a longer list");
        assert!(!fits(&json!(1), &json!("1")), "another type");
        assert!(!fits(&json!(18_446_744_073_709_551_615_u64), &json!(18_446_744_073_709_551_614_u64)));
    }

    #[test]
    fn metadata_is_compared_only_where_it_is_named() {
        assert!(fits(&json!({"a": 1}), &json!({"a": 1, "_metadata": {}})));
        assert!(!fits(&json!({"a": 1, "_metadata": {"x": 1}}), &json!({"a": 1, "_metadata": {}})));
    }

    #[test]
    fn matchers_say_no_when_they_should() {
        let cases = [
            (json!({"$any": true}), json!(null), true),
            (json!({"$match": "^a+$"}), json!("aaa"), true),
            (json!({"$match": "^a+$"}), json!("aab"), false),
            (json!({"$contains": "b"}), json!("abc"), true),
            (json!({"$contains": "d"}), json!("abc"), false),
            (json!({"$lacks": "d"}), json!("abc"), true),
            (json!({"$lacks": "b"}), json!("abc"), false),
            (json!({"$longest": 3}), json!("abc"), true),
            (json!({"$longest": 2}), json!("abc"), false),
            (json!({"$between": [1, 2]}), json!(1.5), true),
            (json!({"$between": [1, 2]}), json!(2.5), false),
            (json!({"$between": [1, 2]}), json!("1.5"), false),
            (json!({"$has": {"a": 1}}), json!({"a": 1, "b": 2}), true),
            (json!({"$has": {"a": 1}}), json!({"a": 2}), false),
            (json!({"$has": {"a": {"$absent": true}}}), json!({"a": 2}), false),
            (json!({"$starts": [1]}), json!([1, 2]), true),
            (json!({"$starts": [1]}), json!([2, 1]), false),
            (json!({"$starts": [1]}), json!([]), false),
            (json!({"$json": {"a": 1}}), json!("{\"a\": 1}"), true),
            (json!({"$json": {"a": 1}}), json!("a=1"), false),
            (json!({"$all": [{"$contains": "a"}, {"$contains": "b"}]}), json!("ab"), true),
            (json!({"$all": [{"$contains": "a"}, {"$contains": "b"}]}), json!("ac"), false),
            (json!({"$is": "uuid7"}), json!("01890a5d-ac96-774b-bcce-b302099a8057"), true),
            (json!({"$is": "uuid7"}), json!("f81d4fae-7dec-41d0-a765-00a0c91e6bf6"), false),
            (json!({"$is": "uuid"}), json!("f81d4fae-7dec-41d0-a765-00a0c91e6bf6"), true),
            (json!({"$is": "idempotency_key"}), json!("a b"), false),
            (
                json!({"$is": "user_agent"}),
                json!("infrai-rust/0.1.0 (core/0.1.0; linux; x86_64; rust 1.95)"),
                true,
            ),
            (json!({"$is": "user_agent"}), json!("reqwest/0.13"), false),
            (json!({"$unheard_of": 1}), json!(1), false),
        ];
        for (expected, actual, fit) in cases {
            assert_eq!(fits(&expected, &actual), fit, "{expected} against {actual}");
        }
    }

    #[test]
    fn a_bound_name_stands_for_one_text_and_another_name_for_another() {
        let mut matcher = Matcher::default();
        matcher.compare("1", &json!({"$bind": "a"}), Some(&json!("x")));
        matcher.compare("2", &json!({"$bind": "a"}), Some(&json!("x")));
        matcher.compare("3", &json!({"$bind": "b"}), Some(&json!("y")));
        assert!(matcher.differences.is_empty());
        matcher.compare("4", &json!({"$bind": "a"}), Some(&json!("z")));
        matcher.compare("5", &json!({"$bind": "c"}), Some(&json!("y")));
        assert_eq!(matcher.differences.len(), 2, "{:?}", matcher.differences);
    }

    #[test]
    fn a_long_text_is_shown_from_where_it_parts() {
        let expected = "a".repeat(1000) + "b";
        let actual = "a".repeat(1000) + "c";
        let differences = differences(&json!(expected), &json!(actual));
        assert!(differences[0].contains("(from character 980)"), "{differences:?}");
        assert!(differences[0].len() < 300);
    }
}
