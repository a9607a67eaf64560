//! Tests of calls on a paused clock: retries, time limits, keys and responses.

use std::{sync::Arc, time::Duration};

use http::Method;
use serde_json::json;

use crate::{
    ApiKey, CallOptions, ErrorKind, InfraiClient, InfraiError, KeyProvider,
    script::{self, MockResponse, answer, failure, job, ok, plain, refused, reset},
};

const SECOND: Duration = Duration::from_secs(1);

pub(super) async fn generate(client: &InfraiClient) -> Result<crate::VideoJob, InfraiError> {
    client.video().generate("a kite").await
}

/// Returns the number of attempts of a call to which every response is this one, and its error.
pub(super) async fn attempts_of(response: MockResponse) -> (usize, InfraiError) {
    let (client, script) = plain(move |_, _| response.clone());
    let error = generate(&client).await.unwrap_err();
    (script.count(), error)
}

#[tokio::test(start_paused = true)]
async fn every_code_has_its_kind_and_retry_rule() {
    use ErrorKind::{
        Authentication, Conflict, InvalidRequest, PaymentRequired, Permission, RateLimit, Server,
    };
    let catalogue = [
        ("INSUFFICIENT_CREDIT", 402, PaymentRequired, false),
        ("WALLET_CAP_EXCEEDED", 402, PaymentRequired, false),
        ("PRO_REQUIRED", 402, PaymentRequired, false),
        ("KYC_REQUIRED", 402, PaymentRequired, false),
        ("TOPUP_2FA_REQUIRED", 402, PaymentRequired, false),
        ("BYOK_TRIAL_EXPIRED", 402, PaymentRequired, false),
        ("UNAUTHORIZED", 401, Authentication, false),
        ("SCOPE_INSUFFICIENT", 403, Permission, false),
        ("KEY_REVOKED", 403, Permission, false),
        ("MODULE_NOT_AVAILABLE_IN_REGION", 403, Permission, false),
        ("IDEMPOTENCY_KEY_REQUIRED", 400, InvalidRequest, false),
        ("IDEMPOTENCY_CONFLICT", 409, Conflict, false),
        ("RATE_LIMIT_USER", 429, RateLimit, true),
        ("RATE_LIMIT_IP", 429, RateLimit, true),
        ("VENDOR_QUOTA_EXCEEDED", 429, RateLimit, true),
        ("VENDOR_DOWN", 503, Server, true),
        ("VENDOR_TIMEOUT", 503, Server, true),
        ("MAINTENANCE", 503, Server, true),
        ("UNKNOWN_ERROR", 500, Server, false),
    ];
    for (code, status, kind, retried) in catalogue {
        let (attempts, error) = attempts_of(failure(status, code)).await;
        assert_eq!((error.kind(), error.code(), error.status()), (kind, code, Some(status)));
        assert_eq!((attempts, error.is_retryable()), (if retried { 3 } else { 1 }, retried), "{code}");
        assert!(!error.may_have_been_processed(), "{code}: an envelope is a definite answer");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_known_code_the_status_decides() {
    let retried = [408, 425, 429, 500, 502, 503, 504];
    for status in
        [400, 401, 403, 404, 405, 408, 409, 410, 413, 418, 422, 425, 429, 500, 501, 502, 503, 504, 507]
    {
        let (attempts, error) = attempts_of(failure(status, "BRAND_NEW")).await;
        assert_eq!(attempts, if retried.contains(&status) { 3 } else { 1 }, "{status}");
        assert_eq!(error.code(), "BRAND_NEW");
        let (_, error) = attempts_of(answer(status, &json!("gateway"))).await;
        assert_eq!(error.code(), format!("HTTP_{status}"));
        assert_eq!(error.may_have_been_processed(), status >= 500, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn retries_of_a_call_share_its_idempotency_key() {
    for first in [refused(), reset(), failure(503, "VENDOR_DOWN"), ok(&job("queued")).cut_off()] {
        let (client, script) = plain(move |n, _| if n % 2 == 0 { first.clone() } else { ok(&job("queued")) });
        generate(&client).await.unwrap();
        generate(&client).await.unwrap();
        let keys: Vec<_> = script
            .requests()
            .iter()
            .map(|received| received.header("idempotency-key").unwrap().to_owned())
            .collect();
        assert_eq!((keys.len(), &keys[0], &keys[2]), (4, &keys[1], &keys[3]));
        assert_ne!(keys[0], keys[2]);
        let id = uuid::Uuid::parse_str(&keys[0]).unwrap();
        assert_eq!(id.get_version_num(), 7);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_error_makes_retries_reconnect() {
    for (first, fresh) in [(reset(), true), (refused(), true), (failure(503, "VENDOR_DOWN"), false)] {
        let (client, script) = plain(move |n, _| match n {
            0 => first.clone(),
            1 => failure(503, "VENDOR_DOWN"),
            _ => ok(&job("queued")),
        });
        generate(&client).await.unwrap();
        let received: Vec<_> =
            script.requests().iter().map(|received| received.request.new_connection).collect();
        assert_eq!(received, [false, fresh, fresh]);
    }
}

#[tokio::test(start_paused = true)]
async fn only_writes_send_an_idempotency_key() {
    let (client, script) = plain(|n, _| if n == 2 { ok(&json!({"ok": true})) } else { ok(&job("queued")) });
    client.video().status("vid_1").await.unwrap();
    client.request("HEAD", "/v1/x").await.unwrap();
    client.video().cancel("vid_1").await.unwrap();
    client.request("DELETE", "/v1/x").await.unwrap();
    let with_key: Vec<_> =
        script.requests().iter().map(|received| received.header("idempotency-key").is_some()).collect();
    assert_eq!(with_key, [false, false, true, true]);
}

#[tokio::test(start_paused = true)]
async fn idempotency_keys_are_sent_as_given_or_refused() {
    let (client, script) = plain(|_, _| ok(&job("queued")));
    let key = "~".repeat(255);
    client.video().generate("a kite").idempotency_key(&key).await.unwrap();
    assert_eq!(script.requests()[0].header("idempotency-key"), Some(key.as_str()));
    for bad in ["", " ", "a b", "ключ", "line\n", &"x".repeat(256)] {
        let error = client.video().generate("a kite").idempotency_key(bad).await.unwrap_err();
        assert_eq!(
            (error.code(), error.details().unwrap()["field"].as_str()),
            ("INVALID_ARGUMENT", Some("idempotency_key"))
        );
    }
    assert_eq!(script.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn retry_pauses_grow_up_to_their_cap() {
    let mut longest = [0.0_f64; 5];
    for _ in 0..200 {
        let builder =
            InfraiClient::builder().base_url("http://localhost:1").max_retries(5).retry_cap(2 * SECOND);
        let (client, script) = script::client(builder, |_, _| failure(503, "VENDOR_DOWN"));
        generate(&client).await.unwrap_err();
        for (longest, gap) in longest.iter_mut().zip(script.gaps()) {
            *longest = longest.max(gap);
        }
    }
    for (longest, ceiling) in longest.iter().zip([0.5, 1.0, 2.0, 2.0, 2.0]) {
        assert!(*longest <= ceiling + 0.002 && *longest > 0.7 * ceiling, "{longest} of {ceiling}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_a_floor_in_both_forms() {
    let date = "Mon, 01 Jan 2001 00:00:00 GMT";
    for (value, floor) in [("7", 7.0), ("Mon, 01 Jan 2001 00:00:09 GMT", 9.0), ("-5", 0.0), ("soon", 0.0)] {
        let (client, script) = plain(move |n, _| match n {
            0 => failure(429, "RATE_LIMIT_USER").header("retry-after", value).header("date", date),
            _ => ok(&job("queued")),
        });
        generate(&client).await.unwrap();
        let gap = script.gaps()[0];
        assert!(gap >= floor && gap < floor.max(0.5) + 0.01, "{value}: {gap}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_beyond_the_deadline_ends_the_call() {
    for absurd in ["61", "1e300", "99999999999999999999"] {
        let (client, script) = plain(move |_, _| failure(503, "MAINTENANCE").header("retry-after", absurd));
        let error = generate(&client).await.unwrap_err();
        assert_eq!((error.code(), script.count(), error.attempts()), ("MAINTENANCE", 1, 1));
        assert!(error.retry_after().unwrap() > 60 * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_have_a_timeout_and_calls_a_deadline() {
    let (client, script) = plain(|_, _| ok(&job("queued")).after(1000 * SECOND));
    let begun = tokio::time::Instant::now();
    let error = generate(&client).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 3));
    assert!(error.may_have_been_processed() && error.is_timeout());
    assert!(begun.elapsed() <= 60 * SECOND && script.gaps()[0] >= 20.0);

    let short = client.with_options(CallOptions::new().timeout(5 * SECOND)).unwrap();
    let begun = tokio::time::Instant::now();
    let error = generate(&short).await.unwrap_err();
    assert_eq!((error.code(), begun.elapsed().as_secs()), ("DEADLINE_EXCEEDED", 5));
}

#[tokio::test(start_paused = true)]
async fn the_largest_timeout_is_no_timeout() {
    let most = Duration::MAX;
    let builder = InfraiClient::builder().base_url("http://localhost:1").max_retries(u32::MAX);
    let builder =
        builder.timeout(most).attempt_timeout(most).connect_timeout(most).download_idle_timeout(most);
    let (client, script) =
        script::client(
            builder,
            |n, _| {
                if n < 5 { failure(503, "VENDOR_DOWN") } else { ok(&job("succeeded")) }
            },
        );
    generate(&client).await.unwrap();
    assert_eq!(script.count(), 6);
    client.video().wait("vid_1").timeout(most).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_ambiguous_attempt_makes_the_call_ambiguous() {
    let (client, _) = plain(|n, _| if n == 0 { reset() } else { failure(402, "INSUFFICIENT_CREDIT") });
    let error = generate(&client).await.unwrap_err();
    assert!(error.may_have_been_processed() && error.kind() == ErrorKind::PaymentRequired);
    let (_, error) = attempts_of(refused()).await;
    assert!(!error.may_have_been_processed() && error.kind() == ErrorKind::Connection);
    let (client, _) = plain(|_, _| reset());
    let error = client.video().status("vid_1").await.unwrap_err();
    assert!(!error.may_have_been_processed(), "a status request is never charged");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_error_is_an_ambiguous_outcome() {
    let gateway = json!({"error": {"code": 504, "message": "upstream request timeout"}});
    let (_, error) = attempts_of(answer(504, &gateway)).await;
    assert_eq!((error.status(), error.message()), (Some(504), "upstream request timeout"));
    assert!(error.may_have_been_processed());
    let (_, error) = attempts_of(answer(400, &gateway)).await;
    assert!(!error.may_have_been_processed());
    let (_, error) = attempts_of(failure(504, "VENDOR_TIMEOUT")).await;
    assert!(!error.may_have_been_processed(), "an envelope of the API is a definite answer");
}

#[tokio::test(start_paused = true)]
async fn the_retry_budget_limits_retries_in_an_outage() {
    let (client, script) =
        plain(|n, _| if n < 300 { failure(503, "VENDOR_DOWN") } else { ok(&job("queued")) });
    let mut per_call = Vec::new();
    while script.count() < 300 {
        let before = script.count();
        if generate(&client).await.is_err() {
            per_call.push(script.count() - before);
        }
    }
    assert_eq!(per_call.iter().map(|attempts| attempts - 1).sum::<usize>(), 100, "500 tokens at 5 a retry");
    assert_eq!(per_call.last(), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn polls_leave_the_retry_budget_alone() {
    let (client, _) = plain(|n, _| if n < 200 { failure(503, "VENDOR_DOWN") } else { ok(&job("succeeded")) });
    client.video().wait("vid_1").no_timeout().await.unwrap();
    // 200 failed polls took no tokens, and the successful one returned none.
    for _ in 0..100 {
        assert!(client.http().retry_budget().try_acquire(false).is_some());
    }
    assert!(client.http().retry_budget().try_acquire(false).is_none());
}

#[tokio::test(start_paused = true)]
async fn the_key_function_runs_again_only_after_a_401() {
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let provider = KeyProvider::new(move || {
        let number = counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        async move { ApiKey::new(format!("ifr_pk_proj_{number}")) }
    });
    let builder = InfraiClient::builder().base_url("http://localhost:1").api_key_provider(provider);
    let (client, script) =
        script::client(builder, |_, request| match request.headers["authorization"].to_str().unwrap() {
            "Bearer ifr_pk_proj_1" => failure(503, "VENDOR_DOWN"),
            _ => failure(401, "UNAUTHORIZED"),
        });
    let error = client.video().generate("a kite").await.unwrap_err();
    assert_eq!((error.code(), asked.load(std::sync::atomic::Ordering::SeqCst)), ("VENDOR_DOWN", 2));
    assert_eq!(script.count(), 4, "a request with a renewed key is no retry");
    generate(&client).await.unwrap_err();
    assert_eq!((script.count(), asked.load(std::sync::atomic::Ordering::SeqCst)), (6, 4));
}

#[tokio::test(start_paused = true)]
async fn a_late_key_error_reports_what_was_sent() {
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let provider = KeyProvider::new(move || {
        let first = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        async move { if first { ApiKey::new("ifr_pk_proj_0") } else { Err(InfraiError::internal("no key")) } }
    });
    let builder = InfraiClient::builder().base_url("http://localhost:1").api_key_provider(provider);
    let (client, script) =
        script::client(builder, |n, _| if n == 0 { reset() } else { failure(401, "UNAUTHORIZED") });
    let error = generate(&client).await.unwrap_err();
    assert_eq!((error.message(), error.attempts(), script.count()), ("no key", 2, 2));
    assert_eq!(error.idempotency_key(), script.requests()[0].header("idempotency-key"));
    assert!(error.may_have_been_processed());
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_success_is_an_ambiguous_outcome() {
    let odd = [
        answer(200, &json!({"ok": true, "data": {"state": "queued"}})),
        answer(200, &json!({"ok": true, "data": {"job_id": "v"}})),
        answer(200, &json!({"ok": true, "data": null})),
        answer(200, &json!({"ok": true, "data": {"job_id": ["v"], "state": "queued"}})),
        answer(200, &json!([])),
        answer(200, &json!(null)).bytes(b"<html>"),
        answer(200, &json!(null)).bytes(b""),
    ];
    for response in odd {
        let (attempts, error) = attempts_of(response).await;
        assert_eq!((attempts, error.code()), (1, "UNEXPECTED_RESPONSE"));
        assert!(error.may_have_been_processed() && error.idempotency_key().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_error_names_only_the_target_origin() {
    for (location, origin) in
        [("https://evil.example/x?key=1", "https://evil.example"), ("/elsewhere", "http://localhost:1")]
    {
        let (client, script) = plain(move |_, _| answer(307, &json!(null)).header("location", location));
        let error = generate(&client).await.unwrap_err();
        assert_eq!((error.code(), script.count()), ("REDIRECT", 1));
        assert!(error.message().contains(origin) && !error.message().contains("key=1"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_is_read_up_to_its_limit() {
    let big = format!("\"{}\"", "x".repeat(8 * 1024 * 1024));
    let (_, error) = attempts_of(answer(200, &json!(null)).bytes(big.as_bytes())).await;
    assert_eq!((error.code(), error.may_have_been_processed()), ("RESPONSE_TOO_LARGE", true));
    let (attempts, error) = attempts_of(answer(503, &json!(null)).bytes(big.as_bytes())).await;
    assert_eq!(
        (attempts, error.code(), error.kind()),
        (3, "HTTP_503", ErrorKind::Server),
        "its status is known"
    );
    let (_, error) = attempts_of(answer(400, &json!(null)).bytes("ä".repeat(4000).as_bytes())).await;
    let excerpt = error.details().unwrap()["body"].as_str().unwrap().len();
    assert!(excerpt <= 1024 && excerpt > 1000);
}

#[tokio::test(start_paused = true)]
async fn a_failure_with_a_stalled_body_has_its_status() {
    let (attempts, error) = attempts_of(answer(402, &json!("pay first")).stalled()).await;
    assert_eq!((attempts, error.code(), error.kind()), (1, "HTTP_402", ErrorKind::PaymentRequired));
    assert_eq!(error.details(), Some(&json!({"body": "\"pay "})));
    assert!(!error.may_have_been_processed());
    let (attempts, error) = attempts_of(ok(&job("queued")).stalled()).await;
    assert!(attempts > 1 && error.kind() == ErrorKind::Timeout && error.may_have_been_processed(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_call_ends_its_request() {
    let (client, script) = plain(|_, _| ok(&job("queued")).after(10 * SECOND));
    let call = generate(&client);
    assert!(tokio::time::timeout(SECOND, call).await.is_err());
    assert_eq!((script.count(), script.in_flight()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn call_options_do_not_affect_other_calls() {
    let (client, script) = plain(|_, _| failure(503, "VENDOR_DOWN"));
    let careful = client.with_options(CallOptions::new().max_retries(0).header("x-trace", "7")).unwrap();
    generate(&careful).await.unwrap_err();
    assert_eq!((script.count(), script.requests()[0].header("x-trace")), (1, Some("7")));
    generate(&client).await.unwrap_err();
    assert_eq!((script.count(), script.requests()[1].header("x-trace")), (4, None));
    let refused =
        client.with_options(CallOptions::new().header("Authorization", "Bearer other")).unwrap_err();
    assert_eq!(refused.code(), "CONFIGURATION_INVALID");
}

#[tokio::test(start_paused = true)]
async fn a_call_header_replaces_the_clients() {
    let builder = InfraiClient::builder().base_url("http://localhost:1").default_header("x-team", "red");
    let (client, script) = script::client(builder, |_, _| ok(&job("queued")));
    let other = client.with_options(CallOptions::new().header("X-Team", "blue")).unwrap();
    generate(&other).await.unwrap();
    let sent = script.requests()[0].request.headers.get_all("x-team").iter().cloned().collect::<Vec<_>>();
    assert_eq!(sent, ["blue"]);
}

#[tokio::test(start_paused = true)]
async fn a_body_without_envelope_is_the_data() {
    let (client, _) = plain(|_, _| answer(200, &json!({"ok": true})));
    let response = client.request("GET", "/v1/x").await.unwrap();
    assert_eq!((response.data, response.metadata.is_empty()), (json!({"ok": true}), true));
    let (client, _) =
        plain(|_, _| answer(200, &json!({"id": 7, "status": "weird", "video_url": null, "new": [1]})));
    let found = client.video().status("7").await.unwrap();
    assert_eq!((found.job_id.as_str(), found.state.as_str(), found.is_terminal()), ("7", "weird", false));
    assert_eq!(
        found.to_json(),
        json!({"id": 7, "status": "weird", "new": [1], "job_id": "7", "state": "weird"})
    );
}

#[tokio::test(start_paused = true)]
async fn head_returns_a_status_and_no_data() {
    let (client, _) = plain(|_, _| answer(200, &json!(null)).bytes(b"").header("x-request-id", "req-7"));
    let response = client.request("HEAD", "/v1/x").await.unwrap();
    assert_eq!((response.status, response.data), (200, json!(null)));
}

#[tokio::test(start_paused = true)]
async fn cancel_reads_ok_in_all_its_forms() {
    let forms = [
        (json!({"ok": true, "data": null}), true),
        (json!({"ok": true}), true),
        (json!({"ok": false}), false),
        (json!({"ok": false, "error": {"code": "ANY", "message": "ended"}}), false),
        (json!({"ok": true, "data": {"ok": false}, "metadata": {}}), false),
        (json!({"ok": true, "data": {"ok": true, "state": "cancelled"}, "metadata": {}}), true),
    ];
    for (body, expected) in forms {
        let shown = body.clone();
        let (client, _) = plain(move |_, _| answer(200, &body));
        assert_eq!(client.video().cancel("vid_1").await.unwrap().ok, expected, "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_input_is_refused_before_any_request() {
    let (client, script) = plain(|_, _| ok(&job("queued")));
    let video = client.video();
    let refusals = [
        ("prompt", video.generate("  ").await.unwrap_err()),
        ("duration_seconds", video.generate("x").duration_seconds(0.0).await.unwrap_err()),
        ("duration_seconds", video.generate("x").duration_seconds(f64::NAN).await.unwrap_err()),
        ("duration_seconds", video.generate("x").duration_seconds(f64::INFINITY).await.unwrap_err()),
        (
            "reference_image_url",
            video.generate("x").reference_image_url("file:///etc/passwd").await.unwrap_err(),
        ),
        ("id", video.status("").await.unwrap_err()),
        ("id", video.cancel("..").await.unwrap_err()),
        ("id", video.wait(".").await.unwrap_err()),
        ("id", video.watch("").next().await.unwrap().unwrap_err()),
        ("id", video.download("..", "x.mp4").await.unwrap_err()),
        ("amount_usd", client.account().topup(-1.0).await.unwrap_err()),
        ("return_url", client.account().topup(1.0).return_url("javascript:1").await.unwrap_err()),
        ("method", client.request("BREW", "/v1/x").await.unwrap_err()),
        ("path", client.request(Method::GET.as_str(), "v1/x").await.unwrap_err()),
        ("body", client.request("GET", "/v1/x").body(1).await.unwrap_err()),
    ];
    for (field, error) in refusals {
        assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidRequest, "INVALID_ARGUMENT"), "{error}");
        assert_eq!(error.details().unwrap()["field"], field);
        assert!(error.message().contains(field) && !error.hint().is_empty());
    }
    assert_eq!(script.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn equal_calls_send_equal_bytes() {
    let (client, script) = plain(|_, _| ok(&job("queued")));
    client.video().generate("日落 \"q\"").await.unwrap();
    client
        .video()
        .generate("x")
        .vendor("v")
        .model("m")
        .prefer("cheapest")
        .resolution("8k")
        .aspect("21:9")
        .duration_seconds(2.50)
        .reference_image_url("https://example.com/a.png")
        .await
        .unwrap();
    let bodies: Vec<_> = script
        .requests()
        .iter()
        .map(|received| String::from_utf8(received.request.body.clone().unwrap().to_vec()).unwrap())
        .collect();
    assert_eq!(
        bodies[0],
        "{\"prefer\":\"balanced\",\"prompt\":\"日落 \\\"q\\\"\",\"resolution\":\"720p\"}\n"
    );
    assert_eq!(
        bodies[1],
        "{\"aspect\":\"21:9\",\"duration_seconds\":2.5,\"model\":\"m\",\"prefer\":\"cheapest\",\"prompt\":\"x\",\"reference_image_url\":\"https://example.com/a.png\",\"resolution\":\"8k\",\"vendor\":\"v\"}\n"
    );
}
