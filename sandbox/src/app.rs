//! State that all requests share, and the context of one request.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;

use crate::{
    db::Db, error::ApiError, fault_injector::FaultInjector, host::Host, host::HostPolicy,
    rate_limit::RateLimiter, request_log::RequestLog, runner::Runner,
};

/// State of the running sandbox that handlers use.
pub(crate) struct App {
    pub(crate) db: Arc<Db>,
    pub(crate) runner: Arc<Runner>,
    pub(crate) files: PathBuf,
    pub(crate) hosts: HostPolicy,
    pub(crate) faults: FaultInjector,
    pub(crate) limiter: Option<RateLimiter>,
    pub(crate) log: RequestLog,
    /// Wakes the deliveries at the first webhook.
    pub(crate) webhook_registered: tokio::sync::Notify,
    pub(crate) file_signing_key: [u8; 32],
    pub(crate) file_url_ttl: Duration,
    pub(crate) idempotency_window: Duration,
    pub(crate) status_retry_after: Option<u64>,
    pub(crate) body_timeout: Duration,
    pub(crate) send_timeout: Duration,
}

impl fmt::Debug for App {
    /// Omits the fields: one of them is the key that signs file URLs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("App").finish_non_exhaustive()
    }
}

impl App {
    /// Counts a request against the rate limit, if one is set.
    pub(crate) fn limit(&self, subject: &RateLimitSubject<'_>) -> Result<(), ApiError> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let (bucket, code) = match subject {
            RateLimitSubject::Account(id) => ((*id).to_owned(), "RATE_LIMIT_USER"),
            RateLimitSubject::Address(address) => (address.to_string(), "RATE_LIMIT_IP"),
        };
        limiter.take(&bucket, std::time::Instant::now()).map_err(|wait| ApiError::rate_limited(code, wait))
    }
}

/// The account or address that a request counts against.
pub(crate) enum RateLimitSubject<'a> {
    Account(&'a str),
    Address(IpAddr),
}

/// Properties of a request that the middleware establishes before any handler runs.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    pub(crate) host: Host,
    pub(crate) peer: SocketAddr,
    pub(crate) body: Bytes,
    /// The error code of the job that this request creates, if a fault makes that job fail.
    pub(crate) job_error_code: Option<String>,
}
