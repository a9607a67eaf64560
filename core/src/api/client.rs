//! Clients of the API layer: the HTTP client and the poller of one account's jobs.

use std::sync::Arc;

use super::video::job_source::JobSource;
use crate::{http::client::HttpClient, polling::poller::Poller};

/// HTTP client and poller that the methods of the API share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ApiClient {
    pub(crate) http: HttpClient,
    pub(crate) poller: Arc<Poller<JobSource>>,
}

impl std::fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.http.fmt(f)
    }
}
