//! What instrumentation may see of a call: never a body, never a key.

use std::{fmt, sync::Arc, time::Duration};

/// An attempt about to be sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RequestEvent<'a> {
    /// `GET`, `POST`, ….
    pub method: &'a str,
    /// The path, without origin, query and keys.
    pub path: &'a str,
    /// 1 for the first attempt of the call.
    pub attempt: u32,
}

/// An attempt that has been answered, or has failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ResponseEvent<'a> {
    /// `GET`, `POST`, ….
    pub method: &'a str,
    /// The path, without origin, query and keys.
    pub path: &'a str,
    /// 1 for the first attempt of the call.
    pub attempt: u32,
    /// The HTTP status; none when the connection failed or no answer came in time.
    pub status: Option<u16>,
    /// From the request to the end of the answer.
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
