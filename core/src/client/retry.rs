//! When a failed attempt is made again: full-jitter backoff, and a budget that an outage soon empties.

use std::{sync::Mutex, time::Duration};

/// What a client may spend on retries, as in the AWS SDKs' standard mode: an outage is not met with three times
/// the load, since every retry costs tokens that only success gives back.
#[derive(Debug)]
pub(crate) struct RetryBudget(Mutex<u32>);

const TOKENS: u32 = 500;
const AFTER_FAILURE: u32 = 5;
const AFTER_TIMEOUT: u32 = 10;

impl Default for RetryBudget {
    fn default() -> Self {
        Self(Mutex::new(TOKENS))
    }
}

impl RetryBudget {
    /// Takes the price of one retry, or says that there is none left for it.
    pub(crate) fn take(&self, after_timeout: bool) -> Option<u32> {
        let price = if after_timeout { AFTER_TIMEOUT } else { AFTER_FAILURE };
        let mut tokens = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *tokens = tokens.checked_sub(price)?;
        Some(price)
    }

    /// A call succeeded: what its last retry cost comes back, or one token where it took none.
    pub(crate) fn give_back(&self, price: Option<u32>) {
        let mut tokens = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *tokens = (*tokens + price.unwrap_or(1)).min(TOKENS);
    }
}

/// How long to wait before attempt `failed + 1`: anything up to `base * 2^(failed-1)`, but no less than the server asked for.
pub(crate) fn backoff(
    failed: u32,
    base: Duration,
    cap: Duration,
    floor: Option<Duration>,
    random: f64,
) -> Duration {
    let ceiling = base.saturating_mul(1 << failed.saturating_sub(1).min(20)).min(cap);
    ceiling.mul_f64(random).max(floor.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_ends_and_success_fills_it_again() {
        let budget = RetryBudget::default();
        for _ in 0..50 {
            assert_eq!(budget.take(true), Some(10));
        }
        assert_eq!(budget.take(false), None);
        for _ in 0..4 {
            budget.give_back(None);
        }
        assert_eq!(budget.take(false), None);
        budget.give_back(None);
        assert_eq!(budget.take(false), Some(5));
        budget.give_back(Some(5));
        assert_eq!(budget.take(false), Some(5));
    }

    #[test]
    fn backoff_doubles_to_its_cap_and_heeds_the_servers_floor() {
        let ms = Duration::from_millis;
        let at = |failed, random| backoff(failed, ms(500), ms(8000), None, random);
        assert_eq!(
            [at(1, 1.0), at(2, 1.0), at(3, 0.5), at(9, 1.0), at(4_000_000, 1.0)],
            [ms(500), ms(1000), ms(1000), ms(8000), ms(8000)]
        );
        assert_eq!(backoff(1, ms(500), ms(8000), Some(ms(3000)), 0.9), ms(3000));
        assert_eq!(backoff(1, ms(500), ms(8000), Some(ms(100)), 0.0), ms(100));
    }
}
