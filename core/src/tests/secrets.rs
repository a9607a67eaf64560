//! Tests that errors, logs, hooks and `Debug` show nothing of a key.

use std::{
    io::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    ApiKey, CallOptions, InfraiClient, InfraiError, KeyProvider, VideoJob,
    script::{self, MockResponse, answer, failure, job, ok, reset},
    tests::calls::{attempts_of, generate},
};

#[tokio::test(start_paused = true)]
async fn no_error_shows_a_key_that_the_server_echoes() {
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
async fn keys_with_unusual_characters_are_redacted_whole() {
    let builder =
        InfraiClient::builder().base_url("http://localhost:1").api_key("ifr_pk_proj_abc.the/secret+rest");
    let (client, _) = script::client(builder, |_, request| {
        answer(400, &json!(null)).bytes(request.headers["authorization"].as_bytes())
    });
    let error = generate(&client).await.unwrap_err();
    assert_eq!(error.details(), Some(&json!({"body": "Bearer …"})));
}

#[test]
fn debug_output_shows_no_secret() {
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

/// Returns keys of several alphabets and lengths.
fn keys() -> Vec<String> {
    let token: String = (0..60).map(|at| format!("{:x}.", at * 7919)).collect::<Vec<_>>().concat();
    [
        "ifr_pk_proj_0123456789abcdefghijklmnopqrstuv",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "8charKey",
        "1234567890123456",
        "odd\"key\\of/another%form+&='<>",
        &token,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Returns an excerpt of a text that shows eight consecutive characters of a key, raw or percent-decoded.
fn leak(text: &str, key: &str) -> Option<String> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    let folded = |text: &str| text.replace('\\', "").to_ascii_lowercase();
    let (texts, key) = ([folded(text), folded(&decoded)], folded(key));
    let pieces = key.as_bytes().windows(8).map(|piece| std::str::from_utf8(piece).unwrap());
    let found = |piece: &str| texts.iter().find_map(|text| Some((text, text.find(piece)?)));
    pieces
        .into_iter()
        .find_map(found)
        .map(|(text, at)| text.chars().skip(at.saturating_sub(80)).take(200).collect())
}

/// Returns responses that echo a key, each in another place.
fn echoes(key: &str) -> Vec<MockResponse> {
    let job = |more: Value| {
        let mut job = json!({"job_id": "vid_1", "state": "failed"});
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        job
    };
    let done = |url: String| {
        job(json!({"state": "succeeded", "video_url": url, "thumbnail_url": url, "job_id": key}))
    };
    let number = key.parse::<u64>().map_or(json!(null), Value::from);
    let data = [
        job(json!({"job_id": key})),
        job(json!({"id": key, "status": key, "job_id": null, "state": null})),
        job(json!({"state": key, (key): key, "progress": number})),
        job(json!({"error": format!("bad key {key}")})),
        job(json!({"error": {"code": key, "message": key, (key): [key]}})),
        job(json!({"error": {(key): {"deep": key}}})),
        job(json!({"error": [key]})),
        job(json!({"state": {"k": key}})),
        job(json!({"job_id": [key]})),
        job(json!({"progress": key})),
        job(json!({"video_url": {(key): 1}})),
        json!({"balance_usd": key, "topup_id": [key], "ok": key}),
        json!([key, number]),
        json!(key),
        done(key.to_owned()),
        done(format!("file:///{key}")),
        done(format!("http://{key}.example/")),
        done(format!("https://files.example/{key}")),
        job(json!({"state": "succeeded", "job_id": key})),
    ];
    let echo = json!({"code": key, "message": format!("bad {key}"), (key): {(key): [key, number]}, "checkout_url": format!("https://x/?{key}")});
    let meta = json!({"request_id": key, (key): key});
    let page = format!("<p>Authorization: Bearer {key}</p>").repeat(40);
    let encoded = percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC).to_string();
    let mut all: Vec<_> = data.iter().map(ok).collect();
    all.extend([
        answer(200, &json!({"ok": true, "data": data[0], "metadata": meta})),
        answer(200, &json!({"ok": false, "error": echo, "metadata": meta})),
        answer(200, &json!(null)).bytes(format!("{{\"job_id\": {}", json!(key)).as_bytes()),
        answer(400, &json!({"ok": false, "error": echo, "metadata": meta})),
        answer(402, &json!({"error": echo})).header("x-request-id", key),
        answer(403, &json!({"error": key, (key): key})).header("x-request-id", key),
        answer(404, &json!(null)).bytes(page.as_bytes()),
        answer(404, &json!(null)).bytes(encoded.as_bytes()),
        answer(404, &json!(null))
            .bytes(json!({"detail": key}).to_string().replace('-', "\\u002d").as_bytes()),
        answer(302, &json!(null)).header("location", format!("https://{key}.example/{key}")),
        answer(302, &json!(null)).header("location", format!("https://x/{key}")),
    ]);
    all
}

/// Returns everything that an error shows.
fn shown(error: &InfraiError) -> String {
    let mut text = format!("{error} {error:?} {error:#?} {} {}", error.to_json(), error.hint());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text} {cause} {cause:?}");
        source = cause.source();
    }
    text
}

/// Makes every call, also with the key as the id, and returns everything that the errors show.
async fn errors_of_every_call(client: &InfraiClient, key: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut errors = Vec::new();
    let second = Duration::from_secs(1);
    errors.extend(generate(client).await.err());
    errors.extend(client.account().balance().await.err());
    errors.extend(client.account().topup(5.0).await.err());
    errors.extend(client.request("POST", "/v1/x").body(json!({})).await.err());
    for id in ["vid_1", key] {
        let video = client.video();
        let job = video.status(id).await;
        errors.extend(video.cancel(id).await.err());
        errors.extend(video.wait(id).timeout(second).cancel_on_timeout(true).await.err());
        errors
            .extend(video.wait(id).abort_when(tokio::time::sleep(second)).cancel_on_abort(true).await.err());
        let mut watch = video.watch(id);
        while let Ok(Some(item)) = tokio::time::timeout(second, watch.next()).await {
            errors.extend(item.err());
        }
        errors.extend(video.download(id, folder.path().join("a.mp4")).overwrite(true).await.err());
        match job {
            // Bindings pass a job back as its JSON.
            Ok(job) => {
                let job = VideoJob::from_json(job.to_json()).unwrap();
                errors.extend(video.wait(&job).timeout(second).await.err());
                errors.extend(video.download(&job, folder.path().join("b.mp4")).overwrite(true).await.err());
            }
            Err(error) => errors.push(error),
        }
    }
    let mut many = client.video().generate_many(["one", "two"]).concurrency(1).timeout(second);
    while let Some(item) = many.next().await {
        errors.extend(item.unwrap().result.err());
    }
    errors.iter().map(shown).collect()
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn echoed_keys_appear_in_no_error_log_or_hook() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    let _guard = script::log_to(subscriber);
    for key in keys() {
        for (place, echo) in echoes(&key).into_iter().enumerate() {
            let (before, after) = (log.clone(), log.clone());
            let given = key.clone();
            let builder = InfraiClient::builder()
                .base_url("http://localhost:1")
                .max_retries(0)
                .on_request(move |event| writeln!(before.clone(), "{event:?}").unwrap())
                .on_response(move |event| writeln!(after.clone(), "{event:?}").unwrap())
                .api_key_provider(KeyProvider::new(move || std::future::ready(ApiKey::new(&given))));
            let (client, _) =
                script::client(
                    builder,
                    move |_, request| {
                        if request.file { answer(404, &json!(null)) } else { echo.clone() }
                    },
                );
            let errors = errors_of_every_call(&client, &key).await;
            assert!(errors.len() > 100, "{place}: {errors}");
            assert_eq!(leak(&errors, &key), None, "place {place}, an error");
            let logged = String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
            assert!(logged.contains("infrai::http::call") && logged.contains("ResponseEvent"), "{logged}");
            assert_eq!(leak(&logged, &key), None, "place {place}, a log or hook");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn truncated_bodies_show_no_part_of_the_key() {
    for key in keys() {
        let body = format!("You sent Authorization: Bearer {key}; and {key}");
        let body = &body[..body.len().min(300)];
        for end in 0..body.len() {
            for filler in [0, 1000] {
                let cut = "x".repeat(filler) + &body[..end];
                let builder = InfraiClient::builder().base_url("http://localhost:1").api_key(&key);
                let (client, _) =
                    script::client(builder, move |_, _| answer(400, &json!(null)).bytes(cut.as_bytes()));
                let error = generate(&client).await.unwrap_err();
                assert_eq!(leak(&shown(&error), &key), None, "{end} bytes after {filler}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn keys_of_earlier_attempts_are_redacted() {
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let provider = KeyProvider::new(move || {
        let turn = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        std::future::ready(ApiKey::new(format!("token-number-{turn:03}")))
    });
    let builder = InfraiClient::builder().base_url("http://localhost:1").api_key_provider(provider);
    let (client, _) = script::client(builder, |n, _| match n {
        0 => failure(401, "UNAUTHORIZED"),
        1 => ok(&json!({"job_id": "token-number-000", "state": "token-number-001"})),
        _ => ok(&json!({"job_id": "token-number-000", "state": "failed", "error": "token-number-000"})),
    });
    let job = client.video().generate("a kite").await.unwrap();
    assert_eq!(job.job_id.as_str(), "token-number-000", "values of a result are not redacted");
    let error = client.video().wait(&job).await.unwrap_err();
    assert_eq!((error.code(), leak(&shown(&error), "token-number-000")), ("JOB_FAILED", None));
    assert_eq!(error.job().unwrap().job_id.as_str(), "…");
}

#[tokio::test(start_paused = true)]
async fn an_error_shows_at_most_64_kib_of_a_text() {
    let key = "ifr_pk_proj_0123456789abcdefghijklmnopqrstuv";
    let long = format!("{}{key}", "e".repeat(100_000));
    let error = json!({"code": long, "message": long, "checkout_url": long, "more": [long, long, long]});
    let (client, _) =
        script::client(InfraiClient::builder().base_url("http://localhost:1").api_key(key), move |_, _| {
            answer(402, &json!({"error": error})).header("x-request-id", &long)
        });
    let error = client.account().balance().await.unwrap_err();
    let texts = [error.code(), error.message(), error.checkout_url().unwrap(), error.request_id().unwrap()];
    for text in texts {
        assert!(text.len() == 64 << 10 && text.ends_with("e…"), "{}", text.len());
    }
    let details = error.details().unwrap();
    assert!(details.to_string().len() < 256 << 10 && details["more"][2] == "…");
    assert_eq!(leak(&shown(&error), key), None);
}

#[tokio::test(start_paused = true)]
async fn oversized_json_is_not_parsed() {
    let many = format!("[{}0]", "0,".repeat(100_000));
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for (body, word) in [(many, "100000 JSON values"), (deep, "127 levels")] {
        for (status, code) in [(200, "RESPONSE_TOO_LARGE"), (404, "HTTP_404")] {
            let body = body.clone();
            let (client, _) = script::plain(move |_, _| answer(status, &json!(null)).bytes(body.as_bytes()));
            let error = client.account().balance().await.unwrap_err();
            assert_eq!((error.code(), error.status()), (code, Some(status)));
            assert_eq!(error.message().contains(word), status == 200, "{error}");
        }
    }
}
