//! Validation errors of `generate` and `activate`.

use serde_json::{Value, json};

use crate::client::{Api, fresh};

#[tokio::test]
async fn generate_refuses_what_it_does_not_take_and_names_the_field_and_what_it_takes() {
    let (_sandbox, api) = fresh().await;
    let table = [
        (json!({}), "prompt", "a text"),
        (json!({"prompt": ""}), "prompt", "a text"),
        (json!({"prompt": " \n\t\u{3000}"}), "prompt", "not blank"),
        (json!({"prompt": null}), "prompt", "a text"),
        (json!({"prompt": 5}), "prompt", "a text"),
        (json!({"prompt": ["x"]}), "prompt", "a text"),
        (json!({"prompt": "x".repeat(200_001)}), "prompt", "200000 bytes"),
        (json!({"prompt": "x", "colour": "red"}), "colour", "prompt, reference_image_url"),
        (json!({"prompt": "x", "idempotency_key": "k"}), "idempotency_key", "prompt"),
        (json!({"prompt": "x", "duration_seconds": "5"}), "duration_seconds", "1 to 60"),
        (json!({"prompt": "x", "duration_seconds": null}), "duration_seconds", "1 to 60"),
        (json!({"prompt": "x", "duration_seconds": true}), "duration_seconds", "1 to 60"),
        (json!({"prompt": "x", "duration_seconds": 0}), "duration_seconds", "1 to 60"),
        (json!({"prompt": "x", "duration_seconds": -5}), "duration_seconds", "1 to 60"),
        (json!({"prompt": "x", "duration_seconds": 0.999}), "duration_seconds", "1 to 60"),
        (json!({"prompt": "x", "duration_seconds": 60.0001}), "duration_seconds", "1 to 60"),
        (json!({"prompt": "x", "duration_seconds": 1e308}), "duration_seconds", "1 to 60"),
        (json!({"prompt": "x", "duration_seconds": u64::MAX}), "duration_seconds", "1 to 60"),
        (json!({"prompt": "x", "aspect": "4:3"}), "aspect", "16:9, 9:16, 1:1"),
        (json!({"prompt": "x", "aspect": 1}), "aspect", "16:9, 9:16, 1:1"),
        (json!({"prompt": "x", "resolution": "8k"}), "resolution", "720p, 1080p, 4k"),
        (json!({"prompt": "x", "resolution": "720P"}), "resolution", "720p, 1080p, 4k"),
        (json!({"prompt": "x", "prefer": "fastest"}), "prefer", "balanced, cheapest, smartest"),
        (json!({"prompt": "x", "prefer": {}}), "prefer", "balanced, cheapest, smartest"),
        (json!({"prompt": "x", "model": "gpt"}), "model", "sandbox/default, sandbox/fail"),
        (json!({"prompt": "x", "vendor": "nobody"}), "vendor", "sandbox, sandbox-lite"),
        (json!({"prompt": "x", "reference_image_url": "file:///etc/passwd"}), "reference_image_url", "http"),
        (json!({"prompt": "x", "reference_image_url": "cat.png"}), "reference_image_url", "http"),
        (json!({"prompt": "x", "reference_image_url": "http://"}), "reference_image_url", "http"),
        (json!({"prompt": "x", "reference_image_url": 5}), "reference_image_url", "http"),
    ];
    for (body, field, expected) in &table {
        let error = api.generate(body).await.error(400, "INVALID_REQUEST");
        let shown: String = body.to_string().chars().take(80).collect();
        assert_eq!(error["field"], *field, "{shown}");
        assert!(error["expected"].as_str().expect("what it takes").contains(expected), "{shown}: {error}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains(field) && message.contains(expected) && message.len() < 1000, "{message}");
    }
    assert_eq!(api.ledger().await.len(), 1, "nothing was charged");
}

#[tokio::test]
async fn generate_takes_the_edges_of_its_ranges() {
    let (_sandbox, api) = fresh().await;
    let cheap = |extra: Value| {
        let mut body = json!({"prompt": "x", "model": "sandbox/stuck", "prefer": "cheapest"});
        body.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        body
    };
    for extra in [
        json!({"duration_seconds": 1}),
        json!({"duration_seconds": 1.0}),
        json!({"duration_seconds": 60}),
        json!({"duration_seconds": 2.5}),
        json!({"prompt": "字".repeat(66_666)}),
        json!({"prompt": "\u{0}\u{202e}\u{1f600}"}),
        json!({"reference_image_url": "https://example.com/cat.png?x=1"}),
        json!({"vendor": "sandbox-lite", "resolution": "1080p"}),
    ] {
        let id = api.generate(&cheap(extra)).await.data()["job_id"].as_str().expect("an id").to_owned();
        api.cancel(&id).await.data();
    }
}

#[tokio::test]
async fn a_vendor_without_a_resolution_says_so() {
    let (_sandbox, api) = fresh().await;
    let body = json!({"prompt": "x", "vendor": "sandbox-lite", "resolution": "4k"});
    let error = api.generate(&body).await.error(400, "RESOLUTION_NOT_SUPPORTED");
    assert_eq!((&error["field"], &error["expected"]), (&json!("resolution"), &json!("720p, 1080p")));
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let (_sandbox, api) = fresh().await;
    let deep = "[".repeat(100_000);
    for body in
        ["", "{", "[]", "5", "null", "{\"prompt\": \"\\ud800\"}", "{\"prompt\": 1e999}", &deep, "{} x"]
    {
        let reply = api.try_call("POST", "/v1/video/generate", &[], body.as_bytes()).await;
        reply.expect("a connection").expect("an answer").error(400, "INVALID_REQUEST");
    }
    let reply = api.try_call("POST", "/v1/video/generate", &[], b"{\"prompt\":\"\xff\"}").await;
    reply.expect("a connection").expect("an answer").error(400, "INVALID_REQUEST");
    let authorization = format!("Bearer {}", api.key);
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", content_type)];
        let reply = crate::client::request(api.addr, "POST", "/v1/video/generate", &headers, b"{}").await;
        reply.expect("a connection").expect("an answer").error(415, "UNSUPPORTED_MEDIA_TYPE");
    }
}

#[tokio::test]
async fn activate_refuses_what_it_does_not_take() {
    let (_sandbox, api) = fresh().await;
    let anonymous = Api { key: String::new(), ..api };
    for (body, field) in [
        (json!({}), "device_fingerprint"),
        (json!({"device_fingerprint": ""}), "device_fingerprint"),
        (json!({"device_fingerprint": "short"}), "device_fingerprint"),
        (json!({"device_fingerprint": "with spaces in it"}), "device_fingerprint"),
        (json!({"device_fingerprint": 12_345_678}), "device_fingerprint"),
        (json!({"device_fingerprint": "x".repeat(256)}), "device_fingerprint"),
        (json!({"device_fingerprint": "device-0001", "region": "mars"}), "region"),
        (json!({"device_fingerprint": "device-0001", "region": null}), "region"),
        (json!({"device_fingerprint": "device-0001", "device_kind": ""}), "device_kind"),
        (json!({"device_fingerprint": "device-0001", "device_kind": "Big Iron"}), "device_kind"),
        (json!({"device_fingerprint": "device-0001", "email": "a@b.c"}), "email"),
    ] {
        let error = anonymous.post("/v1/activate", &body, &[]).await.error(400, "INVALID_REQUEST");
        assert_eq!(error["field"], field, "{body}");
    }
}
