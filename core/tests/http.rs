//! Calls over real connections: bytes sent, bodies read, broken connections, proxies and forks.

mod support;

use std::{
    collections::HashSet,
    io::{Read as _, Write as _},
    process::{Command, Stdio},
    sync::Mutex,
};

use infrai::{ErrorKind, InfraiClient};
use support::{Act, KEY, Server, child, is_child, ok, response, runtime};

const JOB: &str = r#"{"job_id":"vid_1","state":"queued"}"#;

#[tokio::test]
async fn call_sends_the_documented_headers_and_bytes() {
    let server = Server::start(|_, _| ok(JOB));
    let client = InfraiClient::builder()
        .api_key(KEY)
        .base_url(format!("{}/prefix/", server.url()))
        .default_header("x-team", "kites")
        .user_agent_suffix("app/1.0")
        .build()
        .unwrap();
    client.video().generate("日落").await.unwrap();
    client.video().status("a/b").await.unwrap();
    client.request("GET", "/v1/list?limit=2").query([("after", "x y&z")]).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].line, "POST /prefix/v1/video/generate HTTP/1.1");
    assert_eq!(seen[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    assert_eq!(seen[0].header("accept"), Some("application/json"));
    assert_eq!(seen[0].header("x-team"), Some("kites"));
    assert_eq!(seen[0].header("idempotency-key").unwrap().len(), 36);
    assert_eq!(
        seen[0].body,
        "{\"prefer\":\"balanced\",\"prompt\":\"日落\",\"resolution\":\"720p\"}\n".as_bytes()
    );
    let agent = seen[0].header("user-agent").unwrap();
    assert!(agent.starts_with(&format!("infrai-rust/{0} (core/{0}; ", env!("CARGO_PKG_VERSION"))), "{agent}");
    assert!(agent.contains("; rustc ") && agent.ends_with(") app/1.0"), "{agent}");
    assert_eq!(seen[1].line, "GET /prefix/v1/video/jobs/a%2Fb HTTP/1.1");
    assert_eq!(seen[2].path(), "/prefix/v1/list?limit=2&after=x+y%26z");
    assert!(seen.iter().all(|request| request.connection == 0), "one connection serves them all");
}

#[tokio::test]
async fn body_is_read_in_every_transfer_form() {
    let mut gzip =
        Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    gzip.stdin.take().unwrap().write_all(format!("{{\"ok\":true,\"data\":{JOB}}}").as_bytes()).unwrap();
    let gzipped = gzip.wait_with_output().unwrap().stdout;
    let server = Server::start(move |number, _| match number {
        0 => response(200, "content-encoding: gzip\r\n", &gzipped),
        1 => Act::Write(
            format!(
                "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
                &JOB[..5],
                JOB.len() - 5,
                &JOB[5..]
            )
            .into_bytes(),
        ),
        2 => response(200, "content-type: text/html\r\n", format!("\u{feff}{JOB}").as_bytes()),
        _ => Act::WriteAndClose(format!("HTTP/1.1 200 X\r\nconnection: close\r\n\r\n{JOB}").into_bytes()),
    });
    let client = server.client();
    for _ in 0..4 {
        assert_eq!(client.video().status("vid_1").await.unwrap().job_id.as_str(), "vid_1");
    }
}

#[tokio::test]
async fn idle_connection_that_closed_harms_no_call() {
    let server = Server::start(|_, _| {
        let Act::Write(bytes) = ok(JOB) else { unreachable!() };
        Act::WriteAndClose(bytes)
    });
    let client = server.client();
    for _ in 0..20 {
        client.video().status("vid_1").await.unwrap();
        client.video().generate("x").await.unwrap();
    }
    let keys: Vec<_> =
        server.seen().iter().filter_map(|seen| seen.header("idempotency-key").map(str::to_owned)).collect();
    let distinct: HashSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), 20, "each call has one key for all its attempts");
}

#[tokio::test]
async fn pool_of_dead_connections_costs_one_attempt() {
    const POOLED: usize = 6;
    let together = std::sync::Barrier::new(POOLED);
    let used = Mutex::new(HashSet::new());
    let server = Server::start(move |number, request| {
        if number < POOLED {
            // All at the same time, so that each opens a connection.
            together.wait();
        }
        if used.lock().unwrap().insert(request.connection) { ok(JOB) } else { Act::WriteAndClose(Vec::new()) }
    });
    let client = server.client();
    let ask = async |_| client.video().status("vid_1").await;
    let first = futures_util::future::join_all((0..POOLED).map(ask)).await;
    assert!(first.iter().all(Result::is_ok));
    for _ in 0..POOLED {
        client.video().generate("x").await.unwrap();
    }
    let seen = server.seen();
    let calls: Vec<_> = seen[POOLED..].chunks(2).collect();
    assert_eq!(calls.len(), POOLED, "each call used one dead connection and then opened a new one");
    for call in calls {
        assert_eq!(call[0].header("idempotency-key"), call[1].header("idempotency-key"));
        assert!(call[0].connection < POOLED && call[1].connection >= POOLED);
    }
}

#[tokio::test]
async fn truncated_success_is_retried_with_the_same_key() {
    let server = Server::start(|number, _| match number {
        0 => Act::WriteAndClose(b"HTTP/1.1 200 X\r\ncontent-length: 500\r\n\r\n{\"job_id\"".to_vec()),
        _ => ok(JOB),
    });
    server.client().video().generate("x").await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].header("idempotency-key"), seen[1].header("idempotency-key"));
}

#[tokio::test]
async fn truncated_failure_keeps_its_status() {
    let server = Server::start(|_, _| {
        Act::WriteAndClose(b"HTTP/1.1 404 X\r\ncontent-length: 500\r\n\r\n<html>not he".to_vec())
    });
    let error = server.client().video().status("vid_1").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "HTTP_404"));
    assert_eq!(error.details().unwrap()["body"], "<html>not he");
}

#[tokio::test]
async fn refused_connection_is_never_ambiguous() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ms = std::time::Duration::from_millis;
    let client = InfraiClient::builder()
        .api_key(KEY)
        .base_url(format!("http://localhost:{port}"))
        .retry_base(ms(1))
        .build()
        .unwrap();
    let error = client.video().generate("x").await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connection, 3));
    assert!(!error.may_have_been_processed() && error.idempotency_key().is_some());
}

#[tokio::test]
async fn invalid_base_url_is_refused_before_sending() {
    for url in ["http://api.infrai.cc", "http://10.0.2.2:8080", "http://localhost.example"] {
        let client = InfraiClient::builder().api_key(KEY).base_url(url).build().unwrap();
        let error = client.account().balance().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code(), error.attempts()),
            (ErrorKind::Configuration, "INSECURE_HTTP", 0),
            "{url}"
        );
    }
    for url in ["ftp://x", "not a url", "https://user:pw@x", "https://x?y=1", "https://x#y"] {
        let client = InfraiClient::builder().api_key(KEY).base_url(url).build().unwrap();
        let error = client.account().balance().await.unwrap_err();
        assert_eq!(error.code(), "CONFIGURATION_INVALID", "{url}");
    }
}

#[test]
fn proxy_is_used_except_for_loopback() {
    let name = "proxy_is_used_except_for_loopback";
    if is_child(name) {
        let base_url = std::env::var("TEST_BASE_URL").unwrap();
        let client = InfraiClient::builder()
            .api_key(KEY)
            .base_url(base_url)
            .allow_insecure_http(true)
            .build()
            .unwrap();
        runtime().block_on(async { client.account().balance().await }).unwrap();
        return;
    }
    let api = Server::start(|_, _| ok(r#"{"balance_usd":2.0,"currency":"USD"}"#));
    let proxy = Server::start(|_, _| ok(r#"{"balance_usd":1.0,"currency":"USD"}"#));
    for (base_url, through_proxy) in [(api.url(), 0), ("http://api.example.test".to_owned(), 1)] {
        let run = child(name)
            .env("HTTP_PROXY", proxy.url())
            .env("http_proxy", proxy.url())
            .env("TEST_BASE_URL", base_url)
            .output();
        assert!(run.as_ref().unwrap().status.success(), "{run:?}");
        assert_eq!(proxy.seen().len(), through_proxy);
    }
    assert_eq!(api.seen().len(), 1);
    assert!(proxy.seen()[0].line.starts_with("GET http://api.example.test/v1/account/balance"));
}

#[tokio::test]
async fn https_proxy_tunnel_sees_no_key() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://user:p%40ss@{}", listener.local_addr().unwrap());
    let seen = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend_from_slice(&byte);
        }
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        let mut record = [0; 5];
        stream.read_exact(&mut record).unwrap();
        let mut hello = vec![0; usize::from(u16::from_be_bytes([record[3], record[4]]))];
        stream.read_exact(&mut hello).unwrap();
        (String::from_utf8(head).unwrap(), record[0], hello)
    });
    let client = InfraiClient::builder().api_key(KEY).base_url("https://api.example.test").proxy(proxy);
    let client = client.max_retries(0).build().unwrap();
    let error = client.account().balance().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    let (head, kind, hello) = seen.join().unwrap();
    let lines: Vec<_> = head.trim_end().split("\r\n").collect();
    assert_eq!(lines[0], "CONNECT api.example.test:443 HTTP/1.1");
    assert!(
        lines.iter().any(|line| line.eq_ignore_ascii_case("proxy-authorization: Basic dXNlcjpwQHNz")),
        "{lines:?}"
    );
    assert!(!head.contains("ifr_pk_"));
    // A TLS handshake that names the host.
    assert_eq!(kind, 22);
    assert!(hello.windows(16).any(|name| name == b"api.example.test"));
}

#[tokio::test]
async fn ipv6_literal_is_refused_before_a_tunnel() {
    let proxy = Server::start(|_, _| response(200, "", b""));
    let client = InfraiClient::builder().api_key(KEY).base_url("https://[2001:db8::1]").proxy(proxy.url());
    let error = client.build().unwrap().video().generate("x").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Configuration, "CONFIGURATION_INVALID"), "{error}");
    assert_eq!((error.attempts(), error.may_have_been_processed()), (1, false));
    assert!(error.message().contains("[2001:db8::1]") && error.hint().contains("`proxy`"), "{error:?}");
    assert!(proxy.seen().is_empty(), "nothing is sent");

    // For plain http, the proxy gets the request itself.
    let proxy = Server::start(|_, _| ok(JOB));
    let client = InfraiClient::builder().api_key(KEY).base_url("http://[2001:db8::1]").proxy(proxy.url());
    client.allow_insecure_http(true).build().unwrap().video().status("vid_1").await.unwrap();
    assert_eq!(proxy.seen()[0].path(), "http://[2001:db8::1]/v1/video/jobs/vid_1");
}

#[tokio::test]
async fn refused_proxy_tunnel_is_a_connection_error() {
    let proxy = Server::start(|_, _| response(407, "", b""));
    let client = InfraiClient::builder().api_key(KEY).base_url("https://api.example.test").proxy(proxy.url());
    let error = client.build().unwrap().video().generate("x").await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_been_processed()), (ErrorKind::Connection, false), "{error}");
    // One attempt: a proxy may lock an account after too many attempts.
    assert_eq!((error.attempts(), error.is_retryable()), (1, false));
    assert!(error.hint().contains("another user and password"), "{error:?}");
    let asked: Vec<_> = proxy.seen().iter().map(|request| request.line.clone()).collect();
    assert_eq!(asked, ["CONNECT api.example.test:443 HTTP/1.1"]);
}

#[tokio::test]
async fn plain_proxy_407_is_a_connection_error() {
    let proxy = Server::start(|_, _| response(407, "", b""));
    let client = InfraiClient::builder().api_key(KEY).base_url("http://api.example.test").proxy(proxy.url());
    let error = client.allow_insecure_http(true).build().unwrap().video().generate("x").await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_been_processed()), (ErrorKind::Connection, false), "{error}");
    assert_eq!((error.attempts(), error.is_retryable(), proxy.seen().len()), (1, false, 1));
    assert!(error.hint().contains("another user and password"), "{error:?}");
}

#[tokio::test]
async fn api_407_is_no_proxy_error() {
    // A loopback URL bypasses the proxy.
    let api = Server::start(|_, _| response(407, "", b""));
    let client = InfraiClient::builder().api_key(KEY).base_url(api.url()).proxy("http://127.0.0.1:1");
    let error = client.build().unwrap().video().generate("x").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidRequest, "HTTP_407"), "{error}");
    assert_eq!((error.status(), error.attempts(), api.seen().len()), (Some(407), 1, 1));
    assert!(!error.hint().contains("proxy"), "{error:?}");
}

#[tokio::test]
async fn plain_proxy_gets_user_and_password() {
    let proxy = Server::start(|_, _| ok(r#"{"balance_usd":1.0,"currency":"USD"}"#));
    let address = format!("127.0.0.1:{}", proxy.port);
    for (setting, authorization) in [
        (format!("http://user:p%40ss@{address}"), Some("Basic dXNlcjpwQHNz")),
        (address.clone(), None),
        // Characters that are not valid in a URL.
        (format!("http://user:p@ss^@{address}"), Some("Basic dXNlcjpwQHNzXg==")),
        (format!("user:p@ss^@{address}\n"), Some("Basic dXNlcjpwQHNzXg==")),
    ] {
        let client = InfraiClient::builder().api_key(KEY).base_url("http://api.example.test");
        let client = client.proxy(&setting).allow_insecure_http(true).build().unwrap();
        client.account().balance().await.unwrap();
        let seen = proxy.seen();
        assert_eq!(seen.last().unwrap().header("proxy-authorization"), authorization, "{setting}");
    }
}

#[test]
fn unsupported_proxy_variable_is_named() {
    let name = "unsupported_proxy_variable_is_named";
    if is_child(name) {
        let client =
            InfraiClient::builder().api_key(KEY).base_url("https://api.example.test").build().unwrap();
        let error = runtime().block_on(async { client.account().balance().await }).unwrap_err();
        println!("{} {} {error}", error.attempts(), error.is_retryable());
        return;
    }
    let refused = child(name).env("ALL_PROXY", "socks5://user:hush@127.0.0.1:1").output().unwrap();
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(said.contains("1 false") && said.contains("the scheme socks5"), "{said}");
    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn empty_certificate_file_variable_is_named() {
    let name = "empty_certificate_file_variable_is_named";
    if is_child(name) {
        let client = InfraiClient::builder()
            .api_key(KEY)
            .base_url("https://localhost:1")
            .max_retries(0)
            .build()
            .unwrap();
        let error = runtime().block_on(async { client.account().balance().await }).unwrap_err();
        println!("{} {}", error.code(), error.message());
        return;
    }
    let empty = tempfile::NamedTempFile::new().unwrap();
    let refused = child(name).env("SSL_CERT_FILE", empty.path()).env_remove("SSL_CERT_DIR").output().unwrap();
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(said.contains("CONFIGURATION_INVALID") && said.contains("SSL_CERT_FILE"), "{said}");
    let plain = child(name).env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").output().unwrap();
    let said = String::from_utf8_lossy(&plain.stdout).into_owned();
    assert!(said.contains("CONNECTION_FAILED"), "{said}");
}

#[cfg(unix)]
#[test]
fn awaited_calls_fit_into_the_limit_of_open_files() {
    let name = "awaited_calls_fit_into_the_limit_of_open_files";
    if is_child(name) {
        let client = InfraiClient::builder()
            .api_key(KEY)
            .base_url(std::env::var("INFRAI_TEST_URL").unwrap())
            .max_connections(64)
            .build()
            .unwrap();
        let calls = (0..1000).map(|_| async { client.account().balance().await });
        let balances = runtime().block_on(async { futures_util::future::join_all(calls).await });
        println!("{:?}", balances.into_iter().find_map(Result::err));
        return;
    }
    let server = Server::start(|_, _| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        ok(r#"{"balance_usd":1,"currency":"USD"}"#)
    });
    let child = child(name);
    let ran = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 256 && exec \"$0\" \"$@\""])
        .arg(child.get_program())
        .args(child.get_args())
        .envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("INFRAI_TEST_URL", server.url())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(said.contains("None"), "{said} {}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(server.seen().len(), 1000);
}

#[test]
fn forked_children_send_distinct_idempotency_keys() {
    // The parent makes a call first, so that the children inherit the state of any generator in memory.
    let server = Server::start(|_, _| ok(JOB));
    runtime().block_on(async { server.client().video().generate("x").await }).unwrap();
    let url = server.url();
    let children: Vec<_> = (0..4)
        .map(|_| {
            // SAFETY: the child creates its own runtime and client and exits without running destructors.
            #[allow(unsafe_code, reason = "fork has no safe interface")]
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                let made = std::panic::catch_unwind(|| {
                    let client = InfraiClient::builder().api_key(KEY).base_url(&url).build().unwrap();
                    runtime().block_on(async {
                        for _ in 0..5 {
                            client.video().generate("x").await.unwrap();
                        }
                    });
                });
                // SAFETY: `_exit` ends the child immediately.
                #[allow(unsafe_code, reason = "the test harness must not continue in the child")]
                unsafe {
                    libc::_exit(i32::from(made.is_err()))
                }
            }
            pid
        })
        .collect();
    for pid in children {
        let mut status = -1;
        // SAFETY: waits for the child created above.
        #[allow(unsafe_code, reason = "the counterpart of fork")]
        let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
        assert_eq!((waited, status), (pid, 0));
    }
    let keys: Vec<_> =
        server.seen().iter().map(|seen| seen.header("idempotency-key").unwrap().to_owned()).collect();
    let distinct: HashSet<_> = keys.iter().collect();
    assert_eq!((keys.len(), distinct.len()), (21, 21));
}
