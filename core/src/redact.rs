//! Redaction: takes the keys that were sent, and whatever looks like a key, out of what errors, logs and hooks show.

use std::{
    error::Error as StdError,
    fmt,
    ops::Range,
    sync::{Arc, LazyLock, OnceLock},
};

use serde_json::{Map, Value};

/// This much of the beginning of a secret counts as the secret: a server may have cut it off.
const ENOUGH: usize = 8;
/// The shortest part of a token that is a secret of its own.
const SEGMENT: usize = 16;
/// The number of keys of one client that are known at once: a key function may give another for each call.
const MOST: usize = 64;
/// The beginning of every project key.
const PROJECT_KEY: &str = "ifr_pk_";
/// The first byte of each spelling of a character other than the character itself.
const ESCAPES: &[u8; 3] = b"\\%&";
/// The most backslashes before a character that are read as its escape: each program that quotes a text doubles them.
const BACKSLASHES: usize = 16;
/// The most beginnings of secrets that are followed at once. Only secrets that repeat themselves reach it.
const FOLLOWED: usize = 16;
/// The most bytes of one text that are shown.
const SHOWN: usize = 64 << 10;
/// The most bytes that are read of one text, and of all the texts of one JSON value.
const READ: usize = 256 << 10;
/// Stands where something was taken out.
const MARK: &str = "…";

/// The texts that a client sent and no one may read. Cheap to clone, and no allocation where there are none.
///
/// A text is found in any case, since hosts become lower-case, with white space between its characters, and in each of
/// these spellings, mixed and nested: percent-encoded, escaped as in JSON or in `Debug`, and as HTML entities.
#[derive(Clone, Default)]
pub(crate) struct Redactor(Option<Arc<Known>>);

struct Known {
    /// In the order in which they were last sent.
    secrets: Box<[Arc<str>]>,
    /// Made when the first text is read, and shared by all who know the same secrets.
    table: Arc<OnceLock<Table>>,
}

impl Redactor {
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(secrets: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self::new(secrets.into_iter().filter(|secret| !secret.is_empty()).collect(), Arc::default())
    }

    fn new(secrets: Box<[Arc<str>]>, table: Arc<OnceLock<Table>>) -> Self {
        Self((!secrets.is_empty()).then(|| Arc::new(Known { secrets, table })))
    }

    /// Returns one that knows another text too, as the latest, and the latest [`MOST`] at most.
    pub(crate) fn and(&self, secret: &Arc<str>) -> Self {
        let before = self.secrets();
        if before.last() == Some(secret) {
            return self.clone();
        }
        let others: Vec<_> = before.iter().filter(|other| *other != secret).collect();
        let table = match &self.0 {
            Some(known) if others.len() < before.len() => Arc::clone(&known.table),
            _ => Arc::default(),
        };
        let latest = others[others.len().saturating_sub(MOST - 1)..].iter().copied().chain([secret]);
        Self::new(latest.filter(|secret| !secret.is_empty()).cloned().collect(), table)
    }

    /// Returns this one, or the other where this one knows no text.
    pub(crate) fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        if self.0.is_some() { self } else { other() }
    }

    fn secrets(&self) -> &[Arc<str>] {
        self.0.as_ref().map_or(&[], |known| &known.secrets)
    }

    fn table(&self) -> &Table {
        static NONE: LazyLock<Table> = LazyLock::new(|| Table::of(&[]));
        self.0.as_ref().map_or(&NONE, |known| known.table.get_or_init(|| Table::of(&known.secrets)))
    }

    /// Returns a text as it may be shown: at most [`SHOWN`] bytes, with a mark where more was left out.
    pub(crate) fn text(&self, text: &str) -> String {
        let (mut shown, whole) = self.read(text, SHOWN);
        if !whole {
            shown.truncate(until(&shown, SHOWN - MARK.len()).len());
            shown.push_str(MARK);
        }
        shown
    }

    /// Returns the first `limit` bytes of a text as it may be shown. The text is read no further than that takes.
    pub(crate) fn first(&self, text: &str, limit: usize) -> String {
        self.read(text, limit).0
    }

    /// Returns the first `limit` bytes of a text as it may be shown, and whether that is all of it. Where it is not, no
    /// beginning of a secret stands at its end.
    fn read(&self, text: &str, limit: usize) -> (String, bool) {
        let table = self.table();
        let bytes = &text.as_bytes()[..text.len().min(READ)];
        let mut covers = Covers::default();
        let (mut ahead, mut here) = (Vec::new(), Vec::new());
        let (mut at, mut run) = (0, 0);
        while at < bytes.len() && at.saturating_sub(covers.hidden) < limit {
            if ahead.is_empty() && !table.begins[usize::from(bytes[at])] {
                at += 1;
                continue;
            }
            if at >= run
                && let Some(end) = project_key(bytes, at)
            {
                covers.add(Cover { start: at, end, run: end, sent: 0 });
                run = end;
            }
            here.extend(ahead.extract_if(.., |beginning: &mut Beginning| beginning.end == at));
            here.push(Beginning { start: at, end: at, length: 0, forms: (0, table.forms.len()) });
            for (byte, end) in spellings(bytes, at).into_iter().flatten() {
                for beginning in &here {
                    if let Some(longer) = table.longer(beginning, byte, end) {
                        if table.is_enough(&longer) {
                            covers.add(Cover { start: longer.start, end, run: 0, sent: end });
                        }
                        follow(&mut ahead, longer);
                    }
                    // A long line may have been broken inside of a secret.
                    if beginning.length > 0 && byte.is_ascii_whitespace() {
                        follow(&mut ahead, Beginning { end, ..*beginning });
                    }
                }
            }
            here.clear();
            at += 1;
        }
        if at < text.len() {
            let open = ahead.iter().filter(|beginning| beginning.length < ENOUGH);
            at = open.map(|beginning| beginning.start).min().unwrap_or(at).min(at);
        }
        let mut out = String::new();
        let mut copied = 0;
        for cover in covers.all.iter().take_while(|cover| cover.start < at) {
            out.push_str(text.get(copied..until(text, cover.start).len()).unwrap_or_default());
            out.push_str(if cover.run > 0 && cover.run >= cover.sent { "ifr_pk_…" } else { MARK });
            let rest = from(text, cover.end);
            // A mark of an earlier redaction or cut stands for the same.
            copied = text.len() - rest.strip_prefix(MARK).unwrap_or(rest).len();
        }
        out.push_str(text.get(copied..until(text, at).len()).unwrap_or_default());
        let shown = until(&out, limit).len();
        let whole = at.max(copied) >= text.len() && shown == out.len();
        out.truncate(shown);
        (out, whole)
    }

    /// Returns JSON as it may be shown: its strings, the names of members, and its numbers. Of texts that are longer than
    /// [`READ`] together, those that do not fit are left out.
    pub(crate) fn value(&self, value: &Value) -> Value {
        self.value_within(value, &mut { READ })
    }

    /// As [`value`](Self::value).
    pub(crate) fn map(&self, map: &Map<String, Value>) -> Map<String, Value> {
        self.map_within(map, &mut { READ })
    }

    fn value_within(&self, value: &Value, left: &mut usize) -> Value {
        match value {
            Value::String(text) => self.text_within(text, left).into(),
            Value::Array(items) => items.iter().map(|item| self.value_within(item, left)).collect(),
            Value::Object(map) => self.map_within(map, left).into(),
            Value::Number(number) => {
                let text = number.to_string();
                let shown = self.text_within(&text, left);
                if shown == text { value.clone() } else { shown.into() }
            }
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    fn map_within(&self, map: &Map<String, Value>, left: &mut usize) -> Map<String, Value> {
        map.iter()
            .map(|(name, value)| (self.text_within(name, left), self.value_within(value, left)))
            .collect()
    }

    fn text_within(&self, text: &str, left: &mut usize) -> String {
        match left.checked_sub(text.len()) {
            Some(rest) => {
                *left = rest;
                self.first(text, READ)
            }
            None => MARK.into(),
        }
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

/// Returns the rest of a text after so many bytes, or more where a character would be cut.
fn from(text: &str, start: usize) -> &str {
    (start..text.len()).find_map(|start| text.get(start..)).unwrap_or_default()
}

/// What is looked for: the secrets and those of their parts that are secrets too.
struct Table {
    /// In lower case and sorted, so that those with a common beginning stand together.
    forms: Box<[Box<[u8]>]>,
    /// The forms that begin with each byte.
    first: Box<[(usize, usize); 256]>,
    /// The bytes that a spelling of a form, or a project key, may begin with. At most places nothing else is read.
    begins: [bool; 256],
}

impl Table {
    fn of(secrets: &[Arc<str>]) -> Self {
        let mut forms: Vec<Box<[u8]>> = secrets
            .iter()
            .flat_map(|secret| parts(secret))
            .map(|part| part.to_ascii_lowercase().into_bytes().into())
            .collect();
        forms.sort_unstable();
        forms.dedup();
        let mut first = Box::new([(0, 0); 256]);
        let mut begins = [false; 256];
        begins[usize::from(PROJECT_KEY.as_bytes()[0])] = true;
        for (place, form) in forms.iter().enumerate() {
            let range = &mut first[usize::from(form[0])];
            *range = (if range.1 == 0 { place } else { range.0 }, place + 1);
            for byte in [form[0], form[0].to_ascii_uppercase()].iter().chain(ESCAPES) {
                begins[usize::from(*byte)] = true;
            }
        }
        Self { forms: forms.into(), first, begins }
    }

    /// Returns the beginning that is longer by one character, where a form has it.
    fn longer(&self, beginning: &Beginning, byte: u8, end: usize) -> Option<Beginning> {
        let byte = byte.to_ascii_lowercase();
        let (from, to) = beginning.forms;
        let next = |place: usize| {
            count();
            self.forms[place].get(beginning.length).copied()
        };
        let forms = if beginning.length == 0 {
            self.first[usize::from(byte)]
        } else if next(from) == next(to - 1) {
            if next(from) == Some(byte) { (from, to) } else { (0, 0) }
        } else {
            let bound = |range: Range<usize>, below: &dyn Fn(Option<u8>) -> bool| {
                let (mut low, mut high) = (range.start, range.end);
                while low < high {
                    let middle = low.midpoint(high);
                    if below(next(middle)) { low = middle + 1 } else { high = middle }
                }
                low
            };
            let from = bound(from..to, &|other| other < Some(byte));
            (from, bound(from..to, &|other| other <= Some(byte)))
        };
        (forms.0 < forms.1).then(|| Beginning { end, length: beginning.length + 1, forms, ..*beginning })
    }

    /// Returns whether a beginning counts as the secret: long enough, or all of a short one.
    fn is_enough(&self, beginning: &Beginning) -> bool {
        beginning.length >= ENOUGH || self.forms[beginning.forms.0].len() == beginning.length
    }
}

/// Returns a secret and the parts of it that are secrets without the rest: the random part of a project key, and the
/// segments of a token.
fn parts(secret: &str) -> impl Iterator<Item = &str> {
    let random = secret.strip_prefix(PROJECT_KEY).and_then(|rest| Some(rest.split_once('_')?.1));
    let segments = secret.split('.').filter(|segment| segment.len() >= SEGMENT);
    [secret].into_iter().chain(random.filter(|random| random.len() >= ENOUGH)).chain(segments)
}

/// The beginning of a secret, as read from `start` to `end` of a text.
struct Beginning {
    start: usize,
    end: usize,
    /// In characters of the secret.
    length: usize,
    /// The forms that begin so, from and to.
    forms: (usize, usize),
}

/// Adds what is read further. A few bytes can be read in more than one way: `%2541` is `%41` and `A`.
fn follow(ahead: &mut Vec<Beginning>, new: Beginning) {
    let same = |old: &&mut Beginning| (old.end, old.length, old.forms) == (new.end, new.length, new.forms);
    if let Some(old) = ahead.iter_mut().find(same) {
        old.start = old.start.min(new.start);
    } else if ahead.len() < FOLLOWED {
        ahead.push(new);
    } else if let Some(shortest) = ahead.iter_mut().min_by_key(|old| old.length)
        && shortest.length < new.length
    {
        *shortest = new;
    }
}

/// A piece of a text that is not shown.
#[derive(Clone, Copy)]
struct Cover {
    start: usize,
    end: usize,
    /// The ends of the project key and of the longest secret that begin where it begins.
    run: usize,
    sent: usize,
}

/// The pieces of a text that are not shown, in order and apart from each other.
#[derive(Default)]
struct Covers {
    all: Vec<Cover>,
    /// Their bytes.
    hidden: usize,
}

impl Covers {
    fn add(&mut self, mut new: Cover) {
        while let Some(last) = self.all.pop_if(|last| last.end >= new.start) {
            self.hidden -= last.end - last.start;
            let end = last.end.max(new.end);
            new = match last.start.cmp(&new.start) {
                std::cmp::Ordering::Less => last,
                std::cmp::Ordering::Equal => {
                    Cover { run: last.run.max(new.run), sent: last.sent.max(new.sent), ..last }
                }
                std::cmp::Ordering::Greater => new,
            };
            new.end = end;
        }
        self.hidden += new.end - new.start;
        self.all.push(new);
    }
}

#[cfg(test)]
thread_local! {
    /// The steps that readings took.
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts a step of reading, in tests.
fn count() {
    #[cfg(test)]
    STEPS.set(STEPS.get() + 1);
}

/// Returns where what looks like a project key ends, if it begins here.
fn project_key(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?.strip_prefix(PROJECT_KEY.as_bytes())?;
    let of_key = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    Some(at + PROJECT_KEY.len() + rest.iter().take_while(of_key).count())
}

/// Returns the characters that may be meant here, and where each ends.
fn spellings(text: &[u8], at: usize) -> [Option<(u8, usize)>; 5] {
    let Some(&byte) = text.get(at) else { return [None; 5] };
    count();
    let [one, two, three, four] = match byte {
        b'\\' => escaped(text, at),
        b'%' => percent_encoded(text, at),
        b'&' => [entity(text, at), None, None, None],
        _ => [None; 4],
    };
    [Some((byte, at + 1)), one, two, three, four]
}

/// `\"`, `\u002d`, `\u{2d}`, with any number of backslashes, `\\` for the backslash itself, and `\n` for white space.
fn escaped(text: &[u8], at: usize) -> [Option<(u8, usize)>; 4] {
    let backslash = |byte: &&u8| {
        count();
        **byte == b'\\'
    };
    let at = at + text[at..].iter().take(BACKSLASHES).take_while(backslash).count();
    let rest = &text[at..];
    let braced = || {
        let digits = rest.strip_prefix(b"u{")?;
        let length = digits.iter().take(7).position(|byte| *byte == b'}')?;
        Some((number(&digits[..length], 16)?, at + 2 + length + 1))
    };
    let unicode = || Some((number(rest.strip_prefix(b"u")?.get(..4)?, 16)?, at + 5));
    let space = matches!(rest.first(), Some(b'n' | b'r' | b't')).then_some((b' ', at + 1));
    [rest.first().map(|byte| (*byte, at + 1)), braced().or_else(unicode), Some((b'\\', at)), space]
}

/// `%2D`, `%252D`, and `%25` or `%2525` for the percent sign itself.
fn percent_encoded(text: &[u8], at: usize) -> [Option<(u8, usize)>; 4] {
    let digits = |at: usize| Some((number(text.get(at..at + 2)?, 16)?, at + 2));
    let mut inner = at + 1;
    while text[inner..].starts_with(b"25") {
        count();
        inner += 2;
    }
    [digits(at + 1), digits(inner), (inner > at + 1).then_some((b'%', inner)), None]
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

    #[test]
    fn a_key_that_is_sent_again_becomes_the_latest() {
        let keys: Vec<Arc<str>> = (0..=MOST).map(|at| format!("a-key-of-{at:03}").into()).collect();
        let known = keys[..MOST]
            .iter()
            .fold(Redactor::default(), |known, key| known.and(key))
            .and(&keys[0])
            .and(&keys[MOST]);
        assert_eq!(known.text(&keys[0]), "…");
        assert_eq!(known.secrets()[MOST - 2..], [keys[0].clone(), keys[MOST].clone()]);
    }

    #[test]
    fn a_part_that_is_the_secret_alone_is_found() {
        let project = redactor("ifr_pk_proj_0123456789abcdef");
        assert_eq!(project.text("key 0123456789abcdef, 01234567"), "key …, …");
        let token = redactor("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN");
        assert_eq!(token.text("of eyJzdWIiOiIxMjM0In0 by dozjgNry"), "of … by …");
        assert_eq!(
            redactor("ifr_pk_proj_k1").text("k1"),
            "k1",
            "too short to be known without its beginning"
        );
    }

    #[test]
    fn a_key_that_is_broken_over_lines_is_found() {
        let redactor = redactor("tok.abcdefghij");
        for text in [
            "tok.ab\r\n  cdefghij",
            "tok.ab\\ncdefg\\\\thij",
            "t o k . a b c d e f g h i j",
            "tok.ab%0Acdef&#10;ghij",
        ] {
            assert_eq!(redactor.text(&format!("<{text}> ")), "<…> ");
        }
        assert_eq!(redactor.text("tok. ab x"), "tok. ab x");
    }

    #[test]
    fn a_text_is_cut_at_no_beginning_of_a_key() {
        let redactor = redactor("tok.abcdefghij");
        for length in 0..20 {
            let text = format!("{}tok.abcdefghij tok", "x".repeat(SHOWN - length));
            let shown = redactor.text(&text);
            assert!(shown.len() <= SHOWN && !shown.contains("to") || length > 4, "{length}");
            assert!(!shown.contains("tok.") && redactor.text(&shown) == shown, "{length}");
        }
    }

    #[test]
    fn texts_beyond_the_bound_of_a_value_are_left_out() {
        let shown = redactor("tok.abcdefghij")
            .value(&json!({"a": "x".repeat(READ), "b": ["y", "tok.abcdefghij"], "c": 1}));
        assert_eq!(shown, json!({"a": "…", "b": ["y", "…"], "c": 1}));
    }

    /// The steps per byte that it takes to read a text of one piece twice.
    fn steps(redactor: &Redactor, piece: &str, length: usize) -> usize {
        let text = piece.repeat(length / piece.len());
        STEPS.set(0);
        redactor.text(&text);
        redactor.value(&text.as_str().into());
        STEPS.get() / text.len()
    }

    #[test]
    fn no_text_takes_more_than_a_few_steps_per_byte() {
        let forms: [fn(usize) -> String; 4] = [
            |at| {
                format!(
                    "eyJhbGciOiJIUzI1NiIs.eyJ0ZW5hbnQiOiJ{at:04}{}.{}",
                    at * 7919,
                    format!("{:x}", u64::MAX / (at as u64 + 3)).repeat(2)
                )
            },
            |at| format!("ifr_pk_proj_{at:02}{}", format!("{:x}", at * 104_729).repeat(8)),
            |at| format!("{}{at:02}", "e".repeat(at + 60)),
            |at| format!("\\\\%25&amp;\\\\%25&amp;{at:02}"),
        ];
        // Only in a key that repeats itself can many keys begin at once.
        for (form, most) in forms.into_iter().zip([64, 64, 16 * FOLLOWED, 64]) {
            let redactor = Redactor::of((0..MOST).map(|at| form(at).into()));
            let own = form(17);
            for piece in [
                "e",
                "&",
                "%",
                "\\",
                "%25",
                "&#",
                "&amp;",
                "\\u",
                "\\n",
                "\\\\n",
                " ",
                "e ",
                "ey",
                "eyJhbGc",
                "ifr_pk_",
                "%2565",
                "\\u0065",
                "ifr_pk_proj_",
                &own,
                &own[..own.len() / 2],
                &own[1..],
            ] {
                let steps = steps(&redactor, piece, 10_000);
                assert!(steps <= most, "{steps} steps per byte of {piece} with keys as {own}");
            }
        }
    }

    #[test]
    fn no_more_of_a_text_is_read_than_may_be_shown() {
        let redactor = redactor("eyJhbGciOiJIUzI1NiIs.tenant");
        for piece in ["e", "eyJhbGciOiJIUzI1NiIs.tenant", "\\"] {
            let text = piece.repeat(8 * READ / piece.len());
            STEPS.set(0);
            assert!(redactor.text(&text).len() <= SHOWN);
            assert!(STEPS.get() <= 40 * READ);
        }
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
