//! Poll source of video jobs, and subscriptions to their states.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use super::{
    calls::check_id,
    compact_job::CompactJob,
    costs::JobCosts,
    job_ref::JobRef,
    routes::{JobCall, JobRoutes},
};
use crate::{
    auth::api_key::ApiKey,
    error::{InfraiError, Result},
    http::{call::RequestSpec, client::HttpClient},
    job::{JobId, VideoJob},
    polling::{
        poller::Poller,
        source::{PollError, PollSource, PollState, Polled},
        subscription::Subscription,
    },
    runtime::BoxFuture,
    wire::path,
};

/// Access of one wait to its job.
pub(crate) struct JobSource {
    http: HttpClient,
    routes: Arc<JobRoutes>,
    costs: JobCosts,
    id: JobId,
    /// Key that the key function returned at the start of the wait. The first poll takes it.
    key: Option<ApiKey>,
}

/// Key and headers of a wait. Waits that differ in either may belong to different tenants, so they do not share polls:
/// no tenant learns the state of another's job.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct JobScope {
    /// Key that the key function returned. `None` if the client has a fixed key.
    key: Option<ApiKey>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl PollSource for JobSource {
    type Id = JobId;
    type Scope = JobScope;
    type State = VideoJob;

    fn poll(&mut self) -> BoxFuture<'static, Result<Polled<VideoJob>, PollError>> {
        let (http, id, key) = (self.http.clone(), self.id.clone(), self.key.take());
        let (routes, costs) = (Arc::clone(&self.routes), self.costs.clone());
        Box::pin(async move {
            let key = match key {
                Some(key) => Some(key),
                None => http.provided_key().await.map_err(PollError::Subscriber)?,
            };
            poll(&http, &routes, &costs, &id, key).await
        })
    }

    fn display_id(&self) -> String {
        self.http.redactor().text(self.id.as_str())
    }
}

async fn poll(
    http: &HttpClient,
    routes: &JobRoutes,
    costs: &JobCosts,
    id: &JobId,
    key: Option<ApiKey>,
) -> Result<Polled<VideoJob>, PollError> {
    let fetch = async {
        let common = RequestSpec { key, ..RequestSpec::default() };
        let response = routes.call(http, JobCall::Poll, id, common).await?;
        let retry_after = response.retry_after;
        Ok((VideoJob::from_response(response)?, retry_after))
    };
    let (mut job, retry_after) = fetch.await.map_err(|error: InfraiError| {
        // After a 401, the call asks the key function for another key.
        if error.is_callback_error() { PollError::Subscriber(error) } else { PollError::Request(error) }
    })?;
    check_id(&job, id).map_err(PollError::Mismatch)?;
    costs.received(&mut job);
    Ok(Polled { state: Arc::new(job), retry_after })
}

impl PollState for VideoJob {
    type Compact = CompactJob;

    fn is_terminal(&self) -> bool {
        self.state.is_terminal()
    }

    fn is_success(&self) -> bool {
        self.state.is_success()
    }

    fn progress(&self) -> Option<f64> {
        self.progress
    }

    fn compact(&self) -> CompactJob {
        CompactJob::of(self)
    }

    fn restore(compact: &CompactJob) -> Result<Self> {
        compact.job()
    }

    fn matches(&self, compact: &CompactJob) -> bool {
        compact.matches(self)
    }
}

/// Subscribes to a job. `observes` asks for polls at least every `refresh` seconds.
pub(super) async fn subscribe(
    http: &HttpClient,
    routes: &Arc<JobRoutes>,
    costs: &JobCosts,
    poller: &Arc<Poller<JobSource>>,
    job: JobRef,
    observes: bool,
) -> Result<Subscription<JobSource>> {
    let JobRef { id, known, cost_usd } = job;
    path::segment("id", id.as_str())?;
    if let Some(usd) = cost_usd {
        costs.known(&id, usd);
    }
    let known = match known {
        Some(job) if job.is_terminal() => return Ok(Subscription::ended(job)),
        known => known,
    };
    let key = http.provided_key().await?;
    let scope = JobScope { key: key.clone(), headers: http.sorted_option_headers() };
    let (routes, costs) = (Arc::clone(routes), costs.clone());
    let source = JobSource { http: http.clone(), routes, costs, id: id.clone(), key };
    Subscription::open(poller, id, scope, source, known, observes)
}
