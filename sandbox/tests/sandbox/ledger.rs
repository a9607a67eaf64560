//! Money: charges, refunds, and the sum that is always the balance.

use std::collections::HashMap;

use infrai_sandbox::{Sandbox, pricing};
use serde_json::{Value, json};

use crate::client::{Api, QUICK_MICROS, fresh, micros, quick, start};

/// The ledger's amounts of one job.
fn of_job(ledger: &[Value], id: &str) -> Vec<i64> {
    ledger.iter().filter(|entry| entry["reference"] == id).map(micros).collect()
}

#[tokio::test]
async fn generate_charges_by_the_second_and_the_price_list_is_public() {
    let (_sandbox, api) = fresh().await;
    let document: Value = serde_json::from_slice(&api.get("/openapi.json").await.body).expect("JSON");
    assert_eq!(document["x-prices"].as_array().map(Vec::len), Some(pricing::PRICES.len()));
    for price in document["x-prices"].as_array().expect("prices") {
        // Stuck and cancelled: only the charge matters.
        let body = json!({
            "prompt": "x", "model": "sandbox/stuck", "duration_seconds": 2.5,
            "resolution": price["resolution"], "prefer": price["prefer"],
        });
        let reply = api.generate(&body).await;
        let (data, expected) = (reply.data(), price["usd_per_second"].as_f64().expect("a price") * 2.5);
        assert!((data["cost_usd"].as_f64().expect("a cost") - expected).abs() < 1e-9, "{price}");
        assert_eq!(reply.envelope()["metadata"]["cost_usd"], data["cost_usd"]);
        assert!((api.balance().await - (2.0 - expected)).abs() < 1e-9);
        let id = data["job_id"].as_str().expect("an id");
        assert_eq!(api.cancel(id).await.data(), json!({"ok": true}));
        assert!((api.balance().await - 2.0).abs() < 1e-9, "refunded");
    }
}

#[tokio::test]
async fn without_credit_generate_is_402_and_says_where_to_get_some() {
    let (sandbox, api) = fresh().await;
    let dear = json!({"prompt": "x", "resolution": "4k", "prefer": "smartest", "duration_seconds": 6.25,
        "model": "sandbox/stuck"});
    api.generate(&dear).await.data();
    let error =
        api.generate_with_key(&quick("sandbox/default"), "poor").await.error(402, "INSUFFICIENT_CREDIT");
    let checkout = error["checkout_url"].as_str().expect("a URL").to_owned();
    assert!(checkout.starts_with(&sandbox.url()));
    assert_eq!((error["balance_usd"].as_f64(), error["cost_usd"].as_f64()), (Some(0.0), Some(0.01)));

    let path = checkout.strip_prefix(&sandbox.url()).expect("this server").to_owned();
    let page = api.get(&path).await;
    assert!(page.text().contains("<form") && page.text().contains("$0.00"));
    let next =
        api.try_call("POST", &path, &[], b"amount_usd=5").await.expect("a connection").expect("an answer");
    assert_eq!(next.status, 303);
    let topup = next.header("location").expect("a target").to_owned();
    assert_eq!(
        api.try_call("POST", &topup, &[], b"").await.expect("a connection").expect("an answer").status,
        303
    );
    assert!((api.balance().await - 5.0).abs() < 1e-9);
    // A refusal is not kept: the same key works once there is money.
    api.generate_with_key(&quick("sandbox/fail"), "poor").await.data();
}

#[tokio::test]
async fn a_failed_or_cancelled_job_is_refunded_once_and_a_success_is_not() {
    let (_sandbox, api) = fresh().await;
    let (good, bad) = (api.quick("sandbox/default").await, api.quick("sandbox/fail").await);
    let stuck = api.quick("sandbox/stuck").await;
    for _ in 0..3 {
        assert_eq!(api.cancel(&stuck).await.data(), json!({"ok": true}));
    }
    for id in [&good, &bad, &stuck] {
        api.ended(id).await;
        api.cancel(id).await.data();
    }
    for (id, refunded) in [(&good, Value::Null), (&bad, json!(0.01)), (&stuck, json!(0.01))] {
        let job = api.get(&format!("/v1/video/jobs/{id}")).await.data();
        assert_eq!((&job["cost_usd"], &job["refunded_usd"]), (&json!(0.01), &refunded));
    }
    let ledger = api.ledger().await;
    assert_eq!(of_job(&ledger, &good), [-QUICK_MICROS]);
    assert_eq!(of_job(&ledger, &bad), [-QUICK_MICROS, QUICK_MICROS]);
    assert_eq!(of_job(&ledger, &stuck), [-QUICK_MICROS, QUICK_MICROS]);
}

#[tokio::test]
async fn a_wallet_is_never_overdrawn_by_requests_at_once() {
    let (_sandbox, api) = fresh().await;
    // Six of these are $1.92; the seventh cannot be paid.
    let dear = json!({"prompt": "x", "resolution": "4k", "prefer": "smartest", "duration_seconds": 1,
        "model": "sandbox/stuck"});
    let replies = futures_util::future::join_all((0..20).map(|_| api.generate(&dear))).await;
    let (paid, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert_eq!(paid.len(), 6);
    for reply in refused {
        reply.error(402, "INSUFFICIENT_CREDIT");
    }
    assert!((api.balance().await - 0.08).abs() < 1e-9);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_adds_up_under_concurrency_failures_cancels_and_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = || Sandbox::builder().data_dir(folder.path()).slow(std::time::Duration::ZERO);
    let mut random = fastrand::Rng::with_seed(11);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (sandbox, api) = start(settings()).await;
        let tasks = (0..12).map(|index| {
            let (api, cancel) = (api.clone(), random.bool());
            let models = ["sandbox/default", "sandbox/fail", "sandbox/slow", "sandbox/stuck"];
            let model = models[random.usize(..models.len())];
            tokio::spawn(async move {
                let id = api.quick(model).await;
                if cancel || model == "sandbox/stuck" || index % 5 == 0 {
                    api.cancel(&id).await.data();
                }
                api.ledger().await;
                id
            })
        });
        for id in futures_util::future::join_all(tasks).await {
            ids.push(id.expect("a task"));
        }
        api.ledger().await;
        // In the midst of whatever is being rendered.
        sandbox.stop().await;
    }
    let (_sandbox, api) = start(settings()).await;
    let mut expected: i64 = 2_000_000;
    let mut states: HashMap<String, usize> = HashMap::new();
    for id in &ids {
        let state = api.ended(id).await["state"].as_str().expect("a state").to_owned();
        let ledger = api.ledger().await;
        if state == "succeeded" {
            expected -= QUICK_MICROS;
            assert_eq!(of_job(&ledger, id), [-QUICK_MICROS]);
        } else {
            assert_eq!(of_job(&ledger, id), [-QUICK_MICROS, QUICK_MICROS], "{state}");
        }
        *states.entry(state).or_default() += 1;
    }
    assert_eq!(api.ledger().await.iter().map(micros).sum::<i64>(), expected);
    assert_eq!(states.len(), 3, "all ends were met: {states:?}");
}

#[tokio::test]
async fn a_ledger_is_its_accounts_alone() {
    let (sandbox, api) = fresh().await;
    let other = Api::activate(sandbox.addr(), "another-device").await;
    api.quick("sandbox/stuck").await;
    assert_eq!(api.ledger().await.len(), 2);
    assert_eq!(other.ledger().await.len(), 1);
    for wrong in ["x", "-1", "1.5", "9007199254740992", "172246264413288300544", ""] {
        let error = api.get(&format!("/sandbox/ledger?after={wrong}")).await.error(400, "INVALID_REQUEST");
        let told = error["message"].as_str().unwrap();
        assert!(told.contains("`after`") && told.contains("9007199254740991"), "{told}");
    }
    assert_eq!(api.get("/sandbox/ledger?after=9007199254740991").await.data()["entries"], json!([]));
}
