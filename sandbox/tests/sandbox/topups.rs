//! Topups and the page that completes them.

use serde_json::{Value, json};

use crate::client::{Api, Reply, fresh, path_of};

async fn topup(api: &Api, body: &Value, key: &str) -> Reply {
    api.post("/v1/account/topup", body, &[("Idempotency-Key", key)]).await
}

async fn press(api: &Api, path: &str) -> Reply {
    let anonymous = Api { key: String::new(), ..api.clone() };
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let bytes = crate::client::request(anonymous.addr, "POST", path, &form, b"").await;
    bytes.expect("a connection").expect("an answer")
}

#[tokio::test]
async fn a_topup_is_completed_by_its_page_once_however_often_the_button_is_pressed() {
    let (_sandbox, api) = fresh().await;
    let body = json!({"amount_usd": 12.5, "return_url": "https://example.com/back?a=1&b=\"2\""});
    let record = topup(&api, &body, "t1").await.data();
    assert_eq!((&record["state"], &record["amount_usd"]), (&json!("pending"), &json!(12.5)));
    assert!((api.balance().await - 2.0).abs() < 1e-9, "pending money is no money");

    let path = path_of(&record["next_action_url"], api.addr).to_owned();
    let anonymous = Api { key: String::new(), ..api.clone() };
    let page = anonymous.get(&path).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").expect("a policy").contains("default-src 'none'"));
    assert!(page.text().contains("<form method=\"post\">") && page.text().contains("$12.50"));

    for _ in 0..3 {
        let next = press(&api, &path).await;
        assert_eq!((next.status, next.header("location")), (303, Some(path.as_str())));
    }
    let done = anonymous.get(&path).await;
    assert!(!done.text().contains("<form"));
    assert!(
        done.text().contains("href=\"https://example.com/back?a=1&amp;b=&quot;2&quot;\""),
        "{}",
        done.text()
    );
    assert!((api.balance().await - 14.5).abs() < 1e-9);
    assert_eq!(api.ledger().await.len(), 2);
}

#[tokio::test]
async fn a_topup_is_paid_by_its_id_once_and_by_its_account_alone() {
    let (_sandbox, api) = fresh().await;
    let record = topup(&api, &json!({"amount_usd": 5}), "t1").await.data();
    let path = format!("/sandbox/topups/{}/pay", record["topup_id"].as_str().expect("an id"));
    let other = Api::activate(api.addr, "another-device").await;
    other.post(&path, &json!({}), &[]).await.error(404, "NOT_FOUND");
    for _ in 0..2 {
        let paid = api.post(&path, &json!({}), &[]).await.data();
        assert_eq!((&paid["state"], &paid["balance_usd"]), (&json!("succeeded"), &json!(7.0)));
        assert_eq!(paid["topup_id"], record["topup_id"]);
    }
    assert_eq!(api.ledger().await.len(), 2);
}

#[tokio::test]
async fn credit_is_added_at_once_and_in_range() {
    let (_sandbox, api) = fresh().await;
    let added = api.post("/sandbox/credit", &json!({"amount_usd": 0.5}), &[]).await.data();
    assert_eq!((&added["amount_usd"], &added["balance_usd"]), (&json!(0.5), &json!(2.5)));
    assert_eq!(api.ledger().await.last().expect("an entry")["kind"], "topup");
    for wrong in [json!(0), json!(-1), json!(10_000.01), json!("5"), json!(null)] {
        let error = api.post("/sandbox/credit", &json!({"amount_usd": wrong}), &[]).await;
        assert_eq!(error.error(400, "INVALID_REQUEST")["field"], "amount_usd");
    }
    let anonymous = Api { key: String::new(), ..api.clone() };
    anonymous.post("/sandbox/credit", &json!({"amount_usd": 1}), &[]).await.error(401, "UNAUTHORIZED");
    assert!((api.balance().await - 2.5).abs() < 1e-9);
}

#[tokio::test]
async fn many_presses_at_once_credit_once() {
    let (_sandbox, api) = fresh().await;
    let record = topup(&api, &json!({"amount_usd": 1}), "t1").await.data();
    let path = path_of(&record["next_action_url"], api.addr).to_owned();
    futures_util::future::join_all((0..20).map(|_| press(&api, &path))).await;
    assert!((api.balance().await - 3.0).abs() < 1e-9);
}

#[tokio::test]
async fn a_topup_needs_a_key_and_repeats_by_it() {
    let (_sandbox, api) = fresh().await;
    let body = json!({"amount_usd": 5});
    api.post("/v1/account/topup", &body, &[]).await.error(400, "IDEMPOTENCY_KEY_REQUIRED");
    let replies = futures_util::future::join_all((0..10).map(|_| topup(&api, &body, "same"))).await;
    for reply in &replies {
        assert_eq!(reply.data(), replies[0].data());
    }
    let hits = replies.iter().filter(|reply| reply.envelope()["metadata"]["cache_hit"] == true).count();
    assert_eq!(hits, 9, "one was made, nine were kept answers");
    topup(&api, &json!({"amount_usd": 6}), "same").await.error(409, "IDEMPOTENCY_CONFLICT");
    // A key belongs to its route.
    api.generate_with_key(&crate::client::quick("sandbox/fail"), "same").await.data();
}

#[tokio::test]
async fn amounts_and_return_urls_are_checked() {
    let (_sandbox, api) = fresh().await;
    for (body, field) in [
        (json!({}), "amount_usd"),
        (json!({"amount_usd": "5"}), "amount_usd"),
        (json!({"amount_usd": null}), "amount_usd"),
        (json!({"amount_usd": 0}), "amount_usd"),
        (json!({"amount_usd": -5}), "amount_usd"),
        (json!({"amount_usd": 0.99}), "amount_usd"),
        (json!({"amount_usd": 10_000.01}), "amount_usd"),
        (json!({"amount_usd": 1e300}), "amount_usd"),
        (json!({"amount_usd": 5, "return_url": "javascript:alert(1)"}), "return_url"),
        (json!({"amount_usd": 5, "return_url": "/back"}), "return_url"),
        (json!({"amount_usd": 5, "return_url": ""}), "return_url"),
        (json!({"amount_usd": 5, "return_url": format!("https://x/{}", "a".repeat(2050))}), "return_url"),
        (json!({"amount_usd": 5, "currency": "EUR"}), "currency"),
    ] {
        let error = topup(&api, &body, "k").await.error(400, "INVALID_REQUEST");
        assert_eq!(error["field"], field, "{body}");
    }
    assert_eq!(api.ledger().await.len(), 1);
}

#[tokio::test]
async fn pages_with_a_wrong_token_are_404() {
    let (_sandbox, api) = fresh().await;
    for path in ["/topup/x", "/checkout/x", "/topup/%2e%2e", "/topup/"] {
        api.get(path).await.error(404, "NOT_FOUND");
        press(&api, path).await.envelope();
    }
    let checkout = api.post("/v1/activate", &json!({"device_fingerprint": "device-0001"}), &[]).await.data();
    let checkout = path_of(&checkout["checkout_url"], api.addr).to_owned();
    for amount in [
        "",
        "amount_usd=",
        "amount_usd=0",
        "amount_usd=NaN",
        "amount_usd=1e9",
        "amount_usd=10000.000000000002",
        "other=5",
    ] {
        let reply = api.try_call("POST", &checkout, &[], amount.as_bytes()).await;
        reply.expect("a connection").expect("an answer").error(400, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn a_replayed_topup_has_its_present_state() {
    let (_sandbox, api) = fresh().await;
    let body = json!({"amount_usd": 5});
    let record = topup(&api, &body, "again").await.data();
    press(&api, path_of(&record["next_action_url"], api.addr)).await;
    let replayed = topup(&api, &body, "again").await.data();
    assert_eq!((&replayed["topup_id"], &replayed["state"]), (&record["topup_id"], &json!("succeeded")));
}
