//! Parsers of option values: times, and names with values.

use std::time::Duration;

/// The timeout of a wait; `None` waits without limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct WaitTimeout(pub(crate) Option<Duration>);

/// Parses `500ms`, `30s`, `2m`, `1h`, or a plain number of seconds, above zero.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a time such as 500ms, 30s, 2m or 1h, got {text:?}");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * seconds)
        .ok()
        .filter(|duration| !duration.is_zero() && *duration < Duration::from_secs(10 * 365 * 86_400))
        .ok_or_else(wrong)
}

/// Parses a [`duration`], or `never`.
pub(super) fn wait_timeout(text: &str) -> Result<WaitTimeout, String> {
    if text == "never" {
        return Ok(WaitTimeout(None));
    }
    duration(text).map(|duration| WaitTimeout(Some(duration))).map_err(|wrong| format!("{wrong} (or never)"))
}

/// Parses an amount of dollars that is not negative.
pub(super) fn amount(text: &str) -> Result<f64, String> {
    let amount = text.strip_prefix('$').unwrap_or(text).parse::<f64>().ok();
    amount
        .filter(|amount| amount.is_finite() && *amount >= 0.0)
        .ok_or_else(|| format!("expected an amount of US dollars such as 2.50, got {text:?}"))
}

/// Parses `name=value`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("expected name=value, got {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, millis) in
            [("500ms", 500), ("30", 30_000), ("1.5s", 1500), ("2m", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(duration(text).expect(text), Duration::from_millis(millis), "{text}");
        }
        for bad in ["", "s", "0", "0s", "-1s", "1d", "1 s", "NaN", "inf", "1e300", "ms"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
        assert_eq!(wait_timeout("never"), Ok(WaitTimeout(None)));
    }

    #[test]
    fn amounts_are_not_negative() {
        assert_eq!((amount("2.50"), amount("$3"), amount("0")), (Ok(2.5), Ok(3.0), Ok(0.0)));
        for bad in ["", "$", "-1", "inf", "NaN", "two"] {
            assert!(amount(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_pair_keeps_what_follows_its_first_equals_sign() {
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(pair("a="), Ok(("a".into(), String::new())));
        assert!(pair("=b").is_err() && pair("a").is_err());
    }
}
