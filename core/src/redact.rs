//! Redaction of secrets in errors, logs and hooks: the keys that the client sent, and any text in the form of a key.

use std::{
    error::Error as StdError,
    fmt,
    ops::Range,
    sync::{Arc, LazyLock, OnceLock},
};

use serde_json::{Map, Value};

/// The shortest prefix of a secret that is redacted, because a server may have shortened the secret.
const MIN_PREFIX: usize = 8;
/// The shortest segment of a token that is redacted on its own.
const MIN_SEGMENT: usize = 16;
/// The most secrets remembered per client. A key function may return a new key for each call.
const MAX_SECRETS: usize = 64;
/// Prefix of every project key.
const PROJECT_KEY: &str = "ifr_pk_";
/// The first bytes of escaped characters.
const ESCAPES: &[u8; 3] = b"\\%&";
/// The most backslashes read as one escape. Each program that quotes a text doubles them.
const MAX_BACKSLASHES: usize = 16;
/// The most partial matches tracked at once. Only secrets with repetitions reach this number.
const MAX_CANDIDATES: usize = 16;
/// The most bytes of one text in the output.
const MAX_OUTPUT: usize = 64 << 10;
/// The most bytes read of one text, and of all texts of one JSON value.
const MAX_INPUT: usize = 256 << 10;
/// Replacement for removed text.
const MARK: &str = "…";

/// Redactor of the secrets that a client sent. It is cheap to clone, and without secrets it needs no allocation.
///
/// It finds a secret in any case, because hosts become lower-case, and with white space between its characters. It also
/// finds these spellings, mixed and nested: percent-encoding, escapes as in JSON or `Debug`, and HTML entities.
#[derive(Clone, Default)]
pub(crate) struct Redactor(Option<Arc<Secrets>>);

struct Secrets {
    /// The secrets, ordered by their last use.
    secrets: Box<[Arc<str>]>,
    /// Built when the first text is redacted. Shared by all redactors of the same secrets.
    table: Arc<OnceLock<Table>>,
}

impl Redactor {
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(secrets: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self::new(secrets.into_iter().filter(|secret| !secret.is_empty()).collect(), Arc::default())
    }

    fn new(secrets: Box<[Arc<str>]>, table: Arc<OnceLock<Table>>) -> Self {
        Self((!secrets.is_empty()).then(|| Arc::new(Secrets { secrets, table })))
    }

    /// Returns a redactor with an additional secret, as the latest. Keeps the latest [`MAX_SECRETS`].
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
        let latest = others[others.len().saturating_sub(MAX_SECRETS - 1)..].iter().copied().chain([secret]);
        Self::new(latest.filter(|secret| !secret.is_empty()).cloned().collect(), table)
    }

    /// Returns this redactor, or the other one if this one has no secrets.
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

    /// Redacts a text. Returns at most [`MAX_OUTPUT`] bytes, with a mark if the text is longer.
    pub(crate) fn text(&self, text: &str) -> String {
        let (mut redacted, complete) = self.read(text, MAX_OUTPUT);
        if !complete {
            redacted.truncate(until(&redacted, MAX_OUTPUT - MARK.len()).len());
            redacted.push_str(MARK);
        }
        redacted
    }

    /// Returns the first `limit` bytes of a redacted text. Reads no more of the text than necessary.
    pub(crate) fn first(&self, text: &str, limit: usize) -> String {
        self.read(text, limit).0
    }

    /// Returns the first `limit` bytes of a redacted text, and whether that is all of it. A shortened text does not end
    /// with the beginning of a secret.
    fn read(&self, text: &str, limit: usize) -> (String, bool) {
        let table = self.table();
        let bytes = &text.as_bytes()[..text.len().min(MAX_INPUT)];
        let mut spans = Spans::default();
        let (mut ahead, mut here) = (Vec::new(), Vec::new());
        let (mut at, mut run) = (0, 0);
        while at < bytes.len() && at.saturating_sub(spans.hidden) < limit {
            if ahead.is_empty() && !table.may_begin(bytes, at) {
                at += 1;
                continue;
            }
            if at >= run
                && let Some(end) = project_key(bytes, at)
            {
                spans.add(Span { start: at, end, run: end, sent: 0 });
                run = end;
            }
            here.extend(ahead.extract_if(.., |candidate: &mut Candidate| candidate.end == at));
            here.push(Candidate { start: at, end: at, length: 0, patterns: (0, table.patterns.len()) });
            for (byte, end) in spellings(bytes, at).into_iter().flatten() {
                for candidate in &here {
                    if let Some(longer) = table.extend(candidate, byte, end) {
                        if table.is_match(&longer) {
                            spans.add(Span { start: longer.start, end, run: 0, sent: end });
                        }
                        track(&mut ahead, longer);
                    }
                    // A long line may be wrapped inside a secret.
                    if candidate.length > 0 && byte.is_ascii_whitespace() {
                        track(&mut ahead, Candidate { end, ..*candidate });
                    }
                }
            }
            here.clear();
            at += 1;
        }
        if at < text.len() {
            let partial = ahead.iter().filter(|candidate| candidate.length < MIN_PREFIX);
            at = partial.map(|candidate| candidate.start).min().unwrap_or(at).min(at);
        }
        let mut out = String::new();
        let mut copied = 0;
        for span in spans.all.iter().take_while(|span| span.start < at) {
            out.push_str(text.get(copied..until(text, span.start).len()).unwrap_or_default());
            out.push_str(if span.run > 0 && span.run >= span.sent { "ifr_pk_…" } else { MARK });
            let rest = from(text, span.end);
            // A mark of an earlier redaction belongs to the same secret.
            copied = text.len() - rest.strip_prefix(MARK).unwrap_or(rest).len();
        }
        out.push_str(text.get(copied..until(text, at).len()).unwrap_or_default());
        let length = until(&out, limit).len();
        let complete = at.max(copied) >= text.len() && length == out.len();
        out.truncate(length);
        (out, complete)
    }

    /// Redacts a JSON value: strings, numbers and the names of members. Replaces the texts that exceed [`MAX_INPUT`] in
    /// total by a mark.
    pub(crate) fn value(&self, value: &Value) -> Value {
        self.value_within(value, &mut { MAX_INPUT })
    }

    /// Redacts a JSON object like [`value`](Self::value).
    pub(crate) fn map(&self, map: &Map<String, Value>) -> Map<String, Value> {
        self.map_within(map, &mut { MAX_INPUT })
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
                self.first(text, MAX_INPUT)
            }
            None => MARK.into(),
        }
    }

    /// Redacts an error and its causes. Returns the error itself if it contains no secret, or else a redacted text.
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

/// All redactors are equal, because two jobs are equal whatever secrets their requests had.
impl PartialEq for Redactor {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Redacted text of an error that contained a secret.
#[derive(Debug)]
struct Cause(String);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {}

/// Returns the first `end` bytes of a text, or fewer to end at a character boundary.
fn until(text: &str, mut end: usize) -> &str {
    end = end.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Returns the text after `start` bytes, or after more to start at a character boundary.
fn from(text: &str, start: usize) -> &str {
    (start..text.len()).find_map(|start| text.get(start..)).unwrap_or_default()
}

/// Search table: the secrets and those of their parts that are secrets too.
struct Table {
    /// The patterns in lower case, sorted so that those with a common prefix are adjacent.
    patterns: Box<[Box<[u8]>]>,
    /// The range of patterns for each first byte.
    first: Box<[(usize, usize); 256]>,
    /// The bytes that may begin a spelling of a pattern or a project key. Most bytes of a text begin neither.
    begins: [bool; 256],
    /// The second bytes that may follow each first one, as bits. `None` if a pattern has one byte alone.
    seconds: Option<Box<[[u64; 4]; 256]>>,
}

impl Table {
    fn of(secrets: &[Arc<str>]) -> Self {
        let mut patterns: Vec<Box<[u8]>> = secrets
            .iter()
            .flat_map(|secret| parts(secret))
            .map(|part| part.to_ascii_lowercase().into_bytes().into())
            .collect();
        patterns.sort_unstable();
        patterns.dedup();
        let mut first = Box::new([(0, 0); 256]);
        let mut begins = [false; 256];
        let mut seconds = Box::new([[0; 4]; 256]);
        let mut follow = |first: u8, second: u8| {
            seconds[usize::from(first)][usize::from(second >> 6)] |= 1_u64 << (second & 63);
        };
        begins[usize::from(PROJECT_KEY.as_bytes()[0])] = true;
        follow(PROJECT_KEY.as_bytes()[0], PROJECT_KEY.as_bytes()[1]);
        for (index, pattern) in patterns.iter().enumerate() {
            let range = &mut first[usize::from(pattern[0])];
            *range = (if range.1 == 0 { index } else { range.0 }, index + 1);
            for byte in [pattern[0], pattern[0].to_ascii_uppercase()].iter().chain(ESCAPES) {
                begins[usize::from(*byte)] = true;
            }
            if let Some(second) = pattern.get(1) {
                for first in [pattern[0], pattern[0].to_ascii_uppercase()] {
                    follow(first, *second);
                    follow(first, second.to_ascii_uppercase());
                }
            }
        }
        let long = patterns.iter().all(|pattern| pattern.len() > 1);
        Self { patterns: patterns.into(), first, begins, seconds: long.then_some(seconds) }
    }

    /// Returns whether a spelling of a pattern or a project key may begin here, by two bytes of the text.
    fn may_begin(&self, text: &[u8], at: usize) -> bool {
        let first = text[at];
        if !self.begins[usize::from(first)] {
            return false;
        }
        let (Some(seconds), Some(&second)) = (&self.seconds, text.get(at + 1)) else { return true };
        // An escape has no plain second byte, and white space may follow any byte.
        ESCAPES.contains(&first)
            || ESCAPES.contains(&second)
            || second.is_ascii_whitespace()
            || seconds[usize::from(first)][usize::from(second >> 6)] & (1 << (second & 63)) != 0
    }

    /// Returns the candidate extended by one character, if a pattern continues with it.
    fn extend(&self, candidate: &Candidate, byte: u8, end: usize) -> Option<Candidate> {
        let byte = byte.to_ascii_lowercase();
        let (from, to) = candidate.patterns;
        let next = |index: usize| {
            count();
            self.patterns[index].get(candidate.length).copied()
        };
        let patterns = if candidate.length == 0 {
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
        (patterns.0 < patterns.1).then(|| Candidate {
            end,
            length: candidate.length + 1,
            patterns,
            ..*candidate
        })
    }

    /// Returns whether a candidate counts as the secret: a long enough prefix, or a whole short secret.
    fn is_match(&self, candidate: &Candidate) -> bool {
        candidate.length >= MIN_PREFIX || self.patterns[candidate.patterns.0].len() == candidate.length
    }
}

/// Returns a secret and those of its parts that are secrets on their own: the random part of a project key, and the
/// segments of a token.
fn parts(secret: &str) -> impl Iterator<Item = &str> {
    let random = secret.strip_prefix(PROJECT_KEY).and_then(|rest| Some(rest.split_once('_')?.1));
    let segments = secret.split('.').filter(|segment| segment.len() >= MIN_SEGMENT);
    [secret].into_iter().chain(random.filter(|random| random.len() >= MIN_PREFIX)).chain(segments)
}

/// A partial match of a secret, from `start` to `end` of a text.
struct Candidate {
    start: usize,
    end: usize,
    /// Length in characters of the secret.
    length: usize,
    /// The range of matching patterns.
    patterns: (usize, usize),
}

/// Adds a candidate. Several candidates may end at the same byte, because some bytes have several meanings: `%2541` is
/// `%41` and `A`.
fn track(ahead: &mut Vec<Candidate>, new: Candidate) {
    let same =
        |old: &&mut Candidate| (old.end, old.length, old.patterns) == (new.end, new.length, new.patterns);
    if let Some(old) = ahead.iter_mut().find(same) {
        old.start = old.start.min(new.start);
    } else if ahead.len() < MAX_CANDIDATES {
        ahead.push(new);
    } else if let Some(shortest) = ahead.iter_mut().min_by_key(|old| old.length)
        && shortest.length < new.length
    {
        *shortest = new;
    }
}

/// A redacted part of a text.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    /// End of the project key that begins at `start`, or zero.
    run: usize,
    /// End of the longest sent secret that begins at `start`, or zero.
    sent: usize,
}

/// The redacted parts of a text, ordered and without overlaps.
#[derive(Default)]
struct Spans {
    all: Vec<Span>,
    /// Total length in bytes.
    hidden: usize,
}

impl Spans {
    fn add(&mut self, mut new: Span) {
        while let Some(last) = self.all.pop_if(|last| last.end >= new.start) {
            self.hidden -= last.end - last.start;
            let end = last.end.max(new.end);
            new = match last.start.cmp(&new.start) {
                std::cmp::Ordering::Less => last,
                std::cmp::Ordering::Equal => {
                    Span { run: last.run.max(new.run), sent: last.sent.max(new.sent), ..last }
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
    /// Number of steps taken.
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts one step, in tests.
fn count() {
    #[cfg(test)]
    STEPS.set(STEPS.get() + 1);
}

/// Returns the end of a text in the form of a project key, if one begins here.
fn project_key(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?.strip_prefix(PROJECT_KEY.as_bytes())?;
    let is_key_byte = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    Some(at + PROJECT_KEY.len() + rest.iter().take_while(is_key_byte).count())
}

/// Returns the possible characters at this position, with the end of each.
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

/// Decodes `\"`, `\u002d` and `\u{2d}` with any number of backslashes, `\\` as a backslash, and `\n` as white space.
fn escaped(text: &[u8], at: usize) -> [Option<(u8, usize)>; 4] {
    let backslash = |byte: &&u8| {
        count();
        **byte == b'\\'
    };
    let at = at + text[at..].iter().take(MAX_BACKSLASHES).take_while(backslash).count();
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

/// Decodes `%2D` and `%252D`, and `%25` or `%2525` as a percent sign.
fn percent_encoded(text: &[u8], at: usize) -> [Option<(u8, usize)>; 4] {
    let digits = |at: usize| Some((number(text.get(at..at + 2)?, 16)?, at + 2));
    let mut inner = at + 1;
    while text[inner..].starts_with(b"25") {
        count();
        inner += 2;
    }
    [digits(at + 1), digits(inner), (inner > at + 1).then_some((b'%', inner)), None]
}

/// Decodes `&amp;`, `&#45;` and `&#x2d;`.
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
#[path = "redact_tests.rs"]
mod tests;
