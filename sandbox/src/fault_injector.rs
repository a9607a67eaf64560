//! The faults in force, and the choice of one for a request.

use std::sync::{Mutex, PoisonError};

use http::Method;
use serde_json::{Value, json};

use crate::{error::ApiError, fault::Fault};

/// Maximum number of faults in force, spent ones included.
const CAPACITY: usize = 1000;

#[derive(Debug)]
struct Rule {
    id: u64,
    fault: Fault,
    hits: u64,
}

#[derive(Debug)]
struct State {
    rules: Vec<Rule>,
    next_id: u64,
    random: fastrand::Rng,
}

/// All faults, in the order of their creation. The first one that applies to a request is used.
#[derive(Debug)]
pub(crate) struct FaultInjector(Mutex<State>);

impl FaultInjector {
    pub(crate) fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let rules: Vec<_> = (1..).zip(faults).map(|(id, fault)| Rule { id, fault, hits: 0 }).collect();
        let next_id = rules.len() as u64 + 1;
        Self(Mutex::new(State { rules, next_id, random: fastrand::Rng::with_seed(seed) }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the fault for a request, and counts a hit.
    pub(crate) fn pick(&self, method: &Method, path: &str) -> Option<Fault> {
        let State { rules, random, .. } = &mut *self.lock();
        let rule = rules.iter_mut().find(|rule| {
            rule.fault.matches(method, path)
                && rule.fault.times.is_none_or(|times| rule.hits < times)
                && rule.fault.probability.is_none_or(|chance| chance >= 1.0 || random.f64() < chance)
        })?;
        rule.hits += 1;
        Some(rule.fault.clone())
    }

    pub(crate) fn add(&self, fault: Fault) -> Result<Value, ApiError> {
        let state = &mut *self.lock();
        if state.rules.len() >= CAPACITY {
            let message = format!("too many faults ({CAPACITY}): remove them with DELETE /sandbox/faults");
            return Err(ApiError::invalid(message));
        }
        let rule = Rule { id: state.next_id, fault, hits: 0 };
        state.next_id += 1;
        let shown = show(&rule);
        state.rules.push(rule);
        Ok(shown)
    }

    pub(crate) fn list(&self) -> Vec<Value> {
        self.lock().rules.iter().map(show).collect()
    }

    /// Removes one fault. Returns false if there is none with this id.
    pub(crate) fn remove(&self, id: u64) -> bool {
        let rules = &mut self.lock().rules;
        let before = rules.len();
        rules.retain(|rule| rule.id != id);
        rules.len() < before
    }

    /// Removes every fault, and returns their number.
    pub(crate) fn clear(&self) -> usize {
        std::mem::take(&mut self.lock().rules).len()
    }
}

fn show(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "fault": rule.fault.to_string(),
        "hits": rule.hits,
        "remaining": rule.fault.times.map(|times| times - rule.hits),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(seed: u64) -> Vec<bool> {
        let fault = "/x: cut=1 probability=0.3".parse().expect("a fault");
        let faults = FaultInjector::new(vec![fault], seed);
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
        let faults = FaultInjector::new(vec![fault("/x: status=503 times=1"), fault("/x: status=500")], 1);
        let status =
            |picked: Option<Fault>| picked.and_then(|fault| fault.status).map(|status| status.as_u16());
        assert_eq!(status(faults.pick(&Method::GET, "/x")), Some(503));
        assert_eq!(status(faults.pick(&Method::GET, "/x")), Some(500));
        assert_eq!(faults.list()[0]["remaining"], 0);
        assert_eq!(faults.clear(), 2);
        assert!(faults.pick(&Method::GET, "/x").is_none());
    }

    #[test]
    fn one_is_removed_by_its_id_which_no_other_gets() {
        let fault = |text: &str| text.parse::<Fault>().expect("a fault");
        let faults = FaultInjector::new(vec![fault("/a: cut=1"), fault("/b: cut=1")], 1);
        assert!(faults.remove(2) && !faults.remove(2));
        assert_eq!(faults.add(fault("/c: cut=1")).expect("there is room")["id"], 3);
        let listed = faults.list();
        assert_eq!((&listed[0]["id"], &listed[1]["fault"]), (&json!(1), &json!("/c: cut=1")));
    }

    #[test]
    fn there_is_an_end_to_how_many_there_are() {
        let fault: Fault = "/x: cut=1 times=1".parse().expect("a fault");
        let faults = FaultInjector::new(Vec::new(), 1);
        for _ in 0..CAPACITY {
            faults.add(fault.clone()).expect("there is room");
        }
        assert!(faults.add(fault).is_err());
        assert_eq!(faults.list().len(), CAPACITY);
    }
}
