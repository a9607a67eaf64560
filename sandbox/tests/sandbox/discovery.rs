//! `/v1/discovery`: without a key, and true.

use infrai_sandbox::pricing::PRICES;
use serde_json::{Value, json};

use crate::client::fresh;

fn of<'a>(list: &'a Value, id: &str) -> &'a Value {
    let list = list["capabilities"].as_array().expect("capabilities");
    list.iter().find(|capability| capability["id"] == id).unwrap_or_else(|| panic!("no {id}"))
}

#[tokio::test]
async fn every_call_is_listed_with_its_route() {
    let (_sandbox, api) = fresh().await;
    let reply =
        api.try_call("GET", "/v1/discovery", &[], b"").await.expect("a connection").expect("an answer");
    let list = reply.data();
    for (id, method, path) in [
        ("account.activate", "POST", "/v1/activate"),
        ("account.balance", "GET", "/v1/account/balance"),
        ("account.topup", "POST", "/v1/account/topup"),
        ("video.generate", "POST", "/v1/video/generate"),
        ("video.status", "GET", "/v1/video/jobs/{id}"),
        ("video.cancel", "POST", "/v1/video/jobs/{id}/cancel"),
    ] {
        let capability = of(&list, id);
        assert_eq!((&capability["method"], &capability["path"]), (&json!(method), &json!(path)), "{id}");
    }
    assert_eq!(of(&list, "video.status")["parameters"]["required"], json!(["id"]));
}

#[tokio::test]
async fn prices_are_those_that_are_charged() {
    let (_sandbox, api) = fresh().await;
    let capability = api.get("/v1/discovery/video.generate").await.data();
    let billing = &capability["billing"];
    assert_eq!(billing["prices"].as_array().expect("prices").len(), PRICES.len());
    let job =
        api.generate(&json!({"prompt": "a kite", "model": "sandbox/stuck", "duration_seconds": 1})).await;
    assert_eq!(job.envelope()["metadata"]["cost_usd"], billing["price_usd"]);
    assert_eq!(capability["parameters"]["properties"]["aspect"]["enum"], json!(["16:9", "9:16", "1:1"]));
    assert_eq!(capability["vendors"], json!(["sandbox", "sandbox-lite"]));
    assert!(
        capability["errors"]
            .as_array()
            .expect("errors")
            .contains(&json!({"code": "RATE_LIMIT_USER", "retryable": true}))
    );
}

#[tokio::test]
async fn an_unknown_capability_is_not_found() {
    let (_sandbox, api) = fresh().await;
    for id in ["nothing", "video%2Fgenerate", "%ff"] {
        api.get(&format!("/v1/discovery/{id}")).await.error(404, "NOT_FOUND");
    }
}
