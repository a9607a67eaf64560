//! Scripted HTTP server: reads requests and writes exactly the bytes that a test chooses.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use infrai::InfraiClient;

pub const KEY: &str = "ifr_pk_proj_0123456789abcdefghijklmnopqrstuv";

/// A received request.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET /v1/x HTTP/1.1`.
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Number of its connection.
    pub connection: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// The server's reaction to a request.
pub enum Act {
    /// Writes these bytes and keeps the connection open.
    Write(Vec<u8>),
    /// Writes these bytes and closes the connection.
    WriteAndClose(Vec<u8>),
}

/// Returns a response with its `Content-Length`.
pub fn response(status: u16, headers: &str, body: &[u8]) -> Act {
    let mut bytes =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    Act::Write(bytes)
}

/// Returns a success envelope.
pub fn ok(data: &str) -> Act {
    response(200, "content-type: application/json\r\n", format!("{{\"ok\":true,\"data\":{data}}}").as_bytes())
}

pub struct Server {
    pub port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Serves on a free port until the test ends. `act` gets the number of earlier requests.
    pub fn start(act: impl Fn(usize, &Request) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (act, log) = (Arc::new(act), Arc::clone(&seen));
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (Ok(stream), act, log) = (stream, Arc::clone(&act), Arc::clone(&log)) else { continue };
                thread::spawn(move || serve(&stream, connection, &*act, &log));
            }
        });
        Self { port, seen }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub fn client(&self) -> InfraiClient {
        let ms = std::time::Duration::from_millis;
        InfraiClient::builder()
            .api_key(KEY)
            .base_url(self.url())
            .retry_base(ms(2))
            .retry_cap(ms(5))
            .build()
            .unwrap()
    }
}

fn serve(
    stream: &TcpStream,
    connection: usize,
    act: &dyn Fn(usize, &Request) -> Act,
    log: &Mutex<Vec<Request>>,
) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader, connection) {
        let number = {
            let mut log = log.lock().unwrap();
            log.push(request.clone());
            log.len() - 1
        };
        let (bytes, close) = match act(number, &request) {
            Act::Write(bytes) => (bytes, false),
            Act::WriteAndClose(bytes) => (bytes, true),
        };
        if (&*stream).write_all(&bytes).is_err() || close {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn read(reader: &mut BufReader<&TcpStream>, connection: usize) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut request = Request { line: line.trim_end().to_owned(), headers, body: Vec::new(), connection };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

/// Returns the command that runs the test `name` of this test program in a child process, without `INFRAI_*` variables.
pub fn child(name: &str) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]).env("INFRAI_TEST_CHILD", name);
    for variable in [
        "INFRAI_API_KEY",
        "INFRAI_BASE_URL",
        "INFRAI_PROFILE",
        "INFRAI_CREDENTIALS_FILE",
        "INFRAI_ALLOW_HTTP",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Returns whether this process is the child that [`child`] started for this test.
pub fn is_child(name: &str) -> bool {
    std::env::var("INFRAI_TEST_CHILD").is_ok_and(|child| child == name)
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
