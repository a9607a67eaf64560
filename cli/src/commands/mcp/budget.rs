//! Spending limits of one server process.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use infrai::{ErrorKind, InfraiError, Result};

use crate::output::dollars;

/// Difference that binary fractions of a cent may make.
const EPSILON: f64 = 1e-9;

/// Sum of what this process was charged, and prices of the submissions whose outcome is not known.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) max_cost_usd: Option<f64>,
    pub(super) confirm_above_usd: Option<f64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    charged: f64,
    /// Prices by submission: a repeated one counts once.
    reserved: HashMap<String, f64>,
}

impl State {
    fn sum(&self) -> f64 {
        self.reserved.values().fold(self.charged, |sum, price| sum + price)
    }
}

impl Budget {
    pub(super) fn new(max_cost_usd: Option<f64>, confirm_above_usd: Option<f64>) -> Self {
        Self { max_cost_usd, confirm_above_usd, state: Mutex::default() }
    }

    /// Returns whether a submission needs a price.
    pub(super) fn is_limited(&self) -> bool {
        self.max_cost_usd.is_some() || self.confirm_above_usd.is_some()
    }

    /// Returns the sum of what was charged and of what may be.
    pub(super) fn spent(&self) -> f64 {
        self.state().sum()
    }

    /// Reserves the price of a submission. Returns whether this call has reserved it, and not an earlier one of the same
    /// submission.
    ///
    /// # Errors
    /// `CONFIRMATION_REQUIRED` and `SPENDING_LIMIT`.
    pub(super) fn reserve(&self, submission: &str, price: f64, confirmed: Option<f64>) -> Result<bool> {
        let mut state = self.state();
        if state.reserved.contains_key(submission) {
            return Ok(false);
        }
        let shown = dollars(price);
        if let Some(limit) = self.confirm_above_usd
            && price > limit + EPSILON
            && confirmed.is_none_or(|confirmed| price > confirmed + EPSILON)
        {
            return Err(refused(
                "CONFIRMATION_REQUIRED",
                &format!(
                    "the video costs {shown}, and more than {} needs the user's consent",
                    dollars(limit)
                ),
                format!("Ask the user. After a yes, call again with confirmed_cost_usd {price}."),
            ));
        }
        let spent = state.sum();
        if let Some(limit) = self.max_cost_usd
            && spent + price > limit + EPSILON
        {
            let (limit, spent) = (dollars(limit), dollars(spent));
            return Err(refused(
                "SPENDING_LIMIT",
                &format!("the video costs {shown}; this server may spend {limit} and has spent {spent}"),
                "Choose a shorter duration, a lower resolution or prefer cheapest, or ask the user to restart the server with a higher --max-cost-usd.",
            ));
        }
        state.reserved.insert(submission.to_owned(), price);
        Ok(true)
    }

    /// Adds what a submission was charged, at its price if the API does not tell.
    pub(super) fn charge(&self, submission: &str, cost_usd: Option<f64>) {
        let mut state = self.state();
        let price = state.reserved.remove(submission).unwrap_or_default();
        state.charged += cost_usd.unwrap_or(price);
    }

    /// Gives back the reservation of a submission that was not charged.
    pub(super) fn release(&self, submission: &str) {
        self.state().reserved.remove(submission);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the error of a submission that was refused before anything was sent.
pub(super) fn refused(code: &str, message: &str, hint: impl Into<String>) -> InfraiError {
    InfraiError::new(ErrorKind::InvalidRequest, code, format!("{message}; nothing was sent")).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<bool>) -> String {
        result.unwrap_err().code().to_owned()
    }

    #[test]
    fn a_repeated_submission_counts_once() {
        let budget = Budget::new(Some(1.0), None);
        assert!(budget.reserve("a", 0.6, None).unwrap());
        for _ in 0..20 {
            assert!(!budget.reserve("a", 0.6, None).unwrap());
        }
        assert_eq!(code(budget.reserve("b", 0.6, None)), "SPENDING_LIMIT");
        budget.reserve("c", 0.4, None).unwrap();
    }

    #[test]
    fn a_charge_is_never_given_back() {
        let budget = Budget::new(Some(1.0), None);
        budget.reserve("a", 1.0, None).unwrap();
        budget.release("a");
        budget.reserve("b", 1.0, None).unwrap();
        budget.charge("b", Some(0.5));
        budget.release("b");
        assert!((budget.spent() - 0.5).abs() < EPSILON);
        // The same submission may be charged again, beyond the time for which the API remembers it.
        budget.reserve("b", 0.5, None).unwrap();
        budget.charge("b", None);
        assert!((budget.spent() - 1.0).abs() < EPSILON);
        assert_eq!(code(budget.reserve("b", 0.5, None)), "SPENDING_LIMIT");
    }

    #[test]
    fn consent_is_for_a_price() {
        let budget = Budget::new(None, Some(0.1));
        budget.reserve("a", 0.1, None).unwrap();
        assert_eq!(code(budget.reserve("b", 0.3, None)), "CONFIRMATION_REQUIRED");
        assert_eq!(code(budget.reserve("b", 0.3, Some(0.2))), "CONFIRMATION_REQUIRED");
        budget.reserve("b", 0.3, Some(0.3)).unwrap();
    }
}
