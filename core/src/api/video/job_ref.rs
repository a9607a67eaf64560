//! Reference to a job: its id, or the job with its last known state.

use std::sync::Arc;

use crate::{
    http::client::HttpClient,
    job::{JobId, VideoJob, is_amount},
};

/// Reference to a job, made from an id or from a [`VideoJob`]. `wait`, `watch` and `download` of a job that has already
/// ended send no status request.
#[derive(Debug, Clone)]
pub struct JobRef {
    pub(crate) id: JobId,
    pub(crate) known: Option<Arc<VideoJob>>,
    /// Cost that the caller stored with the job.
    pub(crate) cost_usd: Option<f64>,
}

impl JobRef {
    /// For bindings: sets the cost of a job whose last known state is not needed.
    #[doc(hidden)]
    #[must_use]
    pub fn cost_usd(mut self, usd: Option<f64>) -> Self {
        self.cost_usd = usd.filter(|usd| is_amount(*usd));
        self
    }

    /// Sets the client's redactor on a job that has none, such as one read from JSON, so that errors about the job do
    /// not contain this client's keys.
    pub(crate) fn with_redactor_of(mut self, http: &HttpClient) -> Self {
        if let Some(known) = &mut self.known {
            let redactor = &mut Arc::make_mut(known).raw.redactor;
            *redactor = std::mem::take(redactor).or_else(|| http.redactor());
        }
        self
    }
}

macro_rules! ref_from_id {
    ($($id:ty),*) => {$(
        impl From<$id> for JobRef {
            fn from(id: $id) -> Self {
                Self { id: id.into(), known: None, cost_usd: None }
            }
        }
    )*};
}
ref_from_id!(&str, String, &String, JobId);

impl From<&JobId> for JobRef {
    fn from(id: &JobId) -> Self {
        Self { id: id.clone(), known: None, cost_usd: None }
    }
}

impl From<VideoJob> for JobRef {
    fn from(job: VideoJob) -> Self {
        Self { id: job.job_id.clone(), cost_usd: job.cost_usd, known: Some(Arc::new(job)) }
    }
}

impl From<&VideoJob> for JobRef {
    fn from(job: &VideoJob) -> Self {
        Self::from(job.clone())
    }
}
