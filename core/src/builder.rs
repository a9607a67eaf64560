//! Builder of a client.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    api::client::ApiClient,
    auth::{
        api_key::KeyProvider,
        config::AuthConfig,
        credentials::{CredentialStore, Store},
        resolver::EndpointResolver,
    },
    client::InfraiClient,
    environment::Environment,
    error::{InfraiError, Result},
    http::{
        client::HttpClient,
        config::{ClientInfo, HttpConfig},
        hooks::{RequestEvent, ResponseEvent},
        reqwest::HttpTransport,
        transport::Transport,
    },
    options::{self, BaseUrl, ClientOptions, PollingOptions, ProxyUrl, Secret},
    polling::{
        clock::{Clock, SystemClock},
        poller::Poller,
    },
    runtime,
};

/// Builds an [`InfraiClient`]. A setting that is not given comes from the environment, then from the profile, then
/// from the default; an empty string counts as not given.
///
/// | setting | variable | default |
/// | --- | --- | --- |
/// | [`api_key`](Self::api_key) | `INFRAI_API_KEY` | the profile's |
/// | [`base_url`](Self::base_url) | `INFRAI_BASE_URL` | the profile's, else `https://api.infrai.cc` |
/// | [`profile`](Self::profile) | `INFRAI_PROFILE` | `default` |
/// | [`credentials_file`](Self::credentials_file) | `INFRAI_CREDENTIALS_FILE` | `~/.infrai/credentials` |
/// | [`allow_insecure_http`](Self::allow_insecure_http) | `INFRAI_ALLOW_HTTP` | no |
///
/// A profile that is named by argument wins over a key in the environment: who names an account means it.
#[derive(Clone, Default)]
#[must_use]
pub struct ClientBuilder {
    options: ClientOptions,
    key_provider: Option<KeyProvider>,
    credential_store: Option<Store>,
    environment: Environment,
    http: HttpConfig,
    clock: Option<Arc<dyn Clock>>,
    transport: Option<Arc<dyn Transport>>,
    /// First option that was refused; [`build`](Self::build) reports it.
    error: Option<InfraiError>,
}

macro_rules! durations {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(mut self, value: Duration) -> Self {
            self.options.$name = value;
            self
        }
    )*};
}

impl ClientBuilder {
    /// For bindings: replaces all options that have a value of their own.
    #[doc(hidden)]
    pub fn options(mut self, options: ClientOptions) -> Self {
        self.options = options;
        self
    }

    /// The project key. It goes to the base URL that is given or the default, never to another origin.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.options.api_key = Some(Secret(key.into()));
        self
    }

    /// A function that gives the key, asked once a call and once more after a 401: for keys that a backend hands out.
    pub fn api_key_provider(mut self, provider: KeyProvider) -> Self {
        self.key_provider = Some(provider);
        self
    }

    /// The API's address; it may carry a path of its own. Plain `http` is for loopback hosts alone, unless
    /// [`allow_insecure_http`](Self::allow_insecure_http).
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.options.base_url = Some(BaseUrl(url.into()));
        self
    }

    /// The table of the credentials file to use.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.options.profile = Some(name.into());
        self
    }

    /// The credentials file. The device's secret is kept beside it.
    pub fn credentials_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.credentials_file = Some(path.into());
        self
    }

    /// A store that takes the credentials file's place, for an application whose platform has a better one. The device's
    /// secret is kept in it too; neither the file nor its variable is looked at.
    pub fn credential_store(mut self, store: impl CredentialStore + 'static) -> Self {
        self.credential_store = Some(Store(Arc::new(store)));
        self
    }

    durations! {
        /// How long a call may take in all, retries and the pauses between them included. Default: 60 s.
        timeout,
        /// How long one attempt may take to be answered in full. Default: 20 s.
        attempt_timeout,
        /// How much of an attempt may go into connecting. Default: 10 s.
        connect_timeout,
        /// How long a download may go without a byte. Default: 30 s.
        download_idle_timeout,
        /// The first retry comes after at most this long, each further one after at most twice as long. Default: 0.5 s.
        retry_base,
        /// No retry waits longer than this, unless the server asks for it. Default: 8 s.
        retry_cap,
    }

    /// How many times a failed attempt may be made again. Default: 2, which makes three attempts.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.options.max_retries = retries;
        self
    }

    /// How waits poll; see [`PollingOptions`].
    pub fn polling(mut self, options: PollingOptions) -> Self {
        self.options.polling = options;
        self
    }

    /// A header for every call to the API. Those that the SDK sets itself are refused.
    pub fn default_header(mut self, name: &str, value: &str) -> Self {
        match options::header(name, value) {
            Ok((name, value)) => {
                self.options.default_headers.insert(name, value);
            }
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
        self
    }

    /// A proxy for everything but loopback hosts, instead of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`:
    /// http or https.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        let url = Some(url.into()).filter(|url: &String| !url.is_empty());
        match url.map(|url| ProxyUrl::parse("proxy", &url)).transpose() {
            Ok(proxy) => self.options.proxy = proxy,
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
        self
    }

    /// A PEM file of certificate authorities to trust instead of the platform's.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.ca_file = Some(path.into());
        self
    }

    /// Words to put at the end of the `User-Agent`, such as an application's name and version.
    pub fn user_agent_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.options.user_agent_suffix = Some(suffix.into());
        self
    }

    /// Allows plain `http` to hosts other than loopback: for an emulator's host or a container's neighbour, never for
    /// the internet, where everyone on the way reads the key.
    pub fn allow_insecure_http(mut self, allow: bool) -> Self {
        self.options.allow_insecure_http = allow;
        self
    }

    /// Called before every attempt; it sees no body and no key. See [`RequestEvent`](crate::RequestEvent).
    pub fn on_request(mut self, hook: impl Fn(&RequestEvent<'_>) + Send + Sync + 'static) -> Self {
        self.http.hooks.on_request = Some(Arc::new(hook));
        self
    }

    /// Called after every attempt; it sees no body and no key. See [`ResponseEvent`](crate::ResponseEvent).
    pub fn on_response(mut self, hook: impl Fn(&ResponseEvent<'_>) + Send + Sync + 'static) -> Self {
        self.http.hooks.on_response = Some(Arc::new(hook));
        self
    }

    /// For bindings: the language, the package's version and the runtime that the `User-Agent` names.
    #[doc(hidden)]
    pub fn client_info(mut self, language: &str, version: &str, runtime: &str) -> Self {
        self.http.client_info =
            ClientInfo { language: language.into(), version: version.into(), runtime: runtime.into() };
        self
    }

    /// For bindings: the environment in place of the process's, for a language in which a realm has its own.
    #[doc(hidden)]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// For bindings: variables beside `SSL_CERT_FILE` that name a PEM file in their language.
    #[doc(hidden)]
    pub fn ca_bundle_env(mut self, names: &[&'static str]) -> Self {
        self.http.ca_bundle_env = names.to_vec();
        self
    }

    /// For bindings: variables that name a PEM file of authorities to trust beside the others, in their language.
    #[doc(hidden)]
    pub fn additional_ca_env(mut self, names: &[&'static str]) -> Self {
        self.http.additional_ca_env = names.to_vec();
        self
    }

    /// For tests and simulations: the clock that polling goes by.
    #[doc(hidden)]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sends requests through another transport.
    #[cfg(test)]
    pub(crate) fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Whether an argument sets the key.
    #[cfg(test)]
    pub(crate) fn has_key(&self) -> bool {
        self.options.api_key.is_some() || self.key_provider.is_some()
    }

    /// Builds the client. Nothing is read or sent yet: a missing key is an error of the first call.
    ///
    /// # Errors
    /// `CONFIGURATION_INVALID` for an option that can never work; it names the option, its value and what it takes.
    pub fn build(self) -> Result<InfraiClient> {
        let Self { options, key_provider, credential_store, environment, http, clock, transport, error } =
            self;
        if let Some(error) = error {
            return Err(error);
        }
        let mut seed = [0; 8];
        runtime::fill_random(&mut seed)?;
        let seed = u64::from_ne_bytes(seed);
        let options = Arc::new(options.validate()?);
        let clock = clock.unwrap_or_else(|| Arc::new(SystemClock));
        let poller = Poller::new(options.polling.clone(), clock, seed.wrapping_add(1));
        let config = HttpConfig { options: Arc::clone(&options), environment: environment.clone(), ..http };
        let transport = transport.unwrap_or_else(|| Arc::new(HttpTransport::new(Arc::new(config.clone()))));
        let auth = AuthConfig { options, key_provider, credential_store, environment };
        let auth = Arc::new(EndpointResolver::new(auth));
        let http = HttpClient::new(config, auth, transport, seed)?;
        Ok(InfraiClient::from_api(ApiClient { http, poller }))
    }
}

impl InfraiClient {
    /// Returns a client with the settings of the environment, the credentials file and the defaults.
    ///
    /// # Errors
    /// `INTERNAL` when the operating system gives no randomness. A missing key is an error of the first call.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// Returns a builder, which takes settings.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("options", &self.options).finish_non_exhaustive()
    }
}
