//! Rate limit, connection limit, and clients that are too slow.

use std::time::Duration;

use infrai_sandbox::Sandbox;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::client::{Api, PATIENCE, exchange, start};

#[tokio::test]
async fn beyond_the_rate_limit_an_account_gets_429_with_retry_after() {
    // One an hour beyond the burst: whatever time this test takes, nothing flows in.
    let limit = "1/h burst 4".parse().expect("a rate limit");
    let (sandbox, api) = start(Sandbox::builder().rate_limit(limit)).await;
    for _ in 0..4 {
        api.get("/v1/account/balance").await.data();
    }
    let reply = api.get("/v1/account/balance").await;
    reply.error(429, "RATE_LIMIT_USER");
    let wait: u64 = reply.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((3000..=3600).contains(&wait), "{wait}");
    // Another account has its own.
    let other = Api::activate(sandbox.addr(), "another-device").await;
    other.get("/v1/account/balance").await.data();
    // Files, health and the admin routes have none.
    for _ in 0..10 {
        api.get("/healthz").await.data();
        api.get("/sandbox/requests").await.data();
    }
    // Without a key, the address counts: two activations are done, two guesses are left.
    let guesser = Api { key: "ifr_pk_proj_guess".to_owned(), ..api };
    guesser.get("/v1/account/balance").await.error(401, "UNAUTHORIZED");
    guesser.get("/v1/account/balance").await.error(401, "UNAUTHORIZED");
    guesser.get("/v1/account/balance").await.error(429, "RATE_LIMIT_IP");
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for_for_ever() {
    let (_sandbox, api) = start(Sandbox::builder().header_timeout(Duration::from_millis(200))).await;
    for start in ["", "GET /healthz HTTP/1.1\r\nHost: local"] {
        let mut stream = TcpStream::connect(api.addr).await.expect("a connection");
        stream.write_all(start.as_bytes()).await.expect("written");
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the server closes");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let (_sandbox, api) = start(Sandbox::builder().body_timeout(Duration::from_millis(200))).await;
    let head = format!(
        "POST /v1/activate HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 50\r\n\r\n{{\"a",
        api.addr
    );
    let reply = exchange(api.addr, head.as_bytes()).await.expect("a connection").expect("an answer");
    reply.error(408, "REQUEST_TIMEOUT");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let (_sandbox, api) = start(Sandbox::builder().max_connections(2)).await;
    let idle = [TcpStream::connect(api.addr).await, TcpStream::connect(api.addr).await];
    let waiting = tokio::spawn({
        let api = api.clone();
        async move { api.get("/healthz").await.data() }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished(), "both slots are taken");
    drop(idle);
    waiting.await.expect("an answer once they are free");
}

#[tokio::test]
async fn stopping_does_not_wait_for_those_who_never_finish() {
    let (sandbox, api) = start(Sandbox::builder()).await;
    let mut stuck = TcpStream::connect(api.addr).await.expect("a connection");
    stuck
        .write_all(b"POST /v1/activate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
        .await
        .expect("written");
    timeout(PATIENCE, sandbox.stop()).await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_answered_before_the_server_stops() {
    let builder = Sandbox::builder().fault("GET /v1/account/balance: delay=500ms").expect("a fault");
    // From a task, as a program would: the handle and both futures can be sent.
    let (sandbox, api) = tokio::spawn(start(builder)).await.expect("a sandbox");
    let asking = tokio::spawn({
        let api = api.clone();
        async move { api.balance().await }
    });
    while api.get("/sandbox/faults").await.data()["faults"][0]["hits"] == 0 {
        tokio::task::yield_now().await;
    }
    tokio::spawn(sandbox.stop()).await.expect("it stops");
    assert!((asking.await.expect("an answer") - 2.0).abs() < 1e-9);
}
