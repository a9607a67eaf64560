//! `Retry-After` parser for seconds and dates.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

/// Returns the time that the server asks the client to wait.
///
/// A date is measured against the response's `Date`, so that this machine's clock does not matter. Negative and malformed
/// values count as absent. A date in the past is zero.
pub(crate) fn parse(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        if seconds.is_nan() || seconds < 0.0 || !text.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        return Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let now = date(headers).unwrap_or_else(SystemTime::now);
    Some(until.duration_since(now).unwrap_or_default())
}

/// Returns the response's `Date`.
pub(crate) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(header::DATE)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(pairs: &[(&'static str, &str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        parse(&headers)
    }

    #[test]
    fn seconds_are_parsed_and_other_text_is_ignored() {
        assert_eq!(after(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(after(&[("retry-after", " 0 ")]), Some(Duration::ZERO));
        assert_eq!(after(&[("retry-after", "1.5")]), Some(Duration::from_millis(1500)));
        for malformed in ["-1", "soon", "", "NaN", "inf", "+3", "1 2"] {
            assert_eq!(after(&[("retry-after", malformed)]), None, "{malformed:?}");
        }
        assert_eq!(after(&[("retry-after", "1e300")]), Some(Duration::MAX));
    }

    #[test]
    fn date_is_measured_against_the_responses_date() {
        let date = ("date", "Mon, 01 Jan 2001 00:00:00 GMT");
        assert_eq!(
            after(&[date, ("retry-after", "Mon, 01 Jan 2001 00:00:30 GMT")]),
            Some(Duration::from_secs(30))
        );
        assert_eq!(after(&[date, ("retry-after", "Sun, 31 Dec 2000 23:59:00 GMT")]), Some(Duration::ZERO));
    }
}
