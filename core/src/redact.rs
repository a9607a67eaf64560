//! Redaction: takes the keys that were sent, and whatever looks like a key, out of what errors, logs and hooks show.

use std::{error::Error as StdError, fmt, sync::Arc};

use serde_json::{Map, Value};

/// So much of the beginning of a key counts as the key: whoever quoted it may have cut it off.
const ENOUGH: usize = 8;
/// So many keys of one client are known at once: a key function may give another for each call.
const MOST: usize = 64;
/// The beginning of every project key.
const PROJECT_KEY: &[u8] = b"ifr_pk_";
/// What a character that is not written as itself begins with.
const ESCAPES: &[u8; 3] = b"\\%&";
/// So many backslashes before a character are read as its escape: each program that quotes a text doubles them.
const BACKSLASHES: usize = 16;

/// The texts that a client sent and nobody may read. Cheap to clone, and no allocation where there are none.
///
/// A text is found in any case, since hosts become lower-case, and in each of these spellings, mixed and nested:
/// percent-encoded, escaped as in JSON or in `Debug`, and as HTML entities.
#[derive(Clone, Default)]
pub(crate) struct Redactor(Option<Arc<[Arc<str>]>>);

impl Redactor {
    pub(crate) fn of(secrets: impl IntoIterator<Item = Arc<str>>) -> Self {
        let secrets: Arc<[_]> = secrets.into_iter().filter(|secret| !secret.is_empty()).collect();
        Self((!secrets.is_empty()).then_some(secrets))
    }

    /// Returns one that knows another text too, and the latest [`MOST`] at most.
    pub(crate) fn and(&self, secret: &Arc<str>) -> Self {
        if self.secrets().contains(secret) {
            return self.clone();
        }
        let before = self.secrets();
        Self::of(before[before.len().saturating_sub(MOST - 1)..].iter().chain([secret]).cloned())
    }

    /// Returns this one, or the other where this one knows no text.
    pub(crate) fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        if self.0.is_some() { self } else { other() }
    }

    fn secrets(&self) -> &[Arc<str>] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Returns a text as it may be shown.
    pub(crate) fn text(&self, text: &str) -> String {
        self.first(text, usize::MAX)
    }

    /// Returns the first `limit` bytes of a text as it may be shown. The text is read no further than that takes.
    pub(crate) fn first(&self, text: &str, limit: usize) -> String {
        let bytes = text.as_bytes();
        let mut out = String::new();
        let begins = self.begins();
        let (mut copied, mut at) = (0, 0);
        while at < bytes.len() && out.len() + (at - copied) < limit {
            if !begins[usize::from(bytes[at])] {
                at += 1;
                continue;
            }
            let (sent, mut run) = (self.sent(bytes, at), project_key(bytes, at));
            let Some(mut end) = sent.max(run) else {
                at += 1;
                continue;
            };
            out.push_str(&text[copied..at]);
            out.push_str(if run >= sent { "ifr_pk_…" } else { "…" });
            // What begins inside of it may end behind it.
            while at < end {
                at += 1;
                if !bytes.get(at).is_some_and(|byte| begins[usize::from(*byte)]) {
                    continue;
                }
                if run.is_none_or(|run| run <= at) {
                    run = project_key(bytes, at);
                }
                end = Some(end).max(run).max(self.sent(bytes, at)).unwrap_or(end);
            }
            // A mark of an earlier redaction or cut stands for the same.
            at = text.len() - text[end..].strip_prefix('…').unwrap_or(&text[end..]).len();
            copied = at;
        }
        out.push_str(until(&text[copied..], at - copied));
        out.truncate(until(&out, limit).len());
        out
    }

    /// Returns which bytes a spelling of a key may begin with: at nearly every place of a long text nothing else is looked at.
    fn begins(&self) -> [bool; 256] {
        let mut begins = [false; 256];
        let first = self.secrets().iter().filter_map(|secret| secret.bytes().next());
        for byte in first.chain([PROJECT_KEY[0]]).chain(*ESCAPES) {
            begins[usize::from(byte.to_ascii_lowercase())] = true;
            begins[usize::from(byte.to_ascii_uppercase())] = true;
        }
        begins
    }

    /// Returns where a key that was sent ends, if one begins here.
    fn sent(&self, text: &[u8], at: usize) -> Option<usize> {
        self.secrets().iter().filter_map(|secret| spelled(secret.as_bytes(), text, at)).max()
    }

    /// Returns JSON as it may be shown: its strings, the names of members, and its numbers.
    pub(crate) fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(text).into(),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(map) => self.map(map).into(),
            Value::Number(number) => {
                let text = number.to_string();
                let shown = self.text(&text);
                if shown == text { value.clone() } else { shown.into() }
            }
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    pub(crate) fn map(&self, map: &Map<String, Value>) -> Map<String, Value> {
        map.iter().map(|(name, value)| (self.text(name), self.value(value))).collect()
    }

    /// Returns an error whose texts, and those of its causes, may be shown: itself, or a text in its place.
    pub(crate) fn source(&self, source: Arc<dyn StdError + Send + Sync>) -> Arc<dyn StdError + Send + Sync> {
        let mut chain = Vec::new();
        let mut clean = true;
        let mut next: Option<&dyn StdError> = Some(source.as_ref());
        while let Some(error) = next {
            let (text, debug) = (error.to_string(), format!("{error:?}"));
            let shown = self.text(&text);
            clean &= shown == text && self.text(&debug) == debug;
            chain.push(shown);
            next = error.source();
        }
        if clean { source } else { Arc::new(Cause(chain.join(": "))) }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor(…)")
    }
}

/// Two jobs are the same whatever was sent to get them.
impl PartialEq for Redactor {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What may be shown of an error that repeats a key.
#[derive(Debug)]
struct Cause(String);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {}

/// Returns the beginning of a text: so many bytes, or fewer where a character would be cut.
fn until(text: &str, mut end: usize) -> &str {
    end = end.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Returns where what looks like a project key ends, if it begins here.
fn project_key(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?.strip_prefix(PROJECT_KEY)?;
    let of_key = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    Some(at + PROJECT_KEY.len() + rest.iter().take_while(of_key).count())
}

/// Returns where a spelling of the secret, or of enough of its beginning, ends.
fn spelled(secret: &[u8], text: &[u8], at: usize) -> Option<usize> {
    let (first, here) = (secret.first()?, text.get(at)?);
    if !here.eq_ignore_ascii_case(first) && !ESCAPES.contains(here) {
        return None;
    }
    let enough = secret.len().min(ENOUGH);
    // A few bytes can be read in more than one way: `%2541` is `%41` and `A`.
    let mut ends = vec![at];
    let mut best = None;
    for (place, wanted) in secret.iter().enumerate() {
        let mut next = Vec::with_capacity(ends.len());
        for (byte, end) in ends.iter().flat_map(|end| spellings(text, *end)).flatten() {
            if byte.eq_ignore_ascii_case(wanted) && !next.contains(&end) {
                next.push(end);
            }
        }
        if next.is_empty() {
            break;
        }
        if place + 1 >= enough {
            best = next.iter().copied().max();
        }
        ends = next;
    }
    best
}

/// Returns the characters that may be meant here, and where each ends.
fn spellings(text: &[u8], at: usize) -> [Option<(u8, usize)>; 4] {
    let Some(&byte) = text.get(at) else { return [None; 4] };
    let [one, two, three] = match byte {
        b'\\' => escaped(text, at),
        b'%' => percent_encoded(text, at),
        b'&' => [entity(text, at), None, None],
        _ => [None; 3],
    };
    [Some((byte, at + 1)), one, two, three]
}

/// `\"`, `\u002d`, `\u{2d}`, with any number of backslashes, and `\\` for the backslash itself.
fn escaped(text: &[u8], at: usize) -> [Option<(u8, usize)>; 3] {
    let run = text[at..].iter().take(BACKSLASHES).take_while(|byte| **byte == b'\\').count();
    let at = at + run;
    let rest = &text[at..];
    let braced = || {
        let digits = rest.strip_prefix(b"u{")?;
        let length = digits.iter().take(7).position(|byte| *byte == b'}')?;
        Some((number(&digits[..length], 16)?, at + 2 + length + 1))
    };
    let unicode = || Some((number(rest.strip_prefix(b"u")?.get(..4)?, 16)?, at + 5));
    [rest.first().map(|byte| (*byte, at + 1)), braced().or_else(unicode), Some((b'\\', at))]
}

/// `%2D`, `%252D`, and `%25` or `%2525` for the percent sign itself.
fn percent_encoded(text: &[u8], at: usize) -> [Option<(u8, usize)>; 3] {
    let digits = |at: usize| Some((number(text.get(at..at + 2)?, 16)?, at + 2));
    let mut inner = at + 1;
    while text[inner..].starts_with(b"25") {
        inner += 2;
    }
    [digits(at + 1), digits(inner), (inner > at + 1).then_some((b'%', inner))]
}

/// `&amp;`, `&#45;`, `&#x2d;`.
fn entity(text: &[u8], at: usize) -> Option<(u8, usize)> {
    let name = &text[at + 1..];
    let name = &name[..name.iter().take(10).position(|byte| *byte == b';')?];
    let byte = match name {
        b"amp" => b'&',
        b"lt" => b'<',
        b"gt" => b'>',
        b"quot" => b'"',
        b"apos" => b'\'',
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        _ => return None,
    };
    Some((byte, at + 1 + name.len() + 1))
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    let digits = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u8::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn redactor(secret: &str) -> Redactor {
        Redactor::of([secret.into()])
    }

    /// One way to write a character, by number.
    fn spell(c: char, way: u8) -> String {
        let code = u32::from(c);
        match way % 10 {
            0 => format!("%{code:02X}"),
            1 => format!("%25{code:02x}"),
            2 => format!("\\u{code:04x}"),
            3 => format!("\\\\u{code:04X}"),
            4 => format!("\\u{{{code:x}}}"),
            5 => format!("&#{code};"),
            6 => format!("&#x{code:X};"),
            7 => {
                let quoted = json!(c.to_string()).to_string();
                quoted[1..quoted.len() - 1].into()
            }
            8 => c.escape_debug().to_string(),
            _ => c.to_ascii_uppercase().into(),
        }
    }

    #[test]
    fn whatever_looks_like_a_key_keeps_its_prefix() {
        let none = Redactor::default();
        assert_eq!(none.text("a ifr_pk_proj_abc-1, ifr_pk_x\"y ifr_pk"), "a ifr_pk_…, ifr_pk_…\"y ifr_pk");
        assert_eq!(redactor("ifr_pk_proj_mine.1").text("ifr_pk_proj_mine.1 ifr_pk_proj_other"), "… ifr_pk_…");
    }

    #[test]
    fn a_key_is_found_in_the_spellings_of_other_programs() {
        let redactor = redactor("tok.a/b+c=\"d\\e-f");
        for text in [
            "tok.a/b+c=\"d\\e-f",
            "tok.a%2Fb%2Bc%3D%22d%5Ce-f",
            r#"tok.a\/b+c=\"d\\e\u002df"#,
            "tok.a/b+c=&quot;d\\e&#45;f",
            "TOK.A/B+C=\"D\\E-F",
        ] {
            assert_eq!(redactor.text(&format!("<{text}>")), "<…>");
            assert_eq!(redactor.text(&format!("<{text:?}>")), "<\"…\">");
        }
    }

    #[test]
    fn a_key_that_is_cut_off_is_found_from_eight_characters_on() {
        let redactor = redactor("tok.abcdefghij");
        assert_eq!(redactor.text("tok.abc"), "tok.abc");
        assert_eq!(redactor.text("tok.abcd, tok.abcdefX"), "…, …X");
        assert_eq!(redactor.text("tok.abcdtok.abcdefghij"), "…");
    }

    #[test]
    fn a_short_key_is_found_whole() {
        assert_eq!(redactor("k1").text("k, k1"), "k, …");
    }

    #[test]
    fn numbers_names_and_strings_of_json_are_redacted() {
        let value = json!({"1234567890": [1_234_567_890, 12, true, "x1234567890"]});
        assert_eq!(redactor("1234567890").value(&value), json!({"…": ["…", 12, true, "x…"]}));
    }

    #[test]
    fn a_cause_without_a_key_stays_itself() {
        let cause = |text: &str| -> Arc<dyn StdError + Send + Sync> { Arc::new(std::io::Error::other(text)) };
        let (clean, dirty) = (cause("reset"), cause("reset at tok.abcdefghij"));
        let redactor = redactor("tok.abcdefghij");
        assert!(Arc::ptr_eq(&redactor.source(Arc::clone(&clean)), &clean));
        assert_eq!(redactor.source(dirty).to_string(), "reset at …");
    }

    #[test]
    fn a_long_text_of_beginnings_is_read_once() {
        for piece in ["ifr_pk_", "ifr_pk_proj_abc", "\\", "%25", "&#"] {
            let text = piece.repeat(1_000_000 / piece.len());
            assert!(redactor("ifr_pk_proj_abcdef").text(&text).len() <= text.len());
        }
        assert_eq!(Redactor::default().text("ifr_pk_a.ifr_pk_b"), "ifr_pk_….ifr_pk_…");
        assert_eq!(redactor("tok.abcdefg").text("ifr_pk_a-tok.abcdefg"), "ifr_pk_…");
    }

    #[test]
    fn the_latest_keys_are_known() {
        let keys: Vec<Arc<str>> = (0..=MOST).map(|at| format!("a-key-of-{at:03}").into()).collect();
        let known = keys.iter().fold(Redactor::default(), |known, key| known.and(key).and(key));
        assert_eq!(known.text(&keys[1]), "…");
        assert_eq!(known.secrets().len(), MOST);
    }

    proptest! {
        #[test]
        fn no_spelling_of_a_key_stays(key in "[!-~]{8,60}", ways in prop::collection::vec(any::<u8>(), 60), mixed in any::<bool>()) {
            let spelled: String = key.chars().zip(&ways).map(|(c, way)| {
                if mixed && way % 2 == 0 { c.to_string() } else { spell(c, *way) }
            }).collect();
            // What is left of a backslash that was escaped says nothing.
            let shown = redactor(&key).text(&format!("ж {spelled} ж")).replace('\\', "");
            prop_assert!(shown == "ж … ж" || shown == "ж ifr_pk_… ж", "{}", shown);
        }

        #[test]
        fn no_text_keeps_a_key(before in "\\PC{0,20}", key in "[!-~]{1,60}", after in "\\PC{0,20}") {
            let redactor = redactor(&key);
            let once = redactor.text(&format!("{before}{key}{after}"));
            prop_assert!(!once.contains(&key) || "ifr_pk_…".contains(&key), "{}", once);
            prop_assume!(!"ifr_pk_…".contains(&key));
            prop_assert_eq!(redactor.text(&once), once.clone(), "what is redacted stays as it is");
        }

        #[test]
        fn another_key_is_found_by_its_form(key in "ifr_pk_[a-z]{1,5}_[A-Za-z0-9_-]{8,40}", after in "[^A-Za-z0-9_-]?\\PC{0,20}") {
            let shown = redactor("ifr_pk_proj_mine12345").text(&format!("{key}{after}"));
            prop_assert!(!shown.contains(&key[8..]), "{}", shown);
        }

        #[test]
        fn a_text_without_a_key_is_left_alone(text in "\\PC{0,60}") {
            prop_assume!(!text.contains("ifr_pk_") && !text.contains('…'));
            prop_assert_eq!(redactor("tok.abcdefghij").text(&text), text);
        }

        #[test]
        fn no_cut_leaves_a_piece_of_a_key(
            before in "[жx ]{0,40}", key in "[a-zA-Z0-9._~+/-]{8,80}", times in 1..4_usize, end in 0..300_usize, limit in 0..60_usize,
        ) {
            let text = format!("{before}{}", format!("{key} ").repeat(times));
            let text = until(&text, end);
            let shown = redactor(&key).first(text, limit);
            prop_assert!(shown.len() <= limit.max(3));
            for at in 0..=key.len() - 8 {
                prop_assert!(before.contains(&key[at..at + 8]) || !shown.contains(&key[at..at + 8]), "{}", shown);
            }
        }
    }
}
