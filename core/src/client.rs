//! Client facade: one handle for all methods of the API.

use std::fmt;

use crate::{
    api::{
        account::Account,
        activate::Activate,
        client::ApiClient,
        diagnostics::{Probe, Settings},
        discovery::{Capability, Discovery},
        request::ApiRequest,
        video::Video,
    },
    auth::endpoint::Identity,
    error::Result,
    options::CallOptions,
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
///
/// # Errors of every call
/// The kind of an error is [`InfraiError::kind`](crate::InfraiError::kind). Each call may return these:
///
/// - [`Authentication`](crate::ErrorKind::Authentication): there is no key, or the API rejects it (401).
/// - [`Permission`](crate::ErrorKind::Permission), [`PaymentRequired`](crate::ErrorKind::PaymentRequired),
///   [`InvalidRequest`](crate::ErrorKind::InvalidRequest), [`NotFound`](crate::ErrorKind::NotFound) and
///   [`Conflict`](crate::ErrorKind::Conflict): the API rejects the request.
/// - [`RateLimit`](crate::ErrorKind::RateLimit), [`Server`](crate::ErrorKind::Server),
///   [`Connection`](crate::ErrorKind::Connection) and [`Timeout`](crate::ErrorKind::Timeout): the last attempt failed,
///   or the call's timeout passed.
/// - [`UnexpectedResponse`](crate::ErrorKind::UnexpectedResponse): the response breaks the API's contract.
/// - [`Configuration`](crate::ErrorKind::Configuration) and [`Credentials`](crate::ErrorKind::Credentials): a setting
///   or the credentials file cannot be used.
/// - [`Internal`](crate::ErrorKind::Internal): a bug in the SDK.
#[derive(Clone)]
pub struct InfraiClient {
    api: ApiClient,
}

impl InfraiClient {
    pub(crate) fn from_api(api: ApiClient) -> Self {
        Self { api }
    }

    /// Returns a client with other options for its calls: timeout, retries and headers. It shares connections, retry
    /// budget and poller with this client.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> infrai::Result<()> {
    /// # let (client, _world) = sandboxed().await;
    /// use std::time::Duration;
    /// use infrai::CallOptions;
    ///
    /// let options = CallOptions::new().timeout(Duration::from_secs(5)).max_retries(0);
    /// client.with_options(options)?.account().balance().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the timeout is zero, and `CONFIGURATION_INVALID` if a header is not valid or is set by the
    /// SDK.
    pub fn with_options(&self, options: CallOptions) -> Result<Self> {
        let http = self.api.http.with_options(options)?;
        Ok(Self { api: ApiClient { http, ..self.api.clone() } })
    }

    /// Returns the methods for videos: generate, status, cancel, wait, watch, download.
    pub fn video(&self) -> Video<'_> {
        Video { client: &self.api }
    }

    /// Returns the methods for the account: balance and top-up.
    pub fn account(&self) -> Account<'_> {
        Account { client: &self.api }
    }

    /// Activates an anonymous account with a trial credit for this device and stores its key: `POST /v1/activate`. The
    /// methods of [`Activate`] set options, and `.await` sends the request.
    pub fn activate(&self) -> Activate {
        Activate::new(&self.api)
    }

    /// Returns the capabilities that the API declares, with their routes, prices and parameters: `GET /v1/discovery`. The
    /// call sends no key and needs none.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> infrai::Result<()> {
    /// # let (client, _world) = sandboxed().await;
    /// for capability in client.discover().await?.capabilities {
    ///     println!("{} {:?}", capability.id, capability.path);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if the server has no discovery, and those of
    /// [every call](Self#errors-of-every-call) that need no key.
    pub async fn discover(&self) -> Result<Discovery> {
        self.api.discover().await
    }

    /// Returns one capability: `GET /v1/discovery/{capability}`. The call sends no key and needs none.
    ///
    /// `id` is the capability's id, such as `video.generate`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the id is empty, `.` or `..`. [`NotFound`](crate::ErrorKind::NotFound) if the server does not
    /// have the capability, or no discovery, and those of [every call](Self#errors-of-every-call) that need no key.
    pub async fn discover_capability(&self, id: impl AsRef<str>) -> Result<Capability> {
        self.api.capability(id.as_ref()).await
    }

    /// Calls a route that has no method of its own, with the same key, retries and errors. The methods of
    /// [`ApiRequest`] set query and body, and `.await` sends the request.
    ///
    /// `method` is `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`. `path` is relative to the base URL and starts
    /// with exactly one `/`, such as `/v1/account/balance`.
    pub fn request(&self, method: impl AsRef<str>, path: impl Into<String>) -> ApiRequest {
        ApiRequest::new(&self.api, method.as_ref(), path.into())
    }

    /// Returns what the jobs that this client submitted cost so far, in US dollars: the sum of their known costs, less
    /// what the API says that it gave back. Clones and clients of [`with_options`](Self::with_options) share the sum.
    ///
    /// A job that a repeated idempotency key returned again counts once, unless more than 10,000 other jobs came
    /// between. A job that this client did not submit counts nothing.
    pub fn spent_usd(&self) -> f64 {
        self.api.costs.spent_usd()
    }

    #[cfg(test)]
    pub(crate) fn http(&self) -> &crate::http::client::HttpClient {
        &self.api.http
    }

    /// Returns the base URL of the calls.
    ///
    /// # Errors
    /// Those of the first call, if a setting or the credentials file cannot be used.
    pub fn base_url(&self) -> Result<String> {
        Ok(self.api.http.auth().endpoint()?.base_url.to_string())
    }

    /// Returns the redacted key, or a placeholder for a key function. `None` if no key was found.
    ///
    /// # Errors
    /// Those of the first call, if a setting or the credentials file cannot be used.
    pub fn key_hint(&self) -> Result<Option<String>> {
        self.api.http.auth().key_hint()
    }

    /// Returns profile, key and base URL of the calls, without a request.
    ///
    /// # Errors
    /// Those of the first call, if a setting or the credentials file cannot be used. A missing key is not an error.
    pub fn identity(&self) -> Result<Identity> {
        self.api.http.auth().identity()
    }

    /// For the command: returns the settings and their sources, without a request.
    #[doc(hidden)]
    pub fn settings(&self) -> Settings {
        self.api.settings()
    }

    /// For the command: requests the API without a key, and returns what its response shows.
    #[doc(hidden)]
    pub async fn probe(&self) -> Result<Probe> {
        self.api.probe().await
    }

    /// For bindings: returns whether base URL and key are cached, so that calls do not read settings or files again.
    #[doc(hidden)]
    pub fn is_resolved(&self) -> bool {
        self.api.http.auth().is_resolved()
    }
}

impl fmt::Debug for InfraiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.api.http.config().options;
        f.debug_struct("InfraiClient")
            .field("base_url", &options.base_url)
            .field("profile", &options.profile)
            .finish_non_exhaustive()
    }
}
