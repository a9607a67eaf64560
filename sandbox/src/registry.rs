//! The faults in force: which one meets a request, and how often each has.

use std::sync::{Mutex, PoisonError};

use http::Method;
use serde_json::{Value, json};

use crate::fault::Fault;

#[derive(Debug)]
struct Rule {
    fault: Fault,
    hits: u64,
}

#[derive(Debug)]
struct State {
    rules: Vec<Rule>,
    random: fastrand::Rng,
}

/// All faults, in the order in which they were given; the first that applies to a request is the one it meets.
#[derive(Debug)]
pub(crate) struct Faults(Mutex<State>);

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let rules = faults.into_iter().map(|fault| Rule { fault, hits: 0 }).collect();
        Self(Mutex::new(State { rules, random: fastrand::Rng::with_seed(seed) }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault that this request meets, counted as a hit.
    pub(crate) fn pick(&self, method: &Method, path: &str) -> Option<Fault> {
        let State { rules, random } = &mut *self.lock();
        let rule = rules.iter_mut().find(|rule| {
            rule.fault.matches(method, path)
                && rule.fault.times.is_none_or(|times| rule.hits < times)
                && rule.fault.probability.is_none_or(|chance| chance >= 1.0 || random.f64() < chance)
        })?;
        rule.hits += 1;
        Some(rule.fault.clone())
    }

    pub(crate) fn add(&self, fault: Fault) -> Value {
        let shown = show(&fault, 0);
        self.lock().rules.push(Rule { fault, hits: 0 });
        shown
    }

    pub(crate) fn list(&self) -> Vec<Value> {
        self.lock().rules.iter().map(|rule| show(&rule.fault, rule.hits)).collect()
    }

    /// Removes every fault and says how many there were.
    pub(crate) fn clear(&self) -> usize {
        std::mem::take(&mut self.lock().rules).len()
    }
}

fn show(fault: &Fault, hits: u64) -> Value {
    json!({"fault": fault.to_string(), "hits": hits, "remaining": fault.times.map(|times| times - hits)})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(seed: u64) -> Vec<bool> {
        let fault = "/x: cut=1 probability=0.3".parse().expect("a fault");
        let faults = Faults::new(vec![fault], seed);
        (0..200).map(|_| faults.pick(&Method::GET, "/x").is_some()).collect()
    }

    #[test]
    fn chance_is_seeded() {
        assert_eq!(hits(7), hits(7));
        assert_ne!(hits(7), hits(8));
        let met = hits(7).into_iter().filter(|hit| *hit).count();
        assert!((30..90).contains(&met), "{met} of 200 at 0.3");
    }

    #[test]
    fn a_spent_fault_lets_the_next_one_act() {
        let fault = |text: &str| text.parse().expect("a fault");
        let faults = Faults::new(vec![fault("/x: status=503 times=1"), fault("/x: status=500")], 1);
        let status =
            |picked: Option<Fault>| picked.and_then(|fault| fault.status).map(|status| status.as_u16());
        assert_eq!(status(faults.pick(&Method::GET, "/x")), Some(503));
        assert_eq!(status(faults.pick(&Method::GET, "/x")), Some(500));
        assert_eq!(faults.list()[0]["remaining"], 0);
        assert_eq!(faults.clear(), 2);
        assert!(faults.pick(&Method::GET, "/x").is_none());
    }
}
