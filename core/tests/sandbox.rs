//! Complete workflows against the sandbox, over real HTTP.

use std::time::Duration;

use infrai::{ErrorKind, InfraiClient, PollingOptions};
use infrai_sandbox::Sandbox;

struct Fixture {
    sandbox: Sandbox,
    client: InfraiClient,
    folder: tempfile::TempDir,
}

impl Fixture {
    async fn new(faults: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut builder = Sandbox::builder().addr("127.0.0.1:0").data_dir(folder.path().join("data"));
        for fault in faults {
            builder = builder.fault(fault).unwrap();
        }
        let sandbox = builder.start().await.unwrap();
        let mut polling = PollingOptions::default();
        (polling.min_interval, polling.expected_duration) = (0.02, 1.0);
        let client = InfraiClient::builder()
            .credentials_file(folder.path().join("credentials"))
            .base_url(sandbox.url())
            .retry_base(Duration::from_millis(5))
            .polling(polling)
            .build()
            .unwrap();
        client.activate().await.unwrap();
        Self { sandbox, client, folder }
    }

    async fn balance(&self) -> f64 {
        self.client.account().balance().await.unwrap().balance_usd
    }
}

#[tokio::test]
async fn prompt_becomes_a_playable_file() {
    let fixture = Fixture::new(&[]).await;
    let job =
        fixture.client.video().generate("A kite over the sea 风筝").duration_seconds(1.0).await.unwrap();
    let mut states = Vec::new();
    let mut watch = fixture.client.video().watch(&job);
    while let Some(job) = watch.next().await {
        states.push(job.unwrap().state.to_string());
    }
    assert_eq!(
        (states.first().map(String::as_str), states.last().map(String::as_str)),
        (Some("queued"), Some("succeeded"))
    );
    let done = fixture.client.video().wait(&job).await.unwrap();
    let path = fixture.folder.path().join("kite.mp4");
    let saved = fixture.client.video().download(&done, &path).await.unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!((&bytes[4..8], bytes.len() as u64), (&b"ftyp"[..], saved.bytes));
    assert!(fixture.balance().await < 2.0);
    fixture.sandbox.stop().await;
}

#[tokio::test]
async fn lost_response_is_charged_once() {
    let fixture = Fixture::new(&["POST /v1/video/generate: drop=after times=1"]).await;
    let job =
        fixture.client.video().generate("x").duration_seconds(1.0).idempotency_key("once").await.unwrap();
    let spent = 2.0 - fixture.balance().await;
    let again =
        fixture.client.video().generate("x").duration_seconds(1.0).idempotency_key("once").await.unwrap();
    assert_eq!(job.job_id, again.job_id);
    assert!((2.0 - fixture.balance().await - spent).abs() < 1e-9 && spent > 0.0);
    let conflict = fixture.client.video().generate("another").idempotency_key("once").await.unwrap_err();
    assert_eq!((conflict.kind(), conflict.code()), (ErrorKind::Conflict, "IDEMPOTENCY_CONFLICT"));
    fixture.sandbox.stop().await;
}

#[tokio::test]
async fn call_survives_every_kind_of_fault() {
    let fixture = Fixture::new(&[
        "POST /v1/video/generate: status=503 retry-after=0 times=1",
        "GET /v1/video/jobs/*: drop=before times=1",
        "GET /v1/video/jobs/*: status=429 times=1",
        "GET /v1/video/jobs/*: cut=20 times=1",
        "GET /files/*: cut=1000 times=1",
    ])
    .await;
    let job = fixture.client.video().generate("x").duration_seconds(1.0).await.unwrap();
    let done = fixture.client.video().wait(&job).await.unwrap();
    let path = fixture.folder.path().join("x.mp4");
    fixture.client.video().download(&done, &path).await.unwrap();
    assert_eq!(&std::fs::read(&path).unwrap()[4..8], b"ftyp");
    fixture.sandbox.stop().await;
}

#[tokio::test]
async fn failed_cancelled_and_unpaid_jobs_differ() {
    let fixture = Fixture::new(&[]).await;
    let video = fixture.client.video();
    let failing = video.generate("x").duration_seconds(1.0).model("sandbox/fail").await.unwrap();
    let error = video.wait(&failing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::JobFailed);
    assert!(error.job().unwrap().error.is_some());

    let stuck = video.generate("x").duration_seconds(1.0).model("sandbox/stuck").await.unwrap();
    let error =
        video.wait(&stuck).timeout(Duration::from_millis(300)).cancel_on_timeout(true).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.details().unwrap()["cancelled"].as_bool()),
        (ErrorKind::WaitTimeout, Some(true))
    );
    assert_eq!(video.wait(&stuck.job_id).await.unwrap_err().kind(), ErrorKind::JobCancelled);
    assert!(video.cancel(&stuck).await.unwrap().ok, "the job was cancelled before");
    assert!(!video.cancel(&failing).await.unwrap().ok, "the job failed before");
    assert!((fixture.balance().await - 2.0).abs() < 1e-9, "all charges were refunded");

    let error =
        video.generate("x").duration_seconds(60.0).resolution("4k").prefer("smartest").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::PaymentRequired, "INSUFFICIENT_CREDIT"));
    assert!(error.checkout_url().is_some() && error.hint().contains(error.checkout_url().unwrap()));
    assert_eq!(video.status("vid_unknown").await.unwrap_err().kind(), ErrorKind::NotFound);
    fixture.sandbox.stop().await;
}

#[tokio::test]
async fn topup_and_other_routes_work() {
    let fixture = Fixture::new(&[]).await;
    let record = fixture.client.account().topup(5.0).await.unwrap();
    assert!(record.next_action_url.is_some() && record.state.as_deref() == Some("pending"), "{record:?}");
    let found = fixture.client.request("GET", "/v1/account/balance").await.unwrap();
    assert_eq!(found.data["balance_usd"].as_f64(), Some(2.0));
    let error = fixture.client.request("GET", "/v1/nowhere").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    fixture.sandbox.stop().await;
}

#[tokio::test]
async fn repeated_batch_returns_the_same_jobs() {
    let fixture = Fixture::new(&[]).await;
    let mut runs = Vec::new();
    let mut balances = Vec::new();
    for _ in 0..2 {
        let requests =
            ["a", "b", "c"].map(|prompt| infrai::GenerateRequest::new(prompt).duration_seconds(1.0));
        let mut many = fixture.client.video().generate_many(requests).concurrency(2).key_prefix("rerun");
        let mut jobs = vec![String::new(); 3];
        while let Some(item) = many.next().await {
            let item = item.unwrap();
            jobs[item.index] = item.result.unwrap().job_id.to_string();
        }
        runs.push(jobs);
        balances.push(fixture.balance().await);
    }
    assert_eq!(runs[0], runs[1]);
    assert!((balances[0] - balances[1]).abs() < 1e-9);
    fixture.sandbox.stop().await;
}
