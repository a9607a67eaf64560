//! References to a job: an id, or a job as last seen.

use std::sync::Arc;

use crate::{
    http::client::HttpClient,
    job::{JobId, VideoJob},
};

/// A job to be looked at: an id, or a job as last seen.
#[derive(Debug, Clone)]
pub struct JobRef {
    pub(crate) id: JobId,
    pub(crate) known: Option<Arc<VideoJob>>,
}

impl JobRef {
    /// A job that the caller gives may come from anywhere: the keys that this client sent are kept out of its errors.
    pub(crate) fn of(mut self, http: &HttpClient) -> Self {
        if let Some(known) = &mut self.known {
            let known = Arc::make_mut(known);
            known.redactor = std::mem::take(&mut known.redactor).or_else(|| http.redactor());
        }
        self
    }
}

macro_rules! ref_from_id {
    ($($id:ty),*) => {$(
        impl From<$id> for JobRef {
            fn from(id: $id) -> Self {
                Self { id: id.into(), known: None }
            }
        }
    )*};
}
ref_from_id!(&str, String, &String, JobId);

impl From<&JobId> for JobRef {
    fn from(id: &JobId) -> Self {
        Self { id: id.clone(), known: None }
    }
}

impl From<VideoJob> for JobRef {
    fn from(job: VideoJob) -> Self {
        Self { id: job.job_id.clone(), known: Some(Arc::new(job)) }
    }
}

impl From<&VideoJob> for JobRef {
    fn from(job: &VideoJob) -> Self {
        Self::from(job.clone())
    }
}
