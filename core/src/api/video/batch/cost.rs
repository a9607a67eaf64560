//! Cost of a job, as far as the API told it.

use crate::job::VideoJob;

/// Returns the cost of a job that has just been submitted: the job's own field, else that of the response.
pub(super) fn submitted(job: &VideoJob) -> Option<f64> {
    of(job).or_else(|| job.metadata.cost_usd())
}

/// Returns the cost of a job in US dollars. The metadata of a status response names the cost of that request alone.
pub(super) fn of(job: &VideoJob) -> Option<f64> {
    job.fields().get("cost_usd")?.as_f64()
}

/// Returns the refunded part of the cost.
pub(super) fn refunded(job: &VideoJob) -> Option<f64> {
    job.fields().get("refunded_usd")?.as_f64()
}
