//! Fuzz target for `Retry-After` and `Date`, compared with an independent parser.
//!
//! An input has the value of `Retry-After` on the first line and that of `Date` on the second.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use crate::{fuzzing::line, wire::retry_after::parse};

pub fn retry_after(data: &[u8]) {
    let (after, date) = line(data);
    let mut headers = HeaderMap::new();
    for (name, value) in [(header::RETRY_AFTER, after), (header::DATE, date)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    }
    let read = parse(&headers);
    let Some(text) = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()) else {
        return assert_eq!(read, None);
    };
    let text = text.trim();
    if !text.is_empty() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return assert_eq!(read, Some(Duration::from_secs(text.parse().expect("digits"))));
    }
    if !text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return assert_eq!(read, None, "{text:?} is neither seconds nor a date");
    }
    let date = headers.get(header::DATE).and_then(|value| value.to_str().ok());
    if let (Some(until), Some(now)) = (imf(text), date.and_then(imf)) {
        assert_eq!(read, Some(Duration::from_secs((until - now).max(0).unsigned_abs())));
    }
}

/// Returns the seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`, the form that servers send, and
/// `None` for any other form.
fn imf(text: &str) -> Option<i64> {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let number = |at: usize, length: usize| {
        let digits = text.get(at..at + length)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
    };
    let is = |at: usize, expected: &str| text.get(at..at + expected.len()) == Some(expected);
    if text.len() != 29
        || !is(3, ", ")
        || !is(7, " ")
        || !is(11, " ")
        || !is(16, " ")
        || !is(19, ":")
        || !is(22, ":")
        || !is(25, " GMT")
    {
        return None;
    }
    let (day, year) = (number(5, 2)?, number(12, 4)?);
    let month = MONTHS.iter().position(|month| is(8, month))?;
    let (hour, minute, second) = (number(17, 2)?, number(20, 2)?, number(23, 2)?);
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = |month: usize| match month {
        1 => 28 + i64::from(leap(year)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    if !(1970..=9999).contains(&year)
        || !(1..=length(month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let days = (1970..year).map(|year| 365 + i64::from(leap(year))).sum::<i64>()
        + (0..month).map(length).sum::<i64>()
        + day
        - 1;
    let weekday = DAYS[usize::try_from(days % 7).ok()?];
    is(0, weekday).then_some(((days * 24 + hour) * 60 + minute) * 60 + second)
}
