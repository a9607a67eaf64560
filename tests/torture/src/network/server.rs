//! A server that does as the API does, over plain connections or TLS, and knows what it was asked.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// A request that came whole.
pub(super) struct Request {
    pub(super) method: String,
    /// As it stands on the request line: a path, or with a proxy a URL.
    pub(super) target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What tells one call's requests from another's: its idempotency key, or the id that it asks for.
    fn mark(&self) -> String {
        let id = self.target.rsplit('/').next().unwrap_or_default();
        self.header("idempotency-key").unwrap_or(id).to_owned()
    }
}

/// Reads a request; nothing if the connection ends before it is whole.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = text.lines();
    let mut words = lines.next()?.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let request = Request { method, target, headers };
    let length: usize = request.header("content-length").map_or(Some(0), |length| length.parse().ok())?;
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(request)
}

/// An answer with its length, long enough to be cut within.
pub(super) fn answer(id: &str) -> Vec<u8> {
    let data = json!({"job_id": id, "state": "queued", "prompt": "x".repeat(4000)});
    envelope(200, &json!({"ok": true, "data": data, "metadata": {"request_id": "r"}}))
}

pub(super) fn envelope(status: u16, body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

/// How it treats a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Keep {
    /// Until the client goes.
    #[default]
    Open,
    /// It closes unannounced, so long after each answer at most.
    Closing { within: Duration, reset: bool },
    /// It answers the first request of a connection, and closes at the next.
    OneAnswer,
}

#[derive(Default)]
struct Shared {
    /// Whole requests, by their mark.
    seen: Mutex<HashMap<String, u64>>,
    connections: AtomicU64,
    handshakes: AtomicU64,
    versions: Mutex<Vec<String>>,
}

/// The server, until it is dropped.
pub(super) struct Api {
    pub(super) addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Api {
    pub(super) async fn plain(keep: Keep) -> io::Result<Self> {
        Self::on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?, None, keep)
    }

    pub(super) async fn tls(acceptor: TlsAcceptor) -> io::Result<Self> {
        Self::on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?, Some(acceptor), Keep::Open)
    }

    pub(super) fn on(listener: TcpListener, tls: Option<TlsAcceptor>, keep: Keep) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let task = tokio::spawn(accept(listener, tls, keep, shared.clone()));
        Ok(Self { addr, shared, task })
    }

    /// How many whole requests carried this mark.
    pub(super) fn seen(&self, mark: &str) -> u64 {
        let seen = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(mark).copied().unwrap_or(0)
    }

    /// The same, once there are as many as are expected, or after a time in which they had to come.
    pub(super) async fn seen_at_last(&self, mark: &str, expected: u64) -> u64 {
        for _ in 0..500 {
            if self.seen(mark) >= expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.seen(mark)
    }

    /// How many whole requests there were.
    pub(super) fn requests(&self) -> u64 {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    pub(super) fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How many TLS handshakes came about, and the versions that they agreed on.
    pub(super) fn handshakes(&self) -> (u64, Vec<String>) {
        let versions = self.shared.versions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (self.shared.handshakes.load(Ordering::Relaxed), versions)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, keep: Keep, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let (tls, shared) = (tls.clone(), shared.clone());
                connections.spawn(async move {
                    let Some(tls) = tls else { return plain(stream, keep, &shared).await };
                    if let Ok(mut stream) = tls.accept(stream).await {
                        shared.handshakes.fetch_add(1, Ordering::Relaxed);
                        let version = stream.get_ref().1.protocol_version();
                        let version = version.map(|version| format!("{version:?}")).unwrap_or_default();
                        shared.versions.lock().unwrap_or_else(PoisonError::into_inner).push(version);
                        while exchange(&mut stream, &shared).await.is_some() {}
                    }
                });
            }
        }
    }
}

async fn plain(mut stream: TcpStream, keep: Keep, shared: &Shared) {
    while exchange(&mut stream, shared).await.is_some() {
        match keep {
            Keep::Open => {}
            Keep::Closing { within, reset } => {
                tokio::time::sleep(within.mul_f64(fastrand::f64())).await;
                if reset {
                    let _ = stream.set_zero_linger();
                }
                return;
            }
            Keep::OneAnswer => {
                // At the first byte of the next request, which is lost.
                let _ = stream.read(&mut [0]).await;
                let _ = stream.set_zero_linger();
                return;
            }
        }
    }
}

/// Answers one request.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, shared: &Shared) -> Option<()> {
    let request = read(stream).await?;
    let mark = request.mark();
    *shared.seen.lock().unwrap_or_else(PoisonError::into_inner).entry(mark.clone()).or_default() += 1;
    stream.write_all(&answer(&mark)).await.ok()?;
    stream.flush().await.ok()
}
