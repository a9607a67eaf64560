//! `activate`: an anonymous account with a trial credit for this device, its key stored for later calls.

use std::{borrow::Cow, future::IntoFuture, path::PathBuf, sync::Arc, time::Duration};

use http::Method;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::{
    api::client::ApiClient,
    auth::{
        api_key::ApiKey,
        credentials::{self, CredentialBackend, Profile},
    },
    error::{InfraiError, Result},
    http::call::RequestSpec,
    metadata::Metadata,
    options::{ActivateOptions, DEFAULT_BASE_URL, Secret},
    runtime::{BoxFuture, deadline},
    wire::{
        envelope::unexpected,
        path,
        read::{self, FieldReader},
    },
};

/// An activation to be asked for; see [`InfraiClient::activate`](crate::InfraiClient::activate). Send it with [`send`](Self::send) or by `.await`.
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct Activate {
    client: ApiClient,
    options: ActivateOptions,
}

/// What the backend holds before anything is sent.
enum Found {
    Stored(ActivateResult),
    Nothing {
        secret: Secret,
        /// The name to keep the old table under.
        keep: Option<String>,
    },
}

/// An account, and the key for it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ActivateResult {
    /// The account.
    pub account_id: Option<String>,
    /// Its project.
    pub project_id: Option<String>,
    /// The project's key.
    pub primary_api_key: ApiKey,
    /// What the trial credit is, in US dollars; not known when nothing was sent.
    pub trial_credit_usd: Option<f64>,
    /// Where to add credit; not known when nothing was sent.
    pub checkout_url: Option<String>,
    /// Whether the profile already had a key, so that nothing was sent.
    pub reused: bool,
    /// The file that holds the key, if one does.
    pub credentials_file: Option<PathBuf>,
    /// The profile's name in it.
    pub profile: String,
    /// What the response said about itself.
    pub metadata: Metadata,
    raw: Map<String, Value>,
}

impl ActivateResult {
    /// Everything the API sent, as JSON, the key itself included.
    pub fn to_json(&self) -> Value {
        let mut value = crate::api::result::with_metadata(&self.raw, &self.metadata);
        value["primary_api_key"] = self.primary_api_key.expose().into();
        value["ok"] = true.into();
        value["reused"] = self.reused.into();
        for (name, text) in [("account_id", &self.account_id), ("project_id", &self.project_id)] {
            if let Some(text) = text {
                value[name] = text.clone().into();
            }
        }
        value
    }
}

impl Activate {
    pub(crate) fn new(client: &ApiClient) -> Self {
        Self { client: client.clone(), options: ActivateOptions::default() }
    }

    /// For bindings: replaces the options.
    #[doc(hidden)]
    pub fn options(mut self, options: ActivateOptions) -> Self {
        self.options =
            ActivateOptions { profile: options.profile.filter(|name| !name.is_empty()), ..options };
        self
    }

    /// `auto` (default), `western` or `china`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.options.region = region.into();
        self
    }

    /// What kind of device this is. Default: `cli`.
    pub fn device_kind(mut self, kind: impl Into<String>) -> Self {
        self.options.device_kind = kind.into();
        self
    }

    /// Whether to store the key in the credentials file, or the store in its backend. Default: yes.
    pub fn write_credentials(mut self, write: bool) -> Self {
        self.options.write_credentials = write;
        self
    }

    /// Asks for a key even where the profile has one; the old table is kept under another name.
    pub fn force(mut self, force: bool) -> Self {
        self.options.force = force;
        self
    }

    /// The profile to store it as. Default: the client's, else `INFRAI_PROFILE`, else `default`.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.options.profile = Some(name.into()).filter(|name: &String| !name.is_empty());
        self
    }

    /// Sends it, unless the profile has a key for this base URL already: then that is returned and nothing is sent.
    ///
    /// # Errors
    /// `PROFILE_ORIGIN_MISMATCH` when the profile belongs to another origin; credentials errors, before anything is
    /// sent, when the file cannot be understood or written; else as every call.
    pub async fn send(self) -> Result<ActivateResult> {
        let this = Arc::new(self);
        let config = this.client.http.auth().config();
        let profile_name = this.options.profile.clone().unwrap_or_else(|| config.profile_name());
        let timeout = this.client.http.timeout();
        let base_url = this.step(timeout, Self::base_url).await?;
        if this.options.write_credentials {
            this.send_and_store(base_url, profile_name, timeout).await
        } else {
            let secret = this.secret_alone(timeout).await?;
            let result = this.ask(&base_url, &secret, profile_name).await?;
            this.client.http.auth().set_credentials(base_url, result.primary_api_key.clone());
            Ok(result)
        }
    }

    async fn send_and_store(
        self: &Arc<Self>,
        base_url: url::Url,
        name: String,
        timeout: Duration,
    ) -> Result<ActivateResult> {
        let backend = self.client.http.auth().config().credential_backend()?;
        // Shared with each step: one that its deadline leaves behind goes on holding the backend.
        let guard = Arc::new(backend.lock(timeout).await?);
        let step = {
            let (guard, backend, base_url, name) =
                (Arc::clone(&guard), backend.clone(), base_url.clone(), name.clone());
            move |this: &Self| {
                let _guard = guard;
                let old = backend.profile(&name)?;
                if let Some(old) = &old
                    && let Some(result) = this.stored(&backend, old, &base_url, &name)?
                {
                    return Ok(Found::Stored(result));
                }
                backend.check_writable()?;
                let keep = match old.filter(|old| old.api_key.is_some()) {
                    Some(_) => Some(backend.unused_profile_name(&name, "previous")?),
                    None => None,
                };
                Ok(Found::Nothing { secret: backend.device_secret()?, keep })
            }
        };
        let (secret, keep) = match self.step(timeout, step).await? {
            Found::Stored(result) => {
                self.client.http.auth().set_credentials(base_url, result.primary_api_key.clone());
                return Ok(result);
            }
            Found::Nothing { secret, keep } => (secret, keep),
        };
        let mut result = self.ask(&base_url, &secret, name.clone()).await?;
        result.credentials_file = backend.file().map(Into::into);
        let profile = Profile {
            api_key: Some(result.primary_api_key.clone()),
            account_id: result.account_id.clone(),
            project_id: result.project_id.clone(),
            base_url: Some(base_url.as_str().trim_end_matches('/').to_owned()),
        };
        let save = move |_: &Self| {
            let _guard = guard;
            backend.save(&name, &profile, keep.as_deref())
        };
        self.step(timeout, save).await?;
        self.client.http.auth().set_credentials(base_url, result.primary_api_key.clone());
        Ok(result)
    }

    /// The device's secret where nothing is stored; a machine without a home has no backend for it either.
    async fn secret_alone(self: &Arc<Self>, timeout: Duration) -> Result<Secret> {
        let Ok(backend) = self.client.http.auth().config().credential_backend() else {
            return credentials::secret_in_memory();
        };
        // Making the file is one step, which needs no lock: there may be no folder to have one in.
        let guard = match backend {
            CredentialBackend::File(_) => None,
            CredentialBackend::Store(_) => Some(backend.lock(timeout).await?),
        };
        let step = move |_: &Self| {
            let _guard = guard;
            backend.device_secret()
        };
        self.step(timeout, step).await
    }

    /// Runs a step that reads or writes credentials, no longer than this.
    async fn step<T: Send + 'static>(
        self: &Arc<Self>,
        timeout: Duration,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let this = Arc::clone(self);
        let work = self.client.http.auth().with_credentials(move || work(&this));
        credentials::with_deadline(deadline(Instant::now(), timeout), work).await
    }

    /// The base URL to activate at: the one given, else the profile's own, else the default.
    fn base_url(&self) -> Result<url::Url> {
        let config = self.client.http.auth().config();
        let given = config.explicit_base_url()?;
        // Who names a profile by argument means its address too, whatever the environment says.
        let named = self.options.profile.is_some() || config.options.profile.is_some();
        if let Some(url) = given.as_ref().filter(|_| config.options.base_url.is_some() || !named) {
            return Ok(url.clone());
        }
        let name = self.options.profile.clone().unwrap_or_else(|| config.profile_name());
        let own = match config.credential_backend() {
            Ok(backend) => backend.profile(&name)?.and_then(|profile| profile.base_url),
            Err(_) => None,
        };
        match (own, given) {
            (Some(url), _) => config.check_base_url(&format!("base_url of the profile {name:?}"), &url),
            (None, Some(given)) => Ok(given),
            (None, None) => config.check_base_url("base_url", DEFAULT_BASE_URL),
        }
    }

    /// What the profile holds already, if it is for this base URL and nothing new is wanted.
    fn stored(
        &self,
        backend: &CredentialBackend,
        old: &Profile,
        base_url: &url::Url,
        name: &str,
    ) -> Result<Option<ActivateResult>> {
        let Some(key) = &old.api_key else { return Ok(None) };
        let config = self.client.http.auth().config();
        let own = old.base_url.as_deref().unwrap_or(DEFAULT_BASE_URL);
        let own = config.check_base_url(&format!("base_url of the profile {name:?}"), own)?;
        if own.origin() != base_url.origin() {
            let free = backend.unused_profile_name(name, "other")?;
            return Err(InfraiError::configuration(
                "PROFILE_ORIGIN_MISMATCH",
                format!(
                    "the profile {name:?} belongs to {}, and the base URL is {}",
                    path::origin(&own),
                    path::origin(base_url)
                ),
            )
            .with_hint(format!(
                "Activate under a profile of its own: profile={free:?} (or INFRAI_PROFILE={free})."
            )));
        }
        if self.options.force {
            return Ok(None);
        }
        Ok(Some(ActivateResult {
            account_id: old.account_id.clone(),
            project_id: old.project_id.clone(),
            primary_api_key: key.clone(),
            trial_credit_usd: None,
            checkout_url: None,
            reused: true,
            credentials_file: backend.file().map(Into::into),
            profile: name.to_owned(),
            metadata: Metadata::default(),
            raw: Map::new(),
        }))
    }

    async fn ask(&self, base_url: &url::Url, secret: &Secret, profile: String) -> Result<ActivateResult> {
        let fingerprint = credentials::fingerprint(secret, base_url);
        let route = "/v1/activate";
        let spec = RequestSpec {
            method: Method::POST,
            path: route.into(),
            route,
            body: Some(json!({
                "region": self.options.region,
                "device_kind": self.options.device_kind,
                "device_fingerprint": fingerprint.0,
            })),
            redact: Some(fingerprint.0.clone()),
            unauthenticated: true,
            base_url: Some(base_url.clone()),
            ..RequestSpec::default()
        };
        self.client.http.call(spec).await?.typed(|data, metadata, redactor| {
            let mut raw = read::object("activation", data, redactor)?;
            let fields = FieldReader { what: "activation", map: &raw, redactor };
            let key = fields.text("primary_api_key")?.ok_or_else(|| fields.missing("primary_api_key"))?;
            let result = ActivateResult {
                account_id: fields.id("account_id")?.map(Cow::into_owned),
                project_id: fields.id("project_id")?.map(Cow::into_owned),
                primary_api_key: ApiKey::new(key)
                    .map_err(|_| unexpected("the key that the API sent cannot be used", None))?,
                trial_credit_usd: fields.number("trial_credit_usd")?,
                checkout_url: fields.text("checkout_url")?,
                reused: false,
                credentials_file: None,
                profile,
                metadata,
                raw: Map::new(),
            };
            raw.remove("primary_api_key");
            Ok(ActivateResult { raw, ..result })
        })
    }
}

impl IntoFuture for Activate {
    type Output = Result<ActivateResult>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
