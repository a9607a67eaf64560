//! The same key with the same body is the same job, charged once.

use infrai_sandbox::Sandbox;
use serde_json::json;

use crate::client::{Api, fresh, quick, reopen, start};

#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_with_one_key_make_one_job_and_one_charge() {
    let (_sandbox, api) = fresh().await;
    let body = quick("sandbox/fail");
    let tasks = (0..20).map(|_| {
        let (api, body) = (api.clone(), body.clone());
        tokio::spawn(async move { api.generate_with_key(&body, "one").await.data() })
    });
    let jobs: Vec<_> =
        futures_util::future::join_all(tasks).await.into_iter().map(|job| job.expect("a task")).collect();
    assert!(jobs.iter().all(|job| *job == jobs[0]));
    let ledger = api.ledger().await;
    assert_eq!(ledger.iter().filter(|entry| entry["kind"] == "charge").count(), 1);
}

#[tokio::test]
async fn a_kept_answer_outlives_a_restart_and_is_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let (sandbox, api) = reopen(folder.path()).await;
    let first = api.generate_with_key(&quick("sandbox/default"), "one").await;
    api.ended(first.data()["job_id"].as_str().expect("an id")).await;
    let topup = json!({"amount_usd": 5});
    let record = api.post("/v1/account/topup", &topup, &[("Idempotency-Key", "two")]).await.data();
    sandbox.stop().await;

    let sandbox = Sandbox::builder().data_dir(folder.path()).start().await.expect("a sandbox");
    // The key of before the restart.
    let api = Api { addr: sandbox.addr(), ..api };
    let again = api.generate_with_key(&quick("sandbox/default"), "one").await;
    assert_eq!(again.data(), first.data());
    assert_eq!(again.envelope()["metadata"]["cache_hit"], true);
    assert_eq!(first.envelope()["metadata"]["cache_hit"], false);
    api.generate_with_key(&quick("sandbox/fail"), "one").await.error(409, "IDEMPOTENCY_CONFLICT");
    assert_eq!(api.ledger().await.len(), 2);
    let kept = api.post("/v1/account/topup", &topup, &[("Idempotency-Key", "two")]).await.data();
    assert_eq!(kept["topup_id"], record["topup_id"]);
    assert!(
        kept["next_action_url"].as_str().expect("a URL").starts_with(&sandbox.url()),
        "on the port of now"
    );
}

#[tokio::test]
async fn a_body_is_compared_by_what_it_says() {
    let (_sandbox, api) = fresh().await;
    let send = async |body: &str| {
        let reply =
            api.try_call("POST", "/v1/video/generate", &[("Idempotency-Key", "k")], body.as_bytes()).await;
        reply.expect("a connection").expect("an answer")
    };
    let first = send(r#"{"duration_seconds":1,"model":"sandbox/fail","prompt":"é"}"#).await.data();
    let spelt =
        send("{ \"prompt\": \"\\u00e9\",\n \"model\": \"sandbox/fail\", \"duration_seconds\": 1.0 }\n").await;
    assert_eq!(spelt.data(), first);
    // A default spelt out is another body.
    let other = r#"{"aspect":"16:9","duration_seconds":1,"model":"sandbox/fail","prompt":"é"}"#;
    send(other).await.error(409, "IDEMPOTENCY_CONFLICT");
}

#[tokio::test]
async fn a_key_belongs_to_its_account_and_no_key_is_no_promise() {
    let (sandbox, api) = fresh().await;
    let other = Api::activate(sandbox.addr(), "another-device").await;
    let mine = api.generate_with_key(&quick("sandbox/fail"), "k").await.data();
    let theirs = other.generate_with_key(&quick("sandbox/fail"), "k").await.data();
    assert_ne!(mine["job_id"], theirs["job_id"]);
    assert_ne!(api.quick("sandbox/fail").await, api.quick("sandbox/fail").await);
}

#[tokio::test]
async fn a_malformed_key_is_400_wherever_one_is_taken() {
    let (_sandbox, api) = fresh().await;
    let id = api.quick("sandbox/stuck").await;
    let cancel = format!("/v1/video/jobs/{id}/cancel");
    let activation = json!({"device_fingerprint": "device-0001"});
    let topup = json!({"amount_usd": 5});
    let long = "k".repeat(256);
    for key in ["", "two words", "schlüssel", &long] {
        for (path, body) in [
            ("/v1/video/generate", &quick("sandbox/fail")),
            ("/v1/account/topup", &topup),
            ("/v1/activate", &activation),
            (cancel.as_str(), &json!({})),
        ] {
            let error = api.post(path, body, &[("Idempotency-Key", key)]).await.error(400, "INVALID_REQUEST");
            assert_eq!(error["field"], "Idempotency-Key", "{path} {key:?}");
        }
    }
    let twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    api.post("/v1/video/generate", &quick("sandbox/fail"), &twice).await.error(400, "INVALID_REQUEST");
    api.generate_with_key(&quick("sandbox/fail"), &"k".repeat(255)).await.data();
}

#[tokio::test]
async fn a_key_counts_as_new_after_its_window() {
    let window = std::time::Duration::from_millis(200);
    let (_sandbox, api) = start(Sandbox::builder().idempotency_window(window)).await;
    let first = api.generate_with_key(&quick("sandbox/stuck"), "old").await.data();
    tokio::time::sleep(window * 2).await;
    let other = json!({"prompt": "another body", "model": "sandbox/stuck", "duration_seconds": 1});
    let second = api.generate_with_key(&other, "old").await.data();
    assert_ne!(second["job_id"], first["job_id"]);
    assert!(
        (api.balance().await - (2.0 - 0.01 - second["cost_usd"].as_f64().unwrap_or_default())).abs() < 1e-9
    );
}
