//! Parsing of faults and rate limits: a parsed value prints as a text that parses to the same value.
//!
//! An input is a fault on the first line, a path on the second, a rate limit on the third.

use std::time::{Duration, Instant};

use http::Method;

use crate::{Fault, ParseError, RateLimit, fault_injector::FaultInjector, rate_limit::RateLimiter};

pub fn faults(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let [words, path, limit] = std::array::from_fn(|_| lines.next().unwrap_or_default());
    fault(words, path);
    rate(limit);
}

fn fault(words: &str, path: &str) {
    let fault = match words.parse::<Fault>() {
        Ok(fault) => fault,
        Err(error) => return explained(&error),
    };
    assert_eq!(fault.to_string().parse::<Fault>().as_ref(), Ok(&fault));
    let (target, effects) = words.trim().split_once(": ").expect("a fault has a colon");
    let mut names: Vec<_> =
        effects.split_whitespace().map(|word| word.split_once('=').expect("name=value").0).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "an effect is given once: {effects}");
    assert!(fault.delay.is_none_or(|delay| delay <= Duration::from_secs(600)));
    let chance = fault.probability.unwrap_or(1.0);
    assert!((0.0..=1.0).contains(&chance));
    let pattern = target.split_whitespace().last().expect("a path");
    let method = match target.split_whitespace().next() {
        Some(method) if method != pattern && method != "*" => {
            Method::from_bytes(method.as_bytes()).expect("a method")
        }
        _ => Method::GET,
    };
    let meets = fault.matches(&method, path);
    let creates_job =
        fault.job_error_code().is_none() || (&method, path) == (&Method::POST, "/v1/video/generate");
    assert_eq!(meets, creates_job && slowly(pattern.as_bytes(), path.as_bytes()), "{pattern} {path}");
    let registry = FaultInjector::new(vec![fault.clone()], 0);
    let mut hits = 0;
    for _ in 0..3 {
        let due = meets && fault.times.is_none_or(|times| hits < times);
        let met = registry.pick(&method, path).is_some();
        assert!(!met || due, "it meets what it should not");
        assert!(met || !due || chance < 1.0, "it meets all that it should");
        hits += u64::from(met);
    }
    registry.list();
}

/// Matches by exhaustive search: the set of reachable positions, from left to right.
fn slowly(pattern: &[u8], text: &[u8]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for byte in pattern {
        let mut next = vec![false; text.len() + 1];
        let mut any = false;
        for at in 0..=text.len() {
            any |= reached[at];
            next[at] = if *byte == b'*' { any } else { at > 0 && reached[at - 1] && text[at - 1] == *byte };
        }
        reached = next;
    }
    reached[text.len()]
}

fn rate(words: &str) {
    let limit = match words.parse::<RateLimit>() {
        Ok(limit) => limit,
        Err(error) => return explained(&error),
    };
    assert_eq!(limit.to_string().parse::<RateLimit>(), Ok(limit));
    let limiter = RateLimiter::new(limit);
    let start = Instant::now();
    assert_eq!(limiter.take("a", start), Ok(()), "the first is always let through");
    for _ in 0..3 {
        if let Err(wait) = limiter.take("a", start) {
            assert!(wait <= Duration::from_secs(3600), "{wait:?}");
            // After that wait, plus rounding, there is a token.
            assert_eq!(limiter.take("a", start + wait + Duration::from_millis(1)), Ok(()));
            break;
        }
    }
}

fn explained(error: &ParseError) {
    assert!(!error.to_string().is_empty());
}
