//! The document at `/openapi.json` matches the served routes.

use serde_json::{Value, json};

use crate::client::{fresh, path_of};

async fn document(api: &crate::client::Api) -> Value {
    let reply = api.get("/openapi.json").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    serde_json::from_slice(&reply.body).expect("JSON")
}

#[tokio::test]
async fn every_route_of_the_document_answers() {
    let (sandbox, api) = fresh().await;
    let document = document(&api).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], sandbox.url());
    let mut count = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let concrete = path.replace("{id}", "vid_none").replace("{token}", "none");
        for method in item.as_object().expect("operations").keys() {
            let reply =
                api.try_call(&method.to_uppercase(), &concrete, &[], b"").await.expect("a connection");
            let reply = reply.expect("an answer");
            assert_ne!(reply.status, 405, "{method} {path}");
            if reply.status == 404 {
                // Its thing is unknown, not the route.
                let message =
                    reply.error(404, "NOT_FOUND")["message"].as_str().expect("a message").to_owned();
                assert!(!message.contains("route"), "{method} {path}");
            }
            count += 1;
        }
    }
    assert_eq!(count, 25);
}

#[tokio::test]
async fn it_documents_prices_errors_and_the_words_of_faults() {
    let (_sandbox, api) = fresh().await;
    let document = document(&api).await;
    let description = document["info"]["description"].as_str().expect("a description");
    for words in [
        "| 1080p | balanced | $0.04 |",
        "sandbox/stuck",
        "sandbox-lite",
        "drop=before",
        "drop=after",
        "cut=100",
        "times=2",
        "probability=0.3",
        "retry-after=1",
        "delay=200ms",
        "code=VENDOR_DOWN",
        "job=fail",
    ] {
        assert!(description.contains(words), "{words}");
    }
    let text = document.to_string();
    for code in [
        "INVALID_REQUEST",
        "RESOLUTION_NOT_SUPPORTED",
        "IDEMPOTENCY_KEY_REQUIRED",
        "UNAUTHORIZED",
        "INSUFFICIENT_CREDIT",
        "FILE_URL_EXPIRED",
        "ADMIN_LOOPBACK_ONLY",
        "NOT_FOUND",
        "METHOD_NOT_ALLOWED",
        "REQUEST_TIMEOUT",
        "IDEMPOTENCY_CONFLICT",
        "PAYLOAD_TOO_LARGE",
        "UNSUPPORTED_MEDIA_TYPE",
        "RANGE_NOT_SATISFIABLE",
        "HOST_NOT_ALLOWED",
        "RATE_LIMIT_USER",
        "RATE_LIMIT_IP",
        "UNKNOWN_ERROR",
        "MAINTENANCE",
        "SANDBOX_FAILURE",
        "RENDER_FAILED",
    ] {
        assert!(text.contains(code), "{code}");
    }
}

/// Checks `data` against the schema `name` of the document.
fn assert_fits(document: &Value, name: &str, data: &Value) {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{name}"),
        "components": document["components"],
    });
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(data).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{name}: {errors:?} in {data}");
}

#[tokio::test]
async fn the_document_and_the_server_agree_on_which_prompts_are_blank() {
    let (_sandbox, api) = fresh().await;
    let mut schema =
        document(&api).await["components"]["schemas"]["GenerateRequest"]["properties"]["prompt"].take();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for prompt in ["", " ", "\u{a0}", "\u{85}\t\n", "\u{3000}", "\u{feff}", "\u{200b}", " x ", "^", "]", "船"]
    {
        let reply =
            api.generate(&json!({"prompt": prompt, "model": "sandbox/stuck", "duration_seconds": 1})).await;
        assert_eq!(validator.is_valid(&json!(prompt)), reply.status == 200, "{prompt:?}");
    }
}

#[tokio::test]
async fn what_is_answered_fits_its_schema() {
    let (_sandbox, api) = fresh().await;
    let document = document(&api).await;
    let activation = api.post("/v1/activate", &json!({"device_fingerprint": "device-0001"}), &[]).await;
    assert_fits(&document, "Envelope", &activation.envelope());
    assert_fits(&document, "Activation", &activation.data());
    assert_fits(&document, "Balance", &api.get("/v1/account/balance").await.data());
    let key = [("Idempotency-Key", "k")];
    let topup = api.post("/v1/account/topup", &json!({"amount_usd": 5}), &key).await.data();
    assert_fits(&document, "TopupRecord", &topup);
    api.get(path_of(&topup["next_action_url"], api.addr)).await;
    for model in ["sandbox/default", "sandbox/fail"] {
        let body = crate::client::quick(model);
        assert_fits(&document, "GenerateRequest", &body);
        let queued = api.generate(&body).await.data();
        assert_fits(&document, "VideoJob", &queued);
        let ended = api.ended(queued["job_id"].as_str().expect("an id")).await;
        assert_fits(&document, "VideoJob", &ended);
    }
    let webhook = json!({"url": "http://localhost:9/a%20b?c", "events": ["*"], "secret": "s"});
    assert_fits(&document, "WebhookRequest", &webhook);
    let registered = api.post("/v1/account/webhooks/register", &webhook, &[]).await.data();
    assert_fits(&document, "Webhook", &registered);
    let discovery = api.get("/v1/discovery").await.data();
    for capability in discovery["capabilities"].as_array().expect("capabilities") {
        assert_fits(&document, "Capability", capability);
    }
    let refused = api.generate(&json!({"prompt": ""})).await;
    assert_fits(&document, "Envelope", &refused.envelope());
    let fault = api.post("/sandbox/faults", &json!({"fault": "GET /x: cut=1"}), &[]).await.data();
    assert_fits(&document, "Fault", &fault);
    assert_fits(&document, "Ledger", &api.get("/sandbox/ledger").await.data());
    for request in api.get("/sandbox/requests").await.data()["requests"].as_array().expect("requests") {
        assert_fits(&document, "Request", request);
    }
}
