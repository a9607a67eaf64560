//! `activate`: an anonymous account with a trial credit for this device, and its stored key.

use std::{borrow::Cow, future::IntoFuture, path::PathBuf, sync::Arc, time::Duration};

use http::Method;
use serde_json::{Map, Value, json};

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
    runtime::{BoxFuture, Instant, deadline},
    wire::{
        envelope::unexpected,
        path,
        read::{self, FieldReader},
    },
};

/// Hint for a server without `POST /v1/activate`.
const NO_ACTIVATION: &str = "This server gives no key to a device: it has no POST /v1/activate. Sign in at the console, https://infrai.cc, for a project key, and set INFRAI_API_KEY to it.";

/// Request of an activation; see [`InfraiClient::activate`](crate::InfraiClient::activate). [`send`](Self::send) or
/// `.await` sends it.
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct Activate {
    client: ApiClient,
    options: ActivateOptions,
}

/// Content of the credential backend before a request.
enum StoredProfile {
    /// The profile has a key. No request is necessary.
    Reusable(ActivateResult),
    Missing {
        device_secret: Secret,
        /// New name of the profile that the activation replaces.
        backup_name: Option<String>,
    },
}

/// An account and its key.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record), uniffi::export(Debug))]
#[non_exhaustive]
pub struct ActivateResult {
    /// Id of the account.
    pub account_id: Option<String>,
    /// Id of the account's project.
    pub project_id: Option<String>,
    /// Key of the project.
    pub primary_api_key: ApiKey,
    /// Trial credit in US dollars. `None` if the key was [`reused`](Self::reused), or if the account is that of an
    /// [existing profile](Self::existing_profile), which received the credit before.
    pub trial_credit_usd: Option<f64>,
    /// URL of the page that adds credit. `None` if the key was [`reused`](Self::reused).
    pub checkout_url: Option<String>,
    /// Whether the profile already had a key, so that the client sent nothing.
    pub reused: bool,
    /// Another profile of this origin with a key of the same account. A device has one account per origin: each
    /// activation returns a further key of it, with no credit of its own.
    pub existing_profile: Option<String>,
    /// The credentials file that holds the key. `None` if another store or no store holds it.
    pub credentials_file: Option<PathBuf>,
    /// Name of the profile.
    pub profile: String,
    /// Metadata of the response.
    pub metadata: Metadata,
    raw: Map<String, Value>,
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl ActivateResult {
    /// Returns all fields that the API sent, as JSON. The JSON contains the key.
    pub fn to_json(&self) -> Value {
        let mut value = crate::api::result::with_metadata(&self.raw, &self.metadata);
        value["primary_api_key"] = self.primary_api_key.expose().into();
        value["ok"] = true.into();
        value["reused"] = self.reused.into();
        let texts = [
            ("account_id", &self.account_id),
            ("project_id", &self.project_id),
            ("existing_profile", &self.existing_profile),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                value[name] = text.clone().into();
            }
        }
        value
    }
}

#[cfg(feature = "uniffi")]
#[uniffi::export]
impl ActivateResult {
    /// Returns the key's redacted form: `ifr_pk_proj_…abcd`.
    pub(crate) fn key_hint(&self) -> String {
        self.primary_api_key.redacted()
    }
}

impl ActivateResult {
    /// Notes another profile of the same account, whose trial credit the API reports again.
    fn set_existing_profile(&mut self, existing_profile: Option<String>) {
        if existing_profile.is_some() {
            self.trial_credit_usd = None;
            self.raw.remove("trial_credit_usd");
        }
        self.existing_profile = existing_profile;
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

    /// Sets the region: `auto`, `western` or `china`. Default: `auto`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.options.region = region.into();
        self
    }

    /// Sets the kind of this device. Default: `cli`.
    pub fn device_kind(mut self, kind: impl Into<String>) -> Self {
        self.options.device_kind = kind.into();
        self
    }

    /// Sets whether to store the key in the credentials file, or in the client's
    /// [`credential_store`](crate::ClientBuilder::credential_store). Default: yes.
    pub fn write_credentials(mut self, write: bool) -> Self {
        self.options.write_credentials = write;
        self
    }

    /// Sets whether to request a key even if the profile has one. The old profile is kept under another name.
    /// Default: no.
    pub fn force(mut self, force: bool) -> Self {
        self.options.force = force;
        self
    }

    /// Sets the profile that stores the key. Default: the client's, else `INFRAI_PROFILE`, else `default`.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.options.profile = Some(name.into()).filter(|name: &String| !name.is_empty());
        self
    }

    /// Sends the request and stores the key. If the profile already has a key for this base URL, the call returns that
    /// key and sends nothing. With another profile of the same origin, the account is the same:
    /// [`ActivateResult::existing_profile`].
    ///
    /// # Errors
    /// `PROFILE_ORIGIN_MISMATCH` if the profile belongs to another origin. An error of the kind
    /// [`Credentials`](crate::ErrorKind::Credentials), before any request, if the credentials file cannot be parsed or
    /// written. Those of [every call](crate::InfraiClient#errors-of-every-call).
    pub async fn send(self) -> Result<ActivateResult> {
        let this = Arc::new(self);
        let config = this.client.http.auth().config();
        let profile_name = this.options.profile.clone().unwrap_or_else(|| config.profile_name());
        let timeout = this.client.http.timeout();
        let base_url = this.with_credentials(timeout, Self::base_url).await?;
        if this.options.write_credentials {
            this.send_and_store(base_url, profile_name, timeout).await
        } else {
            let device_secret = this.device_secret(timeout).await?;
            let mut result = this.request(&base_url, &device_secret, profile_name).await?;
            this.client.http.auth().set_credentials(base_url.clone(), result.primary_api_key.clone());
            if let Ok(backend) = config.credential_backend() {
                let account = result.account_id.clone();
                let find = move |_: &Self| Ok(backend.profile_of(account.as_deref(), &base_url, None));
                // The caller gets the new key even if the file cannot be read.
                result.set_existing_profile(this.with_credentials(timeout, find).await.unwrap_or_default());
            }
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
        // A stored key needs no lock and no writable folder. The profile is read again under the lock.
        if let CredentialBackend::File(_) = backend {
            let (backend, url, name) = (backend.clone(), base_url.clone(), name.clone());
            let load = move |this: &Self| match backend.profile(&name) {
                Ok(Some(old)) => this.reusable(&backend, &old, &url, &name),
                _ => Ok(None),
            };
            if let Some(result) = self.with_credentials(timeout, load).await? {
                self.client.http.auth().set_credentials(base_url, result.primary_api_key.clone());
                return Ok(result);
            }
        }
        // Each blocking step shares the lock, so that a step that outlives its deadline still holds it.
        let guard = Arc::new(backend.lock(timeout).await?);
        let load = {
            let (guard, backend, base_url, name) =
                (Arc::clone(&guard), backend.clone(), base_url.clone(), name.clone());
            move |this: &Self| {
                let _guard = guard;
                let old = backend.profile(&name)?;
                if let Some(old) = &old
                    && let Some(result) = this.reusable(&backend, old, &base_url, &name)?
                {
                    return Ok(StoredProfile::Reusable(result));
                }
                backend.check_writable()?;
                let backup_name = match old.filter(|old| old.api_key.is_some()) {
                    Some(_) => Some(backend.unused_profile_name(&name, "previous")?),
                    None => None,
                };
                Ok(StoredProfile::Missing { device_secret: backend.device_secret()?, backup_name })
            }
        };
        let (device_secret, backup_name) = match self.with_credentials(timeout, load).await? {
            StoredProfile::Reusable(result) => {
                self.client.http.auth().set_credentials(base_url, result.primary_api_key.clone());
                return Ok(result);
            }
            StoredProfile::Missing { device_secret, backup_name } => (device_secret, backup_name),
        };
        let mut result = self.request(&base_url, &device_secret, name.clone()).await?;
        // The client has the key even if it cannot be stored.
        self.client.http.auth().set_credentials(base_url.clone(), result.primary_api_key.clone());
        result.credentials_file = backend.file().map(Into::into);
        let profile = Profile {
            api_key: Some(result.primary_api_key.clone()),
            account_id: result.account_id.clone(),
            project_id: result.project_id.clone(),
            base_url: Some(base_url.as_str().trim_end_matches('/').to_owned()),
        };
        let save = move |_: &Self| {
            let _guard = guard;
            backend.save(&name, &profile, backup_name.as_deref())?;
            Ok(backend.profile_of(profile.account_id.as_deref(), &base_url, Some(&name)))
        };
        result.set_existing_profile(self.with_credentials(timeout, save).await?);
        Ok(result)
    }

    /// Returns the device's secret for an activation that stores no key. On a machine without a home directory, which
    /// has no backend, the secret lives in memory.
    async fn device_secret(self: &Arc<Self>, timeout: Duration) -> Result<Secret> {
        let Ok(backend) = self.client.http.auth().config().credential_backend() else {
            return credentials::secret_in_memory();
        };
        // The device file is created atomically and needs no lock. The folder of the lock file may not exist.
        let guard = match backend {
            CredentialBackend::File(_) => None,
            CredentialBackend::Store(_) => Some(backend.lock(timeout).await?),
        };
        let load = move |_: &Self| {
            let _guard = guard;
            backend.device_secret()
        };
        self.with_credentials(timeout, load).await
    }

    /// Runs blocking work that reads or writes credentials, and waits for at most `timeout`.
    async fn with_credentials<T: Send + 'static>(
        self: &Arc<Self>,
        timeout: Duration,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let this = Arc::clone(self);
        let work = self.client.http.auth().with_credentials(move || work(&this));
        credentials::with_deadline(deadline(Instant::now(), timeout), work).await
    }

    /// Returns the base URL of the activation: the client's, else the profile's, else the default.
    fn base_url(&self) -> Result<url::Url> {
        let config = self.client.http.auth().config();
        let name = self.options.profile.clone().unwrap_or_else(|| config.profile_name());
        let selected = self.options.profile.is_some() || config.options.profile.is_some();
        Ok(config.base_url_of(&name, selected)?.0)
    }

    /// Returns the profile's key. `None` if it has none or the caller forces a new one.
    ///
    /// # Errors
    /// `PROFILE_ORIGIN_MISMATCH` if the key is for another origin than `base_url`.
    fn reusable(
        &self,
        backend: &CredentialBackend,
        old: &Profile,
        base_url: &url::Url,
        name: &str,
    ) -> Result<Option<ActivateResult>> {
        let Some(key) = &old.api_key else { return Ok(None) };
        let config = self.client.http.auth().config();
        let stored_url = old.base_url.as_deref().unwrap_or(DEFAULT_BASE_URL);
        let stored_url = config.check_base_url(&format!("base_url of the profile {name:?}"), stored_url)?;
        if stored_url.origin() != base_url.origin() {
            let unused = backend.unused_profile_name(name, "other")?;
            return Err(InfraiError::configuration(
                "PROFILE_ORIGIN_MISMATCH",
                format!(
                    "the profile {name:?} belongs to {}, and the base URL is {}",
                    path::origin(&stored_url),
                    path::origin(base_url)
                ),
            )
            .with_hint(format!(
                "Activate with another `profile`, such as {unused:?}, or set INFRAI_PROFILE={unused}."
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
            existing_profile: None,
            credentials_file: backend.file().map(Into::into),
            profile: name.to_owned(),
            metadata: Metadata::default(),
            raw: Map::new(),
        }))
    }

    async fn request(
        &self,
        base_url: &url::Url,
        device_secret: &Secret,
        profile: String,
    ) -> Result<ActivateResult> {
        let fingerprint = credentials::fingerprint(device_secret, base_url);
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
        let response = self.client.http.call(spec).await.map_err(|error| match error.status() {
            Some(404) => error.with_hint(NO_ACTIVATION),
            _ => error,
        });
        response?.typed(|data, metadata, redactor| {
            let mut raw = read::object("activation", data, redactor)?;
            let fields = FieldReader { resource: "activation", map: &raw, redactor };
            let key = fields.text("primary_api_key")?.ok_or_else(|| fields.missing("primary_api_key"))?;
            let result = ActivateResult {
                account_id: fields.id("account_id")?.map(Cow::into_owned),
                project_id: fields.id("project_id")?.map(Cow::into_owned),
                primary_api_key: ApiKey::new(key)
                    .map_err(|_| unexpected("the key from the API is not a valid key", None))?,
                trial_credit_usd: fields.number("trial_credit_usd")?,
                checkout_url: fields.text("checkout_url")?,
                reused: false,
                existing_profile: None,
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
