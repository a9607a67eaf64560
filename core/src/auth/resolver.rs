//! Endpoint resolver: finds a client's endpoint at its first call and caches it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use url::Url;

use super::{
    api_key::{ApiKey, KeyProvider},
    config::AuthConfig,
    credentials::{self, CredentialBackend},
    endpoint::{Credential, Endpoint, Identity, KeySource},
};
use crate::error::Result;

/// Finds the endpoint of a client's calls.
#[derive(Debug, Default)]
pub(crate) struct EndpointResolver {
    config: AuthConfig,
    cached: Mutex<Option<Arc<Endpoint>>>,
    /// Held while a call reads or writes credentials.
    credentials: Arc<tokio::sync::Mutex<()>>,
}

impl EndpointResolver {
    pub(crate) fn new(config: AuthConfig) -> Self {
        Self { config, ..Self::default() }
    }

    pub(crate) fn config(&self) -> &AuthConfig {
        &self.config
    }

    fn cached(&self) -> MutexGuard<'_, Option<Arc<Endpoint>>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the endpoint is cached.
    pub(crate) fn is_resolved(&self) -> bool {
        self.cached().is_some()
    }

    /// Returns the endpoint. Blocks while it reads a file or a store. An endpoint without a key is not cached, so each
    /// call resolves it again.
    pub(crate) fn endpoint(&self) -> Result<Arc<Endpoint>> {
        if let Some(endpoint) = &*self.cached() {
            return Ok(Arc::clone(endpoint));
        }
        // Resolved without the lock: a store is the application's code, which may be slow or use this client.
        let endpoint = Arc::new(self.config.resolve()?);
        let mut cached = self.cached();
        // An activation that finished in the meantime is newer.
        if let Some(newer) = &*cached {
            return Ok(Arc::clone(newer));
        }
        if !matches!(endpoint.key, Credential::Missing(_)) {
            *cached = Some(Arc::clone(&endpoint));
        }
        Ok(endpoint)
    }

    /// Returns the endpoint if an earlier call has resolved it.
    pub(crate) fn resolved(&self) -> Option<Arc<Endpoint>> {
        self.cached().clone()
    }

    /// Returns the endpoint without blocking the caller's thread.
    pub(crate) async fn endpoint_for_call(self: &Arc<Self>) -> Result<Arc<Endpoint>> {
        if self.config.has_key() {
            return self.endpoint();
        }
        let this = Arc::clone(self);
        self.with_credentials(move || this.endpoint()).await
    }

    /// Runs work on credentials, for one call at a time. If a store or a file system does not respond, a client occupies
    /// one thread, and its calls wait until their deadlines.
    pub(crate) async fn with_credentials<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let guard = Arc::clone(&self.credentials).lock_owned().await;
        credentials::run_blocking(move || {
            let _guard = guard;
            work()
        })
        .await
    }

    /// Uses this key from now on, unless an argument or the environment sets one. In that case a new client would use
    /// that key too, and no client changes to another account by itself.
    pub(crate) fn set_credentials(&self, base_url: Url, key: ApiKey) {
        if !self.config.has_key()
            && let Ok(endpoint) = Endpoint::new(base_url, Credential::Fixed(key))
        {
            *self.cached() = Some(Arc::new(endpoint));
        }
    }

    /// Returns the fixed key if no credentials must be read for it.
    pub(crate) fn known_key(&self) -> Option<ApiKey> {
        let cached = self.cached().clone();
        let explicit = || self.config.has_key().then(|| self.endpoint().ok()).flatten();
        match &cached.or_else(explicit)?.key {
            Credential::Fixed(key) => Some(key.clone()),
            _ => None,
        }
    }

    /// Returns the key function, if the key comes from one.
    pub(crate) fn key_provider(&self) -> Option<&KeyProvider> {
        self.config.key_provider.as_ref().filter(|_| self.config.options.api_key.is_none())
    }

    /// Returns the redacted key, or `(from a function)`.
    pub(crate) fn key_hint(&self) -> Result<Option<String>> {
        Ok(match &self.endpoint()?.key {
            Credential::Fixed(key) => Some(key.redacted()),
            Credential::Provider(_) => Some("(from a function)".into()),
            Credential::Missing(_) => None,
        })
    }

    /// Returns the account, key and base URL in use.
    pub(crate) fn identity(&self) -> Result<Identity> {
        let endpoint = self.endpoint()?;
        let profile = self.config.profile_name();
        let backend = self.config.credential_backend().ok();
        let (key_source, key_hint) = match &endpoint.key {
            Credential::Missing(_) => (KeySource::Missing, None),
            Credential::Provider(_) => (KeySource::Function, None),
            Credential::Fixed(key) => (self.config.fixed_key_source(), Some(key.redacted())),
        };
        let stored = match &backend {
            Some(backend) if key_source == KeySource::Profile => backend.profile(&profile)?,
            _ => None,
        };
        let stored = stored.unwrap_or_default();
        Ok(Identity {
            profile,
            credentials_file: backend.as_ref().and_then(CredentialBackend::file).map(Into::into),
            base_url: endpoint.base_url.as_str().trim_end_matches('/').to_owned(),
            key_source,
            key_hint,
            account_id: stored.account_id,
            project_id: stored.project_id,
        })
    }
}
