//! Faults on demand: the words that describe one, and what it does to a request.

use std::{fmt, str::FromStr, time::Duration};

use http::{Method, StatusCode};

use crate::ParseError;

/// Maximum length of a fault, in bytes.
const LIMIT: usize = 1000;

/// The moment at which a connection is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DropWhen {
    /// Before the request is processed.
    Before,
    /// After the request is processed; the response is never sent.
    After,
}

/// A fault: which requests it meets and what it does to them.
///
/// ```text
/// [METHOD] PATH: EFFECT…
/// ```
///
/// `PATH` is matched whole, `*` standing for any characters. Effects, at least one of them:
///
/// | word | effect |
/// | --- | --- |
/// | `status=503` | answers this (200 to 599) without processing the request |
/// | `code=VENDOR_DOWN` | the error code that goes with `status`; by default the status's usual one |
/// | `retry-after=1` | a `Retry-After` header of so many seconds, on the fault's answer or the real one |
/// | `delay=200ms` | waits (`ms` or `s`, at most 600 s) before anything else |
/// | `drop=before` | closes the connection before the request is processed |
/// | `drop=after` | processes the request, then closes the connection without an answer |
/// | `cut=100` | sends so many bytes of the answer's body, then closes the connection |
/// | `times=2` | meets so many requests, then is spent; by default every one |
/// | `probability=0.3` | meets each request with this chance, from a seeded generator |
///
/// ```
/// let fault: infrai_sandbox::Fault = "POST /v1/video/generate: status=503 retry-after=1 times=2".parse()?;
/// # Ok::<(), infrai_sandbox::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    text: String,
    method: Option<Method>,
    path: String,
    pub(crate) status: Option<StatusCode>,
    pub(crate) code: Option<String>,
    pub(crate) retry_after: Option<u64>,
    pub(crate) delay: Option<Duration>,
    pub(crate) drop: Option<DropWhen>,
    pub(crate) cut: Option<usize>,
    pub(crate) times: Option<u64>,
    pub(crate) probability: Option<f64>,
}

impl Fault {
    pub(crate) fn matches(&self, method: &Method, path: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method)
            && wildcard(self.path.as_bytes(), path.as_bytes())
    }

    fn set(&mut self, word: &str) -> Result<(), ParseError> {
        let (name, value) = word.split_once('=').ok_or_else(|| {
            ParseError::new(format!("a fault's effect is written name=value; got `{word}`"))
        })?;
        let takes = |what: &str| ParseError::new(format!("`{name}` takes {what}; got `{value}`"));
        match name {
            "status" => {
                let status = value.parse().ok().filter(|status| (200..=599).contains(status));
                let status = status.and_then(|status| StatusCode::from_u16(status).ok());
                set_once(&mut self.status, name, status.ok_or_else(|| takes("a status from 200 to 599"))?)
            }
            "code" => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                if value.is_empty() || !value.bytes().all(plain) {
                    return Err(takes("letters, digits and underscores"));
                }
                set_once(&mut self.code, name, value.to_owned())
            }
            "retry-after" => {
                set_once(&mut self.retry_after, name, value.parse().map_err(|_| takes("whole seconds"))?)
            }
            "delay" => set_once(
                &mut self.delay,
                name,
                parse_delay(value).ok_or_else(|| takes("a time like 200ms or 1.5s, at most 600s"))?,
            ),
            "drop" => {
                let drop = match value {
                    "before" => DropWhen::Before,
                    "after" => DropWhen::After,
                    _ => return Err(takes("before or after")),
                };
                set_once(&mut self.drop, name, drop)
            }
            "cut" => set_once(&mut self.cut, name, value.parse().map_err(|_| takes("a number of bytes"))?),
            "times" => {
                let times = value.parse().ok().filter(|times| *times > 0);
                set_once(&mut self.times, name, times.ok_or_else(|| takes("a number from 1"))?)
            }
            "probability" => {
                let chance = value.parse::<f64>().ok().filter(|chance| (0.0..=1.0).contains(chance));
                set_once(&mut self.probability, name, chance.ok_or_else(|| takes("a number from 0 to 1"))?)
            }
            _ => Err(ParseError::new(format!(
                "a fault knows status, code, retry-after, delay, drop, cut, times and probability; got `{name}`"
            ))),
        }
    }

    fn check(&self) -> Result<(), ParseError> {
        let harmless = self.status.is_none()
            && self.retry_after.is_none()
            && self.delay.is_none()
            && self.drop.is_none()
            && self.cut.is_none();
        if harmless {
            return Err(ParseError::new("a fault needs an effect: status, retry-after, delay, drop or cut"));
        }
        if self.code.is_some() && self.status.is_none() {
            return Err(ParseError::new("`code` goes with `status`"));
        }
        if self.drop.is_some() && (self.status.is_some() || self.cut.is_some() || self.retry_after.is_some())
        {
            return Err(ParseError::new(
                "a dropped connection carries no answer: `drop` goes with `delay`, `times` and `probability` only",
            ));
        }
        Ok(())
    }
}

fn set_once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), ParseError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(ParseError::new(format!("`{name}` is given twice"))),
    }
}

fn parse_delay(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s')?, 1.0),
    };
    let seconds = number.parse::<f64>().ok()? * unit;
    (0.0..=600.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// Returns true if `text` matches `pattern`, in which `*` stands for any characters, none included.
fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut here) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while here < text.len() {
        if pattern.get(at) == Some(&b'*') {
            retry = Some((at + 1, here));
            at += 1;
        } else if pattern.get(at) == Some(&text[here]) {
            at += 1;
            here += 1;
        } else if let Some((after_star, start)) = retry {
            retry = Some((after_star, start + 1));
            at = after_star;
            here = start + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

impl FromStr for Fault {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        if text.len() > LIMIT {
            return Err(ParseError::new(format!("a fault has at most {LIMIT} bytes; got {}", text.len())));
        }
        let (target, effects) = text.split_once(": ").ok_or_else(|| {
            ParseError::new(format!("a fault is written `[METHOD] PATH: EFFECT…`; got `{text}`"))
        })?;
        let mut words = target.split_whitespace();
        let (method, path) = match (words.next(), words.next(), words.next()) {
            (Some(path), None, None) | (Some("*"), Some(path), None) => (None, path),
            (Some(method), Some(path), None) => {
                let known = method.bytes().all(|byte| byte.is_ascii_uppercase());
                let method = Method::from_bytes(method.as_bytes()).ok().filter(|_| known);
                let method =
                    method.ok_or_else(|| ParseError::new(format!("`{target}` starts with no method")))?;
                (Some(method), path)
            }
            _ => return Err(ParseError::new(format!("a fault names one path; got `{target}`"))),
        };
        if !path.starts_with(['/', '*']) {
            return Err(ParseError::new(format!("a fault's path starts with / or *; got `{path}`")));
        }
        let mut fault = Self {
            text: text.to_owned(),
            method,
            path: path.to_owned(),
            status: None,
            code: None,
            retry_after: None,
            delay: None,
            drop: None,
            cut: None,
            times: None,
            probability: None,
        };
        for word in effects.split_whitespace() {
            fault.set(word)?;
        }
        fault.check()?;
        Ok(fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_read() {
        let fault: Fault =
            "POST /v1/video/*: status=503 code=VENDOR_DOWN retry-after=1 delay=200ms cut=9 times=2 probability=0.3"
                .parse()
                .expect("a fault");
        assert_eq!(fault.status, Some(StatusCode::SERVICE_UNAVAILABLE));
        assert_eq!(fault.delay, Some(Duration::from_millis(200)));
        assert_eq!((fault.retry_after, fault.cut, fault.times), (Some(1), Some(9), Some(2)));
        assert!(fault.matches(&Method::POST, "/v1/video/generate"));
        assert!(!fault.matches(&Method::GET, "/v1/video/generate"));
        assert!(!fault.matches(&Method::POST, "/v1/videos"));
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("*", "/a/b", true),
            ("/a*", "/a", true),
            ("/v1/*/jobs/*/cancel", "/v1/video/jobs/x/cancel", true),
            ("/v1/*/jobs/*/cancel", "/v1/video/jobs/x/cancelled", false),
            ("*mp4", "/files/mp4/x.mp4", true),
            ("/a", "/ab", false),
            ("/a**b", "/aXb", true),
        ] {
            assert_eq!(wildcard(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_no_fault_is_refused_with_a_reason() {
        for bad in [
            "",
            "/x",
            "/x: ",
            "/x: status",
            "/x: status=99",
            "/x: status=600",
            "/x: times=2",
            "/x: code=A",
            "/x: status=500 status=501",
            "/x: drop=never",
            "/x: drop=before status=500",
            "/x: drop=after cut=3",
            "/x: delay=5",
            "/x: delay=601s",
            "/x: delay=-1s",
            "/x: delay=NaNs",
            "/x: cut=-1",
            "/x: cut=1 times=0",
            "/x: cut=1 probability=2",
            "/x: cut=1 probability=1 probability=1",
            "/x: cut=1 probability=NaN",
            "/x: colour=red",
            "get /x: cut=1",
            "GET POST /x: cut=1",
            &format!("/{}: cut=1", "*".repeat(1000)),
            "x: cut=1",
        ] {
            let error = bad.parse::<Fault>().expect_err(bad);
            assert!(!error.to_string().is_empty());
        }
    }
}
