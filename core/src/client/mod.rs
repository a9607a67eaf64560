//! The client: its settings, its connections, and the groups of calls that it makes.

pub(crate) mod call;
pub(crate) mod config;
pub(crate) mod context;
#[cfg(test)]
mod context_tests;
mod environment;
mod gunzip;
mod hooks;
#[cfg(test)]
mod log_tests;
mod proxy;
mod reqwest;
pub(crate) mod retry;
#[cfg(test)]
mod secret_tests;
mod target;
#[cfg(test)]
mod tests;
mod tls;
pub(crate) mod transport;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, HeaderValue, header};

pub use self::{
    call::fresh_idempotency_key,
    config::{CallOptions, ClientBuilder, DEFAULT_BASE_URL},
    context::CallContext,
    environment::Environment,
    hooks::{RequestEvent, ResponseEvent},
    target::{Identity, KeyOrigin},
};
use self::{
    config::Config,
    reqwest::HttpTransport,
    retry::RetryBudget,
    target::{KeySource, Target},
    transport::Transport,
};
use crate::{
    account::Account,
    activate::Activate,
    credentials,
    error::{InfraiError, Result},
    key::ApiKey,
    polling::{Hub, SystemClock},
    redact::Redactor,
    request::ApiRequest,
    video::Video,
};

/// A client of the Infrai API. Cheap to clone: clones share connections, retry budget and polling.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc.rs"));
/// # #[tokio::main]
/// # async fn main() -> infrai::Result<()> {
/// use infrai::InfraiClient;
///
/// // The key comes from INFRAI_API_KEY or ~/.infrai/credentials.
/// let client = InfraiClient::new()?;
/// # let (client, _world) = sandboxed().await;
/// let job = client.video().generate("a timelapse of a city skyline at dusk").resolution("1080p").await?;
/// let done = client.video().wait(&job).await?;
/// client.video().download(&done, "skyline.mp4").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct InfraiClient {
    pub(crate) inner: Arc<Inner>,
    pub(crate) options: Arc<CallOptions>,
    pub(crate) option_headers: Arc<HeaderMap>,
}

pub(crate) struct Inner {
    pub(crate) config: Arc<Config>,
    target: Mutex<Option<Arc<Target>>>,
    /// Held while a call reads or writes credentials.
    finding: Arc<tokio::sync::Mutex<()>>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) budget: RetryBudget,
    base_headers: HeaderMap,
    random: Mutex<fastrand::Rng>,
    /// The keys that were sent.
    sent: Mutex<Redactor>,
    pub(crate) hub: Arc<Hub>,
}

impl Inner {
    /// Where the calls go, if that has been looked up.
    fn known(&self) -> MutexGuard<'_, Option<Arc<Target>>> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a key is about to be sent. Returns what keeps it, and those before it, out of what is shown.
    fn sends(&self, key: &ApiKey) -> Redactor {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        *sent = sent.and(key.shared());
        sent.clone()
    }

    /// A number from 0 to 1 for jitter, from a generator of this client's own.
    pub(crate) fn random(&self) -> f64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}

impl InfraiClient {
    /// A client with everything looked up: environment, credentials file, defaults.
    ///
    /// # Errors
    /// None of the defaults can fail; a missing key is an error of the first call.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// A client with settings of one's own.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    pub(crate) fn from_config(config: Config) -> Result<Self> {
        let config = Arc::new(config);
        let transport = Arc::new(HttpTransport::new(Arc::clone(&config)));
        Self::over(config, transport)
    }

    pub(crate) fn over(config: Arc<Config>, transport: Arc<dyn Transport>) -> Result<Self> {
        let seed = seed()?;
        let clock = config.clock.clone().unwrap_or_else(|| Arc::new(SystemClock));
        let hub = Hub::new(config.polling.clone(), clock, seed.wrapping_add(1));
        Ok(Self {
            inner: Arc::new(Inner {
                base_headers: base_headers(&config)?,
                config,
                target: Mutex::new(None),
                finding: Arc::default(),
                transport,
                budget: RetryBudget::default(),
                random: Mutex::new(fastrand::Rng::with_seed(seed)),
                sent: Mutex::default(),
                hub,
            }),
            options: Arc::default(),
            option_headers: Arc::default(),
        })
    }

    /// The same client with other settings for the calls made through what this returns.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> infrai::Result<()> {
    /// # let (client, _world) = sandboxed().await;
    /// use std::time::Duration;
    /// use infrai::CallOptions;
    ///
    /// let hurried = client.with_options(CallOptions::new().timeout(Duration::from_secs(5)).max_retries(0))?;
    /// hurried.account().balance().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `CONFIGURATION_INVALID` for a header that cannot be sent.
    pub fn with_options(&self, options: CallOptions) -> Result<Self> {
        if options.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(InfraiError::invalid_argument("timeout", "0 s", "a positive duration"));
        }
        let mut headers = HeaderMap::clone(&self.option_headers);
        for (name, value) in options.headers {
            let (name, value) = config::header(&name, &value)?;
            headers.insert(name, value);
        }
        let merged = CallOptions {
            timeout: options.timeout.or(self.options.timeout),
            max_retries: options.max_retries.or(self.options.max_retries),
            headers: Vec::new(),
        };
        Ok(Self {
            inner: Arc::clone(&self.inner),
            options: Arc::new(merged),
            option_headers: Arc::new(headers),
        })
    }

    /// Videos: generate, status, cancel, wait, watch, download.
    pub fn video(&self) -> Video<'_> {
        Video { client: self }
    }

    /// The account: balance and top-up.
    pub fn account(&self) -> Account<'_> {
        Account { client: self }
    }

    /// Makes this device an anonymous account with a trial credit, and stores its key: `POST /v1/activate`.
    pub fn activate(&self) -> Activate {
        Activate::new(self)
    }

    /// Any other route of the API, with the same key, retries, envelope and errors.
    ///
    /// `path` starts with exactly one `/` and goes below the base URL.
    pub fn request(&self, method: impl AsRef<str>, path: impl Into<String>) -> ApiRequest {
        ApiRequest::new(self, method.as_ref(), path.into())
    }

    /// The base URL that calls go to.
    ///
    /// # Errors
    /// As the first call: a setting or the credentials file cannot be used.
    pub fn base_url(&self) -> Result<String> {
        Ok(self.target()?.base_url.to_string())
    }

    /// Whether a key was found, and its showable form.
    ///
    /// # Errors
    /// As the first call: a setting or the credentials file cannot be used.
    pub fn key_hint(&self) -> Result<Option<String>> {
        Ok(match &self.target()?.key {
            KeySource::Fixed(key) => Some(key.redacted()),
            KeySource::Provider(_) => Some("(from a function)".into()),
            KeySource::None => None,
        })
    }

    /// For bindings: whether address and key have been looked up, so that no call looks for them again.
    #[doc(hidden)]
    pub fn is_resolved(&self) -> bool {
        self.inner.known().is_some()
    }

    /// Returns what keeps the client's keys out of what is shown where no answer of its own is at hand.
    pub(crate) fn redactor(&self) -> Redactor {
        let sent = self.inner.sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let known = self.inner.known().clone();
        // A key that was given takes no reading of files.
        let given = || self.inner.config.has_key().then(|| self.target().ok()).flatten();
        match known.or_else(given).as_ref().map(|target| &target.key) {
            Some(KeySource::Fixed(key)) => sent.and(key.shared()),
            _ => sent,
        }
    }

    /// Where the calls go, looked up once; a missing key is looked for again at each call. It may read a file or a store,
    /// and blocks meanwhile.
    pub(crate) fn target(&self) -> Result<Arc<Target>> {
        if let Some(target) = &*self.inner.known() {
            return Ok(Arc::clone(target));
        }
        // Not under the lock: a store is foreign code, which may be slow, or ask this client something.
        let target = Arc::new(self.inner.config.resolve()?);
        let mut known = self.inner.known();
        // What an activation adopted meanwhile is newer than what was read.
        if let Some(adopted) = &*known {
            return Ok(Arc::clone(adopted));
        }
        if !matches!(target.key, KeySource::None) {
            *known = Some(Arc::clone(&target));
        }
        Ok(target)
    }

    /// The same for a call, whose deadline then holds.
    pub(crate) async fn target_of_call(&self) -> Result<Arc<Target>> {
        if let Some(target) = &*self.inner.known() {
            return Ok(Arc::clone(target));
        }
        if self.inner.config.has_key() {
            return self.target();
        }
        let client = self.clone();
        self.with_credentials(move || client.target()).await
    }

    /// Runs what reads or writes credentials, for one call at a time: where a store or a file system does not answer, a
    /// client waits on one thread, and its calls until their deadlines.
    pub(crate) async fn with_credentials<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = Arc::clone(&self.inner.finding).lock_owned().await;
        credentials::on_a_thread(move || {
            let _turn = turn;
            work()
        })
        .await
    }

    /// From now on this key, unless the client was given one, by argument or environment: a new client would use that
    /// too, and nobody's calls go over to another account by themselves.
    pub(crate) fn adopt(&self, base_url: url::Url, key: ApiKey) {
        if !self.inner.config.has_key()
            && let Ok(target) = Target::new(base_url, KeySource::Fixed(key))
        {
            *self.inner.known() = Some(Arc::new(target));
        }
    }
}

impl fmt::Debug for InfraiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InfraiClient")
            .field("base_url", &self.inner.config.base_url)
            .field("profile", &self.inner.config.profile)
            .finish_non_exhaustive()
    }
}

/// A seed of this client's own, from the operating system.
fn seed() -> Result<u64> {
    getrandom::u64()
        .map_err(|error| InfraiError::internal(format!("the operating system gives no randomness: {error}")))
}

/// The headers of every call.
fn base_headers(config: &Config) -> Result<HeaderMap> {
    let mut headers = config.default_headers.clone();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(header::USER_AGENT, user_agent(config)?);
    Ok(headers)
}

fn user_agent(config: &Config) -> Result<HeaderValue> {
    let caller = &config.caller;
    let suffix = config.user_agent_suffix.as_deref().map(|suffix| format!(" {suffix}")).unwrap_or_default();
    let text = format!(
        "infrai-{}/{} (core/{}; {}; {}; {}){suffix}",
        caller.language,
        caller.version,
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        caller.runtime,
    );
    HeaderValue::try_from(text).map_err(|_| {
        InfraiError::configuration(
            "CONFIGURATION_INVALID",
            "the User-Agent has characters that no HTTP header can carry",
        )
    })
}
