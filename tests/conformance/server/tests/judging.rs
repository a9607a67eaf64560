//! The server says no when it should: each way of breaking a promise is found, and named.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use infrai_conformance_server::control::Control;
use infrai_conformance_server::load::Template;
use infrai_conformance_server::stage::KEY;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const AGENT: &str = "infrai-test/0.1.0 (core/0.1.0; linux; x86_64; test 1.0)";

/// A scenario under way.
struct Play {
    control: Arc<Control>,
    start: Value,
}

impl Play {
    async fn start(scenario: Value) -> Self {
        let mut scenario = scenario;
        scenario["name"] = json!("it");
        let template = Template { name: "it".to_owned(), file: PathBuf::from("test"), json: scenario };
        let control = Control::new(vec![template]);
        let (status, start) = control.start("it").await;
        assert_eq!(status, 200, "{start}");
        Self { control, start }
    }

    async fn send(&self, origin: &str, line: &str, headers: &[(&str, &str)], body: &str) -> String {
        let address = self.start[origin].as_str().unwrap().trim_start_matches("http://").to_owned();
        let headers: String = headers.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
        let length = body.len();
        let text =
            format!("{line} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
        let mut stream = TcpStream::connect(address.replace("localhost", "127.0.0.1")).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A POST as a right client would send it, but for these headers.
    async fn post(&self, body: &str, changed: &[(&str, &str)]) -> String {
        let key = format!("Bearer {KEY}");
        let usual = [
            ("Authorization", key.as_str()),
            ("User-Agent", AGENT),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", "k-1"),
        ];
        let mut headers: Vec<(&str, &str)> =
            usual.iter().filter(|(n, _)| !changed.iter().any(|(c, _)| c == n)).copied().collect();
        headers.extend(changed.iter().filter(|(_, value)| !value.is_empty()));
        self.send("base_url", "POST /v1/thing", &headers, body).await
    }

    async fn finish(&self, outcomes: Value) -> Value {
        let report = json!({"language": "rust", "outcomes": outcomes}).to_string();
        let (status, verdict) = self.control.finish("it", report.as_bytes()).await;
        assert_eq!(status, 200, "{verdict}");
        verdict
    }

    async fn passes(&self, outcomes: Value) {
        let verdict = self.finish(outcomes).await;
        assert_eq!(verdict["pass"], json!(true), "{verdict}");
    }

    async fn fails(&self, outcomes: Value, difference: &str) {
        let verdict = self.finish(outcomes).await;
        assert_eq!(verdict["pass"], json!(false));
        let said = verdict["difference"].as_str().unwrap();
        assert!(said.contains(difference), "{said:?} does not say {difference:?}");
    }
}

fn one_post() -> Value {
    json!({
        "server": [{"request": "POST /v1/thing", "body": "{}\n", "reply": {"ok": {"a": 1}}}],
        "calls": [{"call": "request", "outcome": {"value": {"a": 1}}}],
    })
}

fn fine() -> Value {
    json!([{"value": {"a": 1}}])
}

#[tokio::test]
async fn what_was_promised_passes() {
    let play = Play::start(one_post()).await;
    let answer = play.post("{}\n", &[]).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    play.passes(fine()).await;
}

#[tokio::test]
async fn a_wrong_body_fails() {
    let play = Play::start(one_post()).await;
    play.post("{ }\n", &[]).await;
    play.fails(fine(), "request 1 (POST /v1/thing): body: expected").await;
}

#[tokio::test]
async fn a_wrong_missing_or_unwanted_header_fails() {
    for (header, value) in [
        ("Authorization", ""),
        ("Authorization", "Bearer another"),
        ("User-Agent", "curl/8"),
        ("Idempotency-Key", ""),
        ("Idempotency-Key", "a b"),
        ("Content-Type", "text/plain"),
    ] {
        let play = Play::start(one_post()).await;
        play.post("{}\n", &[(header, value)]).await;
        play.fails(fine(), &format!("header {header}")).await;
    }
    let mut scenario = one_post();
    scenario["server"][0]["headers"] = json!({"X-Team": {"$absent": true}});
    let play = Play::start(scenario).await;
    play.post("{}\n", &[("X-Team", "red")]).await;
    play.fails(fine(), "header X-Team: expected nothing").await;
}

#[tokio::test]
async fn a_request_that_does_not_come_fails() {
    let play = Play::start(one_post()).await;
    play.fails(fine(), "POST /v1/thing: expected 1 times, got 0 times").await;
}

#[tokio::test]
async fn one_request_too_many_fails_and_is_not_worth_retrying() {
    let play = Play::start(one_post()).await;
    play.post("{}\n", &[]).await;
    let answer = play.post("{}\n", &[]).await;
    assert!(answer.starts_with("HTTP/1.1 418 "), "{answer}");
    play.fails(fine(), "request 2: expected nothing more, got POST /v1/thing").await;
}

#[tokio::test]
async fn another_path_fails() {
    let play = Play::start(one_post()).await;
    play.send("base_url", "POST /v1/thing/", &[], "{}\n").await;
    play.fails(fine(), "request 1: expected POST /v1/thing, got POST /v1/thing/").await;
}

#[tokio::test]
async fn requests_out_of_order_fail_unless_any_order_will_do() {
    for (order, pass) in [("script", false), ("any", true)] {
        let play = Play::start(json!({
            "order": order,
            "server": [
                {"request": "GET /1", "kind": "file", "reply": {"text": "1"}},
                {"request": "GET /2", "kind": "file", "reply": {"text": "2"}},
            ],
            "calls": [{"call": "request", "outcome": {"value": 1}}],
        }))
        .await;
        for path in ["/2", "/1"] {
            play.send("base_url", &format!("GET {path}"), &[("Accept-Encoding", "identity")], "").await;
        }
        let verdict = play.finish(json!([{"value": 1}])).await;
        assert_eq!(verdict["pass"], json!(pass), "{order}: {verdict}");
    }
}

#[tokio::test]
async fn a_key_at_the_other_origin_fails_wherever_it_stands() {
    let bearer = format!("Bearer {KEY}");
    let query = format!("GET /v.mp4?k={KEY}");
    let line = "GET /v.mp4";
    for (line, headers) in
        [(line, ("Authorization", bearer.as_str())), (&query, ("X", "1")), (line, ("Cookie", KEY))]
    {
        let play = Play::start(json!({
            "server": [{"request": line, "origin": "other", "reply": {"text": "x"}}],
            "calls": [{"call": "request", "outcome": {"value": 1}}],
        }))
        .await;
        play.send("other_url", line, &[headers, ("Accept-Encoding", "identity")], "").await;
        play.fails(json!([{"value": 1}]), "expected no key at the other origin").await;
    }
}

#[tokio::test]
async fn a_request_nobody_expects_at_the_other_origin_fails() {
    let play = Play::start(one_post()).await;
    play.post("{}\n", &[]).await;
    play.send("other_url", "GET /", &[], "").await;
    play.fails(fine(), "request 2: expected nothing more, got GET / at the other origin").await;
}

#[tokio::test]
async fn a_gap_too_short_or_too_long_fails() {
    for (gap, wait, difference) in [
        (json!({"least": 0.5}), 0, "gap: expected at least 0.5 s"),
        (json!({"most": 0.1}), 300, "gap: expected at most 0.1 s"),
        (json!({"least": 0.05, "most": 5}), 100, ""),
    ] {
        let mut scenario = one_post();
        scenario["server"][0]["times"] = json!(2);
        scenario["server"][0]["gap"] = gap;
        let play = Play::start(scenario).await;
        play.post("{}\n", &[]).await;
        tokio::time::sleep(Duration::from_millis(wait)).await;
        play.post("{}\n", &[]).await;
        if difference.is_empty() {
            play.passes(fine()).await;
        } else {
            play.fails(fine(), difference).await;
        }
    }
}

#[tokio::test]
async fn a_key_that_changes_between_attempts_fails_and_so_does_one_used_twice() {
    for (names, keys, pass) in [
        (["a", "a"], ["k-1", "k-1"], true),
        (["a", "a"], ["k-1", "k-2"], false),
        (["a", "b"], ["k-1", "k-2"], true),
        (["a", "b"], ["k-1", "k-1"], false),
    ] {
        let exchange = |name: &str| json!({"request": "POST /v1/thing", "headers": {"Idempotency-Key": {"$bind": name}}, "reply": {"ok": 1}});
        let mut scenario = one_post();
        scenario["server"] = json!([exchange(names[0]), exchange(names[1])]);
        let play = Play::start(scenario).await;
        for key in keys {
            play.post("{}\n", &[("Idempotency-Key", key)]).await;
        }
        let verdict = play.finish(fine()).await;
        assert_eq!(verdict["pass"], json!(pass), "{names:?} {keys:?}: {verdict}");
    }
}

#[tokio::test]
async fn a_wrong_outcome_fails() {
    let outcomes = [
        (json!([{"value": {"a": 2}}]), "value.a: expected 1, got 2"),
        (json!([{"value": {"a": 1, "b": 2}}]), "value.b: expected nothing"),
        (json!([{"error": {"kind": "server"}}]), "error: expected none"),
        (json!([{"error": {"kind": "server"}}]), "value: expected"),
        (json!([]), "expected 1 outcomes, got 0"),
        (json!([{"value": {"a": 1}}, {"value": {"a": 1}}]), "expected 1 outcomes, got 2"),
    ];
    for (outcome, difference) in outcomes {
        let play = Play::start(one_post()).await;
        play.post("{}\n", &[]).await;
        play.fails(outcome, difference).await;
    }
}

#[tokio::test]
async fn an_error_is_compared_field_by_field_and_null_is_absent() {
    let scenario = json!({
        "server": [],
        "calls": [{"call": "request", "outcome": {"error": {"kind": "server", "status": {"$absent": true}, "attempts": 0}}}],
    });
    for (error, difference) in [
        (json!({"kind": "server", "attempts": 0, "message": "free", "status": null}), ""),
        (json!({"kind": "timeout", "attempts": 0}), "error.kind: expected \"server\", got \"timeout\""),
        (json!({"kind": "server", "attempts": 0, "status": 500}), "error.status: expected nothing, got 500"),
        (json!({"kind": "server"}), "error.attempts: expected 0, got nothing"),
        (
            json!({"kind": "server", "attempts": 0, "message": format!("bad key {KEY}")}),
            "expected no key in it",
        ),
    ] {
        let play = Play::start(scenario.clone()).await;
        if difference.is_empty() {
            play.passes(json!([{"error": error}])).await;
        } else {
            play.fails(json!([{"error": error}]), difference).await;
        }
    }
}

#[tokio::test]
async fn a_skip_fails_unless_the_scenario_exempts_the_language() {
    let mut scenario = one_post();
    scenario["exempt"] = json!({"swift": "it has no such thing"});
    for (language, pass) in [("swift", true), ("rust", false)] {
        let play = Play::start(scenario.clone()).await;
        let report = json!({"language": language, "skipped": "too hard"}).to_string();
        let (_, verdict) = play.control.finish("it", report.as_bytes()).await;
        assert_eq!(verdict["pass"], json!(pass), "{language}: {verdict}");
    }
}

#[tokio::test]
async fn files_are_compared_and_leftovers_found() {
    let right = infrai_conformance_server::reply::generated(1000, 1);
    let mut wrong = right.clone();
    wrong[500] ^= 1;
    let cases: [(&[u8], &str, &str); 4] = [
        (&right, "out.mp4", ""),
        (&wrong, "out.mp4", "another from byte 500"),
        (&right[..999], "out.mp4", "expected 1000 bytes, got 999 bytes"),
        (&right, "out.mp4.part", "expected no other file, got out.mp4.part"),
    ];
    for (content, name, difference) in cases {
        let play = Play::start(json!({
            "server": [],
            "calls": [{"call": "video.download", "outcome": {"value": 1}}],
            "files_after": {"out.mp4": {"bytes": 1000, "seed": 1}, "*": null},
        }))
        .await;
        let folder = PathBuf::from(play.start["tmp"].as_str().unwrap());
        std::fs::write(folder.join(name), content).unwrap();
        if difference.is_empty() {
            play.passes(json!([{"value": 1}])).await;
        } else {
            play.fails(json!([{"value": 1}]), difference).await;
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn permissions_and_texts_of_files_are_compared() {
    use std::os::unix::fs::PermissionsExt;
    for (mode, text, difference) in [
        (0o600, "right", ""),
        (0o644, "right", "file home/keys: mode: expected 600, got 644"),
        (0o600, "wrong", "file home/keys: expected"),
    ] {
        let play = Play::start(json!({
            "server": [],
            "calls": [{"call": "activate", "outcome": {"value": 1}}],
            "files_after": {"home": {"mode": "700"}, "home/keys": {"mode": "600", "text": "right"}, "home/none": null},
        }))
        .await;
        let home = PathBuf::from(play.start["tmp"].as_str().unwrap()).join("home");
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join("keys"), text).unwrap();
        std::fs::set_permissions(&home, PermissionsExt::from_mode(0o700)).unwrap();
        std::fs::set_permissions(home.join("keys"), PermissionsExt::from_mode(mode)).unwrap();
        if difference.is_empty() {
            play.passes(json!([{"value": 1}])).await;
        } else {
            play.fails(json!([{"value": 1}]), difference).await;
        }
    }
}

#[tokio::test]
async fn the_number_of_requests_at_once_is_counted() {
    for (together, pass) in [(true, true), (false, false)] {
        let mut scenario = one_post();
        scenario["at_once"] = json!({"least": 2, "most": 2});
        scenario["server"][0]["times"] = json!(2);
        scenario["server"][0]["reply"] = json!({"ok": 1, "delay": 0.2});
        let play = Play::start(scenario).await;
        if together {
            tokio::join!(play.post("{}\n", &[]), play.post("{}\n", &[]));
        } else {
            play.post("{}\n", &[]).await;
            play.post("{}\n", &[]).await;
        }
        let verdict = play.finish(fine()).await;
        assert_eq!(verdict["pass"], json!(pass), "{verdict}");
    }
}

#[tokio::test]
async fn a_stray_request_after_the_outcome_is_still_found() {
    let mut scenario = one_post();
    scenario["quiet"] = json!(0.3);
    let play = Play::start(scenario).await;
    play.post("{}\n", &[]).await;
    let (verdict, _) = tokio::join!(play.finish(fine()), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        play.post("{}\n", &[]).await
    });
    assert_eq!(verdict["pass"], json!(false), "{verdict}");
}

#[tokio::test]
async fn answers_are_dropped_cut_off_and_refused_as_scripted() {
    let mut scenario = one_post();
    scenario["server"] = json!([{"request": "POST /v1/thing", "replies": [
        {"drop": "before_reading"}, {"drop": "after_reading"}, {"text": "0123456789", "cut_after": 4},
        {"text": "0123456789", "chunked": 4}, {"ok": 1},
    ]}]);
    let play = Play::start(scenario).await;
    let mut answers = Vec::new();
    for _ in 0..5 {
        let address = play.start["base_url"].as_str().unwrap().trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let text = format!(
            "POST /v1/thing HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nUser-Agent: {AGENT}\r\nIdempotency-Key: k\r\nContent-Length: 0\r\n\r\n"
        );
        let _ = stream.write_all(text.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answers.push(String::from_utf8(answer).unwrap());
    }
    assert_eq!((answers[0].as_str(), answers[1].as_str()), ("", ""));
    assert!(
        answers[2].contains("Content-Length: 10") && answers[2].ends_with("\r\n\r\n0123"),
        "{}",
        answers[2]
    );
    assert!(answers[3].ends_with("\r\n\r\n4\r\n0123\r\n4\r\n4567\r\n2\r\n89\r\n0\r\n\r\n"), "{}", answers[3]);
    play.passes(fine()).await;
    let refused = play.start["closed_url"].as_str().unwrap().trim_start_matches("http://").to_owned();
    assert!(TcpStream::connect(refused).await.is_err());
}
