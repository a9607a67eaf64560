//! Faults: their notation, and their effects on a request.

use std::{fmt, str::FromStr, time::Duration};

use http::{Method, StatusCode};

use crate::ParseError;

/// Maximum length of a fault, in bytes.
const LIMIT: usize = 1000;
/// The route that creates jobs.
const GENERATE: (&Method, &str) = (&Method::POST, "/v1/video/generate");

/// The moment at which a connection is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DropWhen {
    /// Before the request is processed.
    Before,
    /// After the request is processed; the response is never sent.
    After,
}

/// The effect on the job that a request creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobEffect {
    Fail,
}

/// A fault: the requests that it applies to, and its effects on them.
///
/// ```text
/// [METHOD] PATH: EFFECT…
/// ```
///
/// `*` in `PATH` stands for any characters. [`Fault::EFFECTS`] lists the effects; a fault has at least one.
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
    pub(crate) job: Option<JobEffect>,
    pub(crate) times: Option<u64>,
    pub(crate) probability: Option<f64>,
}

impl Fault {
    /// The words of a fault, each with its effect: `name=value` examples, the last two of which bound its use.
    pub const EFFECTS: [(&str, &str); 10] = [
        ("status=503", "responds with this status (200 to 599) without processing the request"),
        ("code=VENDOR_DOWN", "the error code of `status` or `job`; by default the status's usual one"),
        ("retry-after=1", "adds `Retry-After` in seconds, to the fault's response or the real one"),
        ("delay=200ms", "waits first (`ms` or `s`, at most 600 s)"),
        ("drop=before", "closes the connection before the request is processed"),
        ("drop=after", "processes the request, then closes the connection without a response"),
        ("cut=100", "sends this many bytes of the response's body, then closes the connection"),
        ("job=fail", "accepts the job of `POST /v1/video/generate`, which then fails and is refunded"),
        ("times=2", "applies to this many requests; by default to every one"),
        ("probability=0.3", "applies to a request with this chance, from a seeded generator"),
    ];

    /// Returns true if the fault applies to a request. One with `job` applies to the route that creates jobs alone.
    pub(crate) fn matches(&self, method: &Method, path: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method)
            && wildcard(self.path.as_bytes(), path.as_bytes())
            && (self.job.is_none() || (method, path) == GENERATE)
    }

    /// Returns the error code of the job that the request creates, if that job is to fail.
    pub(crate) fn job_error_code(&self) -> Option<&str> {
        self.job.map(|JobEffect::Fail| self.code.as_deref().unwrap_or("INJECTED_FAULT"))
    }

    fn set(&mut self, word: &str) -> Result<(), ParseError> {
        let (name, value) = word.split_once('=').ok_or_else(|| {
            ParseError::new(format!("invalid fault: expected effects as name=value, got `{word}`"))
        })?;
        let invalid =
            |what: &str| ParseError::new(format!("invalid `{name}`: expected {what}, got `{value}`"));
        match name {
            "status" => {
                let status = value.parse().ok().filter(|status| (200..=599).contains(status));
                let status = status.and_then(|status| StatusCode::from_u16(status).ok());
                set_once(&mut self.status, name, status.ok_or_else(|| invalid("a status from 200 to 599"))?)
            }
            "code" => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                if value.is_empty() || !value.bytes().all(plain) {
                    return Err(invalid("letters, digits and underscores"));
                }
                set_once(&mut self.code, name, value.to_owned())
            }
            "retry-after" => {
                set_once(&mut self.retry_after, name, value.parse().map_err(|_| invalid("whole seconds"))?)
            }
            "delay" => set_once(
                &mut self.delay,
                name,
                parse_delay(value).ok_or_else(|| invalid("a time like 200ms or 1.5s, at most 600s"))?,
            ),
            "drop" => {
                let drop = match value {
                    "before" => DropWhen::Before,
                    "after" => DropWhen::After,
                    _ => return Err(invalid("before or after")),
                };
                set_once(&mut self.drop, name, drop)
            }
            "cut" => set_once(&mut self.cut, name, value.parse().map_err(|_| invalid("a number of bytes"))?),
            "job" => match value {
                "fail" => set_once(&mut self.job, name, JobEffect::Fail),
                _ => Err(invalid("fail")),
            },
            "times" => {
                let times = value.parse().ok().filter(|times| *times > 0);
                set_once(&mut self.times, name, times.ok_or_else(|| invalid("a number from 1"))?)
            }
            "probability" => {
                let chance = value.parse::<f64>().ok().filter(|chance| (0.0..=1.0).contains(chance));
                set_once(&mut self.probability, name, chance.ok_or_else(|| invalid("a number from 0 to 1"))?)
            }
            _ => Err(ParseError::new(format!(
                "invalid fault: expected status, code, retry-after, delay, drop, cut, job, times or probability, got `{name}`"
            ))),
        }
    }

    fn check(&self) -> Result<(), ParseError> {
        let harmless = self.status.is_none()
            && self.retry_after.is_none()
            && self.delay.is_none()
            && self.drop.is_none()
            && self.cut.is_none()
            && self.job.is_none();
        if harmless {
            return Err(ParseError::new(
                "invalid fault: expected an effect: status, retry-after, delay, drop, cut or job",
            ));
        }
        if self.code.is_some() && self.status.is_none() && self.job.is_none() {
            return Err(ParseError::new("invalid `code`: it needs `status` or `job`"));
        }
        if self.job.is_some() {
            if self.status.is_some() || self.drop == Some(DropWhen::Before) {
                return Err(ParseError::new(
                    "invalid `job`: a request with `status` or `drop=before` is not processed and creates no job",
                ));
            }
            if !self.matches(GENERATE.0, GENERATE.1) {
                return Err(ParseError::new(
                    "invalid `job`: the fault must apply to POST /v1/video/generate",
                ));
            }
        }
        if self.drop.is_some() && (self.status.is_some() || self.cut.is_some() || self.retry_after.is_some())
        {
            return Err(ParseError::new(
                "invalid `drop`: a dropped connection carries no response, so `status`, `cut` and `retry-after` have no effect",
            ));
        }
        Ok(())
    }
}

fn set_once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), ParseError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(ParseError::new(format!("invalid fault: `{name}` appears twice"))),
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
            return Err(ParseError::new(format!(
                "invalid fault: expected at most {LIMIT} bytes, got {}",
                text.len()
            )));
        }
        let (target, effects) = text.split_once(": ").ok_or_else(|| {
            ParseError::new(format!("invalid fault: expected `[METHOD] PATH: EFFECT…`, got `{text}`"))
        })?;
        let mut words = target.split_whitespace();
        let (method, path) = match (words.next(), words.next(), words.next()) {
            (Some(path), None, None) | (Some("*"), Some(path), None) => (None, path),
            (Some(method), Some(path), None) => {
                let known = method.bytes().all(|byte| byte.is_ascii_uppercase());
                let parsed = Method::from_bytes(method.as_bytes()).ok().filter(|_| known);
                let parsed = parsed.ok_or_else(|| {
                    ParseError::new(format!("invalid fault: expected a method such as POST, got `{method}`"))
                })?;
                (Some(parsed), path)
            }
            _ => return Err(ParseError::new(format!("invalid fault: expected one path, got `{target}`"))),
        };
        if !path.starts_with(['/', '*']) {
            return Err(ParseError::new(format!(
                "invalid fault: expected a path that starts with / or *, got `{path}`"
            )));
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
            job: None,
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
    fn a_job_fault_applies_to_generate_alone() {
        let fault: Fault = "/v1/*: job=fail code=VENDOR_DOWN".parse().expect("a fault");
        assert!(fault.matches(&Method::POST, "/v1/video/generate"));
        assert!(!fault.matches(&Method::GET, "/v1/video/jobs/x") && !fault.matches(&Method::GET, GENERATE.1));
        assert_eq!(fault.job_error_code(), Some("VENDOR_DOWN"));
    }

    #[test]
    fn every_effect_is_parsed_and_in_the_readme() {
        let readme = include_str!("../README.md");
        for (word, effect) in Fault::EFFECTS {
            let with = if word.starts_with("code") { "status=503" } else { "" };
            let with = if word.starts_with("times") || word.starts_with("prob") { "cut=1" } else { with };
            assert!(format!("*: {with} {word}").parse::<Fault>().is_ok(), "{word}");
            assert!(readme.contains(&format!("| `{word}` | {effect} |\n")), "{word}");
        }
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
            "/v1/video/generate: job=succeed",
            "/v1/video/generate: job=fail status=500",
            "/v1/video/generate: job=fail drop=before",
            "GET /v1/video/generate: job=fail",
            "/v1/account/*: job=fail",
        ] {
            let error = bad.parse::<Fault>().expect_err(bad);
            assert!(!error.to_string().is_empty());
        }
    }
}
