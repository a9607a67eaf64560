//! Webhooks: signed events of a job's states, repeated until the receiver accepts them.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
    time::timeout,
};

use crate::client::{Api, PATIENCE, Reply, fresh, reopen};

const SECRET: &str = "whsec_sandbox";
const ROUTE: &str = "/v1/account/webhooks/register";

/// A receiver that answers the n-th delivery with the n-th status, and all others with 204.
struct Receiver {
    addr: SocketAddr,
    deliveries: mpsc::UnboundedReceiver<(String, Vec<u8>)>,
}

impl Receiver {
    async fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let (sender, deliveries) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut statuses = statuses.iter();
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut bytes = Vec::new();
                let (head, body) = loop {
                    assert_ne!(stream.read_buf(&mut bytes).await.expect("a request"), 0);
                    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
                        continue;
                    };
                    let head =
                        String::from_utf8(bytes[..end].to_vec()).expect("an ASCII head").to_lowercase();
                    let (_, length) = head.split_once("content-length: ").expect("a length");
                    let length: usize = length.lines().next().unwrap_or_default().parse().expect("a number");
                    if bytes.len() == end + 4 + length {
                        break (head, bytes[end + 4..].to_vec());
                    }
                };
                let _ = sender.send((head, body));
                let status = statuses.next().unwrap_or(&204);
                let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { addr, deliveries }
    }

    fn url(&self) -> String {
        format!("http://{}/hooks?a=b", self.addr)
    }

    /// Returns the next delivery's event, its signature checked.
    async fn next(&mut self) -> Value {
        let delivery = timeout(PATIENCE, self.deliveries.recv()).await.expect("a delivery in time");
        let (head, body) = delivery.expect("a delivery");
        assert!(head.starts_with("post /hooks?a=b http/1.1"), "{head}");
        assert!(head.contains("content-type: application/json"), "{head}");
        let (_, signature) = head.split_once("x-infrai-signature: ").expect("a signature");
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a secret");
        mac.update(&body);
        let expected = mac.finalize().into_bytes();
        let expected = expected.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(signature.lines().next(), Some(&*expected));
        serde_json::from_slice(&body).expect("JSON")
    }
}

async fn register(api: &Api, url: &str, events: &[&str]) -> Reply {
    let body = json!({"url": url, "events": events, "description": "a test", "secret": SECRET});
    api.post(ROUTE, &body, &[]).await
}

#[tokio::test]
async fn each_state_of_a_job_is_delivered() {
    let (_sandbox, api) = fresh().await;
    let mut receiver = Receiver::start(&[]).await;
    let webhook = register(&api, &receiver.url(), &["*"]).await.data();
    assert!(webhook["webhook_id"].as_str().is_some_and(|id| id.starts_with("wh_")), "{webhook}");
    assert!(!webhook.to_string().contains(SECRET), "{webhook}");
    let id = api.quick("sandbox/default").await;
    let mut ids = Vec::new();
    for state in ["queued", "running", "succeeded"] {
        let event = receiver.next().await;
        assert_eq!(event["type"], format!("video.{state}"));
        let job = &event["data"];
        assert_eq!((&job["job_id"], &job["state"]), (&json!(id), &json!(state)));
        assert_eq!(job["video_url"].is_string(), state == "succeeded");
        assert_eq!(job["ended_at"].is_string(), state == "succeeded");
        ids.push(event["id"].clone());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn only_the_registered_events_are_delivered() {
    let (_sandbox, api) = fresh().await;
    let mut receiver = Receiver::start(&[]).await;
    register(&api, &receiver.url(), &["video.queued"]).await.data();
    // The same URL again replaces the events.
    register(&api, &receiver.url(), &["video.failed", "video.cancelled"]).await.data();
    api.quick("sandbox/fail").await;
    let event = receiver.next().await;
    assert_eq!(event["type"], "video.failed");
    assert_eq!(event["data"]["error"]["code"], "SANDBOX_FAILURE");
    // Another account's jobs are not delivered: the next event is again this account's.
    let other = Api::activate(api.addr, "another-device").await;
    other.quick("sandbox/fail").await;
    let stuck = api.quick("sandbox/stuck").await;
    api.cancel(&stuck).await.data();
    assert_eq!(receiver.next().await["data"]["job_id"], stuck);
}

#[tokio::test]
async fn a_refused_delivery_is_repeated_unchanged() {
    let (_sandbox, api) = fresh().await;
    let mut receiver = Receiver::start(&[500, 302, 404]).await;
    register(&api, &receiver.url(), &["video.succeeded"]).await.data();
    api.quick("sandbox/default").await;
    let first = receiver.next().await;
    for _ in 0..3 {
        assert_eq!(receiver.next().await, first);
    }
    let more = timeout(Duration::from_secs(2), receiver.deliveries.recv()).await;
    assert!(more.is_err(), "an accepted event is delivered again");
}

#[tokio::test]
async fn a_delivery_survives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut receiver = Receiver::start(&[500, 500]).await;
    let (sandbox, api) = reopen(folder.path()).await;
    register(&api, &receiver.url(), &["video.failed"]).await.data();
    api.quick("sandbox/fail").await;
    let first = receiver.next().await;
    sandbox.stop().await;
    while receiver.deliveries.try_recv().is_ok() {}
    let (_sandbox, _api) = reopen(folder.path()).await;
    assert_eq!(receiver.next().await, first);
}

#[tokio::test]
async fn an_invalid_webhook_is_refused_by_its_field() {
    let (_sandbox, api) = fresh().await;
    let own = format!("http://localhost:{}/sandbox/credit", api.addr.port());
    let good = BTreeMap::from([
        ("url", json!("http://localhost:9/")),
        ("events", json!(["*"])),
        ("secret", json!("whsec_7")),
    ]);
    for (field, value) in [
        ("url", json!("https://receiver.example/")),
        ("url", json!("http://10.0.2.2:80/")),
        ("url", json!("http://127.0.0.1@evil.example/")),
        ("url", json!(null)),
        ("url", json!(own)),
        ("events", json!([])),
        ("events", json!(["video.done"])),
        ("events", json!("*")),
        ("secret", json!("")),
        ("secret", json!(" \n")),
        ("secret", json!("s".repeat(257))),
        ("secret", json!(5)),
        ("description", json!(5)),
        ("extra", json!(1)),
    ] {
        let mut body = good.clone();
        body.insert(field, value.clone());
        let error = api.post(ROUTE, &json!(body), &[]).await.error(400, "INVALID_REQUEST");
        assert_eq!(error["field"], field, "{value}");
    }
    let anonymous = Api { key: String::new(), ..api.clone() };
    anonymous.post(ROUTE, &json!(good), &[]).await.error(401, "UNAUTHORIZED");
    for port in 1..=10 {
        register(&api, &format!("http://localhost:{port}/"), &["*"]).await.data();
    }
    register(&api, "http://localhost:11/", &["*"]).await.error(409, "WEBHOOK_LIMIT");
    register(&api, "http://localhost:1/", &["*"]).await.data();
}
