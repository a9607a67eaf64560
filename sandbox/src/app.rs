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
    db::Db, error::ApiError, host::Host, host::HostPolicy, log::RequestLog, rate::RateLimiter,
    registry::Faults, runner::Runner,
};

/// The running sandbox, as handlers see it.
pub(crate) struct App {
    pub(crate) db: Arc<Db>,
    pub(crate) runner: Arc<Runner>,
    pub(crate) files: PathBuf,
    pub(crate) hosts: HostPolicy,
    pub(crate) faults: Faults,
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
    pub(crate) fn limit(&self, who: &Who<'_>) -> Result<(), ApiError> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let (bucket, code) = match who {
            Who::Account(id) => ((*id).to_owned(), "RATE_LIMIT_USER"),
            Who::Address(address) => (address.to_string(), "RATE_LIMIT_IP"),
        };
        limiter.take(&bucket, std::time::Instant::now()).map_err(|wait| ApiError::rate_limited(code, wait))
    }
}

/// Who a request counts for.
pub(crate) enum Who<'a> {
    Account(&'a str),
    Address(IpAddr),
}

/// A request's own facts, established before any handler runs.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) host: Host,
    pub(crate) peer: SocketAddr,
    pub(crate) body: Bytes,
}
