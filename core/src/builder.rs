//! Builder of a client.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    api::{
        client::ApiClient,
        video::{costs::JobCosts, routes::JobRoutes},
    },
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
    options::{self, BaseUrl, ClientOptions, PollingOptions, ProxyUrl, Secret, VideoRoutes},
    polling::{
        clock::{Clock, SystemClock},
        poller::Poller,
    },
    runtime,
};

/// Builder of an [`InfraiClient`]. A setting is the builder's, else the environment variable's, else the profile's,
/// else the default. An empty string counts as unset.
///
/// | setting | variable | default |
/// | --- | --- | --- |
/// | [`api_key`](Self::api_key) | `INFRAI_API_KEY` | the profile's |
/// | [`base_url`](Self::base_url) | `INFRAI_BASE_URL` | the profile's, else `https://api.infrai.cc` |
/// | [`profile`](Self::profile) | `INFRAI_PROFILE` | `default` |
/// | [`credentials_file`](Self::credentials_file) | `INFRAI_CREDENTIALS_FILE` | `~/.infrai/credentials` |
/// | [`allow_insecure_http`](Self::allow_insecure_http) | `INFRAI_ALLOW_HTTP` | no |
///
/// An explicitly selected profile takes precedence over `INFRAI_API_KEY`.
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
    costs: JobCosts,
    /// Error of the first invalid option; [`build`](Self::build) returns it.
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
    /// For bindings: replaces all options of [`ClientOptions`].
    #[doc(hidden)]
    pub fn options(mut self, options: ClientOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the project key. The client sends it only to the origin of the base URL.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.options.api_key = Some(Secret(key.into()));
        self
    }

    /// Sets a function that returns the key, such as from an application's backend. Each call runs it once, and once
    /// more after a 401. It takes precedence over the environment and the profile, and [`api_key`](Self::api_key) over
    /// it.
    pub fn api_key_provider(mut self, provider: KeyProvider) -> Self {
        self.key_provider = Some(provider);
        self
    }

    /// Sets the base URL of the API, which may have a path. Plain `http` is allowed for loopback hosts only, unless
    /// [`allow_insecure_http`](Self::allow_insecure_http) is set.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.options.base_url = Some(BaseUrl(url.into()));
        self
    }

    /// Sets the profile of the credentials file.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.options.profile = Some(name.into());
        self
    }

    /// Sets the path of the credentials file. The device's secret is in a file beside it.
    pub fn credentials_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.credentials_file = Some(path.into());
        self
    }

    /// Sets a store that replaces the credentials file, such as the platform's keychain. The store holds the device's
    /// secret too. The client ignores the credentials file and `INFRAI_CREDENTIALS_FILE`.
    pub fn credential_store(mut self, store: impl CredentialStore + 'static) -> Self {
        self.credential_store = Some(Store(Arc::new(store)));
        self
    }

    durations! {
        /// Sets the timeout of a call, including retries and the pauses between them. Default: 60 s.
        timeout,
        /// Sets the timeout of one attempt, from connecting to the end of the response. Default: 20 s.
        attempt_timeout,
        /// Sets the timeout of connecting within an attempt. Default: 10 s.
        connect_timeout,
        /// Sets the longest time that a download may receive no byte. Default: 30 s.
        download_idle_timeout,
        /// Sets the longest pause before the first retry. It doubles with each further retry, up to
        /// [`retry_cap`](Self::retry_cap). The actual pause is random (full jitter). Default: 0.5 s.
        retry_base,
        /// Sets the longest pause before a retry. A server's `Retry-After` may exceed it. Default: 8 s.
        retry_cap,
    }

    /// Sets the number of retries after a failed attempt. Default: 2, so that a call has at most three attempts.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.options.max_retries = retries;
        self
    }

    /// Sets the most connections in use at once, each for one request or download. Further ones wait, within their
    /// timeouts. A download's stream uses its connection until it is read to the end or dropped. Default: 256, which fits
    /// into the usual limit of 1,024 open files.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.options.max_connections = connections;
        self
    }

    /// Sets the options of polling, for all waits of the client.
    pub fn polling(mut self, options: PollingOptions) -> Self {
        self.options.polling = options;
        self
    }

    /// Sets the routes of the calls for a job's status and cancel. Default: [`VideoRoutes::Auto`], which finds those that
    /// the server has.
    pub fn routes(mut self, routes: VideoRoutes) -> Self {
        self.options.routes = routes;
        self
    }

    /// Adds a header to every call to the API. Headers that the SDK sets itself are an error.
    pub fn default_header(mut self, name: &str, value: &str) -> Self {
        match options::header("default_headers", name, value) {
            Ok((name, value)) => {
                self.options.default_headers.insert(name, value);
            }
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
        self
    }

    /// Sets the URL of an http or https proxy for all hosts except loopback hosts. It replaces `HTTPS_PROXY`,
    /// `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
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

    /// Sets a PEM file of root certificates, which replace the platform's.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.ca_file = Some(path.into());
        self
    }

    /// Sets a suffix of the `User-Agent`, such as an application's name and version: visible ASCII and spaces.
    pub fn user_agent_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.options.user_agent_suffix = Some(suffix.into());
        self
    }

    /// Sets whether plain `http` is allowed to hosts other than loopback, such as an emulator's host or another
    /// container. Default: no. Do not allow it over the internet: everyone on the network path can read the key.
    pub fn allow_insecure_http(mut self, allow: bool) -> Self {
        self.options.allow_insecure_http = allow;
        self
    }

    /// Sets a callback that runs before every attempt. The [`RequestEvent`] contains no body and no key.
    pub fn on_request(mut self, hook: impl Fn(&RequestEvent<'_>) + Send + Sync + 'static) -> Self {
        self.http.hooks.on_request = Some(Arc::new(hook));
        self
    }

    /// Sets a callback that runs after every attempt. The [`ResponseEvent`] contains no body and no key.
    pub fn on_response(mut self, hook: impl Fn(&ResponseEvent<'_>) + Send + Sync + 'static) -> Self {
        self.http.hooks.on_response = Some(Arc::new(hook));
        self
    }

    /// For bindings: sets the language, the package's version and the runtime in the `User-Agent`.
    #[doc(hidden)]
    pub fn client_info(mut self, language: &str, version: &str, runtime: &str) -> Self {
        self.http.client_info =
            ClientInfo { language: language.into(), version: version.into(), runtime: runtime.into() };
        self
    }

    /// For bindings: replaces the process's environment variables, for languages in which a realm has its own.
    #[doc(hidden)]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// For bindings: sets the language's variables for a PEM file of root certificates, in addition to `SSL_CERT_FILE`.
    #[doc(hidden)]
    pub fn ca_bundle_env(mut self, names: &[&'static str]) -> Self {
        self.http.ca_bundle_env = names.to_vec();
        self
    }

    /// For bindings: sets the language's variables for a PEM file of additional root certificates.
    #[doc(hidden)]
    pub fn additional_ca_env(mut self, names: &[&'static str]) -> Self {
        self.http.additional_ca_env = names.to_vec();
        self
    }

    /// For bindings: sets the costs of jobs, for a client that continues another one.
    #[doc(hidden)]
    pub fn costs(mut self, costs: JobCosts) -> Self {
        self.costs = costs;
        self
    }

    /// For tests and simulations: sets the clock of the poller.
    #[doc(hidden)]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Replaces the transport.
    #[cfg(test)]
    pub(crate) fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Returns whether an option sets the key.
    #[cfg(test)]
    pub(crate) fn has_key(&self) -> bool {
        self.options.api_key.is_some() || self.key_provider.is_some()
    }

    /// Builds the client. It reads no file and sends no request yet: a missing key is an error of the first call.
    ///
    /// # Errors
    /// `CONFIGURATION_INVALID` if an option is invalid. The message names the option, the expected value and the actual
    /// one.
    pub fn build(self) -> Result<InfraiClient> {
        let Self {
            options,
            key_provider,
            credential_store,
            environment,
            http,
            clock,
            transport,
            costs,
            error,
        } = self;
        if let Some(error) = error {
            return Err(error);
        }
        let seed = runtime::random_seed()?;
        let options = Arc::new(options.validate()?);
        let clock = clock.unwrap_or_else(|| Arc::new(SystemClock));
        let routes = Arc::new(JobRoutes::new(options.routes));
        let poller = Poller::new(options.polling.clone(), clock, seed.wrapping_add(1));
        let config = HttpConfig { options: Arc::clone(&options), environment: environment.clone(), ..http };
        let transport = transport.unwrap_or_else(|| Arc::new(HttpTransport::new(Arc::new(config.clone()))));
        let auth = AuthConfig { options, key_provider, credential_store, environment };
        let auth = Arc::new(EndpointResolver::new(auth));
        let http = HttpClient::new(config, auth, transport, seed)?;
        Ok(InfraiClient::from_api(ApiClient { http, poller, routes, costs }))
    }
}

impl InfraiClient {
    /// Returns a client with the settings of the environment, the credentials file and the defaults.
    ///
    /// # Errors
    /// `INTERNAL` if the operating system has no randomness. A missing key is an error of the first call.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// Returns a builder, which sets options of the client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("options", &self.options).finish_non_exhaustive()
    }
}
