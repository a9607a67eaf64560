//! Scripted transport for tests on a paused clock.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::{Dispatch, dispatcher::DefaultGuard, subscriber::NoSubscriber};

use crate::{
    ClientBuilder, InfraiClient, VideoRoutes,
    error::Result,
    http::transport::{BodyStream, SendError, Transport, TransportError, WireRequest, WireResponse},
    polling::clock::Clock,
    runtime::BoxFuture,
};

/// Tokio's clock, which tests can pause.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Response to one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct MockResponse {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    delay: Duration,
    refuse: bool,
    reset: bool,
    ending: Ending,
}

/// End of a response body.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Ending {
    #[default]
    Whole,
    Cut,
    Stalled,
}

pub(crate) fn answer(status: u16, body: &Value) -> MockResponse {
    MockResponse { status, body: body.to_string().into_bytes(), ..MockResponse::default() }
}

/// Returns a success envelope around this data.
pub(crate) fn ok(data: &Value) -> MockResponse {
    answer(200, &json!({"ok": true, "data": data, "error": null, "metadata": {"request_id": "req-1"}}))
}

/// Returns a failure envelope with this code.
pub(crate) fn failure(status: u16, code: &str) -> MockResponse {
    let error = json!({"code": code, "message": "no"});
    answer(status, &json!({"ok": false, "data": null, "error": error, "metadata": {}}))
}

/// Id of [`job`]. In the response to a status request it becomes the requested id.
const ID: &str = "\"vid_1\"";

pub(crate) fn job(state: &str) -> Value {
    json!({"job_id": "vid_1", "state": state})
}

/// Refuses the connection.
pub(crate) fn refused() -> MockResponse {
    MockResponse { refuse: true, ..MockResponse::default() }
}

/// Breaks the connection after the request was sent.
pub(crate) fn reset() -> MockResponse {
    MockResponse { reset: true, ..MockResponse::default() }
}

impl MockResponse {
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Breaks the connection in the middle of the body.
    pub(crate) fn cut_off(mut self) -> Self {
        self.ending = Ending::Cut;
        self
    }

    /// Sends half of the body, and then nothing more.
    pub(crate) fn stalled(mut self) -> Self {
        self.ending = Ending::Stalled;
        self
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn bytes(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }
}

/// A request and the time of its arrival.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) at: Duration,
    pub(crate) request: WireRequest,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn path(&self) -> &str {
        self.request.url.path()
    }
}

type Respond = dyn Fn(usize, &WireRequest) -> MockResponse + Send + Sync;

/// Scripted server that records its requests.
pub(crate) struct Script {
    respond: Box<Respond>,
    begun: Instant,
    requests: Mutex<Vec<Received>>,
    in_flight: Arc<AtomicUsize>,
    pub(crate) max_in_flight: AtomicUsize,
}

impl Script {
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Returns the seconds between each request and the next.
    pub(crate) fn gaps(&self) -> Vec<f64> {
        self.requests().windows(2).map(|pair| pair[1].at.as_secs_f64() - pair[0].at.as_secs_f64()).collect()
    }
}

/// Returns a client and its scripted server. `respond` gets the number of earlier requests, and the request.
pub(crate) fn client(
    builder: ClientBuilder,
    respond: impl Fn(usize, &WireRequest) -> MockResponse + Send + Sync + 'static,
) -> (InfraiClient, Arc<Script>) {
    let script = Arc::new(Script {
        respond: Box::new(respond),
        begun: Instant::now(),
        requests: Mutex::default(),
        in_flight: Arc::default(),
        max_in_flight: AtomicUsize::new(0),
    });
    let mut builder =
        builder.clock(Arc::new(TokioClock(Instant::now()))).transport(Arc::<Script>::clone(&script));
    if !builder.has_key() {
        builder = builder.api_key("ifr_pk_proj_0123456789abcdefghijklmnopqrstuv");
    }
    let client = builder.build().unwrap();
    (client, script)
}

/// Returns a client with default options and its scripted server.
pub(crate) fn plain(
    respond: impl Fn(usize, &WireRequest) -> MockResponse + Send + Sync + 'static,
) -> (InfraiClient, Arc<Script>) {
    client(InfraiClient::builder().base_url("http://localhost:1"), respond)
}

/// Like [`plain`], with one family of routes, so that each poll is one request.
pub(crate) fn pinned(
    respond: impl Fn(usize, &WireRequest) -> MockResponse + Send + Sync + 'static,
) -> (InfraiClient, Arc<Script>) {
    let builder = InfraiClient::builder().base_url("http://localhost:1").routes(VideoRoutes::Jobs);
    client(builder, respond)
}

/// Sends this thread's log to a subscriber until the guards are dropped.
///
/// The second dispatcher is necessary: with a single one, tracing decides by the first thread that reaches an event whether
/// it is logged at all, and other threads of the tests have no subscriber.
pub(crate) fn log_to(subscriber: impl Into<Dispatch>) -> (Dispatch, DefaultGuard) {
    let other = Dispatch::new(NoSubscriber::default());
    (other, tracing::dispatcher::set_default(&subscriber.into()))
}

struct InFlightGuard(Arc<AtomicUsize>);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Transport for Script {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, SendError>> {
        Box::pin(async move {
            let number = {
                let mut requests = self.requests.lock().unwrap();
                requests.push(Received { at: self.begun.elapsed(), request: request.clone() });
                requests.len() - 1
            };
            let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
            self.max_in_flight.fetch_max(now, Ordering::SeqCst);
            let _guard = InFlightGuard(Arc::clone(&self.in_flight));
            let mut response = (self.respond)(number, &request);
            let path = request.url.path();
            let id = path.strip_prefix("/v1/video/jobs/").or_else(|| path.strip_prefix("/v1/video/status/"));
            if let Some(id) = id
                && let Ok(body) = std::str::from_utf8(&response.body)
            {
                response.body = body.replace(ID, &format!("\"{id}\"")).into_bytes();
            }
            tokio::time::sleep(response.delay).await;
            if response.refuse || response.reset {
                return Err(SendError::Transport(fault(response.refuse)));
            }
            let mut headers = HeaderMap::new();
            for (name, value) in &response.headers {
                headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).unwrap());
            }
            let status = StatusCode::from_u16(response.status).unwrap();
            Ok(WireResponse {
                status,
                headers,
                body: Box::new(Chunks { body: Some(response.body), ending: response.ending }),
            })
        })
    }
}

fn fault(before_sending: bool) -> TransportError {
    TransportError { message: "scripted".into(), before_sending, retryable: true, hint: None, source: None }
}

struct Chunks {
    body: Option<Vec<u8>>,
    ending: Ending,
}

impl BodyStream for Chunks {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransportError>> {
        Poll::Ready(match self.body.take() {
            Some(body) if self.ending != Ending::Whole => {
                Ok(Some(Bytes::from(body[..body.len() / 2].to_vec())))
            }
            Some(body) => Ok(Some(Bytes::from(body))),
            None if self.ending == Ending::Stalled => return Poll::Pending,
            None if self.ending == Ending::Cut => Err(fault(false)),
            None => Ok(None),
        })
    }
}
