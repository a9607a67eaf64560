//! Numbers that a binding hands over as its language has them, checked here so that every language refuses the same.

use std::time::Duration;

use crate::error::{ErrorKind, InfraiError, Result};

/// Seconds as a duration.
///
/// # Errors
/// `INVALID_ARGUMENT` for a number that is negative, not finite, or beyond what a duration holds.
pub fn seconds(field: &str, seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| InfraiError::invalid_argument(field, seconds, "a positive number of seconds"))
}

/// A whole number that counts something.
///
/// # Errors
/// `INVALID_ARGUMENT` for a number that is negative or beyond 2³²−1.
pub fn count(field: &str, number: i64) -> Result<u32> {
    u32::try_from(number)
        .map_err(|_| InfraiError::invalid_argument(field, number, "a whole number that is not negative"))
}

/// The same refusal as one of a setting.
pub fn of_setting(error: &InfraiError) -> InfraiError {
    InfraiError::new(ErrorKind::Configuration, "CONFIGURATION_INVALID", error.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_no_time_is_refused_by_name() {
        assert_eq!(seconds("timeout", 0.25).unwrap(), Duration::from_millis(250));
        for wrong in [-1.0, f64::NAN, f64::INFINITY, 1e40] {
            let error = seconds("timeout", wrong).unwrap_err();
            assert!(error.message().starts_with("timeout takes a positive number of seconds"), "{error}");
        }
    }

    #[test]
    fn a_number_that_counts_nothing_is_refused_by_name() {
        assert_eq!(count("max_retries", 0).unwrap(), 0);
        let error = count("max_retries", -1).unwrap_err();
        assert_eq!(error.message(), "max_retries takes a whole number that is not negative; it got -1");
        assert_eq!(of_setting(&error).kind(), ErrorKind::Configuration);
    }
}
