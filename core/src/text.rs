//! Visible escapes for characters that control a terminal, reorder text or hide text.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

/// Returns whether a character affects a terminal or a log instead of being visible there.
///
/// These are controls, line and paragraph separators, bidirectional controls, invisible operators and tags. Joiners and
/// the zero width space stay, because Arabic, Indic and Khmer text and emoji need them.
const fn needs_escape(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Escapes the characters that `needs_escape` selects.
fn escape_chars(text: &str, needs_escape: fn(char) -> bool, escape: fn(char, &mut String)) -> Cow<'_, str> {
    let Some(first) = text.find(needs_escape) else { return Cow::Borrowed(text) };
    let (plain, rest) = text.split_at(first);
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(plain);
    for c in rest.chars() {
        if needs_escape(c) { escape(c, &mut out) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Returns the text as one line that is safe to print or to log: characters that control a terminal, break a line,
/// reorder text or hide it become visible escapes such as `\n`, `\u{1b}` and `\u{202e}`.
///
/// Values and errors contain a server's text unchanged. The SDK's log, progress lines and command print it through this
/// function.
///
/// ```
/// assert_eq!(infrai::escape_text("日落 \u{1b}[2J\r\n"), r"日落 \u{1b}[2J\r\n");
/// ```
pub fn escape_text(text: &str) -> Cow<'_, str> {
    escape_chars(text, needs_escape, |c, out| out.extend(c.escape_default()))
}

/// Returns JSON text of the same value that is safe to print. The characters that [`escape_text`] escapes become
/// `\uXXXX` inside strings. Line breaks and tabs between values stay.
///
/// ```
/// assert_eq!(infrai::escape_json("{\"id\": \"\u{9b}2J\"}"), r#"{"id": "\u009b2J"}"#);
/// ```
pub fn escape_json(json: &str) -> Cow<'_, str> {
    // Valid JSON has C0 controls only between values, as white space.
    escape_chars(
        json,
        |c| c > '\u{1f}' && needs_escape(c),
        |c, out| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing into a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        },
    )
}

/// A value whose [`Display`](fmt::Display) goes through [`escape_text`]. All text in the SDK's log has this form.
pub(crate) struct Escaped<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Escaping<'a, 'f>(&'a mut fmt::Formatter<'f>);

        impl fmt::Write for Escaping<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.write_str(&escape_text(text))
            }
        }

        fmt::write(&mut Escaping(f), format_args!("{}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text in which many characters need an escape.
    fn hostile() -> impl Strategy<Value = String> {
        let c = prop_oneof![
            any::<char>(),
            prop::char::range('\0', '\u{a0}'),
            prop::char::range('\u{2000}', '\u{2070}'),
            prop::char::range('\u{e0000}', '\u{e0080}'),
            prop::sample::select(vec!['\u{61c}', '\u{feff}', '\u{fffa}', '\\', '"', '日']),
        ];
        prop::collection::vec(c, 0..24).prop_map(String::from_iter)
    }

    /// Checks text against an independent list of Unicode's characters.
    fn is_clean(text: &str) -> bool {
        let bidi =
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
        let rest = "\u{2028}\u{2029}\u{2060}\u{feff}\u{fff9}\u{e0001}\u{e007f}";
        !text.contains(|c: char| c.is_control() || bidi.contains(c) || rest.contains(c))
    }

    #[test]
    fn escapes_are_visible_and_plain_text_is_borrowed() {
        for (text, expected) in [
            ("\u{1b}]0;x\u{7}", r"\u{1b}]0;x\u{7}"),
            ("a\r\nb\tc", r"a\r\nb\tc"),
            ("\u{7f}\u{9b}", r"\u{7f}\u{9b}"),
            ("a\u{202e}b\u{2028}", r"a\u{202e}b\u{2028}"),
            ("\u{e0041}", r"\u{e0041}"),
        ] {
            assert_eq!(escape_text(text), expected);
        }
        for text in ["", "vid_1", "日落 עברית می‌خواهم 👩‍👩‍👧 ភាសា\u{200b}ខ្មែរ", "a\u{a0}b", r"C:\x"]
        {
            assert!(matches!(escape_text(text), Cow::Borrowed(same) if same == text), "{text}");
            assert!(matches!(escape_json(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn escaped_text_has_no_control_characters(text in hostile()) {
            let escaped = escape_text(&text);
            prop_assert!(is_clean(&escaped), "{:?}", escaped);
            prop_assert_eq!(escape_text(&escaped), escaped.as_ref());
            prop_assert_eq!(Escaped(&text).to_string(), escaped.as_ref());
            prop_assert!(is_clean(&text) || escaped != text);
        }

        #[test]
        fn printable_text_is_unchanged(text in r"[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}\u{200b}-\u{200d}]*") {
            prop_assert!(matches!(escape_text(&text), Cow::Borrowed(same) if same == text));
        }

        #[test]
        fn escaped_json_has_the_same_value(key in hostile(), text in hostile()) {
            let value = serde_json::json!({(key): [text]});
            for json in [value.to_string(), format!("{value:#}")] {
                let escaped = escape_json(&json);
                prop_assert!(escaped.lines().all(is_clean), "{:?}", escaped);
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value.clone());
            }
        }
    }
}
