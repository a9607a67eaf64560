//! Callbacks into the application: key function, hooks, update and progress listeners.

use std::{error::Error as StdError, fmt, sync::Arc};

use infrai::{ClientBuilder, KeyProvider, VideoJob, video::DownloadProgress};
use infrai_bindings::{ForeignException, KeyError, catch_panic};

/// Key function. Each call runs it once, and once more after a 401.
#[uniffi::export(foreign)]
#[async_trait::async_trait]
pub trait ApiKeyProvider: Send + Sync {
    /// Returns the key. Cancelled with the call that needs it.
    async fn key(&self) -> Result<String, ApiKeyProviderError>;
}

/// Error of a key function.
#[derive(Debug, Clone, uniffi::Error)]
pub enum ApiKeyProviderError {
    /// The function threw. The package keeps the exception under the number, which
    /// [`NativeError`](crate::NativeError) returns.
    Exception {
        /// Number of the exception.
        number: i64,
        /// Description of the exception.
        reason: String,
    },
}

impl fmt::Display for ApiKeyProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Exception { reason, .. } = self;
        f.write_str(reason)
    }
}

impl StdError for ApiKeyProviderError {}

impl From<uniffi::UnexpectedUniFFICallbackError> for ApiKeyProviderError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Exception { number: -1, reason: error.reason }
    }
}

impl From<ApiKeyProviderError> for KeyError {
    fn from(error: ApiKeyProviderError) -> Self {
        let ApiKeyProviderError::Exception { number, reason } = error;
        Self::Exception(Arc::new(ForeignException::new(number, reason)))
    }
}

/// Converts a key function to the core's provider.
pub(crate) fn key_provider(function: Arc<dyn ApiKeyProvider>) -> KeyProvider {
    infrai_bindings::key_provider(move || {
        let function = Arc::clone(&function);
        async move { Ok(function.key().await?) }
    })
}

/// An attempt that is about to be sent; see `infrai::RequestEvent`, which borrows its texts.
#[derive(Debug, Clone, uniffi::Record)]
pub struct RequestEvent {
    /// HTTP method.
    pub method: String,
    /// Path without origin, query and keys.
    pub path: String,
    /// Number of the attempt within the call, starting at 1.
    pub attempt: u32,
}

/// An attempt that has a response or has failed; see `infrai::ResponseEvent`.
#[derive(Debug, Clone, uniffi::Record)]
pub struct ResponseEvent {
    /// HTTP method.
    pub method: String,
    /// Path without origin, query and keys.
    pub path: String,
    /// Number of the attempt within the call, starting at 1.
    pub attempt: u32,
    /// HTTP status, if there was a response.
    pub status: Option<u16>,
    /// Seconds from the request to the end of the response.
    pub latency: f64,
    /// The API's id of the request.
    pub request_id: Option<String>,
}

/// Instrumentation hooks. They run on a thread of the runtime and should return quickly.
#[uniffi::export(foreign)]
pub trait RequestHooks: Send + Sync {
    /// Called before every attempt.
    fn on_request(&self, event: RequestEvent);
    /// Called after every attempt.
    fn on_response(&self, event: ResponseEvent);
}

/// Adds the hooks to a builder. A panic of a hook ends no call; the panic hook has printed its message.
pub(crate) fn with_hooks(builder: ClientBuilder, hooks: &Arc<dyn RequestHooks>) -> ClientBuilder {
    let (before, after) = (Arc::clone(hooks), Arc::clone(hooks));
    builder
        .on_request(move |event| {
            let event = RequestEvent {
                method: event.method.to_owned(),
                path: event.path.to_owned(),
                attempt: event.attempt,
            };
            let _ = catch_panic(|| before.on_request(event));
        })
        .on_response(move |event| {
            let event = ResponseEvent {
                method: event.method.to_owned(),
                path: event.path.to_owned(),
                attempt: event.attempt,
                status: event.status,
                latency: event.latency.as_secs_f64(),
                request_id: event.request_id.map(str::to_owned),
            };
            let _ = catch_panic(|| after.on_response(event));
        })
}

/// Listener for a job's states during a wait. Never called after the wait has ended or was cancelled.
#[uniffi::export(foreign)]
pub trait UpdateListener: Send + Sync {
    /// Called with the first state and with every change.
    fn on_update(&self, job: VideoJob);
}

/// Listener for a download's progress. Never called after the download has ended or was cancelled.
#[uniffi::export(foreign)]
pub trait ProgressListener: Send + Sync {
    /// Called after every written chunk.
    fn on_progress(&self, progress: DownloadProgress);
}
