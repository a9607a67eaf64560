//! What every request shares.

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

/// The running sandbox, as handlers see it.
pub(crate) struct App {
    pub(crate) db: Arc<Db>,
    pub(crate) runner: Arc<Runner>,
    pub(crate) files: PathBuf,
    pub(crate) hosts: HostPolicy,
    pub(crate) faults: FaultInjector,
    pub(crate) limiter: Option<RateLimiter>,
    pub(crate) log: RequestLog,
    pub(crate) file_signing_key: [u8; 32],
    pub(crate) file_url_ttl: Duration,
    pub(crate) status_retry_after: Option<u64>,
    pub(crate) body_timeout: Duration,
    pub(crate) send_timeout: Duration,
}

impl fmt::Debug for App {
    /// Without its fields: one of them signs the addresses of files.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("App").finish_non_exhaustive()
    }
}

impl App {
    /// Counts a request against the rate limit, if there is one.
    pub(crate) fn limit(&self, who: &RateLimitSubject<'_>) -> Result<(), ApiError> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let (bucket, code) = match who {
            RateLimitSubject::Account(id) => ((*id).to_owned(), "RATE_LIMIT_USER"),
            RateLimitSubject::Address(address) => (address.to_string(), "RATE_LIMIT_IP"),
        };
        limiter.take(&bucket, std::time::Instant::now()).map_err(|wait| ApiError::rate_limited(code, wait))
    }
}

/// RateLimitSubject a request counts for.
pub(crate) enum RateLimitSubject<'a> {
    Account(&'a str),
    Address(IpAddr),
}

/// A request's own facts, established before any handler runs.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    pub(crate) host: Host,
    pub(crate) peer: SocketAddr,
    pub(crate) body: Bytes,
}
