//! Instrumentation hooks. Their events contain no body and no key.

use std::{fmt, sync::Arc, time::Duration};

/// An attempt that is about to be sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RequestEvent<'a> {
    /// HTTP method: `GET`, `POST`, ….
    pub method: &'a str,
    /// Path without origin, query and keys.
    pub path: &'a str,
    /// Number of the attempt within the call, starting at 1.
    pub attempt: u32,
}

/// An attempt that has a response or has failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ResponseEvent<'a> {
    /// HTTP method: `GET`, `POST`, ….
    pub method: &'a str,
    /// Path without origin, query and keys.
    pub path: &'a str,
    /// Number of the attempt within the call, starting at 1.
    pub attempt: u32,
    /// HTTP status. `None` if the connection failed or the response did not arrive in time.
    pub status: Option<u16>,
    /// Time from the request to the end of the response.
    pub latency: Duration,
    /// The API's id of the request.
    pub request_id: Option<&'a str>,
}

type OnRequest = dyn Fn(&RequestEvent<'_>) + Send + Sync;
type OnResponse = dyn Fn(&ResponseEvent<'_>) + Send + Sync;

#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_request: Option<Arc<OnRequest>>,
    pub(crate) on_response: Option<Arc<OnResponse>>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("on_request", &self.on_request.is_some())
            .field("on_response", &self.on_response.is_some())
            .finish()
    }
}
