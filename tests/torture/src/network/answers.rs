//! Answers that no good server gives: too early, unasked for, broken in themselves.

use std::{error::Error, io, net::SocketAddr, time::Duration};

use infrai::{ErrorKind, InfraiClient, InfraiError};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{
    KEY, LONG,
    server::{self, envelope},
};
use crate::report::{Checks, Report};

/// Long enough that no buffer holds it while nobody reads.
const LONG_PROMPT: usize = 190_000;

struct Case {
    name: &'static str,
    /// The answer comes once the head is there; the body is never read.
    early: bool,
    answer: Vec<u8>,
    /// The kind, attempts, and whether the call may have been processed; nothing for a job.
    expected: Option<(ErrorKind, u32, bool)>,
}

fn cases() -> Vec<Case> {
    let good = server::answer("vid_1");
    let before = |head: &str| [head.as_bytes(), &good].concat();
    let body = String::from_utf8_lossy(&good)
        .split_once("\r\n\r\n")
        .map_or(String::new(), |(_, body)| body.to_owned());
    let raw = |head: &str| format!("HTTP/1.1 200 X\r\n{head}\r\n\r\n{body}").into_bytes();
    let broken = Some((ErrorKind::Connection, 3, true));
    let case = |name, answer, expected| Case { name, early: false, answer, expected };
    let too_large =
        envelope(413, &json!({"ok": false, "error": {"code": "PAYLOAD_TOO_LARGE", "message": "x"}}));
    vec![
        Case {
            name: "413 before the body is read, then a reset",
            early: true,
            answer: too_large,
            expected: Some((ErrorKind::InvalidRequest, 1, false)),
        },
        case("100 Continue, then a job", before("HTTP/1.1 100 Continue\r\n\r\n"), None),
        case("103 Early Hints, then a job", before("HTTP/1.1 103 X\r\nlink: </x>\r\n\r\n"), None),
        case("HTTP/1.0 and no length", format!("HTTP/1.0 200 X\r\n\r\n{body}").into_bytes(), None),
        case("bytes that are no HTTP", b"\x15\x03\x01\x00\x02\x02\x28 and more\r\n\r\n".to_vec(), broken),
        case("an empty line and nothing else", b"\r\n\r\n".to_vec(), broken),
        case("a head of a megabyte", raw(&format!("x-long: {}", "x".repeat(1 << 20))), broken),
        case("two lengths that differ", raw("content-length: 5\r\ncontent-length: 6"), broken),
        case("a length below zero", raw("content-length: -1"), broken),
        case(
            "a chunk whose size is no number",
            raw("transfer-encoding: chunked").as_slice().to_vec(),
            broken,
        ),
        case(
            "chunks that end before the last",
            b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"ok\"\r\n".to_vec(),
            broken,
        ),
        case(
            "204 for a job",
            b"HTTP/1.1 204 X\r\n\r\n".to_vec(),
            Some((ErrorKind::UnexpectedResponse, 1, true)),
        ),
        case(
            "a job without its id",
            envelope(200, &json!({"ok": true, "data": {"state": "queued"}})),
            Some((ErrorKind::UnexpectedResponse, 1, true)),
        ),
    ]
}

/// A server of one case, until it is dropped.
struct Odd {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Odd {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn odd<F, S>(serve: S) -> io::Result<Odd>
where
    S: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            connections.spawn(serve(stream));
        }
    });
    Ok(Odd { addr, task })
}

/// Answers one request, and closes.
async fn answer_once(mut stream: TcpStream, early: bool, answer: Vec<u8>) -> io::Result<()> {
    if early {
        stream.read_exact(&mut [0; 600]).await?;
        stream.write_all(&answer).await?;
        // It arrives; then, with a body that was not read, the close is a reset.
        tokio::time::sleep(Duration::from_millis(50)).await;
        return Ok(());
    }
    if server::read(&mut stream).await.is_some() {
        stream.write_all(&answer).await?;
        stream.shutdown().await?;
        while stream.read(&mut [0; 4096]).await? > 0 {}
    }
    Ok(())
}

/// Answers every request with its own job, and each time says something that nobody asked for.
async fn answer_and_more(mut stream: TcpStream, more: Vec<u8>, close: bool) -> io::Result<()> {
    while let Some(request) = server::read(&mut stream).await {
        let key = request.header("idempotency-key").unwrap_or_default().to_owned();
        stream.write_all(&[server::answer(&key), more.clone()].concat()).await?;
        if close {
            return stream.shutdown().await;
        }
    }
    Ok(())
}

fn client(addr: SocketAddr) -> Result<InfraiClient, InfraiError> {
    InfraiClient::builder()
        .api_key(KEY)
        .base_url(format!("http://{addr}"))
        .retry_base(Duration::from_millis(2))
        .timeout(LONG)
        .attempt_timeout(LONG)
        .connect_timeout(LONG)
        .build()
}

pub(super) async fn run(checks: &Checks, report: &mut Report) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut rows = Vec::new();
    for Case { name, early, answer, expected } in cases() {
        let server = odd(move |stream| answer_once(stream, early, answer.clone())).await?;
        let prompt = "p".repeat(if early { LONG_PROMPT } else { 10 });
        let made = client(server.addr)?.video().generate(prompt).idempotency_key("vid_1").send().await;
        let seen = made
            .as_ref()
            .err()
            .map(|error| (error.kind(), error.attempts(), error.may_have_been_processed()));
        checks.check(seen == expected, || format!("{name}: {made:?}"));
        rows.push(vec![name.to_owned(), shown(&made.map(|_| ()))]);
    }
    let other = server::answer("another's job");
    let late = envelope(408, &json!({"ok": false, "error": {"code": "REQUEST_TIMEOUT", "message": "idle"}}));
    for (name, more, close) in [
        ("another's job after each answer, unasked for", other, false),
        ("408 on a connection that is idle, which is then closed", late, true),
    ] {
        let server = odd(move |stream| answer_and_more(stream, more.clone(), close)).await?;
        let client = client(server.addr)?;
        let mut last = Ok(());
        for number in 0..20 {
            let key = format!("own-{number}");
            let made = client.video().generate("a kite").idempotency_key(&key).send().await;
            checks.check(made.as_ref().is_ok_and(|job| job.job_id.as_str() == key), || {
                format!("{name}: {key}: {made:?}")
            });
            last = last.and(made.map(|_| ()));
        }
        rows.push(vec![name.to_owned(), format!("{}, 20 times its own job", shown(&last))]);
    }
    report.text("### Answers that no good server gives\n\nTo `generate` with a key, three attempts at most.");
    report.table(&["the server answers", "outcome"], rows);
    Ok(())
}

fn shown(made: &Result<(), InfraiError>) -> String {
    match made {
        Ok(()) => "ok".to_owned(),
        Err(error) => {
            let open = if error.may_have_been_processed() { ", open" } else { "" };
            format!("{} `{}` at {}{open}", error.kind(), error.code(), error.attempts())
        }
    }
}
