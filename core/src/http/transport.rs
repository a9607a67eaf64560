//! The transport: carries one HTTP exchange.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::{error::InfraiError, runtime::BoxFuture};

/// Largest body of a response, after decompression, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// An outgoing request.
#[derive(Debug, Clone)]
pub(crate) struct WireRequest {
    pub(crate) method: Method,
    /// Absolute, without a fragment.
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// A file, not a response of the API: the bytes are saved as they arrive, so nothing is decompressed.
    pub(crate) file: bool,
    /// Opens a new connection. If one of the pooled connections is broken, the others may be too.
    pub(crate) new_connection: bool,
}

/// A response whose body is still arriving.
pub(crate) struct WireResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Box<dyn BodyStream>,
}

/// A body in chunks. `None` is the end.
pub(crate) trait BodyStream: Send + Sync {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransportError>>;
}

impl dyn BodyStream {
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }
}

/// A body that holds the permit of its connection.
pub(crate) struct PermittedBody {
    pub(crate) body: Box<dyn BodyStream>,
    pub(crate) _permit: Option<OwnedSemaphorePermit>,
}

impl BodyStream for PermittedBody {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransportError>> {
        self.body.poll_next(cx)
    }
}

/// The failure of an exchange.
#[derive(Debug)]
pub(crate) struct TransportError {
    pub(crate) message: String,
    /// Nothing of the request left this machine.
    pub(crate) before_sending: bool,
    pub(crate) retryable: bool,
    pub(crate) hint: Option<&'static str>,
    pub(crate) source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl TransportError {
    /// Returns the error of a response that stays silent for this long.
    pub(crate) fn read_timeout(timeout: Duration) -> Self {
        Self {
            message: format!("no byte for {timeout:?}"),
            before_sending: false,
            retryable: true,
            hint: None,
            source: None,
        }
    }
}

/// Sender of requests: reqwest, or a scripted peer in tests.
pub(crate) trait Transport: Send + Sync {
    /// Returns the permits of the connections, of which a request holds one. `None` means no limit.
    fn permits(&self) -> Option<Arc<Semaphore>> {
        None
    }

    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, SendError>>;
}

/// The reason for a missing response.
pub(crate) enum SendError {
    /// The exchange failed.
    Transport(TransportError),
    /// The exchange could not begin, because a setting is wrong.
    Setup(InfraiError),
}
