//! Callbacks into the application: key function, hooks, update and progress listeners.

use std::{error::Error as StdError, fmt, sync::Arc};

use infrai::{CallContext, ClientBuilder, VideoJob, video::DownloadProgress};
use infrai_bindings::{ForeignException, KeyError, catch_panic, key_provider};

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

/// Callbacks of one call or stream, which run in the context of its caller.
#[uniffi::export(foreign)]
#[async_trait::async_trait]
pub trait Callbacks: Send + Sync {
    /// Returns the key, once per call and once more after a 401. Cancelled with the call.
    async fn key(&self) -> Result<String, ApiKeyProviderError>;
    /// Called before every attempt, on a thread of the runtime. It should return quickly.
    fn on_request(&self, event: RequestEvent);
    /// Called after every attempt, on a thread of the runtime. It should return quickly.
    fn on_response(&self, event: ResponseEvent);
}

/// Callbacks that a client has.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct CallbackKinds {
    /// Whether a function returns the key.
    pub key: bool,
    /// Whether there are hooks.
    pub hooks: bool,
}

/// Returns the context of a call with these callbacks.
pub(crate) fn context(callbacks: Arc<dyn Callbacks>) -> CallContext {
    CallContext::new(callbacks)
}

/// Returns the callbacks of the call that the core is working for. `None` if the package passed none.
fn current() -> Option<Arc<dyn Callbacks>> {
    CallContext::current()?.downcast_ref::<Arc<dyn Callbacks>>().cloned()
}

/// Adds the callbacks to a builder. Each runs for the call that it belongs to, so no call of another caller sees it.
pub(crate) fn with_callbacks(mut builder: ClientBuilder, kinds: CallbackKinds) -> ClientBuilder {
    if kinds.key {
        builder = builder.api_key_provider(key_provider(|| {
            let callbacks = current();
            async move {
                match callbacks {
                    Some(callbacks) => Ok(callbacks.key().await?),
                    None => Err(KeyError::NotCalled),
                }
            }
        }));
    }
    if kinds.hooks {
        builder = builder
            .on_request(|event| {
                let event = RequestEvent {
                    method: event.method.to_owned(),
                    path: event.path.to_owned(),
                    attempt: event.attempt,
                };
                run_hook(|callbacks| callbacks.on_request(event));
            })
            .on_response(|event| {
                let event = ResponseEvent {
                    method: event.method.to_owned(),
                    path: event.path.to_owned(),
                    attempt: event.attempt,
                    status: event.status,
                    latency: event.latency.as_secs_f64(),
                    request_id: event.request_id.map(str::to_owned),
                };
                run_hook(|callbacks| callbacks.on_response(event));
            });
    }
    builder
}

/// Runs a hook. Its panic ends no call; the panic hook has printed its message.
fn run_hook(hook: impl FnOnce(&dyn Callbacks)) {
    if let Some(callbacks) = current() {
        let _ = catch_panic(|| hook(&*callbacks));
    }
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
