//! A small HTTP client that shows the bytes on the wire, and helpers of the tests.

use std::{io, net::SocketAddr, path::Path, time::Duration};

use infrai_sandbox::{Sandbox, SandboxBuilder};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Nothing in these tests takes this long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// An answer, read until the server closed the connection.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} is there twice");
        first
    }

    pub(crate) fn length(&self) -> Option<usize> {
        self.header("content-length").map(|length| length.parse().expect("a Content-Length"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    /// The envelope, its shape checked.
    pub(crate) fn envelope(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        let envelope: Value = serde_json::from_slice(&self.body).expect("a JSON envelope");
        let members: Vec<_> = envelope.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(members, ["data", "error", "metadata", "ok"]);
        let metadata = &envelope["metadata"];
        assert!(metadata["cost_usd"].is_number() && metadata["latency_ms"].is_u64());
        assert!(metadata["cache_hit"].is_boolean());
        assert!(metadata["vendor"].is_string() || metadata["vendor"].is_null());
        let id: uuid::Uuid = metadata["request_id"].as_str().expect("an id").parse().expect("a UUID");
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(self.header("x-request-id"), metadata["request_id"].as_str());
        let ok = envelope["ok"].as_bool().expect("a boolean");
        assert_eq!(ok, self.status < 300, "{envelope}");
        assert_eq!(ok, envelope["error"].is_null(), "{envelope}");
        if !ok {
            assert!(envelope["data"].is_null());
            assert!(envelope["error"]["code"].is_string() && envelope["error"]["message"].is_string());
        }
        envelope
    }

    /// The data of a success.
    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        let envelope = self.envelope();
        assert_eq!(self.status, 200, "{envelope}");
        envelope["data"].clone()
    }

    /// The error, which must have this status and code.
    #[track_caller]
    pub(crate) fn error(&self, status: u16, code: &str) -> Value {
        let envelope = self.envelope();
        assert_eq!((self.status, &envelope["error"]["code"]), (status, &json!(code)), "{envelope}");
        envelope["error"].clone()
    }
}

/// Sends bytes and reads until the connection ends; nothing if it ended without an answer.
pub(crate) async fn exchange(addr: SocketAddr, request: &[u8]) -> io::Result<Option<Reply>> {
    let talk = async {
        let mut stream = TcpStream::connect(addr).await?;
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(request).await;
        let mut bytes = Vec::new();
        if let Err(error) = stream.read_to_end(&mut bytes).await
            && bytes.is_empty()
        {
            return if error.kind() == io::ErrorKind::ConnectionReset { Ok(None) } else { Err(error) };
        }
        Ok(parse(&bytes))
    };
    timeout(PATIENCE, talk).await.expect("the server answers or closes")
}

fn parse(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).expect("an ASCII head");
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
    let headers = lines
        .map(|line| line.split_once(": ").expect("a header"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Some(Reply { status, headers, body: bytes[end + 4..].to_vec() })
}

/// One request with its `Host`, if `headers` have none, and `Connection: close`.
pub(crate) async fn request(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Option<Reply>> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    let mut add = |name: &str, value: &str| head.extend([name, ": ", value, "\r\n"]);
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        add("Host", &addr.to_string());
    }
    for (name, value) in headers {
        add(name, value);
    }
    if !body.is_empty() || method == "POST" {
        add("Content-Length", &body.len().to_string());
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    exchange(addr, &bytes).await
}

/// A sandbox as one account sees it.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) addr: SocketAddr,
    pub(crate) key: String,
}

impl Api {
    /// Activates the account of `fingerprint`.
    pub(crate) async fn activate(addr: SocketAddr, fingerprint: &str) -> Self {
        let anonymous = Self { addr, key: String::new() };
        let body = json!({"device_fingerprint": fingerprint});
        let data = anonymous.post("/v1/activate", &body, &[]).await.data();
        Self { addr, key: data["primary_api_key"].as_str().expect("a key").to_owned() }
    }

    pub(crate) async fn try_call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Option<Reply>> {
        let authorization = format!("Bearer {}", self.key);
        let mut all = vec![("Content-Type", "application/json")];
        if !self.key.is_empty() {
            all.push(("Authorization", &authorization));
        }
        all.extend(headers);
        request(self.addr, method, path, &all, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.try_call("GET", path, &[], b"").await.expect("a connection").expect("an answer")
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.try_call("DELETE", path, &[], b"").await.expect("a connection").expect("an answer")
    }

    pub(crate) async fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Reply {
        let body = body.to_string();
        let reply = self.try_call("POST", path, headers, body.as_bytes()).await;
        reply.expect("a connection").expect("an answer")
    }

    pub(crate) async fn generate(&self, body: &Value) -> Reply {
        self.post("/v1/video/generate", body, &[]).await
    }

    pub(crate) async fn generate_with_key(&self, body: &Value, key: &str) -> Reply {
        self.post("/v1/video/generate", body, &[("Idempotency-Key", key)]).await
    }

    /// A job that is quick to render; its id.
    pub(crate) async fn quick(&self, model: &str) -> String {
        let data = self.generate(&quick(model)).await.data();
        data["job_id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn status(&self, id: &str) -> Reply {
        self.get(&format!("/v1/video/jobs/{id}")).await
    }

    pub(crate) async fn cancel(&self, id: &str) -> Reply {
        self.post(&format!("/v1/video/jobs/{id}/cancel"), &json!({}), &[]).await
    }

    /// Polls until `done`; the job then.
    pub(crate) async fn until(&self, id: &str, done: impl Fn(&Value) -> bool) -> Value {
        let polls = async {
            loop {
                let job = self.status(id).await.data();
                if done(&job) {
                    return job;
                }
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
        };
        timeout(PATIENCE, polls).await.expect("the job gets there")
    }

    /// The job once it has ended.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        self.until(id, |job| !matches!(job["state"].as_str(), Some("queued" | "running"))).await
    }

    pub(crate) async fn balance(&self) -> f64 {
        self.get("/v1/account/balance").await.data()["balance_usd"].as_f64().expect("a number")
    }

    /// The whole ledger, whose sum must be the balance.
    pub(crate) async fn ledger(&self) -> Vec<Value> {
        let mut entries: Vec<Value> = Vec::new();
        loop {
            let after = entries.last().map_or(0, |entry| entry["seq"].as_i64().expect("a seq"));
            let page = self.get(&format!("/sandbox/ledger?after={after}")).await.data();
            assert_eq!(page["sum_micros"], page["balance_micros"], "the sum is the balance");
            let more = page["entries"].as_array().expect("entries").clone();
            if more.is_empty() {
                let sum: i64 = entries.iter().map(micros).sum();
                assert_eq!(json!(sum), page["sum_micros"]);
                return entries;
            }
            entries.extend(more);
        }
    }
}

/// The amount of a ledger entry.
pub(crate) fn micros(entry: &Value) -> i64 {
    entry["amount_micros"].as_i64().expect("an amount")
}

/// The shortest and cheapest video, by a model.
pub(crate) fn quick(model: &str) -> Value {
    json!({"prompt": "a quick brown fox", "duration_seconds": 1, "prefer": "cheapest", "model": model})
}

/// Cost of a [`quick`] video in micro-dollars.
pub(crate) const QUICK_MICROS: i64 = 10_000;

pub(crate) async fn start(builder: SandboxBuilder) -> (Sandbox, Api) {
    let sandbox = builder.start().await.expect("a sandbox");
    let api = Api::activate(sandbox.addr(), "a-device-of-the-tests").await;
    (sandbox, api)
}

/// A sandbox with default settings in a folder of its own, and an account in it.
pub(crate) async fn fresh() -> (Sandbox, Api) {
    start(Sandbox::builder()).await
}

/// A sandbox in this folder.
pub(crate) async fn reopen(folder: &Path) -> (Sandbox, Api) {
    start(Sandbox::builder().data_dir(folder)).await
}

/// The path of a URL of this server.
pub(crate) fn path_of(url: &Value, addr: SocketAddr) -> &str {
    let url = url.as_str().expect("a URL");
    url.strip_prefix(&format!("http://{addr}")).unwrap_or_else(|| panic!("{url} is on another host"))
}

/// Checks that this is an MP4 from its first box to the end of its last.
#[track_caller]
pub(crate) fn assert_whole_mp4(bytes: &[u8]) {
    let (mut at, mut kinds) = (0, Vec::new());
    while at < bytes.len() {
        let size = bytes[at..at + 4].try_into().map(u32::from_be_bytes).expect("a box's size") as usize;
        kinds.push(String::from_utf8_lossy(&bytes[at + 4..at + 8]).into_owned());
        assert!(size >= 8 && at + size <= bytes.len(), "box {kinds:?} is cut off");
        at += size;
    }
    assert_eq!(kinds.first().map(String::as_str), Some("ftyp"));
    for kind in ["moov", "mdat"] {
        assert!(kinds.iter().any(|found| found == kind), "{kind} is missing from {kinds:?}");
    }
}
