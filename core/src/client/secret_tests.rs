//! What a call shows of a key: nothing, in errors, in hooks and in `Debug`.

use std::sync::Arc;

use serde_json::json;

use super::tests::{attempts_of, generate};
use crate::{
    CallOptions, InfraiClient,
    script::{self, answer, job, ok, reset},
};

#[tokio::test(start_paused = true)]
async fn no_error_repeats_the_key_even_where_the_server_does() {
    let key = "ifr_pk_proj_0123456789abcdefghijklmnopqrstuv";
    let echo =
        json!({"code": key, "message": format!("bad {key}"), "details": {"header": format!("Bearer {key}")}});
    let bodies = [
        answer(400, &json!({"ok": false, "error": echo})),
        answer(400, &json!(null)).bytes(format!("<p>{key}</p>").as_bytes()),
        answer(200, &json!(null)).bytes(format!("{{\"primary_api_key\": \"{key}").as_bytes()),
        answer(200, &json!({"job_id": [key], "state": "queued"})),
        answer(200, &json!({"job_id": "a", "state": "queued", "error": [key]})),
        answer(
            400,
            &json!({"ok": false, "error": {"code": "X", (key): {(key): 1}}, "metadata": {"request_id": key}}),
        ),
    ];
    for body in bodies {
        let (_, error) = attempts_of(body).await;
        let shown = format!(
            "{error} {error:?} {} {} {:?}",
            error.to_json(),
            error.hint(),
            std::error::Error::source(&error)
        );
        assert!(!shown.contains("0123456789abcdef"), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_error_repeats_a_part_of_a_key_with_unusual_characters() {
    let builder =
        InfraiClient::builder().base_url("http://localhost:1").api_key("ifr_pk_proj_abc.the/secret+rest");
    let (client, _) = script::client(builder, |_, request| {
        answer(400, &json!(null)).bytes(request.headers["authorization"].as_bytes())
    });
    let error = generate(&client).await.unwrap_err();
    assert_eq!(error.details(), Some(&json!({"body": "Bearer …"})));
}

#[test]
fn nothing_that_may_be_a_secret_is_shown_by_debug() {
    let builder = InfraiClient::builder()
        .api_key("ifr_pk_proj_hush")
        .base_url("https://user:hush@gate.example")
        .proxy("http://user:hush@proxy.example")
        .default_header("x-gate", "hush");
    let options = CallOptions::new().header("x-gate", "hush");
    let shown = format!("{builder:?} {options:?} {:?}", builder.clone().build().unwrap());
    assert!(shown.contains("x-gate") && !shown.contains("hush"), "{shown}");
    let plain = InfraiClient::builder().base_url("http://localhost:1").build().unwrap();
    assert!(format!("{plain:?}").contains("http://localhost:1"));
}

#[tokio::test(start_paused = true)]
async fn hooks_see_every_attempt_and_no_secret() {
    let log = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (before, after) = (Arc::clone(&log), Arc::clone(&log));
    let builder = InfraiClient::builder()
        .base_url("http://localhost:1")
        .on_request(move |event| before.lock().unwrap().push(format!("{event:?}")))
        .on_response(move |event| after.lock().unwrap().push(format!("{event:?}")));
    let (client, _) = script::client(builder, |n, _| if n == 0 { reset() } else { ok(&job("queued")) });
    generate(&client).await.unwrap();
    let log = log.lock().unwrap().clone();
    assert_eq!(log.len(), 4);
    assert!(
        log[1].contains("status: None") && log[3].contains("status: Some(200)") && log[3].contains("req-1")
    );
    assert!(
        log[2].contains("attempt: 2") && !log.concat().contains("ifr_pk") && !log.concat().contains("kite")
    );
}
