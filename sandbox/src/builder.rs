//! Settings of a sandbox, its start, and the errors of a start.

use std::{fmt, io, path::PathBuf, sync::Arc, time::Duration};

use tokio::net::{TcpListener, lookup_host};

use crate::{
    Fault, ParseError, RateLimit, Sandbox,
    app::App,
    data_dir::{DataDir, DataDirError},
    db::{Db, OpenError},
    fault_injector::FaultInjector,
    host::HostPolicy,
    rate_limit::RateLimiter,
    request_log::RequestLog,
    runner::{self, Runner},
    server::{self, Limits},
    store::{accounts, jobs},
};

/// An upper bound that stands for no timeout and can still be added to the current time.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Settings of a sandbox. Each has a default.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct SandboxBuilder {
    data_dir: Option<PathBuf>,
    addr: String,
    hosts: Vec<String>,
    rate_limit: Option<RateLimit>,
    faults: Vec<Fault>,
    render_workers: usize,
    slow: Duration,
    seed: u64,
    file_url_ttl: Duration,
    idempotency_window: Duration,
    status_retry_after: Option<u64>,
    limits: Limits,
    body_timeout: Duration,
}

impl Default for SandboxBuilder {
    fn default() -> Self {
        Self {
            data_dir: None,
            addr: "127.0.0.1:0".to_owned(),
            hosts: Vec::new(),
            rate_limit: None,
            faults: Vec::new(),
            render_workers: 2,
            slow: Duration::from_secs(30),
            seed: 0,
            file_url_ttl: Duration::from_secs(24 * 3600),
            idempotency_window: Duration::from_secs(24 * 3600),
            status_retry_after: None,
            limits: Limits {
                connections: 1024,
                header_timeout: Duration::from_secs(30),
                send_timeout: Duration::from_secs(30),
            },
            body_timeout: Duration::from_secs(30),
        }
    }
}

impl Sandbox {
    /// Returns the settings of a sandbox, all at their defaults.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::default()
    }
}

impl SandboxBuilder {
    /// Sets the folder for accounts, jobs and files. Created if missing, and used by one process at a time. An
    /// existing folder must be empty or a sandbox's. Default: a temporary folder that is removed at the end.
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// Sets the address to listen on, `host:port`; port 0 lets the system choose. Default: `127.0.0.1:0`.
    pub fn addr(mut self, addr: impl Into<String>) -> Self {
        self.addr = addr.into();
        self
    }

    /// Accepts a `Host` besides loopback: a name or address, with a port (only that port) or without (any port).
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Limits the requests to `/v1/…` per account, or per address without a key. Default: no limit.
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = Some(limit);
        self
    }

    /// Adds a fault in the notation of [`Fault`].
    pub fn fault(self, words: &str) -> Result<Self, ParseError> {
        Ok(self.add_fault(words.parse()?))
    }

    /// Adds a fault.
    pub fn add_fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Sets the number of jobs rendered at once. Default: 2; at least 1.
    pub fn render_workers(mut self, workers: usize) -> Self {
        self.render_workers = workers.max(1);
        self
    }

    /// Sets the time that a job of `sandbox/slow` takes beyond its rendering. Default: 30 s.
    pub fn slow(mut self, duration: Duration) -> Self {
        self.slow = duration;
        self
    }

    /// Sets the seed of the generator behind a fault's `probability`. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the minimum lifetime of a file's URL; a URL lives up to an eighth longer. Default: 24 hours.
    pub fn file_url_ttl(mut self, ttl: Duration) -> Self {
        self.file_url_ttl = ttl;
        self
    }

    /// Sets how long a repeated idempotency key gives the same result, from its first use. Later, the key counts as new.
    /// Default: 24 hours.
    pub fn idempotency_window(mut self, window: Duration) -> Self {
        self.idempotency_window = window;
        self
    }

    /// Sends `Retry-After` of `seconds` with the status of a job that has not ended. Default: none.
    pub fn status_retry_after(mut self, seconds: u64) -> Self {
        self.status_retry_after = Some(seconds);
        self
    }

    /// Sets the number of connections served at once; further ones wait. Default: 1024; at least 1.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.limits.connections = connections.max(1);
        self
    }

    /// Sets the time for a request's head to arrive, and for a connection to be idle. Default: 30 s.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.limits.header_timeout = timeout;
        self
    }

    /// Sets the time for a request's body to arrive. Default: 30 s.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Sets the time after which a connection closes whose client does not read the response. A file has this time in
    /// all, plus a second per 16 KiB. Default: 30 s.
    pub fn send_timeout(mut self, timeout: Duration) -> Self {
        self.limits.send_timeout = timeout.min(LONGEST);
        self
    }

    /// Opens the data folder, queues the unfinished jobs of an earlier process again, and serves.
    ///
    /// # Errors
    /// [`StartError`]: the data folder is in use, another program's or unusable, the address is taken, or a host to
    /// allow is invalid.
    pub async fn start(self) -> Result<Sandbox, StartError> {
        let hosts = HostPolicy::new(&self.hosts).map_err(StartError::InvalidHost)?;
        let listener = listen(&self.addr).await?;
        let prepared = tokio::task::spawn_blocking(move || self.prepare(hosts)).await;
        let (app, folder, limits) = prepared.map_err(|error| StartError::Io(io::Error::other(error)))??;
        Ok(server::serve(app, folder, listener, &limits)?)
    }

    /// Opens the data folder and the database, and starts the workers. Blocks.
    pub(crate) fn prepare(self, hosts: HostPolicy) -> Result<(Arc<App>, DataDir, Limits), StartError> {
        let folder = DataDir::open(self.data_dir)?;
        let database = |error| match error {
            OpenError::TooNew(version) => StartError::NewerData { path: folder.path().to_owned(), version },
            OpenError::Io(error) => StartError::Io(error),
            OpenError::Sqlite(error) => StartError::Database(error.to_string()),
            OpenError::ForeignDatabase => StartError::Database(format!(
                "{} holds the tables of another program",
                folder.database().display()
            )),
        };
        let db = Arc::new(Db::open(&folder.database()).map_err(database)?);
        let refused = |error: crate::error::ApiError| StartError::Database(error.message);
        let file_signing_key = db.write_blocking(accounts::file_signing_key).map_err(refused)?;
        let left = db.write_blocking(jobs::requeue).map_err(refused)?;
        if !left.is_empty() {
            tracing::info!(jobs = left.len(), "unfinished jobs are queued again");
        }
        let files = folder.files();
        let unfinished =
            db.write_blocking(|transaction| jobs::without_files(transaction)).map_err(refused)?;
        runner::remove_orphans(&files, &unfinished)?;
        let runner = Runner::start(db.clone(), files.clone(), self.slow, self.render_workers)?;
        let app = App {
            db,
            runner,
            files,
            hosts,
            faults: FaultInjector::new(self.faults, self.seed),
            limiter: self.rate_limit.map(RateLimiter::new),
            log: RequestLog::default(),
            webhook_registered: tokio::sync::Notify::new(),
            file_signing_key,
            file_url_ttl: self.file_url_ttl,
            idempotency_window: self.idempotency_window,
            status_retry_after: self.status_retry_after,
            body_timeout: self.body_timeout,
            send_timeout: self.limits.send_timeout,
        };
        Ok((Arc::new(app), folder, self.limits))
    }
}

async fn listen(addr: &str) -> Result<TcpListener, StartError> {
    let refused = |source| StartError::Bind { addr: addr.to_owned(), source };
    let addresses = lookup_host(addr).await.map_err(refused)?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(refused(last))
}

/// The reason why a sandbox did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Another process serves this data folder.
    DataDirInUse(PathBuf),
    /// The data folder cannot be used.
    DataDir {
        /// The folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The folder is neither empty nor a sandbox's. Nothing in it was changed.
    NotASandbox {
        /// The folder.
        path: PathBuf,
        /// Names of some of its entries.
        holds: String,
    },
    /// The data folder, or something in it, is a link, of the wrong kind, or another user's.
    Untrusted {
        /// The folder or the entry.
        path: PathBuf,
        /// The reason why the sandbox does not use it.
        reason: String,
    },
    /// The data folder was written by a newer version.
    NewerData {
        /// The folder.
        path: PathBuf,
        /// The version of its schema.
        version: i64,
    },
    /// The database in the data folder cannot be used.
    Database(String),
    /// The address cannot be listened on.
    Bind {
        /// The address from the settings.
        addr: String,
        /// The operating system's error.
        source: io::Error,
    },
    /// A host to allow is neither a name nor an address.
    InvalidHost(String),
    /// A thread could not be started, or a file not be opened.
    Io(io::Error),
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<DataDirError> for StartError {
    fn from(error: DataDirError) -> Self {
        match error {
            DataDirError::InUse(path) => Self::DataDirInUse(path),
            DataDirError::NotASandbox(path, holds) => Self::NotASandbox { path, holds },
            DataDirError::Untrusted(path, reason) => Self::Untrusted { path, reason },
            DataDirError::Io(path, source) => Self::DataDir { path, source },
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DataDirInUse(path) => {
                write!(formatter, "another sandbox serves the data folder {}", path.display())
            }
            Self::DataDir { path, source } => {
                write!(formatter, "the data folder {} cannot be used: {source}", path.display())
            }
            Self::NotASandbox { path, holds } => write!(
                formatter,
                "the data folder {} is not empty and not a sandbox's (it holds {holds}): use an empty folder, or a new one",
                path.display()
            ),
            Self::Untrusted { path, reason } => {
                write!(formatter, "the sandbox does not use {}: it {reason}", path.display())
            }
            Self::NewerData { path, version } => write!(
                formatter,
                "the data folder {} was written by a newer version (schema {version})",
                path.display()
            ),
            Self::Database(message) => write!(formatter, "the database cannot be used: {message}"),
            Self::Bind { addr, source } => write!(formatter, "cannot listen on {addr}: {source}"),
            Self::InvalidHost(host) => {
                write!(
                    formatter,
                    "a host to allow is a name or address, with or without a port; got `{host}`"
                )
            }
            Self::Io(error) => write!(formatter, "the sandbox cannot start: {error}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::DataDir { source, .. } | Self::Bind { source, .. } | Self::Io(source) => Some(source),
            _ => None,
        }
    }
}
