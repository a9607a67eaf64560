//! HTTP client: transport, retry budget, headers and redactor that the calls of one client share.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{config::HttpConfig, retry::RetryBudget, transport::Transport};
use crate::{
    auth::{api_key::ApiKey, resolver::EndpointResolver},
    error::{InfraiError, Result},
    options::{self, CallOptions},
    redact::Redactor,
};

/// Client of the HTTP layer. Cheap to clone: clones share everything except the options of
/// [`with_options`](Self::with_options).
#[derive(Clone)]
pub(crate) struct HttpClient {
    pub(super) inner: Arc<Inner>,
    options: Arc<CallOptions>,
    pub(super) option_headers: Arc<HeaderMap>,
}

pub(super) struct Inner {
    config: HttpConfig,
    auth: Arc<EndpointResolver>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) retry_budget: RetryBudget,
    pub(super) base_headers: HeaderMap,
    random: Mutex<fastrand::Rng>,
    /// Redactor of the keys that the client has sent.
    sent_keys: Mutex<Redactor>,
}

impl HttpClient {
    pub(crate) fn new(
        config: HttpConfig,
        auth: Arc<EndpointResolver>,
        transport: Arc<dyn Transport>,
        seed: u64,
    ) -> Result<Self> {
        let base_headers = config.base_headers()?;
        let inner = Inner {
            config,
            auth,
            transport,
            retry_budget: RetryBudget::default(),
            base_headers,
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            sent_keys: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner), options: Arc::default(), option_headers: Arc::default() })
    }

    /// Returns the same client with other options for the calls made through it.
    pub(crate) fn with_options(&self, options: CallOptions) -> Result<Self> {
        if options.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(InfraiError::invalid_argument("timeout", "0 s", "a positive duration"));
        }
        let mut headers = HeaderMap::clone(&self.option_headers);
        for (name, value) in options.headers {
            let (name, value) = options::header("headers", &name, &value)?;
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

    pub(crate) fn config(&self) -> &HttpConfig {
        &self.inner.config
    }

    pub(crate) fn auth(&self) -> &Arc<EndpointResolver> {
        &self.inner.auth
    }

    #[cfg(test)]
    pub(crate) fn retry_budget(&self) -> &RetryBudget {
        &self.inner.retry_budget
    }

    /// Returns the timeout of a call.
    pub(crate) fn timeout(&self) -> Duration {
        self.options.timeout.unwrap_or(self.inner.config.options.timeout)
    }

    /// Returns the number of retries after a failed attempt.
    pub(crate) fn max_retries(&self) -> u32 {
        self.options.max_retries.unwrap_or(self.inner.config.options.max_retries)
    }

    /// Returns the headers of [`with_options`](Self::with_options), sorted by name so that equal ones compare as equal.
    pub(crate) fn sorted_option_headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let headers = self.option_headers.iter();
        let mut sorted: Vec<_> = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
        sorted.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        sorted
    }

    /// Returns a number from 0 to 1 for jitter, from this client's own generator.
    pub(crate) fn random(&self) -> f64 {
        self.inner.random.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }

    /// Adds a key that is about to be sent to the redactor, and returns the redactor.
    pub(super) fn record_sent_key(&self, key: &ApiKey) -> Redactor {
        let mut sent = self.inner.sent_keys.lock().unwrap_or_else(PoisonError::into_inner);
        *sent = sent.and(key.shared());
        sent.clone()
    }

    /// Returns the redactor of the client's keys, for errors and logs without a response.
    pub(crate) fn redactor(&self) -> Redactor {
        let sent = self.inner.sent_keys.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match self.inner.auth.known_key() {
            Some(key) => sent.and(key.shared()),
            None => sent,
        }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.inner.config.options;
        f.debug_struct("HttpClient")
            .field("base_url", &options.base_url)
            .field("profile", &options.profile)
            .finish_non_exhaustive()
    }
}
