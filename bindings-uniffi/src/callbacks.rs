//! Callbacks into the application: key function, hooks, update and progress listeners.

use std::{
    error::Error as StdError,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use infrai::{ApiKey, ClientBuilder, ErrorKind, InfraiError, KeyProvider, RequestEvent, ResponseEvent};

use crate::{error::ForeignException, job::NativeJob};

/// Gives the project key: asked once a call, and once more after a 401.
#[uniffi::export(foreign)]
#[async_trait::async_trait]
pub trait NativeKeyFunction: Send + Sync {
    /// The key. Cancelled with the call that asked.
    async fn key(&self) -> Result<String, NativeKeyFailure>;
}

/// What a key function fails with.
#[derive(Debug, Clone, uniffi::Error)]
pub enum NativeKeyFailure {
    /// It threw; the package keeps what it threw under this number, and finds it again in
    /// [`NativeFailure::thrown`](crate::NativeFailure).
    Thrown {
        /// The number.
        number: i64,
        /// What was thrown, in words.
        reason: String,
    },
}

impl fmt::Display for NativeKeyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Thrown { reason, .. } = self;
        f.write_str(reason)
    }
}

impl StdError for NativeKeyFailure {}

impl From<uniffi::UnexpectedUniFFICallbackError> for NativeKeyFailure {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Thrown { number: -1, reason: error.reason }
    }
}

/// Converts a key function to the core's provider.
pub(crate) fn key_provider(function: Arc<dyn NativeKeyFunction>) -> KeyProvider {
    KeyProvider::new(move || {
        let function = Arc::clone(&function);
        async move {
            match function.key().await {
                Ok(key) => ApiKey::new(key),
                Err(NativeKeyFailure::Thrown { number, reason }) => Err(InfraiError::new(
                    ErrorKind::Configuration,
                    "CONFIGURATION_INVALID",
                    format!("the api_key function failed: {reason}"),
                )
                .with_source(ForeignException::new(number, reason))),
            }
        }
    })
}

/// An attempt about to be sent.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeRequestEvent {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path, without origin and query.
    pub path: String,
    /// 1 for the first attempt of the call.
    pub attempt: i32,
}

/// An attempt that has been answered, or has failed.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeResponseEvent {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path, without origin and query.
    pub path: String,
    /// 1 for the first attempt of the call.
    pub attempt: i32,
    /// The HTTP status; none when the connection failed or no answer came in time.
    pub status: Option<i32>,
    /// From the request to the end of the answer, in seconds.
    pub latency: f64,
    /// The API's id of the request.
    pub request_id: Option<String>,
}

/// What instrumentation sees of a client's attempts: no body, no key. Called on a thread of the runtime; it should be quick.
#[uniffi::export(foreign)]
pub trait NativeHooks: Send + Sync {
    /// Before every attempt.
    fn on_request(&self, event: NativeRequestEvent);
    /// After every attempt.
    fn on_response(&self, event: NativeResponseEvent);
}

fn saturating_i32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Calls a hook and drops its panic, so that the call goes on.
fn catch_hook_panic(hook: impl FnOnce()) {
    // The panic hook has printed the message.
    let _ = catch_unwind(AssertUnwindSafe(hook));
}

/// Adds the hooks to a builder.
pub(crate) fn with_hooks(builder: ClientBuilder, hooks: &Arc<dyn NativeHooks>) -> ClientBuilder {
    let (before, after) = (Arc::clone(hooks), Arc::clone(hooks));
    builder
        .on_request(move |event: &RequestEvent<'_>| {
            let native = NativeRequestEvent {
                method: event.method.to_owned(),
                path: event.path.to_owned(),
                attempt: saturating_i32(event.attempt),
            };
            catch_hook_panic(|| before.on_request(native));
        })
        .on_response(move |event: &ResponseEvent<'_>| {
            let native = NativeResponseEvent {
                method: event.method.to_owned(),
                path: event.path.to_owned(),
                attempt: saturating_i32(event.attempt),
                status: event.status.map(i32::from),
                latency: event.latency.as_secs_f64(),
                request_id: event.request_id.map(str::to_owned),
            };
            catch_hook_panic(|| after.on_response(native));
        })
}

/// Listener for a job's states during a wait. Never called after the wait has ended or was cancelled.
#[uniffi::export(foreign)]
pub trait NativeUpdateListener: Send + Sync {
    /// The job's first state, and every change of it.
    fn on_update(&self, job: NativeJob);
}

/// Listener for a download's progress. Never called after the download has ended or was cancelled.
#[uniffi::export(foreign)]
pub trait NativeProgressListener: Send + Sync {
    /// After every piece that was written.
    fn on_progress(&self, progress: NativeProgress);
}

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct NativeProgress {
    /// Bytes so far.
    pub received: i64,
    /// Bytes in all, if the server says so.
    pub total: Option<i64>,
}
