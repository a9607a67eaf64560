//! Client facade: one handle for all groups of calls.

use std::fmt;

use crate::{
    api::{account::Account, activate::Activate, client::ApiClient, request::ApiRequest, video::Video},
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
#[derive(Clone)]
pub struct InfraiClient {
    api: ApiClient,
}

impl InfraiClient {
    pub(crate) fn from_api(api: ApiClient) -> Self {
        Self { api }
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
        let http = self.api.http.with_options(options)?;
        Ok(Self { api: ApiClient { http, poller: self.api.poller.clone() } })
    }

    /// Returns the methods for videos: generate, status, cancel, wait, watch, download.
    pub fn video(&self) -> Video<'_> {
        Video { client: &self.api }
    }

    /// Returns the methods for the account: balance and top-up.
    pub fn account(&self) -> Account<'_> {
        Account { client: &self.api }
    }

    /// Activates an anonymous account with a trial credit for this device and stores its key: `POST /v1/activate`.
    pub fn activate(&self) -> Activate {
        Activate::new(&self.api)
    }

    /// Calls any other route of the API, with the same key, retries, envelope and errors.
    ///
    /// `path` starts with exactly one `/` and goes below the base URL.
    pub fn request(&self, method: impl AsRef<str>, path: impl Into<String>) -> ApiRequest {
        ApiRequest::new(&self.api, method.as_ref(), path.into())
    }

    #[cfg(test)]
    pub(crate) fn http(&self) -> &crate::http::client::HttpClient {
        &self.api.http
    }

    /// Returns the base URL of the calls.
    ///
    /// # Errors
    /// As the first call: a setting or the credentials file cannot be used.
    pub fn base_url(&self) -> Result<String> {
        Ok(self.api.http.auth().endpoint()?.base_url.to_string())
    }

    /// Returns the redacted key; `None` where none was found.
    ///
    /// # Errors
    /// As the first call: a setting or the credentials file cannot be used.
    pub fn key_hint(&self) -> Result<Option<String>> {
        self.api.http.auth().key_hint()
    }

    /// Returns account, key and base URL in use, without a request.
    ///
    /// # Errors
    /// As the first call: a setting or the credentials file cannot be used. A missing key is none.
    pub fn identity(&self) -> Result<Identity> {
        self.api.http.auth().identity()
    }

    /// For bindings: whether base URL and key are known, so that no call looks for them again.
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
