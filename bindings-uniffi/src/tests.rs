//! Tests of calls through the surface, as Swift and Kotlin make them.

#[path = "../../core/tests/support/mod.rs"]
mod support;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use infrai::{ErrorKind, ErrorRecord, Language, VideoJob, VideoState};
use serde_json::{Value, json};

use crate::{
    ApiKeyProviderError, CallbackKinds, Callbacks, Cancellation, Client, JobRef, NativeError, RequestEvent,
    ResponseEvent, UpdateListener, job_from_json, panic_for_tests,
};
use support::{Act, KEY, Server, ok, response};

const QUEUED: &str = r#"{"job_id":"vid_1","state":"queued"}"#;
const KITE: &str = r#"{"prompt":"a kite"}"#;

fn options(url: &str) -> Value {
    json!({
        "api_key": KEY,
        "base_url": url,
        "retry_base": 0.002,
        "retry_cap": 0.005,
        "polling": {
            "min_interval": 0.001,
            "max_interval": 0.002,
            "expected_duration": 0.001,
            "max_requests_per_second": 10_000,
        },
    })
}

const NO_CALLBACKS: CallbackKinds = CallbackKinds { key: false, hooks: false };

fn made(options: &Value, callbacks: CallbackKinds) -> Result<Arc<Client>, NativeError> {
    Client::new(&options.to_string(), Language::Kotlin, "test 1", callbacks, None)
}

fn client(server: &Server) -> Arc<Client> {
    made(&options(&server.url()), NO_CALLBACKS).unwrap()
}

fn id() -> JobRef {
    JobRef::Id { id: "vid_1".into() }
}

fn endless(cancel_on_abort: bool) -> String {
    json!({ "timeout": null, "cancel_on_abort": cancel_on_abort }).to_string()
}

fn failure<T: std::fmt::Debug>(result: Result<T, NativeError>) -> ErrorRecord {
    match result.unwrap_err() {
        NativeError::Failed { error, .. } => error,
        NativeError::Cancelled => panic!("cancelled"),
    }
}

fn is_cancelled<T>(result: &Result<T, NativeError>) -> bool {
    matches!(result, Err(NativeError::Cancelled))
}

/// Returns the number of requests, after a pause for those still in flight.
async fn settled(server: &Server) -> usize {
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.seen().len()
}

async fn seen(server: &Server, count: usize) {
    while server.seen().len() < count {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

struct Count(AtomicUsize);

impl UpdateListener for Count {
    fn on_update(&self, _job: VideoJob) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_job_keeps_unknown_fields_and_every_digit() {
    let data = r#"{"job_id":"vid_1","state":"dreaming","progress":0.5,"seed":18446744073709551615}"#;
    let server = Server::start(move |_, _| ok(data));
    let job = client(&server).generate(KITE, None).await.unwrap();
    assert_eq!(job.state, VideoState::from("dreaming"));
    assert_eq!((job.is_terminal(), job.progress), (false, Some(0.5)));
    let extra: Vec<_> = job.extra().map(|(name, value)| (name, value.to_string())).collect();
    assert_eq!(extra, [("seed", "18446744073709551615".to_owned())]);
    assert_eq!(job_from_json(&job.to_json().to_string(), Language::Kotlin).unwrap(), job);
}

#[tokio::test]
async fn an_error_has_all_its_fields() {
    let body = br#"{"ok":false,"error":{"code":"INSUFFICIENT_CREDIT","message":"no","checkout_url":"https://pay.example","need":7}}"#;
    let server = Server::start(|_, _| response(402, "", body));
    let failure = failure(client(&server).generate(KITE, None).await);
    assert_eq!((failure.kind, failure.code.as_str()), (ErrorKind::PaymentRequired, "INSUFFICIENT_CREDIT"));
    assert_eq!((failure.status, failure.attempts), (Some(402), 1));
    assert_eq!(failure.checkout_url.as_deref(), Some("https://pay.example"));
    assert!(failure.details.unwrap().to_string().contains("\"need\":7"));
    assert!(failure.idempotency_key.is_some() && failure.hint.contains("https://pay.example"));
}

#[tokio::test]
async fn an_invalid_option_is_refused_by_its_name() {
    let at = |parent: &str, name: &str, value: Value| {
        let mut options = options("http://127.0.0.1:9");
        options.pointer_mut(parent).unwrap()[name] = value;
        failure(made(&options, NO_CALLBACKS).map(drop))
    };
    let cases: [(&str, ErrorRecord); 4] = [
        ("invalid `timeout`: expected ", at("", "timeout", json!(-1.0))),
        ("invalid `maxRetries`: expected ", at("", "max_retries", json!(-1))),
        ("invalid `retryCap`: expected ", at("", "retry_cap", json!(0.0))),
        ("invalid `polling.minInterval`: expected ", at("/polling", "min_interval", json!("NaN"))),
    ];
    for (begins, failure) in cases {
        assert_eq!(failure.kind, ErrorKind::Configuration, "{failure:?}");
        assert!(failure.message.starts_with(begins), "{failure:?}");
    }
    let client = made(&options("http://127.0.0.1:9"), NO_CALLBACKS).unwrap();
    let failure = failure(client.with_options(r#"{"timeout":"inf"}"#).map(drop));
    assert_eq!((failure.kind, failure.code.as_str()), (ErrorKind::InvalidRequest, "INVALID_ARGUMENT"));
}

#[tokio::test]
async fn an_argument_is_named_as_the_language_does() {
    let server = Server::start(|_, _| ok(QUEUED));
    let call = client(&server).generate(r#"{"prompt":"a kite","duration_seconds":-1}"#, None).await;
    let failure = failure(call);
    assert!(failure.message.starts_with("invalid `durationSeconds`: expected "), "{failure:?}");
    assert_eq!(failure.details.unwrap()["field"], "durationSeconds");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_cancelled_call_sends_nothing_more() {
    let server = Server::start(|_, _| Act::Write(Vec::new()));
    let (client, cancellation) = (client(&server), Cancellation::new());
    let call = tokio::spawn({
        let (client, cancellation) = (Arc::clone(&client), Arc::clone(&cancellation));
        async move { client.generate(KITE, Some(cancellation)).await }
    });
    seen(&server, 1).await;
    cancellation.cancel();
    assert!(is_cancelled(&call.await.unwrap()));
    assert!(
        is_cancelled(&client.balance(Some(cancellation)).await),
        "one that was used ends what comes after"
    );
    assert_eq!(settled(&server).await, 1);
}

#[tokio::test]
async fn a_cancelled_wait_stops_polls_and_updates() {
    // Each poll returns another state, so that each is an update.
    let server =
        Server::start(|number, _| ok(&format!(r#"{{"job_id":"vid_1","state":"running","n":{number}}}"#)));
    let (client, cancellation) = (client(&server), Cancellation::new());
    let listener = Arc::new(Count(AtomicUsize::new(0)));
    let wait = tokio::spawn({
        let (cancellation, listener) = (Arc::clone(&cancellation), Arc::clone(&listener));
        async move { client.wait(id(), &endless(false), Some(listener), Some(cancellation)).await }
    });
    seen(&server, 20).await;
    cancellation.cancel();
    let told = listener.0.load(Ordering::SeqCst);
    assert!(told > 0);
    assert!(is_cancelled(&wait.await.unwrap()));
    let asked = settled(&server).await;
    assert_eq!(settled(&server).await, asked, "nothing is asked any more");
    assert_eq!(listener.0.load(Ordering::SeqCst), told, "nothing was told after the cancel returned");
    assert_eq!(Arc::strong_count(&listener), 1, "the listener is let go of");
}

#[tokio::test]
async fn a_dropped_wait_stops_polls_and_updates() {
    let server =
        Server::start(|number, _| ok(&format!(r#"{{"job_id":"vid_1","state":"running","n":{number}}}"#)));
    let client = client(&server);
    let listener = Arc::new(Count(AtomicUsize::new(0)));
    {
        let options = endless(false);
        let mut wait = pin!(client.wait(id(), &options, Some(Arc::clone(&listener) as _), None));
        poll_fn(|context| {
            assert!(wait.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        seen(&server, 20).await;
    }
    let told = listener.0.load(Ordering::SeqCst);
    let asked = settled(&server).await;
    assert_eq!(settled(&server).await, asked);
    assert_eq!(listener.0.load(Ordering::SeqCst), told);
}

#[tokio::test]
async fn a_wait_cancels_its_job_before_it_ends() {
    let server = Server::start(|_, request| match request.path() {
        "/v1/video/jobs/vid_1/cancel" => response(200, "", br#"{"ok":true,"data":null}"#),
        _ => ok(QUEUED),
    });
    let (client, cancellation) = (client(&server), Cancellation::new());
    let wait = tokio::spawn({
        let cancellation = Arc::clone(&cancellation);
        async move { client.wait(id(), &endless(true), None, Some(cancellation)).await }
    });
    seen(&server, 3).await;
    cancellation.cancel();
    let failure = failure(wait.await.unwrap());
    assert_eq!(failure.kind, ErrorKind::Aborted);
    assert!(server.seen().last().unwrap().line.starts_with("POST /v1/video/jobs/vid_1/cancel"));
}

#[tokio::test]
async fn a_stream_reads_on_after_a_cancelled_read() {
    let server = Server::start(|number, _| {
        ok(if number < 3 { QUEUED } else { r#"{"job_id":"vid_1","state":"succeeded"}"# })
    });
    let watch = client(&server).watch(id()).unwrap();
    let cancellation = Cancellation::new();
    cancellation.cancel();
    assert!(is_cancelled(&watch.next(Some(cancellation)).await));
    let mut states = Vec::new();
    while let Some(job) = watch.next(None).await.unwrap() {
        states.push(job.state.as_str().to_owned());
    }
    assert_eq!(states, ["queued", "succeeded"]);
    watch.stop().unwrap();
    assert!(watch.next(None).await.unwrap().is_none());
}

#[tokio::test]
async fn a_panic_is_an_error_that_asks_for_a_report() {
    let failure = failure(panic_for_tests(Language::Kotlin).await);
    assert_eq!((failure.kind, failure.code.as_str()), (ErrorKind::Internal, "INTERNAL"));
    assert_eq!(failure.message, "the native module panicked: asked for by a test");
    assert!(failure.hint.contains("report"));
}

struct Failing;

#[async_trait::async_trait]
impl Callbacks for Failing {
    async fn key(&self) -> Result<String, ApiKeyProviderError> {
        Err(ApiKeyProviderError::Exception { number: 41, reason: "the backend is down".into() })
    }

    fn on_request(&self, _: RequestEvent) {}

    fn on_response(&self, _: ResponseEvent) {}
}

#[tokio::test]
async fn an_exception_of_a_key_function_has_its_number() {
    let server = Server::start(|_, _| ok(QUEUED));
    let mut options = options(&server.url());
    options.as_object_mut().unwrap().remove("api_key");
    let client = made(&options, CallbackKinds { key: true, hooks: false }).unwrap();
    let client = client.in_context(Arc::new(Failing));
    let error = client.balance(None).await.unwrap_err();
    assert!(matches!(error, NativeError::Failed { exception: Some(41), .. }), "{error:?}");
    let failure = failure::<()>(Err(error));
    assert_eq!(failure.kind, ErrorKind::Configuration);
    assert_eq!(failure.causes, ["the backend is down"]);
    assert!(failure.message.contains("the backend is down"));
    assert!(server.seen().is_empty());
}

struct Tenant(&'static str);

#[async_trait::async_trait]
impl Callbacks for Tenant {
    async fn key(&self) -> Result<String, ApiKeyProviderError> {
        Ok(format!("ifr_pk_proj_{}000000000000000000000000", self.0))
    }

    fn on_request(&self, _: RequestEvent) {}

    fn on_response(&self, _: ResponseEvent) {}
}

#[tokio::test]
async fn each_call_asks_its_own_key_function() {
    let server = Server::start(|_, _| ok(r#"{"balance_usd":2}"#));
    let mut options = options(&server.url());
    options.as_object_mut().unwrap().remove("api_key");
    let client = made(&options, CallbackKinds { key: true, hooks: false }).unwrap();
    for tenant in ["acme", "globex"] {
        client.in_context(Arc::new(Tenant(tenant))).balance(None).await.unwrap();
        assert!(
            format!("{:?}", server.seen().last().unwrap().headers)
                .contains(&format!("Bearer ifr_pk_proj_{tenant}"))
        );
    }
    // Without callbacks, a call has no key: never that of another call.
    assert_eq!(failure(client.balance(None).await).code, "INTERNAL");
}

struct Panicking(AtomicUsize);

#[async_trait::async_trait]
impl Callbacks for Panicking {
    async fn key(&self) -> Result<String, ApiKeyProviderError> {
        unreachable!("the client has a fixed key")
    }

    fn on_request(&self, event: RequestEvent) {
        assert_eq!((event.method.as_str(), event.path.as_str()), ("GET", "/v1/account/balance"));
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("a hook's own fault");
    }

    fn on_response(&self, event: ResponseEvent) {
        assert_eq!((event.status, event.attempt), (Some(200), 1));
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_panicking_hook_ends_no_call() {
    let server = Server::start(|_, _| ok(r#"{"balance_usd":2}"#));
    let hooks = Arc::new(Panicking(AtomicUsize::new(0)));
    let client = made(&options(&server.url()), CallbackKinds { key: false, hooks: true }).unwrap();
    let client = client.in_context(Arc::clone(&hooks) as _);
    client.balance(None).await.unwrap();
    assert_eq!(hooks.0.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_invalid_body_is_refused_before_sending() {
    let server = Server::start(|_, _| ok("{}"));
    let client = client(&server);
    for (body, word) in [("{", "JSON"), ("[18446744073709551616]", "18446744073709551616")] {
        let call = client.request("POST".into(), "/v1/x".into(), Some(body.into()), "{}", None);
        let failure = failure(call.await);
        assert!(
            failure.message.starts_with("invalid `body`: expected ") && failure.message.contains(word),
            "{failure:?}"
        );
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_text_that_is_not_a_job_is_refused() {
    for json in ["", "[]", r#"{"state":"queued"}"#] {
        let failure = failure(job_from_json(json, Language::Kotlin));
        assert!(
            failure.message.starts_with("invalid `job`: expected a job as the SDK wrote it, in JSON"),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn a_download_ends_at_its_timeout() {
    let server =
        Server::start(|_, _| Act::Write(b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n1234".to_vec()));
    let json = format!(r#"{{"job_id":"vid_1","state":"succeeded","video_url":"{}/v"}}"#, server.url());
    let folder = std::env::temp_dir().join(format!("infrai-uniffi-download-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("v.mp4").display().to_string();
    let client = client(&server);
    let job = job_from_json(&json, Language::Kotlin).unwrap();
    let download = |options| {
        let job = JobRef::Known { job: job.clone() };
        client.download(job, path.clone(), options, None, None)
    };
    assert_eq!(failure(download(r#"{"timeout":-1}"#).await).code, "INVALID_ARGUMENT");
    assert!(server.seen().is_empty());
    let failed = failure(download(r#"{"timeout":0.3}"#).await);
    assert_eq!((failed.kind, failed.code.as_str()), (ErrorKind::Timeout, "DOWNLOAD_TIMEOUT"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    std::fs::remove_dir(&folder).unwrap();
}
