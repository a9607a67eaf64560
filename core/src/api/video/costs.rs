//! Costs of a client's jobs: memory of those that the API names only once, and the sum of what the client spent.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::job::{JobId, VideoJob, is_amount};

/// Number of jobs whose costs the client remembers. The costs of older ones stay in the sum.
const MAX_JOBS: usize = 10_000;

/// Parts of a dollar that the sum counts in, so that it is exact: three times 0.1 is 0.3.
const UNITS_PER_USD: f64 = 1e9;

/// Costs of the jobs of one client. Clones share them.
#[doc(hidden)]
#[derive(Clone, Default)]
pub struct JobCosts(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    jobs: HashMap<JobId, JobCost>,
    /// The ids, the oldest one first.
    order: VecDeque<JobId>,
    /// Sum of the submitted jobs, in units.
    spent: i128,
}

#[derive(Debug, Clone, Copy, Default)]
struct JobCost {
    cost_usd: Option<f64>,
    refunded_usd: Option<f64>,
    /// Whether this client submitted the job.
    submitted: bool,
}

impl JobCost {
    /// Returns the units that the job adds to the sum. A refund of an unknown cost adds nothing.
    fn spent(self) -> i128 {
        match self.cost_usd {
            Some(cost) if self.submitted => {
                units(cost) - units(self.refunded_usd.unwrap_or_default().min(cost))
            }
            _ => 0,
        }
    }

    /// Takes the amounts that the API sent with the job, and adds those that it left out to the job.
    fn merge(&mut self, job: &mut VideoJob) {
        self.cost_usd = job.cost_usd.or(self.cost_usd);
        self.refunded_usd = job.refunded_usd.or(self.refunded_usd);
        job.set_amounts(self.cost_usd, self.refunded_usd);
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a cast saturates")]
fn units(usd: f64) -> i128 {
    (usd * UNITS_PER_USD).round() as i128
}

impl State {
    /// Changes the costs of a job, and the sum with them.
    fn update(&mut self, id: &JobId, change: impl FnOnce(&mut JobCost)) {
        let entry = self.jobs.entry(id.clone()).or_insert_with(|| {
            self.order.push_back(id.clone());
            JobCost::default()
        });
        let before = entry.spent();
        change(entry);
        self.spent = self.spent.saturating_add(entry.spent().saturating_sub(before));
        if self.order.len() > MAX_JOBS
            && let Some(oldest) = self.order.pop_front()
        {
            self.jobs.remove(&oldest);
        }
    }
}

impl JobCosts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job that this client submitted. Its cost is the job's own, else that of an earlier response, else that in
    /// the metadata of this one. A job that a repeated idempotency key returned again counts once.
    pub(super) fn submitted(&self, job: &mut VideoJob) {
        self.state().update(&job.job_id.clone(), |cost| {
            cost.submitted = true;
            cost.cost_usd = cost.cost_usd.or_else(|| job.metadata.cost_usd().filter(|usd| is_amount(*usd)));
            cost.merge(job);
        });
    }

    /// Takes the amounts of a job that the API sent, and adds the remembered ones to it.
    pub(super) fn received(&self, job: &mut VideoJob) {
        let mut state = self.state();
        if state.jobs.contains_key(&job.job_id) {
            state.update(&job.job_id.clone(), |cost| cost.merge(job));
        }
    }

    /// Takes the refund that the response to a cancel request named.
    pub(super) fn refunded(&self, id: &JobId, usd: f64) {
        let mut state = self.state();
        if state.jobs.contains_key(id) {
            state.update(id, |cost| cost.refunded_usd = Some(usd));
        }
    }

    /// Takes the cost of a job that the caller stored. What this client has seen takes precedence.
    pub(super) fn known(&self, id: &JobId, usd: f64) {
        let mut state = self.state();
        if !state.jobs.contains_key(id) {
            state.update(id, |cost| cost.cost_usd = Some(usd));
        }
    }

    /// Returns the known costs of the jobs that the client submitted, without what was refunded, in US dollars.
    #[allow(clippy::cast_precision_loss, reason = "exact up to nine million dollars")]
    pub fn spent_usd(&self) -> f64 {
        self.state().spent as f64 / UNITS_PER_USD
    }
}

impl fmt::Debug for JobCosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobCosts(…)")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(fields: Value) -> VideoJob {
        VideoJob::from_json(fields).unwrap()
    }

    fn submit(costs: &JobCosts, id: &str, metadata_cost: impl Into<Value>) -> VideoJob {
        let metadata = json!({ "cost_usd": metadata_cost.into() });
        let mut job = job(json!({"job_id": id, "state": "queued", "_metadata": metadata}));
        costs.submitted(&mut job);
        job
    }

    fn poll(costs: &JobCosts, fields: Value) -> VideoJob {
        let mut job = job(fields);
        costs.received(&mut job);
        job
    }

    #[test]
    fn the_cost_of_generate_is_remembered() {
        let costs = JobCosts::default();
        let submitted = submit(&costs, "a", 0.25);
        assert_eq!((submitted.cost_usd, &submitted.to_json()["cost_usd"]), (Some(0.25), &json!(0.25)));
        let polled = poll(&costs, json!({"job_id": "a", "state": "succeeded", "_metadata": {"cost_usd": 0}}));
        assert_eq!((polled.cost_usd, costs.spent_usd()), (Some(0.25), 0.25));
        assert_eq!(poll(&costs, json!({"job_id": "b", "state": "queued"})).cost_usd, None);
    }

    #[test]
    fn the_sum_is_exact_and_counts_a_job_once() {
        let costs = JobCosts::default();
        for id in ["a", "b", "c", "b", "a"] {
            submit(&costs, id, 0.1);
        }
        assert!((costs.spent_usd() - 0.3).abs() < f64::EPSILON);
        assert_eq!(costs.spent_usd().to_string(), "0.3");
    }

    #[test]
    fn the_jobs_own_cost_replaces_the_remembered_one() {
        let costs = JobCosts::default();
        submit(&costs, "a", 0.25);
        let polled = poll(&costs, json!({"job_id": "a", "state": "succeeded", "cost_usd": 0.2}));
        assert_eq!((polled.cost_usd, costs.spent_usd()), (Some(0.2), 0.2));
    }

    #[test]
    fn a_refund_lowers_the_sum_and_not_the_cost() {
        let costs = JobCosts::default();
        submit(&costs, "a", 0.25);
        submit(&costs, "b", 1);
        let failed = json!({"job_id": "a", "state": "failed", "refunded_usd": 0.25});
        for _ in 0..2 {
            let polled = poll(&costs, failed.clone());
            assert_eq!((polled.cost_usd, polled.refunded_usd), (Some(0.25), Some(0.25)));
            assert_eq!(costs.spent_usd().to_string(), "1");
        }
        costs.refunded(&"b".into(), 5.0);
        assert_eq!(costs.spent_usd().to_string(), "0", "never negative");
    }

    #[test]
    fn nonsense_is_unknown() {
        let costs = JobCosts::default();
        for nonsense in [json!(-1), json!("0.5"), json!(null), json!([1])] {
            let id = nonsense.to_string();
            let job = submit(&costs, &id, nonsense.clone());
            assert_eq!((job.cost_usd, job.to_json().get("cost_usd")), (None, None));
            let polled = poll(
                &costs,
                json!({"job_id": id, "state": "failed", "cost_usd": nonsense, "refunded_usd": nonsense}),
            );
            assert_eq!((polled.cost_usd, polled.refunded_usd), (None, None));
            assert_eq!(polled.to_json(), json!({"job_id": id, "state": "failed"}));
        }
        assert_eq!(costs.spent_usd().to_string(), "0");
    }

    #[test]
    fn a_stored_cost_is_kept_but_not_counted() {
        let costs = JobCosts::default();
        costs.known(&"a".into(), 0.5);
        assert_eq!(poll(&costs, json!({"job_id": "a", "state": "running"})).cost_usd, Some(0.5));
        assert_eq!(costs.spent_usd().to_string(), "0");
        submit(&costs, "b", 0.1);
        costs.known(&"b".into(), 9.0);
        assert_eq!(poll(&costs, json!({"job_id": "b", "state": "running"})).cost_usd, Some(0.1));
    }

    #[test]
    fn the_memory_is_bounded_and_the_sum_stays() {
        let costs = JobCosts::default();
        for id in 0..=MAX_JOBS {
            submit(&costs, &id.to_string(), 0.5);
        }
        assert_eq!(costs.spent_usd().to_string(), "5000.5");
        assert_eq!(poll(&costs, json!({"job_id": "0", "state": "running"})).cost_usd, None);
        assert_eq!(poll(&costs, json!({"job_id": "1", "state": "running"})).cost_usd, Some(0.5));
    }
}
