//! Fuzz target for canonical JSON, compared with an independent implementation.
//!
//! An input is JSON text from a caller.

use serde_json::Value;

use crate::wire::json::{canonical, parse_body};

pub fn json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parsed = parse_body("body", text);
    let valid = serde_json::from_str::<Value>(text).is_ok();
    let value = match parsed {
        Ok(value) => value,
        Err(error) => {
            assert_eq!(error.code(), "INVALID_ARGUMENT");
            assert!(!valid || has_wide_integer(text), "{error}");
            return;
        }
    };
    assert!(valid && !has_wide_integer(text));
    let bytes = canonical(&value);
    let mut expected = String::new();
    write(&value, &mut expected);
    expected.push('\n');
    assert_eq!(String::from_utf8(bytes.clone()).expect("UTF-8"), expected);
    let back: Value = serde_json::from_slice(&bytes).expect("canonical JSON is JSON");
    assert_eq!(canonical(&back), bytes);
}

/// Returns whether valid JSON has an integer outside its strings that does not fit in 64 bits.
fn has_wide_integer(text: &str) -> bool {
    let mut outside = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '"' {
            outside.push(character);
            continue;
        }
        outside.push(' ');
        while let Some(inner) = characters.next() {
            match inner {
                '"' => break,
                '\\' => drop(characters.next()),
                _ => {}
            }
        }
    }
    outside.split(|character: char| !(character.is_ascii_alphanumeric() || "+-.".contains(character))).any(
        |word| {
            let digits = word.strip_prefix('-').unwrap_or(word);
            let integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            integer
                && !word
                    .parse::<i128>()
                    .is_ok_and(|number| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number))
        },
    )
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(&format!("{flag}")),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => out.push_str(&format!("{integer}")),
            (_, Some(integer)) => out.push_str(&format!("{integer}")),
            _ => out.push_str(&ecmascript(number.as_f64().expect("a double"))),
        },
        Value::String(text) => quote(text, out),
        Value::Array(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|item| {
                    let mut out = String::new();
                    write(item, &mut out);
                    out
                })
                .collect();
            out.push_str(&format!("[{}]", items.join(",")));
        }
        Value::Object(map) => {
            let mut names: Vec<(Vec<char>, &String)> =
                map.keys().map(|name| (name.chars().collect(), name)).collect();
            names.sort();
            let members: Vec<_> = names
                .iter()
                .map(|(_, name)| {
                    let mut out = String::new();
                    quote(name, &mut out);
                    out.push(':');
                    write(&map[*name], &mut out);
                    out
                })
                .collect();
            out.push_str(&format!("{{{}}}", members.join(",")));
        }
    }
}

/// RFC 8785, 3.2.2.2.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// Returns the digits that ECMAScript chooses. Of two equally near shortest forms, it takes the one with an even last
/// digit, and Rust takes the larger one.
fn even(float: f64, digits: String) -> String {
    let exact = format!("{float:.1100}").replace('.', "");
    let exact = exact.trim_start_matches('0').trim_end_matches('0');
    match exact.strip_suffix('5') {
        Some(below) if below.len() == digits.len() && below.ends_with(['0', '2', '4', '6', '8']) => {
            below.to_owned()
        }
        _ => digits,
    }
}

/// Formats a number like ECMAScript's `Number::toString`, from the shortest digits that Rust's formatting gives.
fn ecmascript(float: f64) -> String {
    if float == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{:e}", float.abs());
    let (mantissa, exponent) = scientific.split_once('e').expect("an exponent");
    let digits = even(float.abs(), mantissa.replace('.', ""));
    let (count, point) = (digits.len() as i64, exponent.parse::<i64>().expect("a number") + 1);
    let sign = if float < 0.0 { "-" } else { "" };
    let zeros = |count: i64| "0".repeat(usize::try_from(count).expect("a count"));
    let text = if count <= point && point <= 21 {
        format!("{digits}{}", zeros(point - count))
    } else if 0 < point && point <= 21 {
        let (whole, part) = digits.split_at(usize::try_from(point).expect("a place"));
        format!("{whole}.{part}")
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let (first, more) = digits.split_at(1);
        let more = if more.is_empty() { String::new() } else { format!(".{more}") };
        format!("{first}{more}e{}{}", if point > 0 { '+' } else { '-' }, (point - 1).abs())
    };
    format!("{sign}{text}")
}
