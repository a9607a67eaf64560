//! Every setting of a client: its meaning, its unit, its default.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Environment, InfraiClient, hooks::Hooks, proxy::ProxyUrl};
use crate::{
    credentials::{CredentialStore, Store},
    error::{InfraiError, Result},
    key::{KeyProvider, Secret},
    polling::{Clock, PollingOptions},
};

/// The API's address when nothing else is said.
pub const DEFAULT_BASE_URL: &str = "https://api.infrai.cc";

/// The settings of a client as they were given; what was left out is looked up at the first call.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) api_key: Option<Secret>,
    pub(crate) key_provider: Option<KeyProvider>,
    pub(crate) base_url: Option<BaseUrl>,
    pub(crate) profile: Option<String>,
    pub(crate) credentials_file: Option<PathBuf>,
    pub(crate) credential_store: Option<Store>,
    pub(crate) timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) download_idle_timeout: Duration,
    pub(crate) max_retries: u32,
    pub(crate) retry_base: Duration,
    pub(crate) retry_cap: Duration,
    pub(crate) polling: PollingOptions,
    pub(crate) default_headers: HeaderMap,
    pub(crate) proxy: Option<ProxyUrl>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) extra_ca_variables: Vec<&'static str>,
    pub(crate) added_ca_variables: Vec<&'static str>,
    pub(crate) environment: Environment,
    pub(crate) user_agent_suffix: Option<String>,
    pub(crate) allow_insecure_http: bool,
    pub(crate) hooks: Hooks,
    pub(crate) caller: Caller,
    pub(crate) clock: Option<Arc<dyn Clock>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api_key: None,
            key_provider: None,
            base_url: None,
            profile: None,
            credentials_file: None,
            credential_store: None,
            timeout: Duration::from_secs(60),
            attempt_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(10),
            download_idle_timeout: Duration::from_secs(30),
            max_retries: 2,
            retry_base: Duration::from_millis(500),
            retry_cap: Duration::from_secs(8),
            polling: PollingOptions::default(),
            default_headers: HeaderMap::new(),
            proxy: None,
            ca_file: None,
            extra_ca_variables: Vec::new(),
            added_ca_variables: Vec::new(),
            environment: Environment::default(),
            user_agent_suffix: None,
            allow_insecure_http: false,
            hooks: Hooks::default(),
            caller: Caller::default(),
            clock: None,
        }
    }
}

/// A base URL as it was given, not yet checked: a password in it is refused at the first call, and shown by no `Debug`.
#[derive(Clone)]
pub(crate) struct BaseUrl(pub(crate) String);

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match url::Url::parse(&self.0) {
            Ok(url) if url.username().is_empty() && url.password().is_none() => write!(f, "{:?}", self.0),
            _ => f.write_str("…"),
        }
    }
}

/// The language that calls, for the `User-Agent`.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) language: String,
    pub(crate) version: String,
    pub(crate) runtime: String,
}

impl Default for Caller {
    fn default() -> Self {
        Self {
            language: "rust".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            runtime: concat!("rustc ", env!("INFRAI_RUSTC_VERSION")).into(),
        }
    }
}

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
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ClientBuilder {
    pub(crate) config: Config,
    problem: Option<InfraiError>,
}

macro_rules! durations {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(mut self, value: Duration) -> Self {
            if value.is_zero() {
                self.refuse(stringify!($name), "0 s", "a positive duration");
            }
            self.config.$name = value;
            self
        }
    )*};
}

impl ClientBuilder {
    fn refuse(&mut self, setting: &str, got: impl std::fmt::Display, expected: &str) {
        self.problem.get_or_insert_with(|| {
            InfraiError::configuration(
                "CONFIGURATION_INVALID",
                format!("{setting} takes {expected}; it got {got}"),
            )
        });
    }

    /// The project key. It goes to the base URL that is given or the default, never to another origin.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.config.api_key = non_empty(key.into()).map(Secret);
        self
    }

    /// A function that gives the key, asked once a call and once more after a 401: for keys that a backend hands out.
    pub fn api_key_provider(mut self, provider: KeyProvider) -> Self {
        self.config.key_provider = Some(provider);
        self
    }

    /// The API's address; it may carry a path of its own. Plain `http` is for loopback hosts alone, unless
    /// [`allow_insecure_http`](Self::allow_insecure_http).
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.config.base_url = non_empty(url.into()).map(BaseUrl);
        self
    }

    /// The table of the credentials file to use.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.config.profile = non_empty(name.into());
        self
    }

    /// The credentials file. The device's secret is kept beside it.
    pub fn credentials_file(mut self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.config.credentials_file = (!path.as_os_str().is_empty()).then_some(path);
        self
    }

    /// A store that takes the credentials file's place, for an application whose platform has a better one. The device's
    /// secret is kept in it too; neither the file nor its variable is looked at.
    pub fn credential_store(mut self, store: impl CredentialStore + 'static) -> Self {
        self.config.credential_store = Some(Store(Arc::new(store)));
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
        self.config.max_retries = retries;
        self
    }

    /// How waits poll; see [`PollingOptions`].
    pub fn polling(mut self, options: PollingOptions) -> Self {
        if let Err((field, got, expected)) = options.check() {
            self.refuse(&format!("polling.{field}"), got, expected);
        }
        self.config.polling = options;
        self
    }

    /// A header for every call to the API. Those that the SDK sets itself are refused.
    pub fn default_header(mut self, name: &str, value: &str) -> Self {
        match header(name, value) {
            Ok((name, value)) => {
                self.config.default_headers.insert(name, value);
            }
            Err(error) => {
                self.problem.get_or_insert(error);
            }
        }
        self
    }

    /// A proxy for everything but loopback hosts, instead of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`:
    /// http or https.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        let url = url.into();
        match non_empty(url).map(|url| ProxyUrl::parse("proxy", &url)).transpose() {
            Ok(proxy) => self.config.proxy = proxy,
            Err(error) => {
                self.problem.get_or_insert(error);
            }
        }
        self
    }

    /// A PEM file of certificate authorities to trust instead of the platform's.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.config.ca_file = (!path.as_os_str().is_empty()).then_some(path);
        self
    }

    /// Words to put at the end of the `User-Agent`, such as an application's name and version.
    pub fn user_agent_suffix(mut self, suffix: impl Into<String>) -> Self {
        let suffix = suffix.into();
        if suffix.bytes().any(|b| !(0x20..=0x7e).contains(&b)) {
            self.refuse("user_agent_suffix", format!("{suffix:?}"), "visible ASCII");
        }
        self.config.user_agent_suffix = non_empty(suffix);
        self
    }

    /// Allows plain `http` to hosts other than loopback: for an emulator's host or a container's neighbour, never for
    /// the internet, where everyone on the way reads the key.
    pub fn allow_insecure_http(mut self, allow: bool) -> Self {
        self.config.allow_insecure_http = allow;
        self
    }

    /// Called before every attempt; it sees no body and no key. See [`RequestEvent`](super::RequestEvent).
    pub fn on_request(mut self, hook: impl Fn(&super::RequestEvent<'_>) + Send + Sync + 'static) -> Self {
        self.config.hooks.on_request = Some(Arc::new(hook));
        self
    }

    /// Called after every attempt; it sees no body and no key. See [`ResponseEvent`](super::ResponseEvent).
    pub fn on_response(mut self, hook: impl Fn(&super::ResponseEvent<'_>) + Send + Sync + 'static) -> Self {
        self.config.hooks.on_response = Some(Arc::new(hook));
        self
    }

    /// For bindings: the language, the package's version and the runtime that the `User-Agent` names.
    #[doc(hidden)]
    pub fn caller(mut self, language: &str, version: &str, runtime: &str) -> Self {
        self.config.caller =
            Caller { language: language.into(), version: version.into(), runtime: runtime.into() };
        self
    }

    /// For bindings: the environment in place of the process's, for a language in which a realm has its own.
    #[doc(hidden)]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.config.environment = environment;
        self
    }

    /// For bindings: variables beside `SSL_CERT_FILE` that name a PEM file in their language.
    #[doc(hidden)]
    pub fn extra_ca_variables(mut self, names: &[&'static str]) -> Self {
        self.config.extra_ca_variables = names.to_vec();
        self
    }

    /// For bindings: variables that name a PEM file of authorities to trust beside the others, in their language.
    #[doc(hidden)]
    pub fn added_ca_variables(mut self, names: &[&'static str]) -> Self {
        self.config.added_ca_variables = names.to_vec();
        self
    }

    /// For tests and simulations: the clock that polling goes by.
    #[doc(hidden)]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.config.clock = Some(clock);
        self
    }

    /// Makes the client. Nothing is read and nothing is sent yet: a missing key is an error of the first call.
    ///
    /// # Errors
    /// `CONFIGURATION_INVALID` for a setting that can never work, named with its value and what it takes.
    pub fn build(self) -> Result<InfraiClient> {
        match self.problem {
            Some(problem) => Err(problem),
            None => InfraiClient::from_config(self.config),
        }
    }
}

/// Checks a header of the caller's.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    const OURS: [&str; 11] = [
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "idempotency-key",
        "proxy-authorization",
        "transfer-encoding",
        "user-agent",
    ];
    let refuse = |message: String| InfraiError::configuration("CONFIGURATION_INVALID", message);
    let parsed = HeaderName::try_from(name).map_err(|_| {
        refuse(format!("default_headers has the name {name:?}, which is no HTTP header name"))
    })?;
    if OURS.contains(&parsed.as_str()) {
        return Err(refuse(format!("default_headers has {name:?}, which the SDK sets itself"))
            .with_hint("Use api_key, idempotency_key or user_agent_suffix instead."));
    }
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        refuse(format!(
            "default_headers has a value for {name:?} with characters that no HTTP header can carry"
        ))
    })?;
    // It may be a gateway's password: not for `Debug`.
    value.set_sensitive(true);
    Ok((parsed, value))
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Settings for some calls only; see [`InfraiClient::with_options`].
#[derive(Clone, Default)]
#[must_use]
pub struct CallOptions {
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_retries: Option<u32>,
    pub(crate) headers: Vec<(String, String)>,
}

impl CallOptions {
    /// No setting changed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a call may take in all.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many times a failed attempt may be made again.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = Some(retries);
        self
    }

    /// A header to send beside, or instead of, the client's own of the same name.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl fmt::Debug for CallOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallOptions")
            .field("timeout", &self.timeout)
            .field("max_retries", &self.max_retries)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}
