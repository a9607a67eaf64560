//! The dashboard: for this machine, for itself, and without keys.

use infrai_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::client::{Api, Reply, fresh, path_of, quick, request, start};

const HTML: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
const STATE: &str = "/sandbox/page/state";

async fn ask(api: &Api, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    request(api.addr, method, path, headers, b"").await.expect("a connection").expect("an answer")
}

/// The page's address without its token, and the token.
fn token(sandbox: &Sandbox) -> String {
    let (address, token) =
        sandbox.page_url().split_once("/#").map(|(a, t)| (a.to_owned(), t.to_owned())).expect("a token");
    assert_eq!(address, sandbox.url());
    token
}

async fn state(api: &Api, token: &str, query: &str) -> Value {
    ask(api, "GET", &format!("{STATE}{query}"), &[("X-Sandbox-Page", token)]).await.data()
}

#[tokio::test]
async fn a_browser_gets_the_page_and_an_api_client_what_it_would_get_anywhere() {
    let (_sandbox, api) = fresh().await;
    let page = ask(&api, "GET", "/", &[HTML]).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().starts_with("<!doctype html>"));
    assert_eq!(page.header("vary"), Some("accept"));
    let head = ask(&api, "HEAD", "/", &[HTML]).await;
    assert_eq!((head.status, head.body.len(), head.length()), (200, 0, Some(page.body.len())));
    for accept in ["application/json", "*/*", "text/html;q=0.5, application/json"] {
        let reply = ask(&api, "GET", "/", &[("Accept", accept)]).await;
        reply.error(404, "NOT_FOUND");
        assert_eq!(reply.header("vary"), Some("accept"));
    }
    ask(&api, "GET", "/", &[]).await.error(404, "NOT_FOUND");
    for (method, path) in [("POST", "/"), ("DELETE", "/"), ("GET", "//"), ("GET", "/index.html")] {
        ask(&api, method, path, &[HTML]).await.error(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn everything_that_the_page_is_made_of_is_served_here_and_locked_down() {
    let (sandbox, api) = fresh().await;
    let front = ask(&api, "GET", "/", &[HTML]).await;
    let mut paths: Vec<&str> = front.text().split("=\"/sandbox/page/").skip(1).collect();
    paths = paths.into_iter().filter_map(|rest| rest.split('"').next()).collect();
    assert!(paths.contains(&"main.js") && paths.contains(&"page.css"), "{paths:?}");
    let mut replies = vec![front.clone()];
    for (name, media_type) in [
        ("page.css", "text/css; charset=utf-8"),
        ("main.js", "text/javascript; charset=utf-8"),
        ("dom.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let reply = ask(&api, "GET", &format!("/sandbox/page/{name}"), &[]).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(media_type)), "{name}");
        replies.push(reply);
    }
    replies.push(ask(&api, "GET", STATE, &[("X-Sandbox-Page", &token(&sandbox))]).await);
    for reply in replies {
        let policy = reply.header("content-security-policy").expect("a policy");
        for directive in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.split("; ").any(|part| part == directive), "{directive}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'), "{policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(reply.header("cross-origin-resource-policy"), Some("same-origin"));
        assert_eq!(reply.header("cross-origin-opener-policy"), Some("same-origin"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    for name in ["", "nothing.js", "..%2f..%2fsandbox.db", "%2e%2e", "index.html", "state/x"] {
        ask(&api, "GET", &format!("/sandbox/page/{name}"), &[]).await.error(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn the_page_answers_to_this_machine_and_to_no_other_page() {
    let (sandbox, api) = start(Sandbox::builder().allow_host("dev.example")).await;
    let token = token(&sandbox);
    let with = |headers: &[(&'static str, &'static str)]| {
        let mut all = vec![HTML, ("X-Sandbox-Page", token.as_str())];
        all.extend(headers);
        all
    };
    for path in ["/", "/sandbox/page/main.js", STATE] {
        let reply = ask(&api, "GET", path, &with(&[("Host", "dev.example")])).await;
        reply.error(403, "ADMIN_LOOPBACK_ONLY");
        let reply = ask(&api, "GET", path, &with(&[("Host", "rebound.example")])).await;
        reply.error(421, "HOST_NOT_ALLOWED");
    }
    for foreign in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
    ] {
        ask(&api, "GET", STATE, &with(&[foreign])).await.error(403, "ADMIN_LOOPBACK_ONLY");
        ask(&api, "GET", "/sandbox/page/main.js", &with(&[foreign])).await.error(403, "ADMIN_LOOPBACK_ONLY");
    }
    // A link from elsewhere may lead to the page, which tells nothing by itself.
    assert_eq!(ask(&api, "GET", "/", &with(&[("Sec-Fetch-Site", "cross-site")])).await.status, 200);
    let itself = with(&[("Sec-Fetch-Site", "same-origin"), ("Host", "localhost:4010")]);
    ask(&api, "GET", STATE, &itself).await.data();
}

#[tokio::test]
async fn a_page_elsewhere_changes_nothing_and_is_given_no_leave_to_read() {
    let (_sandbox, api) = fresh().await;
    let body = json!({"fault": "GET /healthz: status=500"});
    for foreign in [
        &[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")][..],
        &[("Sec-Fetch-Site", "same-site"), ("Origin", "http://localhost:3000")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Origin", "https://evil.example")],
    ] {
        api.post("/sandbox/faults", &body, foreign).await.error(403, "ADMIN_LOOPBACK_ONLY");
        for path in ["/sandbox/faults", "/sandbox/faults/1"] {
            let reply = api.try_call("DELETE", path, foreign, b"").await.expect("a connection");
            reply.expect("an answer").error(403, "ADMIN_LOOPBACK_ONLY");
        }
        for path in ["/", "/v1/activate", "/sandbox/faults", STATE] {
            let mut headers = foreign.to_vec();
            headers.push(("Access-Control-Request-Method", "POST"));
            let reply = ask(&api, "OPTIONS", path, &headers).await;
            assert!(reply.status >= 400, "{path}: a preflight is answered");
            for name in ["origin", "headers", "methods", "credentials", "private-network"] {
                assert_eq!(reply.header(&format!("access-control-allow-{name}")), None, "{path}");
            }
        }
    }
    // Requests of forms and scripts without a preflight do not call themselves JSON.
    let text = [("Content-Type", "text/plain")];
    let reply = request(api.addr, "POST", "/sandbox/faults", &text, body.to_string().as_bytes()).await;
    reply.expect("a connection").expect("an answer").error(415, "UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(api.get("/sandbox/faults").await.data()["faults"], json!([]));
    let same = [("Sec-Fetch-Site", "same-origin"), ("Origin", "http://localhost:4010")];
    api.post("/sandbox/faults", &body, &same).await.data();
}

#[tokio::test]
async fn jobs_and_wallets_are_for_whoever_has_the_pages_token_and_keys_for_nobody() {
    let (sandbox, api) = fresh().await;
    let mut body = quick("sandbox/default");
    body["prompt"] = json!(format!("the plan of {}", api.key));
    let id = api.generate_with_key(&body, &api.key).await.data()["job_id"].as_str().map(str::to_owned);
    api.ended(id.as_deref().expect("an id")).await;
    api.get(&format!("/v1/{}", api.key)).await.error(404, "NOT_FOUND");

    let token = token(&sandbox);
    let shifted = format!("{}0", &token[..31]);
    assert!(!format!("{sandbox:?}").contains(&token));
    for wrong in ["", "x", &token[1..], &shifted, &api.key, &"0".repeat(32)] {
        if wrong == token {
            continue;
        }
        let closed = state(&api, wrong, "").await;
        assert_eq!((&closed["unlocked"], &closed["jobs"]), (&json!(false), &json!([])), "{wrong}");
        assert_eq!((&closed["accounts"], &closed["ledger"]), (&json!([]), &json!([])));
        assert!(!closed.to_string().contains("plan"), "{closed}");
    }
    let open = state(&api, &token, "?own=true").await;
    let job = &open["jobs"][0];
    assert_eq!((job["job_id"].as_str(), job["state"].as_str()), (id.as_deref(), Some("succeeded")));
    assert!(job["prompt"].as_str().is_some_and(|prompt| prompt.starts_with("the plan of ifr_pk_proj_…")));
    assert_eq!(open["ledger"][0]["kind"], "charge");
    assert_eq!(open["accounts"][0]["balance_usd"], json!(1.99));
    assert_eq!(open["accounts"][0]["keys"], 1);
    let path = format!("/sandbox/page{}", path_of(&job["video_url"], api.addr));
    assert_eq!(ask(&api, "GET", &path, &[]).await.header("content-type"), Some("video/mp4"));

    let log = api.get("/sandbox/requests").await.text().to_owned();
    let secret = &api.key[12..api.key.len() - 4];
    for text in [open.to_string(), log] {
        assert!(text.contains("ifr_pk_proj_…") && !text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn a_state_that_is_known_already_is_not_sent_again() {
    let (sandbox, api) = fresh().await;
    let token = token(&sandbox);
    let first = ask(&api, "GET", STATE, &[("X-Sandbox-Page", &token)]).await;
    let tag = first.header("etag").expect("a tag").to_owned();
    let again = ask(&api, "GET", STATE, &[("X-Sandbox-Page", &token), ("If-None-Match", &tag)]).await;
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(tag.as_str())));
    // Without the token it is another state.
    let closed = ask(&api, "GET", STATE, &[("If-None-Match", &tag)]).await;
    assert_eq!(closed.data()["unlocked"], false);
    api.quick("sandbox/stuck").await;
    let changed = ask(&api, "GET", STATE, &[("X-Sandbox-Page", &token), ("If-None-Match", &tag)]).await;
    assert_eq!(changed.data()["jobs"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn the_page_meets_no_fault_and_is_in_no_list_of_requests_unless_asked_for() {
    let builder = Sandbox::builder().fault("*: status=500").expect("a fault");
    let sandbox = builder.start().await.expect("a sandbox");
    let api = Api { addr: sandbox.addr(), key: String::new() };
    let token = token(&sandbox);
    for _ in 0..20 {
        assert_eq!(ask(&api, "GET", "/", &[HTML]).await.status, 200);
        assert_eq!(ask(&api, "GET", "/sandbox/page/main.js", &[]).await.status, 200);
        ask(&api, "GET", "/sandbox/page/files/x/video.mp4", &[]).await.error(404, "NOT_FOUND");
    }
    ask(&api, "GET", "/", &[]).await.error(500, "UNKNOWN_ERROR");
    let shown = state(&api, &token, "").await;
    assert_eq!(shown["faults"][0]["hits"], 1);
    assert_eq!(shown["requests"].as_array().map(Vec::len), Some(1), "{shown}");
    let logged = api.get("/sandbox/requests").await.data();
    assert_eq!(logged["requests"].as_array().map(Vec::len), Some(1), "{logged}");
    let own = state(&api, &token, "?own=true").await;
    assert!(own["requests"].as_array().is_some_and(|requests| requests.len() > 60), "{own}");
    for query in ["?own=maybe", "?other=1"] {
        ask(&api, "GET", &format!("{STATE}{query}"), &[]).await.error(400, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn the_account_that_was_used_last_is_shown_or_the_one_that_is_asked_for() {
    let (sandbox, api) = fresh().await;
    let token = token(&sandbox);
    api.quick("sandbox/stuck").await;
    let first = state(&api, &token, "").await["account"].as_str().expect("an account").to_owned();
    let other = Api::activate(api.addr, "another-device-of-the-tests").await;
    let latest = state(&api, &token, "").await;
    assert_ne!(latest["account"], json!(first));
    assert_eq!(latest["jobs"], json!([]));
    assert_eq!(latest["accounts"].as_array().map(Vec::len), Some(2));
    let chosen = state(&api, &token, &format!("?account={first}")).await;
    assert_eq!(
        (chosen["account"].as_str(), chosen["jobs"].as_array().map(Vec::len)),
        (Some(&*first), Some(1))
    );
    assert_eq!(state(&api, &token, "?account=acc_unknown").await["account"], latest["account"]);
    let mut long = quick("sandbox/stuck");
    long["prompt"] = json!("é".repeat(50_000));
    other.generate(&long).await.data();
    assert!(state(&api, &token, "").await.to_string().len() < 10_000, "a long prompt is clipped");
}

#[tokio::test]
async fn the_token_makes_a_key_of_the_shown_account_and_nothing_else_does() {
    const KEY: &str = "/sandbox/page/key";
    let (sandbox, api) = fresh().await;
    let token = token(&sandbox);
    let first = state(&api, &token, "").await["account"].as_str().expect("an account").to_owned();
    Api::activate(api.addr, "another-device-of-the-tests").await;
    for headers in [&[][..], &[("X-Sandbox-Page", "x")], &[("X-Sandbox-Page", &api.key)]] {
        ask(&api, "POST", KEY, headers).await.error(401, "UNAUTHORIZED");
    }
    let foreign = [("X-Sandbox-Page", &*token), ("Origin", "https://evil.example")];
    ask(&api, "POST", KEY, &foreign).await.error(403, "ADMIN_LOOPBACK_ONLY");
    let made =
        ask(&api, "POST", &format!("{KEY}?account={first}"), &[("X-Sandbox-Page", &token)]).await.data();
    let key = format!("Bearer {}", made["api_key"].as_str().expect("a key"));
    let ledger = ask(&api, "GET", "/sandbox/ledger", &[("Authorization", &key)]).await.data();
    assert_eq!(ledger["account_id"], json!(first));
}

#[tokio::test]
async fn an_unknown_account_gets_no_key() {
    let (sandbox, api) = fresh().await;
    let token = token(&sandbox);
    let headers = [("X-Sandbox-Page", &*token)];
    ask(&api, "POST", "/sandbox/page/key?account=acc_unknown", &headers).await.error(404, "NOT_FOUND");
    assert_eq!(state(&api, &token, "").await["accounts"][0]["keys"], json!(1));
}

#[tokio::test]
async fn the_keys_of_an_account_are_bounded() {
    let (sandbox, api) = fresh().await;
    let token = token(&sandbox);
    let headers = [("X-Sandbox-Page", &*token)];
    for _ in 1..20 {
        ask(&api, "POST", "/sandbox/page/key", &headers).await.data();
    }
    ask(&api, "POST", "/sandbox/page/key", &headers).await.error(409, "KEY_LIMIT");
    assert_eq!(state(&api, &token, "").await["accounts"][0]["keys"], json!(20));
}

#[tokio::test]
async fn one_fault_is_cleared_by_its_id() {
    let (_sandbox, api) = fresh().await;
    let add = async |fault: &str| {
        api.post("/sandbox/faults", &json!({"fault": fault}), &[]).await.data()["id"].clone()
    };
    let (first, second) = (add("GET /healthz: status=500").await, add("GET /healthz: status=503").await);
    assert_eq!(api.delete(&format!("/sandbox/faults/{first}")).await.data(), json!({"removed": 1}));
    api.get("/healthz").await.error(503, "VENDOR_DOWN");
    for unknown in [first.to_string(), "0".to_owned(), "x".to_owned(), "-1".to_owned()] {
        api.delete(&format!("/sandbox/faults/{unknown}")).await.error(404, "NOT_FOUND");
    }
    api.delete(&format!("/sandbox/faults/{second}")).await.data();
    api.get("/healthz").await.data();
}
