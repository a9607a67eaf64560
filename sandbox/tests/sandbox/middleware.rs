//! The middleware: envelopes, hosts, size limits, access to the admin routes.

use infrai_sandbox::Sandbox;
use serde_json::json;

use crate::client::{PATIENCE, exchange, fresh, request, start};

#[tokio::test]
async fn every_wrong_request_gets_an_envelope() {
    let (_sandbox, api) = fresh().await;
    for path in [
        "/",
        "/v1",
        "/v1/video/jobs",
        "/v1/video/generate/",
        "/v2/activate",
        "/%ff",
        "//v1/activate",
        "/sandbox",
    ] {
        api.get(path).await.error(404, "NOT_FOUND");
    }
    for (method, path, allow) in [
        ("GET", "/v1/video/generate", "POST"),
        ("DELETE", "/v1/activate", "POST"),
        ("PUT", "/v1/account/balance", "GET,HEAD"),
        ("BREW", "/healthz", "GET,HEAD"),
    ] {
        let reply = api.try_call(method, path, &[], b"").await.expect("a connection").expect("an answer");
        reply.error(405, "METHOD_NOT_ALLOWED");
        assert_eq!(reply.header("allow"), Some(allow), "{method} {path}");
    }
}

#[tokio::test]
async fn a_body_may_have_a_mebibyte_and_no_more() {
    let (_sandbox, api) = fresh().await;
    let mebibyte = 1024 * 1024;
    let fits = " ".repeat(mebibyte);
    let reply = api.try_call("POST", "/v1/video/generate", &[], fits.as_bytes()).await;
    reply.expect("a connection").expect("an answer").error(400, "INVALID_REQUEST");
    let large = vec![b' '; 4 * mebibyte];
    for path in ["/v1/video/generate", "/v1/activate", "/nowhere"] {
        let reply = api.try_call("POST", path, &[], &large).await.expect("a connection").expect("an answer");
        reply.error(413, "PAYLOAD_TOO_LARGE");
    }
    // Without a length, in chunks.
    let mut bytes = format!(
        "POST /v1/activate HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        api.addr
    )
    .into_bytes();
    for _ in 0..20 {
        bytes.extend_from_slice(b"20000\r\n");
        bytes.extend_from_slice(&vec![b' '; 0x20000]);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    let reply = exchange(api.addr, &bytes).await.expect("a connection").expect("an answer");
    reply.error(413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn only_loopback_and_allowed_hosts_are_answered() {
    let (sandbox, _) = start(Sandbox::builder().allow_host("dev.example")).await;
    let addr = sandbox.addr();
    let ask = async |headers: &[(&str, &str)]| {
        request(addr, "GET", "/healthz", headers, b"").await.expect("a connection").expect("an answer")
    };
    for host in
        ["localhost", "LOCALHOST:1", "127.0.0.1", "127.1.2.3:99", "[::1]:5", "x.localhost", "dev.example:80"]
    {
        ask(&[("Host", host)]).await.data();
    }
    for host in
        ["example.com", "localhost.example.com", "dev.example.com", "10.0.0.1", "", "a@localhost", "0.0.0.0"]
    {
        ask(&[("Host", host)]).await.error(421, "HOST_NOT_ALLOWED");
    }
    ask(&[("Host", "localhost"), ("Host", "localhost")]).await.error(400, "INVALID_REQUEST");
    let bare = exchange(addr, b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    bare.expect("a connection").expect("an answer").error(400, "INVALID_REQUEST");
    let absolute = b"GET http://example.com/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let reply = exchange(addr, absolute).await.expect("a connection").expect("an answer");
    reply.error(421, "HOST_NOT_ALLOWED");
}

#[tokio::test]
async fn the_admin_routes_answer_loopback_hosts_and_origins_only() {
    let (_sandbox, api) = start(Sandbox::builder().allow_host("dev.example")).await;
    for path in ["/sandbox/faults", "/sandbox/requests", "/sandbox/ledger"] {
        for headers in [
            &[("Host", "dev.example")][..],
            &[("Host", "localhost"), ("Origin", "https://evil.example")],
            &[("Host", "localhost"), ("Origin", "null")],
            &[("Host", "localhost"), ("Origin", "app://localhost")],
        ] {
            let reply = api.try_call("GET", path, headers, b"").await.expect("a connection");
            reply.expect("an answer").error(403, "ADMIN_LOOPBACK_ONLY");
        }
        let headers = [("Host", "localhost"), ("Origin", "http://localhost:3000")];
        api.try_call("GET", path, &headers, b"").await.expect("a connection").expect("an answer").data();
    }
}

#[tokio::test]
async fn the_last_requests_can_be_seen_without_their_secrets() {
    let (_sandbox, api) = fresh().await;
    api.generate_with_key(&crate::client::quick("sandbox/fail"), "my-key").await.data();
    api.post("/sandbox/faults", &json!({"fault": "GET /files/*: drop=before"}), &[]).await.data();
    assert!(api.try_call("GET", "/files/secret/video.mp4", &[], b"").await.expect("a connection").is_none());
    api.get("/topup/secret").await.error(404, "NOT_FOUND");
    api.get("//files/secret/video.mp4").await.error(404, "NOT_FOUND");
    let reply = api.get("/sandbox/requests").await;
    assert!(!reply.text().contains("ifr_pk_proj_") && !reply.text().contains("secret"), "{}", reply.text());
    let requests = reply.data()["requests"].as_array().expect("requests").clone();
    let shown: Vec<_> = requests
        .iter()
        .map(|request| (request["method"].as_str(), request["path"].as_str(), request["status"].as_u64()))
        .collect();
    assert_eq!(
        shown,
        [
            (Some("POST"), Some("/v1/activate"), Some(200)),
            (Some("POST"), Some("/v1/video/generate"), Some(200)),
            (Some("POST"), Some("/sandbox/faults"), Some(200)),
            (Some("GET"), Some("/files/…/video.mp4"), None),
            (Some("GET"), Some("/topup/…"), Some(404)),
            (Some("GET"), Some("//files/…/video.mp4"), Some(404)),
        ]
    );
    assert_eq!(requests[1]["idempotency_key"], "my-key");
    assert_eq!(requests[3]["fault"], "GET /files/*: drop=before");
}

#[tokio::test]
async fn the_request_log_is_bounded() {
    let (_sandbox, api) = fresh().await;
    for _ in 0..1010 {
        api.get("/nowhere").await;
    }
    let requests = api.get("/sandbox/requests").await.data();
    assert_eq!(requests["requests"].as_array().map(Vec::len), Some(1000));
}

#[tokio::test]
async fn stopping_lets_go_of_port_and_folder_and_dropping_does_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox = Sandbox::builder().data_dir(folder.path()).start().await.expect("a sandbox");
    assert_eq!(sandbox.data_dir(), folder.path());
    let (addr, url) = (sandbox.addr(), sandbox.url());
    assert_eq!(url, format!("http://{addr}"));
    sandbox.stop().await;
    assert!(request(addr, "GET", "/healthz", &[], b"").await.is_err());
    // At once, on the same folder and port.
    let sandbox = Sandbox::builder().data_dir(folder.path()).addr(addr.to_string()).start().await;
    drop(sandbox.expect("a sandbox"));
    let gone = async {
        while request(addr, "GET", "/healthz", &[], b"").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("it stops");
}

#[tokio::test]
async fn a_temporary_folder_is_removed_at_the_end() {
    let (sandbox, api) = fresh().await;
    api.quick("sandbox/default").await;
    let folder = sandbox.data_dir().to_owned();
    assert!(folder.join("sandbox.db").exists());
    sandbox.stop().await;
    assert!(!folder.exists());
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Sandbox::builder().data_dir(folder.path()).start().await.expect("a sandbox");
    let cases = [
        (Sandbox::builder().data_dir(folder.path()), "another sandbox serves the data folder"),
        (Sandbox::builder().addr(first.addr().to_string()), "cannot listen on 127.0.0.1:"),
        (Sandbox::builder().addr("nonsense"), "cannot listen on nonsense"),
        (Sandbox::builder().allow_host("http://x"), "`http://x`"),
        (Sandbox::builder().data_dir("/dev/null/x"), "/dev/null/x cannot be used"),
    ];
    for (builder, expected) in cases {
        let error = builder.start().await.expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    first.stop().await;
    std::fs::write(folder.path().join("sandbox.db"), "no database at all, but long enough").expect("a file");
    let error =
        Sandbox::builder().data_dir(folder.path()).start().await.expect_err("no database").to_string();
    assert!(error.contains("the database cannot be used"), "{error}");
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (_sandbox, api) = fresh().await;
    let mut stream = tokio::net::TcpStream::connect(api.addr).await.expect("a connection");
    for _ in 0..3 {
        let head = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", api.addr);
        stream.write_all(head.as_bytes()).await.expect("written");
        let mut buffer = vec![0; 4096];
        let read = stream.read(&mut buffer).await.expect("an answer");
        assert!(buffer[..read].starts_with(b"HTTP/1.1 200 OK"));
    }
}
