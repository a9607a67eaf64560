//! `infrai doctor` and `infrai video options`: what they find, what they advise, and that no secret is shown.

mod common;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    time::{Duration, Instant},
};

use common::{Home, Ran, Server};
use serde_json::{Value, json};

const KEY: &str = "ifr_pk_proj_0123456789abcdefghijABCDEFGHIJ01";

/// A server that answers each path with a status, a `Date` and a body of JSON. Returns its URL.
fn scripted(
    date: &'static str,
    answer: impl Fn(&str) -> (u16, Value) + Send + Sync + Clone + 'static,
) -> String {
    let head = if date.is_empty() { String::new() } else { format!("Date: {date}\r\n") };
    serving(move |path| {
        let (status, body) = answer(path);
        (status, head.clone(), body.to_string())
    })
}

/// A server that answers each path with a status, header lines and a body. Returns its URL.
fn serving(answer: impl Fn(&str) -> (u16, String, String) + Send + Sync + Clone + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let Some(first) = lines.next() else { return };
                lines.take_while(|line| !line.is_empty()).for_each(drop);
                let (status, lines, body) = answer(first.split(' ').nth(1).unwrap_or_default());
                let head = format!(
                    "HTTP/1.1 {status} X\r\n{lines}Connection: close\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                let _ = (&stream).write_all((head + &body).as_bytes());
            });
        }
    });
    url
}

fn envelope(data: &Value) -> Value {
    json!({"ok": true, "data": data, "error": null, "metadata": {}})
}

/// Returns the check of this name and status.
#[track_caller]
fn check<'a>(report: &'a Value, name: &str, status: &str) -> &'a str {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|check| check["check"] == name && check["status"] == status);
    found.unwrap_or_else(|| panic!("no {name} with {status}: {report:#}"))["message"]
        .as_str()
        .expect("a message")
}

#[track_caller]
fn remedy<'a>(report: &'a Value, name: &str) -> &'a str {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|check| check["check"] == name && check["status"] == "problem");
    found.unwrap_or_else(|| panic!("no problem of {name}: {report:#}"))["remedy"].as_str().expect("a remedy")
}

fn doctor(home: &Home, code: i32) -> Value {
    home.run(&["--json", "--timeout", "3s", "doctor"]).expect(code).json()
}

#[test]
fn all_is_ok_with_a_key_and_a_server() {
    let server = Server::start();
    let home = Home::at(&server);
    home.run(&["activate"]).expect(0);
    let report = doctor(&home, 0);
    assert_eq!(report["ok"], true, "{report:#}");
    assert!(check(&report, "base URL", "ok").ends_with("(INFRAI_BASE_URL)"));
    assert!(check(&report, "key", "ok").ends_with("(profile)"));
    assert!(check(&report, "routes", "ok").starts_with("6 of 6 calls"));
    assert_eq!(check(&report, "aspect", "ok"), "`aspect`, as documented");
    assert_eq!(check(&report, "balance", "ok"), "$2.00");
    assert_eq!(check(&report, "clock", "ok"), "agrees with the server's");
    let text = home.run(&["doctor"]).expect(0).stdout;
    let stored = std::fs::read_to_string(home.credentials()).expect("a file");
    let key = stored
        .lines()
        .find_map(|line| line.strip_prefix("api_key = "))
        .expect("a key")
        .trim_matches('"')
        .to_owned();
    assert!(
        text.ends_with("All is ok.\n") && !text.contains(&key) && !report.to_string().contains(&key),
        "{text}"
    );
}

#[test]
fn without_a_key_both_ways_to_one_are_named() {
    let server = Server::start();
    let report = doctor(&Home::at(&server), 3);
    let advice = remedy(&report, "key");
    for part in ["`infrai activate`", "INFRAI_API_KEY", "https://infrai.cc"] {
        assert!(advice.contains(part), "{advice}");
    }
    assert!(check(&report, "balance", "note").contains("no key"));
}

#[test]
fn an_unreachable_host_is_a_problem_of_the_network() {
    let begun = Instant::now();
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let home = Home::new().with("INFRAI_API_KEY", KEY).with("INFRAI_BASE_URL", &format!("http://{closed}"));
    let report = doctor(&home, 4);
    assert!(check(&report, "connection", "problem").contains(&closed.port().to_string()));
    assert!(check(&report, "balance", "note").contains("was not reached"));
    let home = Home::new().with("INFRAI_BASE_URL", "https://nowhere.invalid").with("INFRAI_API_KEY", KEY);
    let report = doctor(&home, 4);
    assert!(check(&report, "DNS", "problem").contains("nowhere.invalid"));
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn a_server_that_never_answers_costs_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let begun = Instant::now();
    let home = Home::new().with("INFRAI_API_KEY", KEY).with("INFRAI_BASE_URL", &url);
    let report = home.run(&["--json", "--timeout", "1s", "doctor"]).expect(4).json();
    assert!(check(&report, "response", "problem").contains("no response"));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_wrong_clock_is_a_problem() {
    let url = scripted("Mon, 01 Jan 2001 00:00:00 GMT", |path| match path {
        "/v1/account/balance" => (200, envelope(&json!({"balance_usd": 1}))),
        _ => (404, json!("not found")),
    });
    let home = Home::new().with("INFRAI_API_KEY", KEY).with("INFRAI_BASE_URL", &url);
    let report = doctor(&home, 5);
    assert!(check(&report, "clock", "problem").ends_with("s ahead of the server's"));
    assert!(check(&report, "routes", "note").contains("404"));
    assert_eq!(check(&report, "balance", "ok"), "$1.00");
}

#[test]
fn another_name_of_the_aspect_is_a_problem() {
    let url = scripted("", |path| match path {
        "/v1/account/balance" => (200, envelope(&json!({"balance_usd": 1}))),
        "/v1/discovery/video.generate" => (
            200,
            envelope(&json!({"parameters": {"properties": {"aspect_ratio": {"enum": ["16:9", "4:3"]}}}})),
        ),
        _ => (
            200,
            envelope(&json!({
                "video.generate": {"method": "POST", "path": "/v1/video/generate"},
                "video.status": {"method": "GET", "path": "/v1/video/status/{job_id}"},
                "video.cancel": {"method": "POST", "path": "/v2/cancel/{id}"},
            })),
        ),
    });
    let home = Home::new().with("INFRAI_API_KEY", KEY).with("INFRAI_BASE_URL", &url);
    let report = doctor(&home, 4);
    assert!(check(&report, "routes", "ok").contains("/v1/video/status/{id}"));
    assert!(check(&report, "routes", "problem").contains("/v2/cancel/{id}"));
    assert!(report.to_string().contains("keys come from the console, https://infrai.cc"));
    assert!(check(&report, "aspect", "problem").contains("`aspect_ratio`"));
    assert!(remedy(&report, "aspect").contains("infrai request POST /v1/video/generate"));
    let options = home.run(&["--json", "video", "options"]).expect(0).json();
    assert_eq!(options["aspects"], json!(["16:9", "4:3"]));
}

/// A server of TLS with a certificate that has expired. Returns its URL.
fn expired() -> String {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/tests/certificates");
    let certificate = CertificateDer::from_pem_file(format!("{folder}/expired.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(format!("{folder}/expired.key")).expect("a key");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a pair");
    let config = std::sync::Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Ok(mut session) = rustls::ServerConnection::new(std::sync::Arc::clone(&config)) else {
                return;
            };
            while session.is_handshaking() && session.complete_io(&mut stream).is_ok() {}
        }
    });
    format!("https://localhost:{port}")
}

#[test]
fn an_expired_certificate_names_the_clock() {
    let roots = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/tests/certificates/expired.pem");
    let home = Home::new()
        .with("INFRAI_API_KEY", KEY)
        .with("INFRAI_BASE_URL", &expired())
        .with("SSL_CERT_FILE", roots);
    let report = doctor(&home, 4);
    assert!(check(&report, "certificates", "ok").ends_with("(SSL_CERT_FILE)"));
    assert!(check(&report, "TLS", "problem").contains("expired"), "{report:#}");
    assert!(remedy(&report, "TLS").contains("clock"));
}

#[test]
fn no_password_and_no_key_is_shown() {
    let home = Home::new()
        .with("INFRAI_API_KEY", KEY)
        .with("INFRAI_BASE_URL", "https://api.example.com")
        .with("HTTPS_PROXY", "http://user:hushhush@127.0.0.1:9");
    for words in [&["--json", "doctor"][..], &["-vv", "doctor"]] {
        let Ran { code, stdout, stderr } = home.run(words);
        assert_eq!(code, Some(4), "{stdout}");
        assert!(stdout.contains("http://127.0.0.1:9 (HTTPS_PROXY)"), "{stdout}");
        for secret in ["hushhush", KEY] {
            assert!(!stdout.contains(secret) && !stderr.contains(secret), "{stdout}{stderr}");
        }
    }
}

#[test]
fn an_unusable_setting_stops_no_other_check() {
    let home = Home::new().with("INFRAI_BASE_URL", "ftp://example.com");
    let report = doctor(&home, 5);
    assert!(check(&report, "base URL", "problem").contains("INFRAI_BASE_URL"));
    assert!(check(&report, "network", "note").contains("not known"));
}

/// Returns the number of problems.
fn problems(report: &Value) -> usize {
    let checks = report["checks"].as_array().expect("checks");
    checks.iter().filter(|check| check["status"] == "problem").count()
}

#[test]
fn a_bad_base_url_is_one_problem() {
    let home = Home::new().with("INFRAI_BASE_URL", "ftp://example.com");
    for home in [home.with("INFRAI_API_KEY", KEY), Home::new().with("INFRAI_BASE_URL", "nonsense")] {
        let report = doctor(&home, 5);
        assert_eq!(problems(&report), 1, "{report:#}");
        assert!(check(&report, "key", "note").contains("base URL"));
        assert!(check(&report, "balance", "note").contains("was not reached"));
    }
}

#[test]
fn a_broken_credentials_file_is_one_problem() {
    let home = Home::new();
    let file = home.path("broken");
    std::fs::write(&file, "[default\nhush").expect("a file");
    let home = home.with("INFRAI_CREDENTIALS_FILE", file.to_str().expect("UTF-8"));
    let report = doctor(&home, 5);
    assert_eq!(problems(&report), 1, "{report:#}");
    assert!(check(&report, "credentials", "problem").contains("line 1 is not TOML"));
    assert!(check(&report, "base URL", "note").contains("credentials file"));
    assert!(!report.to_string().contains("hush"));
}

#[test]
fn a_response_that_is_not_the_apis_reaches_nothing() {
    const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";
    let page = |status, lines: &'static str, body: &'static str| {
        serving(move |_| (status, lines.to_owned(), body.to_owned()))
    };
    for (url, message, advice) in [
        (page(200, HTML, "<html>Sign in</html>"), "HTTP 200 is a web page", "login page"),
        (
            page(302, "Location: http://portal.example/?a=b\r\n", ""),
            "HTTP 302 redirects to http://portal.example",
            "login page",
        ),
        (page(404, "", "404 page not found"), "HTTP 404 without", "ends before /v1"),
        (page(404, HTML, "<html></html>"), "HTTP 404 without", "ends before /v1"),
        (page(503, "", "no healthy upstream"), "HTTP 503 without", "Try again later"),
        (page(403, HTML, "<html>blocked</html>"), "HTTP 403 is a web page", "the proxy"),
        (page(200, "", "pong"), "HTTP 200 without", "the proxy"),
    ] {
        let home = Home::new().with("INFRAI_API_KEY", KEY).with("INFRAI_BASE_URL", &url);
        let report = doctor(&home, 4);
        assert!(check(&report, "response", "problem").starts_with(message), "{report:#}");
        assert!(remedy(&report, "response").contains(advice), "{report:#}");
        assert!(check(&report, "balance", "note").contains("was not reached"));
        assert_eq!(problems(&report), 1, "{report:#}");
    }
}

#[test]
fn an_api_without_discovery_is_reached_by_its_refusal() {
    for refusal in [json!({"ok": false, "error": {"code": "UNAUTHORIZED"}}), json!({"message": "no key"})] {
        let url = scripted("", move |path| match path {
            "/v1/account/balance" => (401, refusal.clone()),
            _ => (404, json!("not found")),
        });
        let report = doctor(&Home::new().with("INFRAI_BASE_URL", &url), 3);
        assert!(check(&report, "response", "ok").starts_with("HTTP 401"), "{report:#}");
        assert!(check(&report, "balance", "note").contains("no key"));
        assert_eq!(problems(&report), 1, "{report:#}");
    }
}

#[test]
fn an_api_without_a_balance_does_not_check_the_key() {
    let url = scripted("", |path| match path {
        "/v1/discovery" => (200, envelope(&json!([]))),
        _ => (404, json!({"ok": false, "error": {"code": "ROUTE_UNKNOWN", "message": "no"}})),
    });
    let home = Home::new().with("INFRAI_API_KEY", KEY).with("INFRAI_BASE_URL", &url);
    let report = doctor(&home, 4);
    assert!(check(&report, "balance", "problem").contains("GET /v1/account/balance (404)"));
    assert!(remedy(&report, "balance").contains("https://infrai.cc"));
}

#[test]
fn settings_are_shown_with_their_sources() {
    let home = Home::new().with("INFRAI_BASE_URL", "http://api.invalid").with("INFRAI_ALLOW_HTTP", "1");
    let report = home.run(&["--json", "--timeout", "1s", "--routes", "status", "doctor"]).expect(3).json();
    assert_eq!(check(&report, "job routes", "ok"), "status (argument)");
    assert_eq!(
        check(&report, "timeouts", "ok"),
        "call 1s (argument), attempt 20s, connect 10s, download idle 30s (default)"
    );
    assert!(check(&report, "plain http", "note").starts_with("in use (INFRAI_ALLOW_HTTP)"));
    assert_eq!(check(&report, "NO_PROXY", "ok"), "not set");
    let home = Home::new().with("INFRAI_BASE_URL", "http://api.invalid").with("INFRAI_ALLOW_HTTP", "yes");
    let report = home.run(&["--json", "doctor"]).expect(5).json();
    assert!(check(&report, "plain http", "note").contains("only INFRAI_ALLOW_HTTP=1"));
    assert_eq!(check(&report, "job routes", "ok"), "auto (default)");
    assert!(check(&report, "timeouts", "ok").starts_with("call 60s, "));
}

#[test]
fn exceptions_of_the_proxy_are_shown_for_the_host() {
    let closed = "http://127.0.0.1:9";
    let home = |list: &str| {
        Home::new()
            .with("INFRAI_API_KEY", KEY)
            .with("INFRAI_BASE_URL", "https://api.invalid")
            .with("HTTPS_PROXY", closed)
            .with("NO_PROXY", list)
    };
    let report = doctor(&home(".invalid"), 4);
    assert_eq!(check(&report, "NO_PROXY", "ok"), "holds for api.invalid (NO_PROXY)");
    assert_eq!(check(&report, "proxy", "ok"), "none");
    let report = doctor(&home("other.example"), 4);
    assert_eq!(check(&report, "NO_PROXY", "ok"), "does not hold for api.invalid (NO_PROXY)");
    assert_eq!(check(&report, "proxy", "ok"), "http://127.0.0.1:9 (HTTPS_PROXY)");
    assert!(remedy(&report, "connection").contains("the proxy's address"), "{report:#}");
    let server = Server::start();
    let report = doctor(&Home::at(&server).with("HTTP_PROXY", closed), 3);
    assert!(check(&report, "proxy", "ok").contains("this machine"));
}

#[test]
fn a_proxy_that_refuses_the_host_is_the_problem() {
    let url = serving(|_| (403, String::new(), "blocked".to_owned()));
    let home = Home::new()
        .with("INFRAI_API_KEY", KEY)
        .with("INFRAI_BASE_URL", "https://api.invalid")
        .with("HTTPS_PROXY", &url);
    let report = doctor(&home, 4);
    assert_eq!(check(&report, "proxy", "problem"), "it opens no connection to api.invalid");
}

#[test]
fn pinned_routes_that_the_server_lacks_are_a_problem() {
    let url = scripted("", |_| {
        (
            200,
            envelope(&json!({
                "video.generate": {"method": "POST", "path": "/v1/video/generate"},
                "video.status": {"method": "GET", "path": "/v1/video/status/{id}"},
                "video.cancel": {"method": "POST", "path": "/v1/video/cancel/{id}"},
            })),
        )
    });
    let home = Home::new().with("INFRAI_BASE_URL", &url).with("INFRAI_API_KEY", KEY);
    let run = |routes| home.run(&["--json", "--routes", routes, "doctor"]).json();
    assert!(check(&run("jobs"), "routes", "problem").ends_with("it declares /v1/video/status/{id}"));
    assert!(remedy(&run("jobs"), "routes").contains("--routes"));
    assert!(check(&run("status"), "routes", "ok").ends_with("jobs at /v1/video/status/{id}"));
}

#[test]
fn routes_decide_the_first_request_of_a_command() {
    let url = scripted("", |path| match path {
        "/v1/video/status/vid_1" => (200, envelope(&json!({"id": "vid_1", "status": "succeeded"}))),
        _ => (404, json!("not found")),
    });
    let home = Home::new().with("INFRAI_BASE_URL", &url).with("INFRAI_API_KEY", KEY);
    let asked = |words: &[&str]| home.run(words).stderr.matches("jobs/{id}").count();
    assert!(asked(&["-vv", "video", "status", "vid_1"]) > 0);
    assert_eq!(asked(&["-vv", "--routes", "status", "video", "status", "vid_1"]), 0);
    home.run(&["--routes", "jobs", "video", "status", "vid_1"]).expect(2);
    let next = home.run(&["--routes", "status", "video", "status", "vid_1"]).expect(0);
    assert!(next.stdout.contains(" --routes status video download "), "{next:?}");
}

#[test]
fn a_missing_profile_is_named() {
    let server = Server::start();
    let home = Home::at(&server);
    home.run(&["activate"]).expect(0);
    let report = home.run(&["--json", "--timeout", "3s", "--profile", "wrok", "doctor"]).expect(3).json();
    let key = check(&report, "key", "problem");
    assert!(key.contains("\"wrok\"") && key.contains("\"default\""), "{key}");
    assert!(!remedy(&report, "key").contains("INFRAI_API_KEY"), "{report:#}");
}

#[test]
fn unreadable_certificates_are_a_problem() {
    let server = Server::start();
    let home = Home::at(&server).with("SSL_CERT_FILE", "/nonexistent/roots.pem").with("SSL_CERT_DIR", "");
    let report = doctor(&home, 3);
    assert!(check(&report, "certificates", "problem").contains("/nonexistent/roots.pem"), "{report:#}");
}

#[test]
fn a_port_without_tls_is_a_problem_of_the_address() {
    let server = Server::start();
    let url = server.url.replace("http://", "https://");
    let home = Home::new().with("INFRAI_BASE_URL", &url).with("INFRAI_API_KEY", KEY);
    let report = doctor(&home, 4);
    assert!(remedy(&report, "TLS").contains("does not speak TLS"), "{report:#}");
}

#[cfg(unix)]
#[test]
fn an_exposed_file_has_a_command_as_remedy() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start();
    let home = Home::at(&server);
    home.run(&["activate"]).expect(0);
    std::fs::set_permissions(home.credentials(), std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let report = doctor(&home, 5);
    assert!(check(&report, "credentials", "problem").contains("0644"));
    assert_eq!(remedy(&report, "credentials"), format!("Run: chmod 600 {}", home.credentials().display()));
    std::fs::set_permissions(home.credentials(), std::fs::Permissions::from_mode(0o600)).expect("a mode");
    std::fs::set_permissions(home.path(".infrai"), std::fs::Permissions::from_mode(0o777)).expect("a mode");
    assert!(remedy(&doctor(&home, 5), "credentials").contains("chmod 700"));
}

#[test]
fn options_come_from_the_server_or_are_the_documented_ones() {
    let server = Server::start();
    let options = Home::at(&server).run(&["--json", "video", "options"]).expect(0).json();
    assert_eq!(options["source"], "discovery");
    assert_eq!(options["resolutions"], json!(["720p", "1080p", "4k"]));
    assert!(options["models"].as_array().expect("models").contains(&json!("sandbox/slow")));
    assert_eq!(options["billing"]["price_usd"], 0.02);
    let text = Home::at(&server).run(&["video", "options"]).expect(0).stdout;
    assert!(text.contains("$0.04 per second (smartest, 720p)") && text.contains("sandbox-lite"), "{text}");
    let url = scripted("", |_| (404, json!("not found")));
    for (url, reason) in [(url.as_str(), "404"), ("http://127.0.0.1:9", "could not be asked")] {
        let home = Home::new().with("INFRAI_BASE_URL", url);
        let options = home.run(&["--json", "--timeout", "2s", "video", "options"]).expect(0).json();
        assert_eq!((&options["source"], &options["aspects"][2]), (&json!("documented"), &json!("1:1")));
        assert!(options["note"].as_str().expect("a note").contains(reason), "{options}");
    }
}

#[test]
fn a_servers_hint_is_shown_on_one_line() {
    let url = scripted("", |path| match path {
        "/v1/activate" => (404, json!({"ok": false, "error": {"code": "ROUTE_UNKNOWN", "message": "no"}})),
        _ => (
            429,
            json!({"ok": false, "error": {"code": "RATE_LIMIT_USER", "message": "slow", "hint": "Ask for more.\u{1b}[2J\n"}}),
        ),
    });
    let home = Home::new().with("INFRAI_API_KEY", KEY).with("INFRAI_BASE_URL", &url);
    let ran = home.run(&["--timeout", "1s", "account", "balance"]).expect(4);
    assert_eq!(ran.error_lines().1, r"  Ask for more.\u{1b}[2J. Try again later, with fewer calls at once.");
    let ran = Home::new().with("INFRAI_BASE_URL", &url).run(&["activate"]).expect(2);
    assert!(ran.error_lines().1.contains("https://infrai.cc"), "{ran:?}");
}
