//! Parsing of a set of options, and the errors of a set that cannot be parsed.

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Visitor, value},
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

use super::fields;
use crate::{
    error::{ErrorKind, InfraiError, UNKNOWN_OPTION, shorten},
    redact::Redactor,
};

/// Options whose values are not shown.
const SECRETS: [&str; 5] = ["api_key", "base_url", "default_headers", "headers", "proxy"];

/// Returns whether an option, or one below it, may hold a secret, so that errors do not show its value.
pub fn is_secret(option: &str) -> bool {
    SECRETS.contains(&option)
}

/// Parses a set of options from an object of the caller's language.
///
/// An absent option has its default. Null is a value: a wait with the timeout null has no limit. So a binding leaves
/// out each option that its caller did not set.
///
/// # Errors
/// `INVALID_ARGUMENT` for an unknown option or a value of the wrong type. The message has the option's path
/// (`polling.refresh`), the expected value and the actual one; of an option that may hold a secret, the type alone.
pub fn parse<'de, T: Deserialize<'de>>(deserializer: impl Deserializer<'de>) -> crate::Result<T> {
    struct Object<T>(T);

    impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            fields::object(deserializer).map(Self)
        }
    }

    match serde_path_to_error::deserialize(deserializer) {
        Ok(Object(options)) => Ok(options),
        Err(error) => {
            let path = error.path().to_string();
            let path = if path == "." { "options" } else { &path };
            Err(parse_error(path, &error.inner().to_string()).redacted(&Redactor::default()))
        }
    }
}

/// Returns the names of the options of a set.
pub fn names<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    /// Reads nothing, and notes the names.
    struct Probe<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Probe<'_> {
        type Error = value::Error;

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, value::Error> {
            *self.0 = fields;
            self.deserialize_any(visitor)
        }

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, value::Error> {
            Err(value::Error::custom(""))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut names: &[&str] = &[];
    // The error says only that nothing was read.
    let _ = T::deserialize(Probe(&mut names));
    names
}

/// Returns the error of an option that does not exist. Its name is the caller's, and stays so in every language.
pub fn unknown_option(name: &str, known: &[&str]) -> InfraiError {
    let known = format!(", expected one of `{}`", known.join("`, `"));
    unknown(&shorten(name, 40), &known).redacted(&Redactor::default())
}

/// Returns the error of an unknown option, where `known` quotes the others.
fn unknown(name: &str, known: &str) -> InfraiError {
    let meant = nearest(name.rsplit('.').next().unwrap_or_default(), known);
    let meant = meant.map(|option| format!("; did you mean `{option}`?")).unwrap_or_default();
    error(name, format!("{UNKNOWN_OPTION}{name}`{known}{meant}"), Map::new())
}

/// Returns the error of the option at `path` from the message of serde.
fn parse_error(path: &str, message: &str) -> InfraiError {
    let path = shorten(path, 80);
    let quoted = |start: &str| message.strip_prefix(start)?.split_once('`');
    if let Some((name, known)) = quoted("unknown field `") {
        let name = match path.rsplit_once('.') {
            Some((parent, _)) => format!("{parent}.{}", shorten(name, 40)),
            None => shorten(name, 40),
        };
        return unknown(&name, known);
    }
    if let Some((name, _)) = quoted("missing field `") {
        let name = if path == "options" { name.to_owned() } else { format!("{path}.{name}") };
        return error(&name, format!("missing option `{name}`"), Map::new());
    }
    let problem = message.split_once(": ").filter(|(problem, _)| problem.starts_with("invalid "));
    let Some((got, expected)) = problem.and_then(|(_, rest)| rest.rsplit_once(", expected ")) else {
        return error(&path, format!("invalid `{path}`: {}", shorten(message, 240)), Map::new());
    };
    let secret = path.split('.').next().is_some_and(is_secret);
    let (expected, got) = (expected_words(expected), actual_words(got, secret));
    let details = Map::from_iter([
        ("expected".to_owned(), expected.into()),
        ("got".to_owned(), Value::from(got.as_str())),
    ]);
    error(&path, format!("invalid `{path}`: expected {expected}, got {got}"), details)
}

/// Returns the option that an unknown name stands for, of those quoted in `known`: one that differs only in its spelling,
/// contains it or has few other letters.
fn nearest<'a>(name: &str, known: &'a str) -> Option<&'a str> {
    let letters = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    let wanted = letters(name);
    let rank = |option: &str| {
        let option = letters(option);
        let prefix = option.starts_with(&wanted) || wanted.starts_with(&option);
        let distance = distance(&wanted, &option);
        match distance {
            0 => Some(0),
            _ if prefix && wanted.len() >= 3 => Some(1),
            _ if option.contains(&wanted) && wanted.len() >= 4 => Some(2),
            _ if distance <= wanted.len().div_ceil(4) => Some(2 + distance),
            _ => None,
        }
    };
    let options = known.split('`').skip(1).step_by(2);
    options
        .filter_map(|option| Some((rank(option)?, option)))
        .min_by_key(|(rank, _)| *rank)
        .map(|found| found.1)
}

/// Returns the number of letters to insert, remove or replace to turn one text into the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (at, left) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, right) in other.chars().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

fn error(field: &str, message: String, mut details: Map<String, Value>) -> InfraiError {
    details.insert("field".to_owned(), field.into());
    InfraiError::new(ErrorKind::InvalidRequest, "INVALID_ARGUMENT", message)
        .with_details(Value::Object(details))
}

/// Returns plain words for a type that serde names in Rust's.
fn expected_words(expected: &str) -> &str {
    match expected {
        "f64" => "a number",
        "bool" => "a boolean",
        "a map" => "an object of strings",
        "path string" => "a path",
        expected => expected,
    }
}

/// Returns a value as serde shows it in plain words, of a secret one its type alone.
fn actual_words(got: &str, secret: bool) -> String {
    let (kind, value) = match got.split_once(['`', '"']) {
        Some((kind, _)) => (kind.trim_end(), &got[kind.len()..]),
        None => (got, ""),
    };
    let words = match kind {
        "string" => "a string",
        "integer" | "floating point" => "a number",
        "boolean" => "a boolean",
        "sequence" => "a list",
        "map" => "an object",
        "unit value" | "null" | "Option value" => "null",
        kind => kind,
    };
    if secret || value.is_empty() { words.to_owned() } else { shorten(value.trim_matches('`'), 120) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_option_suggests_the_nearest() {
        let known =
            ", expected one of `prompt`, `duration_seconds`, `aspect`, `resolution`, `idempotency_key`";
        for (name, meant) in [
            ("duration", Some("duration_seconds")),
            ("durationSeconds", Some("duration_seconds")),
            ("promt", Some("prompt")),
            ("aspect_ratio", Some("aspect")),
            ("Resolution", Some("resolution")),
            ("seconds", Some("duration_seconds")),
            ("idempotencyKey", Some("idempotency_key")),
            ("seed", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
        let error =
            parse_error("duration", "unknown field `duration`, expected one of `prompt`, `duration_seconds`");
        assert!(error.message().ends_with("; did you mean `duration_seconds`?"), "{error}");
    }
}
