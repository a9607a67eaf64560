//! Retry backoff with full jitter, and the client's retry budget.

use std::{sync::Mutex, time::Duration};

/// Retry budget of a client, as in the AWS SDKs' standard mode. It prevents retry storms during an outage: each retry
/// costs tokens, and only successful calls refund them.
#[derive(Debug)]
pub(crate) struct RetryBudget(Mutex<u32>);

/// Capacity of the budget.
const TOKENS: u32 = 500;
const RETRY_COST: u32 = 5;
const TIMEOUT_RETRY_COST: u32 = 10;

impl Default for RetryBudget {
    fn default() -> Self {
        Self(Mutex::new(TOKENS))
    }
}

impl RetryBudget {
    /// Takes the cost of one retry and returns it. Returns `None` if not enough tokens are left.
    pub(crate) fn try_acquire(&self, after_timeout: bool) -> Option<u32> {
        let cost = if after_timeout { TIMEOUT_RETRY_COST } else { RETRY_COST };
        let mut tokens = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *tokens = tokens.checked_sub(cost)?;
        Some(cost)
    }

    /// Refunds the cost of a successful call's last retry, or one token if the call needed no retry.
    pub(crate) fn refund(&self, cost: Option<u32>) {
        let mut tokens = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *tokens = (*tokens + cost.unwrap_or(1)).min(TOKENS);
    }
}

/// Returns the pause before attempt `failed + 1`: a random time up to `base * 2^(failed-1)`, but at least `floor`, which is
/// the time that the server asked for.
pub(crate) fn backoff(
    failed: u32,
    base: Duration,
    cap: Duration,
    floor: Option<Duration>,
    random: f64,
) -> Duration {
    let ceiling = base.saturating_mul(1 << failed.saturating_sub(1).min(20)).min(cap);
    // Rounding may exceed the largest duration.
    let pause = Duration::try_from_secs_f64(ceiling.as_secs_f64() * random).unwrap_or(ceiling).min(ceiling);
    pause.max(floor.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn success_refills_the_retry_budget() {
        let budget = RetryBudget::default();
        for _ in 0..50 {
            assert_eq!(budget.try_acquire(true), Some(10));
        }
        assert_eq!(budget.try_acquire(false), None);
        for _ in 0..4 {
            budget.refund(None);
        }
        assert_eq!(budget.try_acquire(false), None);
        budget.refund(None);
        assert_eq!(budget.try_acquire(false), Some(5));
        budget.refund(Some(5));
        assert_eq!(budget.try_acquire(false), Some(5));
    }

    #[test]
    fn backoff_doubles_between_floor_and_cap() {
        let ms = Duration::from_millis;
        let at = |failed, random| backoff(failed, ms(500), ms(8000), None, random);
        assert_eq!(
            [at(1, 1.0), at(2, 1.0), at(3, 0.5), at(9, 1.0), at(4_000_000, 1.0)],
            [ms(500), ms(1000), ms(1000), ms(8000), ms(8000)]
        );
        assert_eq!(backoff(1, ms(500), ms(8000), Some(ms(3000)), 0.9), ms(3000));
        assert_eq!(backoff(1, ms(500), ms(8000), Some(ms(100)), 0.0), ms(100));
    }

    /// Durations, including the extremes.
    fn durations() -> impl Strategy<Value = Duration> {
        prop_oneof![
            (0_u64..100_000).prop_map(Duration::from_millis),
            any::<Duration>(),
            Just(Duration::ZERO),
            Just(Duration::MAX),
        ]
    }

    proptest! {
        #[test]
        fn pause_is_between_floor_and_cap(
            failed in any::<u32>(), base in durations(), cap in durations(),
            floor in proptest::option::of(durations()), random in 0.0..=1.0_f64,
        ) {
            let pause = backoff(failed, base, cap, floor, random);
            let floor = floor.unwrap_or_default();
            prop_assert!(pause >= floor);
            prop_assert!(pause <= cap.max(floor));
            // Rounding a double of 53 bits changes less than a millionth.
            let longest = backoff(failed, base, cap, None, 1.0);
            prop_assert!(longest >= base.min(cap).mul_f64(0.999_999));
            prop_assert!(backoff(failed.saturating_add(1), base, cap, None, 1.0) >= longest);
        }

        #[test]
        fn budget_stays_between_zero_and_its_capacity(
            steps in proptest::collection::vec((any::<bool>(), any::<bool>()), 0..300),
        ) {
            let budget = RetryBudget::default();
            let (mut left, mut last) = (TOKENS, None);
            for (takes, after_timeout) in steps {
                let cost = if after_timeout { TIMEOUT_RETRY_COST } else { RETRY_COST };
                if takes {
                    last = budget.try_acquire(after_timeout);
                    prop_assert_eq!(last, (left >= cost).then_some(cost));
                    left -= last.unwrap_or(0);
                } else {
                    budget.refund(last);
                    left = (left + last.take().unwrap_or(1)).min(TOKENS);
                }
                prop_assert_eq!(*budget.0.lock().unwrap(), left);
            }
        }
    }
}
