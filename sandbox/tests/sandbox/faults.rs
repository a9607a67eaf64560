//! Injected faults, each kind.

use std::time::{Duration, Instant};

use infrai_sandbox::Sandbox;
use serde_json::json;

use crate::client::{Api, fresh, path_of, quick, start};

async fn add(api: &Api, fault: &str) {
    let data = api.post("/sandbox/faults", &json!({"fault": fault}), &[]).await.data();
    assert_eq!(data["fault"], fault);
}

#[tokio::test]
async fn a_status_is_answered_without_processing_as_often_as_it_was_told() {
    let builder = Sandbox::builder().fault("POST /v1/video/generate: status=503 retry-after=3 times=2");
    let (_sandbox, api) = start(builder.expect("a fault")).await;
    for _ in 0..2 {
        let reply = api.generate_with_key(&quick("sandbox/fail"), "k").await;
        reply.error(503, "VENDOR_DOWN");
        assert_eq!(reply.header("retry-after"), Some("3"));
    }
    assert_eq!(api.ledger().await.len(), 1, "nothing was charged");
    let reply = api.generate_with_key(&quick("sandbox/fail"), "k").await;
    assert_eq!((reply.status, reply.header("retry-after")), (200, None));
    api.generate(&quick("sandbox/fail")).await.data();
}

#[tokio::test]
async fn a_code_can_be_chosen_and_others_follow_the_status() {
    let (_sandbox, api) = fresh().await;
    for (words, status, code) in [
        ("status=503 code=MAINTENANCE", 503, "MAINTENANCE"),
        ("status=429", 429, "RATE_LIMIT_USER"),
        ("status=500", 500, "UNKNOWN_ERROR"),
        ("status=403 code=KEY_REVOKED", 403, "KEY_REVOKED"),
        ("status=418", 418, "INJECTED_FAULT"),
    ] {
        add(&api, &format!("GET /v1/account/*: {words} times=1")).await;
        api.get("/v1/account/balance").await.error(status, code);
        api.get("/v1/account/balance").await.data();
    }
}

#[tokio::test]
async fn drop_before_leaves_nothing_done_and_drop_after_leaves_it_done() {
    let (_sandbox, api) = fresh().await;
    let body = quick("sandbox/stuck").to_string();
    let generate = async |key: &str| {
        let headers = [("Idempotency-Key", key)];
        api.try_call("POST", "/v1/video/generate", &headers, body.as_bytes()).await.expect("a connection")
    };
    add(&api, "POST /v1/video/generate: drop=before times=1").await;
    assert!(generate("a").await.is_none(), "closed without an answer");
    assert_eq!(api.ledger().await.len(), 1);

    add(&api, "POST /v1/video/generate: drop=after times=1").await;
    assert!(generate("a").await.is_none(), "closed without an answer");
    assert_eq!(api.ledger().await.len(), 2, "it was processed");
    let again = generate("a").await.expect("an answer");
    assert_eq!(again.envelope()["metadata"]["cache_hit"], true);
    assert_eq!(api.ledger().await.len(), 2, "and is charged once");
}

#[tokio::test]
async fn a_cut_sends_so_many_bytes_of_the_body_and_no_more() {
    let (_sandbox, api) = fresh().await;
    let id = api.quick("sandbox/default").await;
    let job = api.ended(&id).await;
    let path = path_of(&job["video_url"], api.addr);
    let whole = api.get(path).await;
    for cut in [0, 1, 100, 70_000] {
        add(&api, &format!("GET /files/*: cut={cut} times=1")).await;
        let reply = api.get(path).await;
        assert_eq!(reply.length(), Some(whole.body.len()), "the whole length is announced");
        assert_eq!(reply.body, whole.body[..cut.min(whole.body.len())]);
    }
    add(&api, "GET /v1/account/balance: cut=10 times=1").await;
    let reply = api.get("/v1/account/balance").await;
    assert_eq!((reply.status, reply.body.len()), (200, 10));
    assert!(reply.length() > Some(10));
    add(&api, "GET /v1/account/balance: status=500 cut=3 times=1").await;
    let reply = api.get("/v1/account/balance").await;
    assert_eq!((reply.status, reply.body.as_slice()), (500, &b"{\"d"[..]));
    // A body shorter than the cut arrives complete.
    add(&api, "GET /v1/account/balance: cut=1000000 times=1").await;
    api.get("/v1/account/balance").await.data();
}

#[tokio::test]
async fn a_delay_delays() {
    let (_sandbox, api) = fresh().await;
    add(&api, "GET /healthz: delay=300ms times=1").await;
    let started = Instant::now();
    api.get("/healthz").await.data();
    assert!(started.elapsed() >= Duration::from_millis(300), "not before the delay");
}

#[tokio::test]
async fn retry_after_alone_goes_with_the_real_answer() {
    let (_sandbox, api) = fresh().await;
    let id = api.quick("sandbox/stuck").await;
    add(&api, "GET /v1/video/jobs/*: retry-after=9 times=1").await;
    let reply = api.status(&id).await;
    assert_eq!(
        (reply.data()["job_id"].as_str(), reply.header("retry-after")),
        (Some(id.as_str()), Some("9"))
    );
}

#[tokio::test]
async fn chance_is_the_same_for_the_same_seed() {
    let mut runs = Vec::new();
    for seed in [3, 3, 4] {
        let builder = Sandbox::builder().seed(seed).fault("GET /healthz: status=500 probability=0.5");
        let (_sandbox, api) = start(builder.expect("a fault")).await;
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(api.get("/healthz").await.status);
        }
        assert!(statuses.contains(&200) && statuses.contains(&500), "{statuses:?}");
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn an_accepted_job_fails_with_the_code_and_is_refunded() {
    let (_sandbox, api) = fresh().await;
    for (fault, code) in [
        ("POST /v1/video/generate: job=fail times=1", "INJECTED_FAULT"),
        ("*: job=fail code=VENDOR_DOWN times=1", "VENDOR_DOWN"),
    ] {
        add(&api, fault).await;
        api.get("/v1/account/balance").await.data();
        let id = api.quick("sandbox/default").await;
        let job = api.ended(&id).await;
        assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!(code)));
    }
    assert!((api.balance().await - 2.0).abs() < 1e-9, "both are refunded");
    let id = api.quick("sandbox/default").await;
    assert_eq!(api.ended(&id).await["state"], "succeeded", "both faults are spent");
}

#[tokio::test]
async fn an_injected_job_failure_outlives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let slow = Sandbox::builder().slow(Duration::from_secs(1)).data_dir(folder.path());
    let (sandbox, api) = start(slow.clone().fault("*: job=fail").expect("a fault")).await;
    let id = api.quick("sandbox/slow").await;
    sandbox.stop().await;
    let (_sandbox, api) = start(slow).await;
    assert_eq!(api.ended(&id).await["error"]["code"], "INJECTED_FAULT");
}

#[tokio::test]
async fn faults_are_listed_cleared_and_never_meet_the_route_that_clears_them() {
    let (_sandbox, api) = fresh().await;
    add(&api, "*: status=500").await;
    add(&api, "GET /healthz: cut=1 times=4").await;
    api.get("/healthz").await.error(500, "UNKNOWN_ERROR");
    let listed = api.get("/sandbox/faults").await.data();
    assert_eq!(
        listed["faults"],
        json!([
            {"id": 1, "fault": "*: status=500", "hits": 1, "remaining": null},
            {"id": 2, "fault": "GET /healthz: cut=1 times=4", "hits": 0, "remaining": 4},
        ])
    );
    assert_eq!(api.delete("/sandbox/faults").await.data(), json!({"removed": 2}));
    api.get("/healthz").await.data();
}

#[tokio::test]
async fn words_that_are_no_fault_are_refused() {
    let (_sandbox, api) = fresh().await;
    for body in [
        json!({}),
        json!({"fault": 5}),
        json!({"fault": ""}),
        json!({"fault": "GET /x"}),
        json!({"fault": "GET /x: colour=red"}),
        json!({"fault": "GET /x: status=503", "more": 1}),
    ] {
        let error = api.post("/sandbox/faults", &body, &[]).await.error(400, "INVALID_REQUEST");
        assert!(error["message"].as_str().expect("a message").len() > 10);
    }
    let error = Sandbox::builder().fault("nonsense").expect_err("it is wrong").to_string();
    assert_eq!(error, "invalid fault: expected `[METHOD] PATH: EFFECT…`, got `nonsense`");
}
