//! A transport that plays a script, so that what time decides is tested on a paused clock.

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
    ClientBuilder, InfraiClient,
    error::Result,
    http::transport::{BodyStream, SendError, Transport, TransportError, WireRequest, WireResponse},
    polling::clock::Clock,
    runtime::BoxFuture,
};

/// Tokio's clock, which tests pause.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// What the script answers to a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reaction {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    delay: Duration,
    refuse: bool,
    reset: bool,
    ending: Ending,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Ending {
    #[default]
    Whole,
    Cut,
    Stalled,
}

pub(crate) fn answer(status: u16, body: &Value) -> Reaction {
    Reaction { status, body: body.to_string().into_bytes(), ..Reaction::default() }
}

/// A success envelope around this data.
pub(crate) fn ok(data: &Value) -> Reaction {
    answer(200, &json!({"ok": true, "data": data, "error": null, "metadata": {"request_id": "req-1"}}))
}

/// A failure envelope with this code.
pub(crate) fn failure(status: u16, code: &str) -> Reaction {
    let error = json!({"code": code, "message": "no"});
    answer(status, &json!({"ok": false, "data": null, "error": error, "metadata": {}}))
}

pub(crate) fn job(state: &str) -> Value {
    json!({"job_id": "vid_1", "state": state})
}

/// Nobody listens there.
pub(crate) fn refused() -> Reaction {
    Reaction { refuse: true, ..Reaction::default() }
}

/// The connection breaks after the request was sent.
pub(crate) fn reset() -> Reaction {
    Reaction { reset: true, ..Reaction::default() }
}

impl Reaction {
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The connection breaks in the middle of the body.
    pub(crate) fn cut_off(mut self) -> Self {
        self.ending = Ending::Cut;
        self
    }

    /// Half of the body comes, and then nothing more.
    pub(crate) fn stalled(mut self) -> Self {
        self.ending = Ending::Stalled;
        self
    }

    pub(crate) fn bytes(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }
}

/// A request that came, and when.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Duration,
    pub(crate) request: WireRequest,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn path(&self) -> &str {
        self.request.url.path()
    }
}

type React = dyn Fn(usize, &WireRequest) -> Reaction + Send + Sync;

/// The scripted server: what it answers, and what it saw.
pub(crate) struct Script {
    react: Box<React>,
    begun: Instant,
    seen: Mutex<Vec<Seen>>,
    under_way: Arc<AtomicUsize>,
    pub(crate) most_at_once: AtomicUsize,
}

impl Script {
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::SeqCst)
    }

    /// The seconds between one request and the next.
    pub(crate) fn gaps(&self) -> Vec<f64> {
        self.seen().windows(2).map(|pair| pair[1].at.as_secs_f64() - pair[0].at.as_secs_f64()).collect()
    }
}

/// A client over a script: `react` is told how many requests came before, and the request.
pub(crate) fn client(
    builder: ClientBuilder,
    react: impl Fn(usize, &WireRequest) -> Reaction + Send + Sync + 'static,
) -> (InfraiClient, Arc<Script>) {
    let script = Arc::new(Script {
        react: Box::new(react),
        begun: Instant::now(),
        seen: Mutex::default(),
        under_way: Arc::default(),
        most_at_once: AtomicUsize::new(0),
    });
    let mut builder =
        builder.clock(Arc::new(TokioClock(Instant::now()))).transport(Arc::<Script>::clone(&script));
    if !builder.has_key() {
        builder = builder.api_key("ifr_pk_proj_0123456789abcdefghijklmnopqrstuv");
    }
    let client = builder.build().unwrap();
    (client, script)
}

/// As [`client`], with settings left as they are.
pub(crate) fn plain(
    react: impl Fn(usize, &WireRequest) -> Reaction + Send + Sync + 'static,
) -> (InfraiClient, Arc<Script>) {
    client(InfraiClient::builder().base_url("http://localhost:1"), react)
}

/// Sends this thread's log to a subscriber until the guards are dropped.
///
/// The second dispatcher matters: with one alone, tracing decides by the thread that first comes to an event whether
/// it is logged at all, and tests on other threads have no subscriber.
pub(crate) fn log_to(subscriber: impl Into<Dispatch>) -> (Dispatch, DefaultGuard) {
    let other = Dispatch::new(NoSubscriber::default());
    (other, tracing::dispatcher::set_default(&subscriber.into()))
}

struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Transport for Script {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, SendError>> {
        Box::pin(async move {
            let number = {
                let mut seen = self.seen.lock().unwrap();
                seen.push(Seen { at: self.begun.elapsed(), request: request.clone() });
                seen.len() - 1
            };
            let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(now, Ordering::SeqCst);
            let _guard = UnderWay(Arc::clone(&self.under_way));
            let reaction = (self.react)(number, &request);
            tokio::time::sleep(reaction.delay).await;
            if reaction.refuse || reaction.reset {
                return Err(SendError::Transport(fault(reaction.refuse)));
            }
            let mut headers = HeaderMap::new();
            for (name, value) in &reaction.headers {
                headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).unwrap());
            }
            let status = StatusCode::from_u16(reaction.status).unwrap();
            Ok(WireResponse {
                status,
                headers,
                body: Box::new(Chunks { body: Some(reaction.body), ending: reaction.ending }),
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
