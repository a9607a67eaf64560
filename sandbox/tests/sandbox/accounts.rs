//! Activation and keys.

use infrai_sandbox::Sandbox;
use serde_json::json;

use crate::client::{Api, fresh};

#[tokio::test]
async fn a_device_has_one_account_and_one_trial_credit_however_often_it_activates() {
    let sandbox = Sandbox::builder().start().await.expect("a sandbox");
    let anonymous = Api { addr: sandbox.addr(), key: String::new() };
    let body = json!({"region": "china", "device_kind": "cli", "device_fingerprint": "device-0001"});
    let mut accounts = Vec::new();
    for _ in 0..3 {
        accounts.push(anonymous.post("/v1/activate", &body, &[("Idempotency-Key", "same")]).await.data());
    }
    let first = &accounts[0];
    assert_eq!(first["trial_credit_usd"], 2.0);
    assert!(first["checkout_url"].as_str().expect("a URL").starts_with(&sandbox.url()));
    for account in &accounts {
        assert_eq!(account["account_id"], first["account_id"]);
        assert_eq!(account["project_id"], first["project_id"]);
        let key = account["primary_api_key"].as_str().expect("a key");
        let tail = key.strip_prefix("ifr_pk_proj_").expect("the prefix");
        assert!(tail.len() == 32 && tail.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let api = Api { key: key.to_owned(), ..anonymous.clone() };
        assert!((api.balance().await - 2.0).abs() < 1e-9, "every key stays valid");
        assert_eq!(api.ledger().await.len(), 1, "one trial credit");
    }
    assert_ne!(accounts[0]["primary_api_key"], accounts[1]["primary_api_key"], "each activation gives a key");

    let other =
        anonymous.post("/v1/activate", &json!({"device_fingerprint": "device-0002"}), &[]).await.data();
    assert_ne!(other["account_id"], first["account_id"]);
}

#[tokio::test]
async fn many_activations_at_once_make_one_account() {
    let sandbox = Sandbox::builder().start().await.expect("a sandbox");
    let anonymous = Api { addr: sandbox.addr(), key: String::new() };
    let body = json!({"device_fingerprint": "device-0001"});
    let replies =
        futures_util::future::join_all((0..20).map(|_| anonymous.post("/v1/activate", &body, &[]))).await;
    let mut accounts: Vec<_> = replies.iter().map(|reply| reply.data()["account_id"].to_string()).collect();
    accounts.dedup();
    assert_eq!(accounts.len(), 1);
    let key = replies[7].data()["primary_api_key"].as_str().expect("a key").to_owned();
    assert_eq!(Api { key, ..anonymous }.ledger().await.len(), 1);
}

#[tokio::test]
async fn keys_and_fingerprints_are_not_on_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox = Sandbox::builder().data_dir(folder.path()).start().await.expect("a sandbox");
    let api = Api::activate(sandbox.addr(), "a-very-special-fingerprint").await;
    sandbox.stop().await;
    for entry in std::fs::read_dir(folder.path()).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let bytes = std::fs::read(&path).expect("a file");
            for secret in [api.key.as_str(), "a-very-special-fingerprint"] {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{} holds a secret", path.display());
            }
        }
    }
}

#[tokio::test]
async fn without_a_known_key_every_account_route_is_401() {
    let (_sandbox, api) = fresh().await;
    for authorization in [
        "",
        "Bearer",
        "Bearer ",
        "Basic abc",
        "Bearer wrong",
        "Bearer ifr_pk_proj_00000000000000000000000000000000",
        &format!("Bearer {} ", api.key),
        &format!("Bearer {}x", api.key),
    ] {
        let anonymous = Api { key: String::new(), ..api.clone() };
        let headers = [("Authorization", authorization)];
        for (method, path) in [
            ("GET", "/v1/account/balance"),
            ("POST", "/v1/account/topup"),
            ("POST", "/v1/video/generate"),
            ("GET", "/v1/video/jobs/vid_x"),
            ("POST", "/v1/video/jobs/vid_x/cancel"),
            ("GET", "/sandbox/ledger"),
        ] {
            let headers = if authorization.is_empty() { &[][..] } else { &headers[..] };
            let reply = anonymous.try_call(method, path, headers, b"").await.expect("a connection");
            let reply = reply.expect("an answer");
            // A trailing space is no part of a header's value.
            if authorization.ends_with(' ') && authorization.contains(&api.key) {
                assert_ne!(reply.status, 401);
                continue;
            }
            reply.error(401, "UNAUTHORIZED");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        }
    }
}

#[tokio::test]
async fn the_scheme_of_a_key_is_case_insensitive() {
    let (_sandbox, api) = fresh().await;
    let anonymous = Api { key: String::new(), ..api.clone() };
    let headers = [("Authorization", format!("bearer {}", api.key))];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let reply = anonymous.try_call("GET", "/v1/account/balance", &headers, b"").await;
    reply.expect("a connection").expect("an answer").data();
}
