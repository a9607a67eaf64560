//! Client of the API layer: the HTTP client, the poller, and the routes and costs of jobs.

use std::sync::Arc;

use super::video::{costs::JobCosts, job_source::JobSource, routes::JobRoutes};
use crate::{http::client::HttpClient, polling::poller::Poller};

/// HTTP client, poller, routes and costs that the methods of the API share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ApiClient {
    pub(crate) http: HttpClient,
    pub(crate) poller: Arc<Poller<JobSource>>,
    pub(crate) routes: Arc<JobRoutes>,
    pub(crate) costs: JobCosts,
}

impl std::fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.http.fmt(f)
    }
}
