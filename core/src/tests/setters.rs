//! Tests of the setters: each has the effect of the option of the same name.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Activate, ApiKey, ApiRequest, CallOptions, ClientBuilder, GenerateRequest, InfraiClient, KeyProvider,
    PollingOptions, Result, Topup, VideoJob,
    options::{ClientOptions, ProxyUrl, parse},
    script::{Script, answer, client, failure, job, ok, plain},
    video::{DownloadRequest, DownloadStreamRequest, Generate, GenerateMany, Wait},
};

const SECOND: Duration = Duration::from_secs(1);
/// Longer than every default.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// A call of a setter, and the option of the same effect.
type Case<B> = (&'static str, Value, fn(B) -> B);

/// Checks that each setter has the effect of its option, and another one than the default.
async fn check<B, O: DeserializeOwned, T: PartialEq + Debug>(
    cases: &[Case<B>],
    set_all: fn(B, O) -> B,
    run: impl AsyncFn(&dyn Fn(B) -> B) -> T,
) {
    let default = run(&|request| request).await;
    for (name, value, setter) in cases {
        let options = json!({*name: value});
        let set = run(setter).await;
        assert_ne!(set, default, "the setter of {name} has no effect");
        assert_eq!(set, run(&|request| set_all(request, parse(&options).unwrap())).await, "{name}");
    }
}

/// Different requests that the server received, the result, and the seconds until then.
type Trace = (BTreeSet<String>, String, u64);

async fn trace<T>(
    script: &Script,
    call: impl IntoFuture<Output = Result<T>>,
    show: fn(T) -> String,
) -> Trace {
    let begun = Instant::now();
    let ended = match timeout(HOUR, call.into_future()).await {
        Ok(Ok(value)) => show(value),
        Ok(Err(error)) => error.code().to_owned(),
        Err(_) => "never".into(),
    };
    (sent(script), ended, begun.elapsed().as_secs())
}

fn sent(script: &Script) -> BTreeSet<String> {
    let shown = script.requests().into_iter().map(|received| {
        // Keys that the client generates are random, as is the device's fingerprint.
        let key = received.header("idempotency-key").filter(|key| key.len() < 36);
        let body: Option<Value> =
            received.request.body.as_deref().map(|body| serde_json::from_slice(body).unwrap());
        let body = body.map(|mut body| {
            body.as_object_mut().unwrap().remove("device_fingerprint");
            body.to_string()
        });
        let url = received.request.url.as_str();
        format!("{} {url} {key:?} {:?} {body:?}", received.request.method, received.header("x-tenant"))
    });
    shown.collect()
}

fn running() -> (InfraiClient, Arc<Script>) {
    plain(|_, _| ok(&job("running")))
}

fn done() -> VideoJob {
    let url = "http://localhost:1/v";
    VideoJob::from_json(json!({"job_id": "vid_1", "state": "succeeded", "video_url": url})).unwrap()
}

#[tokio::test]
async fn client_setters_set_their_options() {
    let cases: &[Case<ClientBuilder>] = &[
        ("api_key", json!("k"), |b| b.api_key("k")),
        ("base_url", json!("http://localhost:2"), |b| b.base_url("http://localhost:2")),
        ("profile", json!("p"), |b| b.profile("p")),
        ("credentials_file", json!("/c"), |b| b.credentials_file("/c")),
        ("timeout", json!(7), |b| b.timeout(7 * SECOND)),
        ("attempt_timeout", json!(7), |b| b.attempt_timeout(7 * SECOND)),
        ("connect_timeout", json!(7), |b| b.connect_timeout(7 * SECOND)),
        ("download_idle_timeout", json!(7), |b| b.download_idle_timeout(7 * SECOND)),
        ("retry_base", json!(7), |b| b.retry_base(7 * SECOND)),
        ("retry_cap", json!(7), |b| b.retry_cap(7 * SECOND)),
        ("max_retries", json!(7), |b| b.max_retries(7)),
        ("max_connections", json!(7), |b| b.max_connections(7)),
        ("polling", json!({"refresh": 7}), |b| {
            b.polling(PollingOptions { refresh: 7.0, ..PollingOptions::default() })
        }),
        ("default_headers", json!({"x-tenant": "a"}), |b| b.default_header("x-tenant", "a")),
        ("proxy", json!("http://p:1"), |b| b.proxy("http://p:1")),
        ("ca_file", json!("/r"), |b| b.ca_file("/r")),
        ("user_agent_suffix", json!("app/1"), |b| b.user_agent_suffix("app/1")),
        ("allow_insecure_http", json!(true), |b| b.allow_insecure_http(true)),
    ];
    check(cases, ClientBuilder::options, async |set| {
        let client = set(ClientBuilder::default()).build().unwrap();
        let ClientOptions { api_key, proxy, .. } = &*client.http().config().options;
        let secrets = (api_key.as_ref().map(|key| &key.0), proxy.as_ref().map(ProxyUrl::url));
        format!("{:?} {secrets:?}", client.http().config().options)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn functions_of_a_client_are_called() {
    let calls = Arc::new(AtomicUsize::new(0));
    let (on_request, on_response) = (Arc::clone(&calls), Arc::clone(&calls));
    let builder = ClientBuilder::default()
        .base_url("http://localhost:1")
        .api_key_provider(KeyProvider::new(|| async { ApiKey::new("ifr_pk_proj_provided") }))
        .on_request(move |_| {
            on_request.fetch_add(1, Ordering::Relaxed);
        })
        .on_response(move |_| {
            on_response.fetch_add(10, Ordering::Relaxed);
        });
    let (client, script) = client(builder, |_, _| ok(&json!({"balance_usd": 1})));
    client.account().balance().await.unwrap();
    assert_eq!(script.requests()[0].header("authorization"), Some("Bearer ifr_pk_proj_provided"));
    assert_eq!(calls.load(Ordering::Relaxed), 11);
}

#[tokio::test(start_paused = true)]
async fn call_setters_change_the_call() {
    let cases: &[Case<CallOptions>] = &[
        ("timeout", json!(7), |o| o.timeout(7 * SECOND)),
        ("max_retries", json!(0), |o| o.max_retries(0)),
        ("headers", json!({"x-tenant": "a"}), |o| o.header("x-tenant", "a")),
    ];
    check(
        cases,
        |_, options| options,
        async |set| {
            let builder = InfraiClient::builder().base_url("http://localhost:1");
            let pause = Duration::from_millis(1);
            let (client, script) = client(builder.retry_base(pause).retry_cap(pause), |_, _| {
                failure(503, "VENDOR_DOWN").after(5 * SECOND)
            });
            let client = client.with_options(set(CallOptions::new())).unwrap();
            trace(&script, client.account().balance(), |_| "ended".into()).await
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn generate_setters_change_the_request() {
    macro_rules! cases {
        ($($name:ident: $value:expr),* $(,)?) => {
            [$((
                stringify!($name),
                json!($value),
                (|request| request.$name($value)) as fn(GenerateRequest) -> GenerateRequest,
                (|request| request.$name($value)) as fn(Generate) -> Generate,
            )),*]
        };
    }
    let cases = cases! {
        reference_image_url: "https://images.example/1.png",
        aspect: "1:1",
        resolution: "4k",
        prefer: "cheapest",
        model: "m",
        vendor: "v",
        idempotency_key: "k",
        duration_seconds: 7.0,
    };
    for (name, value, setter, forwarded) in cases {
        let request = setter(GenerateRequest::new("a kite"));
        assert_ne!(request, GenerateRequest::new("a kite"), "{name}");
        assert_eq!(request, parse(json!({"prompt": "a kite", *name: value})).unwrap(), "{name}");
        let (client, script) = running();
        client.video().generate_from(request).await.unwrap();
        let (other, received) = running();
        forwarded(other.video().generate("a kite")).await.unwrap();
        assert_eq!(sent(&received), sent(&script), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn wait_setters_change_the_wait() {
    let cases: &[Case<Wait>] = &[
        ("timeout", json!(7), |w| w.timeout(7 * SECOND)),
        ("timeout", json!(null), Wait::no_timeout),
        ("cancel_on_timeout", json!(true), |w| w.cancel_on_timeout(true)),
    ];
    check(cases, Wait::options, async |set| {
        let (client, script) = running();
        trace(&script, set(client.video().wait("vid_1")), |_| "ended".into()).await
    })
    .await;
    let cases: &[Case<Wait>] = &[("cancel_on_abort", json!(true), |w| w.cancel_on_abort(true))];
    check(cases, Wait::options, async |set| {
        let (client, script) = running();
        let wait = client.video().wait("vid_1").abort_when(sleep(3 * SECOND));
        let trace = trace(&script, set(wait), |_| "ended".into()).await;
        assert_eq!((&*trace.1, trace.2), ("ABORTED", 3));
        trace
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn download_setters_change_the_file() {
    let cases: &[Case<DownloadRequest>] = &[("overwrite", json!(true), |d| d.overwrite(true))];
    check(cases, DownloadRequest::options, async |set| {
        let (client, script) = plain(|_, _| answer(200, &json!("new")));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v");
        std::fs::write(&path, "old").unwrap();
        let download = set(client.video().download(done(), &path));
        (trace(&script, download, |_| "saved".into()).await, std::fs::read(path).unwrap())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn download_timeouts_end_the_download() {
    let stalled = || plain(|_, _| answer(200, &json!("unfinished")).stalled());
    let cases: &[Case<DownloadRequest>] = &[("timeout", json!(7), |d| d.timeout(7 * SECOND))];
    check(cases, DownloadRequest::options, async |set| {
        let (client, script) = stalled();
        let folder = tempfile::tempdir().unwrap();
        let download = set(client.video().download(done(), folder.path().join("v")));
        let (sent, ended, seconds) = trace(&script, download, |_| "ended".into()).await;
        // The pauses before retries are random.
        (sent, ended, seconds.min(30))
    })
    .await;
    let (client, script) = stalled();
    let request: DownloadStreamRequest = client.video().download_stream(done()).timeout(7 * SECOND);
    let read = async {
        let mut stream = request.await?;
        while stream.next().await.transpose()?.is_some() {}
        Ok(())
    };
    let (_, ended, seconds) = trace(&script, Box::pin(read), |()| "ended".into()).await;
    assert_eq!((&*ended, seconds), ("DOWNLOAD_TIMEOUT", 7));
}

#[tokio::test(start_paused = true)]
async fn callbacks_of_waits_and_downloads_are_called() {
    let (client, _) = plain(|_, request| match request.url.path() {
        "/v" => answer(200, &json!(1)),
        _ => ok(&job("succeeded")),
    });
    let calls = Arc::new(AtomicUsize::new(0));
    let (updates, progress) = (Arc::clone(&calls), Arc::clone(&calls));
    let wait = client.video().wait("vid_1");
    wait.on_update(move |_| {
        updates.fetch_add(1, Ordering::Relaxed);
    })
    .await
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let download = client.video().download(done(), folder.path().join("v"));
    download
        .on_progress(move |_| {
            progress.fetch_add(10, Ordering::Relaxed);
        })
        .await
        .unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 11);
}

#[tokio::test(start_paused = true)]
async fn batch_setters_change_the_batch() {
    let run = async |jobs: usize, state: &'static str, set: &dyn Fn(GenerateMany) -> GenerateMany| {
        let (client, script) = plain(move |_, _| ok(&job(state)).after(SECOND));
        let mut batch = set(client.video().generate_many(vec!["a kite"; jobs]));
        let ended = async {
            let mut codes = BTreeSet::new();
            while let Some(item) = batch.next().await {
                codes.insert(
                    item.unwrap()
                        .result
                        .map_or_else(|error| error.code().to_owned(), |job| job.state.to_string()),
                );
            }
            Ok(codes)
        };
        let trace = trace(&script, ended, |codes| format!("{codes:?}")).await;
        (trace, script.max_in_flight.load(Ordering::Relaxed))
    };
    let cases: &[Case<GenerateMany>] =
        &[("concurrency", json!(3), |b| b.concurrency(3)), ("key_prefix", json!("k"), |b| b.key_prefix("k"))];
    check(cases, GenerateMany::options, async |set| run(9, "succeeded", set).await).await;
    let cases: &[Case<GenerateMany>] = &[
        ("timeout", json!(7), |b| b.timeout(7 * SECOND)),
        ("timeout", json!(null), GenerateMany::no_timeout),
    ];
    check(cases, GenerateMany::options, async |set| {
        let ((sent, ended, seconds), _) = run(2, "running", set).await;
        (sent, ended, seconds / 60)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn activate_setters_change_the_activation() {
    let run = async |activations: usize, set: &dyn Fn(Activate) -> Activate| {
        let folder = tempfile::tempdir().unwrap();
        let builder = InfraiClient::builder()
            .base_url("http://localhost:1")
            .credentials_file(folder.path().join("credentials"));
        let key = json!({"primary_api_key": "ifr_pk_proj_0123456789abcdefghijklmnopqrstuv"});
        let (client, script) = client(builder, move |_, _| ok(&key));
        for _ in 1..activations {
            client.activate().await.unwrap();
        }
        let activate = set(client.activate());
        let show = |result: crate::ActivateResult| {
            format!("{} {} {}", result.profile, result.reused, result.credentials_file.is_some())
        };
        (trace(&script, activate, show).await, script.count())
    };
    let cases: &[Case<Activate>] = &[
        ("region", json!("china"), |a| a.region("china")),
        ("device_kind", json!("phone"), |a| a.device_kind("phone")),
        ("write_credentials", json!(false), |a| a.write_credentials(false)),
        ("profile", json!("p"), |a| a.profile("p")),
    ];
    check(cases, Activate::options, async |set| run(1, set).await).await;
    let cases: &[Case<Activate>] = &[("force", json!(true), |a| a.force(true))];
    check(cases, Activate::options, async |set| run(2, set).await).await;
}

#[tokio::test(start_paused = true)]
async fn topup_setters_change_the_request() {
    let cases: &[Case<Topup>] = &[
        ("return_url", json!("https://app.example/"), |t| t.return_url("https://app.example/")),
        ("idempotency_key", json!("k"), |t| t.idempotency_key("k")),
    ];
    check(cases, Topup::options, async |set| {
        let (client, script) = plain(|_, _| ok(&json!({"topup_id": "t"})));
        set(client.account().topup(5.0)).await.unwrap();
        sent(&script)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn request_setters_change_the_request() {
    let cases: &[Case<ApiRequest>] = &[
        ("query", json!([["a", "b"]]), |r| r.query([("a", "b")])),
        ("body", json!({"a": 1}), |r| r.body(json!({"a": 1}))),
        ("idempotency_key", json!("k"), |r| r.idempotency_key("k")),
    ];
    check(cases, ApiRequest::options, async |set| {
        let (client, script) = plain(|_, _| ok(&json!({})));
        set(client.request("POST", "/v1/x")).await.unwrap();
        sent(&script)
    })
    .await;
}
