//! Spending limits of one server process.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use infrai::{ErrorKind, InfraiError, Result};

use crate::output::dollars;

/// Difference that binary fractions of a cent may make.
const EPSILON: f64 = 1e-9;

/// Costs by idempotency key: a repeated submission counts once.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) max_cost_usd: Option<f64>,
    pub(super) confirm_above_usd: Option<f64>,
    costs: Mutex<HashMap<String, Cost>>,
}

#[derive(Debug, Clone, Copy)]
enum Cost {
    /// Estimate of a request that may be charged.
    Reserved(f64),
    Charged(f64),
}

impl Budget {
    pub(super) fn new(max_cost_usd: Option<f64>, confirm_above_usd: Option<f64>) -> Self {
        Self { max_cost_usd, confirm_above_usd, costs: Mutex::default() }
    }

    /// Returns whether a submission needs a price.
    pub(super) fn is_limited(&self) -> bool {
        self.max_cost_usd.is_some() || self.confirm_above_usd.is_some()
    }

    /// Returns the sum of what was charged and of what may be.
    pub(super) fn spent(&self) -> f64 {
        sum(&self.costs())
    }

    /// Reserves the price of a submission.
    ///
    /// # Errors
    /// `CONFIRMATION_REQUIRED` and `SPENDING_LIMIT`.
    pub(super) fn reserve(&self, key: &str, price: f64, confirmed: Option<f64>) -> Result<()> {
        let mut costs = self.costs();
        if costs.contains_key(key) {
            return Ok(());
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
        let spent = sum(&costs);
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
        costs.insert(key.to_owned(), Cost::Reserved(price));
        Ok(())
    }

    /// Replaces the estimate with what was charged.
    pub(super) fn charge(&self, key: &str, cost_usd: Option<f64>) {
        let mut costs = self.costs();
        let reserved = match costs.get(key) {
            Some(Cost::Reserved(price) | Cost::Charged(price)) => *price,
            None => 0.0,
        };
        costs.insert(key.to_owned(), Cost::Charged(cost_usd.unwrap_or(reserved)));
    }

    /// Gives back the reservation of a request that was not charged.
    pub(super) fn release(&self, key: &str) {
        let mut costs = self.costs();
        if let Some(Cost::Reserved(_)) = costs.get(key) {
            costs.remove(key);
        }
    }

    fn costs(&self) -> MutexGuard<'_, HashMap<String, Cost>> {
        self.costs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sum(costs: &HashMap<String, Cost>) -> f64 {
    costs.values().map(|(Cost::Reserved(cost) | Cost::Charged(cost))| cost).sum()
}

/// Returns the error of a submission that was refused before anything was sent.
pub(super) fn refused(code: &str, message: &str, hint: impl Into<String>) -> InfraiError {
    InfraiError::new(ErrorKind::InvalidRequest, code, format!("{message}; nothing was sent")).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<()>) -> String {
        result.unwrap_err().code().to_owned()
    }

    #[test]
    fn a_repeated_key_counts_once() {
        let budget = Budget::new(Some(1.0), None);
        for _ in 0..20 {
            budget.reserve("a", 0.6, None).unwrap();
        }
        assert_eq!(code(budget.reserve("b", 0.6, None)), "SPENDING_LIMIT");
        budget.reserve("c", 0.4, None).unwrap();
    }

    #[test]
    fn only_a_refused_request_gives_back_its_price() {
        let budget = Budget::new(Some(1.0), None);
        budget.reserve("a", 1.0, None).unwrap();
        budget.release("a");
        budget.reserve("b", 1.0, None).unwrap();
        budget.charge("b", Some(0.5));
        budget.release("b");
        assert!((budget.spent() - 0.5).abs() < EPSILON);
        budget.reserve("c", 0.5, None).unwrap();
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
