//! Cost limit of a batch: a submission is reserved before it is sent, at the last known price of its class, else at the
//! declared one.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::{Notify, OnceCell};

use crate::{
    api::{
        client::ApiClient,
        discovery::Capability,
        video::batch::{keys, ledger::Ledger},
    },
    error::{ErrorKind, InfraiError, Result},
    options::GenerateRequest,
    runtime,
};

/// Time for discovery, which only saves the first job of a class from going alone.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Tolerance for sums of binary fractions, in US dollars.
const TOLERANCE: f64 = 1e-9;

pub(super) struct Budget {
    limit_usd: Option<f64>,
    state: Mutex<State>,
    changed: Notify,
    client: ApiClient,
    /// What the API declares about `generate`, fetched when a class has no known price.
    declared: OnceCell<Option<Capability>>,
}

#[derive(Debug, Default)]
struct State {
    spent_usd: f64,
    /// Prices of the submissions in flight.
    reserved_usd: f64,
    /// Last known price of each class. `None` if the API names none.
    prices: HashMap<Arc<str>, Option<f64>>,
    /// Classes whose first job is in flight. The others of the class wait for its price.
    pricing: HashSet<Arc<str>>,
}

impl Budget {
    pub(super) fn new(limit_usd: Option<f64>, ledger: &Ledger, client: ApiClient) -> Self {
        let prices = ledger.prices.iter().map(|(class, price)| (Arc::clone(class), Some(*price))).collect();
        let state = State { spent_usd: ledger.spent_usd(), prices, ..State::default() };
        Self {
            limit_usd,
            state: Mutex::new(state),
            changed: Notify::new(),
            client,
            declared: OnceCell::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the declared price of a request. Discovery is optional: without it, the first job of a class tells.
    async fn declared(&self, body: &Value) -> Option<f64> {
        let fetch = async {
            let fetched = runtime::timeout(DISCOVERY_TIMEOUT, self.client.capability("video.generate")).await;
            fetched.and_then(Result::ok)
        };
        self.declared.get_or_init(|| fetch).await.as_ref()?.price_usd(body)
    }

    /// Reserves the price of a request.
    ///
    /// # Errors
    /// `COST_LIMIT` if the sum of the known costs would pass the limit.
    pub(super) async fn reserve(&self, request: &GenerateRequest) -> Result<Reservation<'_>> {
        let Some(limit_usd) = self.limit_usd else { return Ok(Reservation { budget: self, held: None }) };
        let body = request.to_json();
        let class: Arc<str> = keys::price_class(&body).into();
        let is_known = self.lock().prices.get(&class).is_some_and(Option::is_some);
        let declared = if is_known { None } else { self.declared(&body).await };
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.lock();
                let known = state.prices.get(&class).copied();
                let price = known.flatten().or(declared);
                let committed = state.spent_usd + state.reserved_usd;
                let fits = match price {
                    Some(price) => committed + price <= limit_usd + TOLERANCE,
                    // The price is unknown, so that something must be left.
                    None => committed < limit_usd - TOLERANCE,
                };
                if !fits {
                    return Err(cost_limit(limit_usd, state.spent_usd, price));
                }
                if known.is_some() || price.is_some() || state.pricing.insert(Arc::clone(&class)) {
                    let price = price.unwrap_or_default();
                    state.reserved_usd += price;
                    return Ok(Reservation { budget: self, held: Some((class, price)) });
                }
            }
            changed.await;
        }
    }

    /// Returns whether the batch has a limit.
    pub(super) fn is_limited(&self) -> bool {
        self.limit_usd.is_some()
    }

    /// Adds a cost that only a later state of the job told. It is the price of the class from now on.
    pub(super) fn learn(&self, class: &str, cost_usd: f64) {
        let mut state = self.lock();
        state.spent_usd += cost_usd;
        state.prices.insert(class.into(), Some(cost_usd));
        drop(state);
        self.changed.notify_waiters();
    }

    /// Subtracts a refund.
    pub(super) fn refund(&self, usd: f64) {
        self.lock().spent_usd -= usd;
    }
}

/// Price of a submission in flight. Dropping it frees the price.
#[must_use]
pub(super) struct Reservation<'a> {
    budget: &'a Budget,
    held: Option<(Arc<str>, f64)>,
}

impl Reservation<'_> {
    /// Replaces the price with the job's cost.
    pub(super) fn settle(self, cost_usd: Option<f64>) {
        if let Some((class, _)) = &self.held {
            let mut state = self.budget.lock();
            state.spent_usd += cost_usd.unwrap_or_default();
            let price = state.prices.entry(Arc::clone(class)).or_default();
            *price = cost_usd.or(*price);
        }
    }

    /// Counts the price of a submission that may have been processed.
    pub(super) fn assume(self) {
        if let Some((_, price)) = &self.held {
            self.budget.lock().spent_usd += price;
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if let Some((class, price)) = self.held.take() {
            let mut state = self.budget.lock();
            state.reserved_usd -= price;
            state.pricing.remove(&class);
            drop(state);
            self.budget.changed.notify_waiters();
        }
    }
}

fn cost_limit(limit_usd: f64, spent_usd: f64, price_usd: Option<f64>) -> InfraiError {
    let next = price_usd.map(|price| format!(", and the next job costs ${price:.2}")).unwrap_or_default();
    let message = format!("the batch has cost ${spent_usd:.2} of at most ${limit_usd:.2}{next}");
    InfraiError::new(ErrorKind::Configuration, "COST_LIMIT", message)
        .with_hint("Raise `max_cost_usd` and run the batch again with the same `checkpoint`: what exists is not paid again.")
}
