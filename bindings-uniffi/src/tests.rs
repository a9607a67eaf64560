//! Calls through the surface as Swift and Kotlin make them: how they end, and what they leave behind.

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

use crate::{
    NativeCallOptions, NativeCaller, NativeCancellation, NativeClient, NativeError, NativeErrorKind,
    NativeFailure, NativeGenerate, NativeHooks, NativeJob, NativeJobRef, NativeKeyFailure, NativeKeyFunction,
    NativePair, NativePatience, NativePolling, NativeRequestEvent, NativeResponseEvent, NativeSettings,
    NativeState, NativeUpdateListener, NativeWaitOptions, native_job_from_json, native_panic,
};
use support::{Act, KEY, Server, ok, response};

const QUEUED: &str = r#"{"job_id":"vid_1","state":"queued"}"#;

fn settings(url: &str) -> NativeSettings {
    NativeSettings {
        api_key: Some(KEY.into()),
        base_url: Some(url.into()),
        profile: None,
        credentials_file: None,
        timeout: None,
        attempt_timeout: None,
        connect_timeout: None,
        download_idle_timeout: None,
        max_retries: None,
        retry_base: Some(0.002),
        retry_cap: Some(0.005),
        polling: Some(NativePolling {
            request_cost: None,
            min_interval: Some(0.001),
            max_interval: Some(0.002),
            refresh: None,
            expected_duration: Some(0.001),
            jitter: None,
            max_requests_per_second: Some(10_000.0),
            concurrency: None,
        }),
        default_headers: Vec::new(),
        proxy: None,
        ca_file: None,
        user_agent_suffix: None,
        allow_insecure_http: None,
    }
}

fn made(
    settings: NativeSettings,
    key: Option<Arc<dyn NativeKeyFunction>>,
    hooks: Option<Arc<dyn NativeHooks>>,
) -> Result<Arc<NativeClient>, NativeError> {
    let caller = NativeCaller { language: "test".into(), version: "1".into(), runtime: "test 1".into() };
    NativeClient::new(settings, caller, key, hooks, None)
}

fn client(server: &Server) -> Arc<NativeClient> {
    made(settings(&server.url()), None, None).unwrap()
}

fn prompt(text: &str) -> NativeGenerate {
    NativeGenerate {
        prompt: text.into(),
        reference_image_url: None,
        duration_seconds: None,
        aspect: None,
        resolution: None,
        prefer: None,
        model: None,
        vendor: None,
        idempotency_key: None,
    }
}

fn id() -> NativeJobRef {
    NativeJobRef::Id { id: "vid_1".into() }
}

fn endless(cancel_on_abort: bool) -> NativeWaitOptions {
    NativeWaitOptions { timeout: NativePatience::Forever, cancel_on_timeout: false, cancel_on_abort }
}

fn failure<T: std::fmt::Debug>(result: Result<T, NativeError>) -> NativeFailure {
    match result.unwrap_err() {
        NativeError::Failed { failure } => failure,
        NativeError::Cancelled => panic!("cancelled"),
    }
}

fn is_cancelled<T>(result: &Result<T, NativeError>) -> bool {
    matches!(result, Err(NativeError::Cancelled))
}

/// Lets the server see a request that would still come, and says how many came.
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

impl NativeUpdateListener for Count {
    fn on_update(&self, _job: NativeJob) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_call_gives_a_job_with_its_state_its_extras_and_every_digit() {
    let data = r#"{"job_id":"vid_1","state":"dreaming","progress":0.5,"seed":18446744073709551615}"#;
    let server = Server::start(move |_, _| ok(data));
    let job = client(&server).generate(prompt("a kite"), None).await.unwrap();
    assert_eq!(job.state, NativeState::Unknown { value: "dreaming".into() });
    assert_eq!((job.is_terminal, job.progress), (false, Some(0.5)));
    assert_eq!(job.extra_json.as_deref(), Some(r#"{"seed":18446744073709551615}"#));
    assert_eq!(native_job_from_json(&job.json).unwrap(), job);
}

#[tokio::test]
async fn an_error_brings_all_its_fields() {
    let body = br#"{"ok":false,"error":{"code":"INSUFFICIENT_CREDIT","message":"no","checkout_url":"https://pay.example","need":7}}"#;
    let server = Server::start(|_, _| response(402, "", body));
    let failure = failure(client(&server).generate(prompt("a kite"), None).await);
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (NativeErrorKind::PaymentRequired, "INSUFFICIENT_CREDIT")
    );
    assert_eq!((failure.status, failure.attempts), (Some(402), 1));
    assert_eq!(failure.checkout_url.as_deref(), Some("https://pay.example"));
    assert!(failure.details_json.unwrap().contains("\"need\":7"));
    assert!(failure.idempotency_key.is_some() && failure.hint.contains("https://pay.example"));
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_by_name() {
    let at = |change: fn(&mut NativeSettings)| {
        let mut settings = settings("http://127.0.0.1:9");
        change(&mut settings);
        failure(made(settings, None, None).map(drop))
    };
    let cases: [(&str, NativeFailure); 4] = [
        ("invalid `timeout`: expected ", at(|settings| settings.timeout = Some(-1.0))),
        ("invalid `max_retries`: expected ", at(|settings| settings.max_retries = Some(-1))),
        ("invalid `retry_cap`: expected ", at(|settings| settings.retry_cap = Some(0.0))),
        (
            "invalid `polling.min_interval`: expected ",
            at(|settings| settings.polling.as_mut().unwrap().min_interval = Some(f64::NAN)),
        ),
    ];
    for (begins, failure) in cases {
        assert_eq!(failure.kind, NativeErrorKind::Configuration, "{failure:?}");
        assert!(failure.message.starts_with(begins), "{failure:?}");
    }
    let client = made(settings("http://127.0.0.1:9"), None, None).unwrap();
    let options = NativeCallOptions { timeout: Some(f64::INFINITY), max_retries: None, headers: Vec::new() };
    let failure = failure(client.with_options(options).map(drop));
    assert_eq!((failure.kind, failure.code.as_str()), (NativeErrorKind::InvalidRequest, "INVALID_ARGUMENT"));
}

#[test]
fn settings_that_are_printed_show_what_is_set_and_no_value() {
    let pair = NativePair { name: "X-Team".into(), value: "a-secret".into() };
    let mut settings = settings("http://127.0.0.1:9");
    settings.default_headers = vec![pair.clone()];
    settings.proxy = Some("http://user:a-secret@127.0.0.1:1".into());
    let options = NativeCallOptions { timeout: None, max_retries: None, headers: vec![pair] };
    let shown = format!("{settings:?} {options:?}");
    assert!(!shown.contains(KEY) && !shown.contains("a-secret"), "{shown}");
    assert!(
        ["api_key", "proxy", "default_headers", "X-Team"].iter().all(|name| shown.contains(name)),
        "{shown}"
    );
}

#[tokio::test]
async fn a_cancelled_call_ends_and_sends_nothing_more() {
    let server = Server::start(|_, _| Act::Write(Vec::new()));
    let (client, cancellation) = (client(&server), NativeCancellation::new());
    let call = tokio::spawn({
        let (client, cancellation) = (Arc::clone(&client), Arc::clone(&cancellation));
        async move { client.generate(prompt("a kite"), Some(cancellation)).await }
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
async fn a_cancelled_wait_stops_polling_and_telling() {
    // Each look finds another state, so that each tells.
    let server =
        Server::start(|number, _| ok(&format!(r#"{{"job_id":"vid_1","state":"running","n":{number}}}"#)));
    let (client, cancellation) = (client(&server), NativeCancellation::new());
    let listener = Arc::new(Count(AtomicUsize::new(0)));
    let wait = tokio::spawn({
        let (cancellation, listener) = (Arc::clone(&cancellation), Arc::clone(&listener));
        async move { client.wait(id(), endless(false), Some(listener), Some(cancellation)).await }
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
async fn a_wait_whose_future_is_dropped_stops_as_well() {
    let server =
        Server::start(|number, _| ok(&format!(r#"{{"job_id":"vid_1","state":"running","n":{number}}}"#)));
    let client = client(&server);
    let listener = Arc::new(Count(AtomicUsize::new(0)));
    {
        let mut wait = pin!(client.wait(id(), endless(false), Some(Arc::clone(&listener) as _), None));
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
async fn a_wait_that_is_to_cancel_its_job_does_that_first() {
    let server = Server::start(|_, request| match request.path() {
        "/v1/video/jobs/vid_1/cancel" => response(200, "", br#"{"ok":true,"data":null}"#),
        _ => ok(QUEUED),
    });
    let (client, cancellation) = (client(&server), NativeCancellation::new());
    let wait = tokio::spawn({
        let cancellation = Arc::clone(&cancellation);
        async move { client.wait(id(), endless(true), None, Some(cancellation)).await }
    });
    seen(&server, 3).await;
    cancellation.cancel();
    let failure = failure(wait.await.unwrap());
    assert_eq!(failure.kind, NativeErrorKind::Aborted);
    assert!(server.seen().last().unwrap().line.starts_with("POST /v1/video/jobs/vid_1/cancel"));
}

#[tokio::test]
async fn a_stream_reads_on_after_a_cancelled_read() {
    let server = Server::start(|number, _| {
        ok(if number < 3 { QUEUED } else { r#"{"job_id":"vid_1","state":"succeeded"}"# })
    });
    let watch = client(&server).watch(id()).unwrap();
    let cancellation = NativeCancellation::new();
    cancellation.cancel();
    assert!(is_cancelled(&watch.next(Some(cancellation)).await));
    let mut states = Vec::new();
    while let Some(job) = watch.next(None).await.unwrap() {
        states.push(job.state_text);
    }
    assert_eq!(states, ["queued", "succeeded"]);
    watch.end().unwrap();
    assert!(watch.next(None).await.unwrap().is_none());
}

#[tokio::test]
async fn a_panic_in_a_call_is_an_internal_error_that_asks_for_a_report() {
    let failure = failure(native_panic().await);
    assert_eq!((failure.kind, failure.code.as_str()), (NativeErrorKind::Internal, "INTERNAL"));
    assert_eq!(failure.message, "the native module panicked: asked for by a test");
    assert!(failure.hint.contains("report"));
}

struct Failing;

#[async_trait::async_trait]
impl NativeKeyFunction for Failing {
    async fn key(&self) -> Result<String, NativeKeyFailure> {
        Err(NativeKeyFailure::Thrown { number: 41, reason: "the backend is down".into() })
    }
}

#[tokio::test]
async fn what_a_key_function_throws_keeps_its_number() {
    let server = Server::start(|_, _| ok(QUEUED));
    let mut settings = settings(&server.url());
    settings.api_key = None;
    let client = made(settings, Some(Arc::new(Failing)), None).unwrap();
    let failure = failure(client.balance(None).await);
    assert_eq!((failure.kind, failure.thrown), (NativeErrorKind::Configuration, Some(41)));
    assert!(failure.message.contains("the backend is down"));
    assert!(server.seen().is_empty());
}

struct Panicking(AtomicUsize);

impl NativeHooks for Panicking {
    fn on_request(&self, event: NativeRequestEvent) {
        assert_eq!((event.method.as_str(), event.path.as_str()), ("GET", "/v1/account/balance"));
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("a hook's own fault");
    }

    fn on_response(&self, event: NativeResponseEvent) {
        assert_eq!((event.status, event.attempt), (Some(200), 1));
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_hook_that_panics_disturbs_no_call() {
    let server = Server::start(|_, _| ok(r#"{"balance_usd":2}"#));
    let hooks = Arc::new(Panicking(AtomicUsize::new(0)));
    let client = made(settings(&server.url()), None, Some(Arc::clone(&hooks) as _)).unwrap();
    client.balance(None).await.unwrap();
    assert_eq!(hooks.0.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_body_that_is_no_json_or_too_great_a_number_is_refused_before_anything_is_sent() {
    let server = Server::start(|_, _| ok("{}"));
    let client = client(&server);
    for (body, word) in [("{", "JSON"), ("[18446744073709551616]", "18446744073709551616")] {
        let call = client.request("POST".into(), "/v1/x".into(), Vec::new(), Some(body.into()), None, None);
        let failure = failure(call.await);
        assert!(
            failure.message.starts_with("invalid `body`: expected ") && failure.message.contains(word),
            "{failure:?}"
        );
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_job_that_is_none_is_refused() {
    let server = Server::start(|_, _| ok(QUEUED));
    for json in ["", "[]", r#"{"state":"queued"}"#] {
        let seen = NativeJobRef::Seen { json: json.into() };
        let failure = failure(client(&server).status(seen, None).await);
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
    let download = |timeout| {
        let job = NativeJobRef::Seen { json: json.clone() };
        client.download(job, path.clone(), false, Some(timeout), None, None)
    };
    assert_eq!(failure(download(-1.0).await).code, "INVALID_ARGUMENT");
    assert!(server.seen().is_empty());
    let failed = failure(download(0.3).await);
    assert_eq!((failed.kind, failed.code.as_str()), (NativeErrorKind::Timeout, "DOWNLOAD_TIMEOUT"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    std::fs::remove_dir(&folder).unwrap();
}
