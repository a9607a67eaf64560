//! Rate limiting: one token bucket per account or address.

use std::{
    collections::HashMap,
    fmt,
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::ParseError;

/// Maximum rate of requests to `/v1/…` per account (or, without a key, per address).
///
/// Written `20/s`, `100/min` or `20/s burst 40`; without `burst`, it is the rate itself.
///
/// ```
/// let limit: infrai_sandbox::RateLimit = "20/s burst 40".parse()?;
/// assert_eq!(limit.to_string(), "20/s burst 40");
/// # Ok::<(), infrai_sandbox::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    count: u32,
    per: Duration,
    burst: u32,
}

impl FromStr for RateLimit {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            ParseError::new(format!(
                "invalid rate limit: expected for example `20/s`, `100/min` or `20/s burst 40`, got `{text}`"
            ))
        };
        let mut words = text.split_whitespace();
        let (count, unit) = words.next().and_then(|rate| rate.split_once('/')).ok_or_else(wrong)?;
        let count: u32 = count.parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
        let per = match unit {
            "s" | "sec" => Duration::from_secs(1),
            "m" | "min" => Duration::from_secs(60),
            "h" | "hour" => Duration::from_secs(3600),
            _ => return Err(wrong()),
        };
        let burst = match (words.next(), words.next(), words.next()) {
            (None, None, None) => count,
            (Some("burst"), Some(burst), None) => {
                burst.parse().ok().filter(|burst| *burst > 0).ok_or_else(wrong)?
            }
            _ => return Err(wrong()),
        };
        Ok(Self { count, per, burst })
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per.as_secs() {
            1 => "s",
            60 => "min",
            _ => "h",
        };
        write!(formatter, "{}/{unit} burst {}", self.count, self.burst)
    }
}

/// Number of buckets above which full ones are removed: they carry no information.
const BUCKETS: usize = 10_000;

/// The buckets of recent accounts and addresses.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    limit: RateLimit,
    buckets: Mutex<HashMap<String, (f64, Instant)>>,
}

impl RateLimiter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self { limit, buckets: Mutex::new(HashMap::new()) }
    }

    /// Takes a token, or returns the time until the next one.
    pub(crate) fn take(&self, who: &str, now: Instant) -> Result<(), Duration> {
        let a_second = f64::from(self.limit.count) / self.limit.per.as_secs_f64();
        let burst = f64::from(self.limit.burst);
        let refill = |tokens: f64, since: Instant| {
            (tokens + now.saturating_duration_since(since).as_secs_f64() * a_second).min(burst)
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS && !buckets.contains_key(who) {
            buckets.retain(|_, (tokens, since)| refill(*tokens, *since) < burst);
        }
        let bucket = buckets.entry(who.to_owned()).or_insert((burst, now));
        let tokens = refill(bucket.0, bucket.1);
        if tokens >= 1.0 {
            *bucket = (tokens - 1.0, now);
            Ok(())
        } else {
            *bucket = (tokens, now);
            Err(Duration::from_secs_f64((1.0 - tokens) / a_second))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let limiter = RateLimiter::new("2/s burst 3".parse().expect("a rate limit"));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(limiter.take("a", start), Ok(()));
        }
        assert_eq!(limiter.take("a", start), Err(Duration::from_millis(500)));
        assert_eq!(limiter.take("b", start), Ok(()), "another account has its own");
        assert_eq!(limiter.take("a", start + Duration::from_millis(500)), Ok(()));
        assert!(limiter.take("a", start + Duration::from_millis(600)).is_err());
    }

    #[test]
    fn what_is_no_rate_limit_is_refused() {
        for bad in
            ["", "20", "0/s", "20/day", "20/s burst", "20/s burst 0", "20/s burst 4 x", "-1/s", "20 /s"]
        {
            assert!(bad.parse::<RateLimit>().is_err(), "{bad:?}");
        }
        assert_eq!("100/min".parse::<RateLimit>().expect("a limit").to_string(), "100/min burst 100");
    }
}
