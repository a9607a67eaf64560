//! `infrai mcp --http`: token, `Origin`, `Host`, and the life of a job.

mod common;

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::Child,
};

use common::Home;
use serde_json::{Value, json};

/// A server with the embedded sandbox.
struct HttpServer {
    child: Child,
    address: String,
    token: String,
    _home: Home,
}

struct Response {
    status: u16,
    session: Option<String>,
    /// Messages of the body: one of JSON, or the events of a stream.
    messages: Vec<Value>,
}

impl HttpServer {
    fn start(home: Home, words: &[&str]) -> Self {
        let words = [&["--sandbox", "mcp", "--http", "127.0.0.1:0"], words].concat();
        let mut child = home.command(&words).spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut line = |start: &str| loop {
            let line = lines.next().expect("a line").expect("UTF-8");
            if let Some((_, rest)) = line.split_once(start) {
                return rest.split_whitespace().next().expect("a word").to_owned();
            }
        };
        let address = line("MCP server at http://").trim_end_matches("/mcp").to_owned();
        // "Token: …", or "Without a token: …".
        let token = line("oken: ");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, token, _home: home }
    }

    fn post(&self, headers: &[(&str, &str)], body: &Value) -> Response {
        let mut connection = TcpStream::connect(&self.address).expect("it listens");
        let body = body.to_string();
        let mut head = format!(
            "POST /mcp HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Accept: application/json, text/event-stream\r\n",
            body.len()
        );
        let host = ("Host", self.address.as_str());
        let hosts = headers.iter().any(|(name, _)| *name == "Host");
        for (name, value) in headers.iter().copied().chain((!hosts).then_some(host)) {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        write!(connection, "{head}\r\n{body}").expect("it reads");
        let mut text = String::new();
        connection.read_to_string(&mut text).expect("a response");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let header = |name: &str| {
            head.lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(each, _)| each.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
        };
        // Chunks of a stream end at line ends: only its lines of data count.
        let mut messages: Vec<Value> = body
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data:").unwrap_or(line).trim()).ok())
            .collect();
        messages.retain(Value::is_object);
        Response { status, session: header("mcp-session-id"), messages }
    }

    fn authorized(&self, headers: &[(&str, &str)], body: &Value) -> Response {
        let token = format!("Bearer {}", self.token);
        self.post(&[&[("Authorization", token.as_str())], headers].concat(), body)
    }

    /// Calls a tool in the current protocol, which has no sessions.
    fn call(&self, tool: &str, arguments: &Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": tool, "arguments": arguments,
            "_meta": {
                "progressToken": 7,
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        }});
        let headers =
            [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", tool)];
        let response = self.authorized(&headers, &request);
        let last = response.messages.last().unwrap_or_else(|| panic!("{tool}: status {}", response.status));
        assert_eq!(last["result"]["isError"], false, "{last}");
        last["result"]["structuredContent"].clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
    }})
}

#[test]
fn only_the_token_opens_the_server() {
    let server = HttpServer::start(Home::new(), &[]);
    assert_eq!(server.token.len(), 48);
    let wrong = format!("Bearer {}", "0".repeat(48));
    let shorter = format!("Bearer {}", &server.token[1..]);
    for authorization in
        [None, Some("Bearer "), Some(server.token.as_str()), Some(wrong.as_str()), Some(shorter.as_str())]
    {
        let headers: Vec<_> = authorization.into_iter().map(|value| ("Authorization", value)).collect();
        assert_eq!(server.post(&headers, &initialize()).status, 401, "{authorization:?}");
    }
    let opened = server.authorized(&[], &initialize());
    assert_eq!(opened.status, 200);
    assert!(opened.session.is_some());
    assert_eq!(opened.messages[0]["result"]["protocolVersion"], "2025-06-18");
}

#[test]
fn pages_of_other_origins_are_refused() {
    let server = HttpServer::start(Home::new(), &[]);
    for origin in ["https://evil.example", "null", "http://127.0.0.1.evil.example"] {
        assert_eq!(server.authorized(&[("Origin", origin)], &initialize()).status, 403, "{origin}");
    }
    assert_eq!(server.authorized(&[("Host", "evil.example")], &initialize()).status, 403);
    assert_eq!(server.authorized(&[("Origin", "http://localhost:6274")], &initialize()).status, 200);
}

#[test]
fn a_job_lives_over_http() {
    let server = HttpServer::start(Home::new(), &["--output-dir", "videos"]);
    let job = server.call("generate_video", &json!({"prompt": "a kite", "duration_seconds": 1}));
    let ended = server.call("wait_for_video", &json!({"job_id": job["job_id"]}));
    assert_eq!(ended["state"], "succeeded");
    let saved = server.call("download_video", &json!({"job_id": job["job_id"]}));
    assert!(common::is_mp4(saved["path"].as_str().expect("a path").as_ref()));
}

#[test]
fn a_token_of_the_user_is_not_printed() {
    let token = "0123456789abcdef";
    let home = Home::new().with("INFRAI_MCP_TOKEN", token);
    let mut server = HttpServer::start(home, &[]);
    assert_eq!(server.token, "that");
    server.token = token.to_owned();
    assert_eq!(server.authorized(&[], &initialize()).status, 200);
}

#[test]
fn a_server_without_a_token_is_loopback_alone() {
    let home = Home::new();
    let refused = home.run(&["--sandbox", "mcp", "--http", "0.0.0.0:0", "--no-token"]).expect(2);
    assert!(refused.error_lines().0.contains("loopback"), "{}", refused.stderr);
    let refused = home.run(&["--sandbox", "mcp", "--no-token"]).expect(2);
    assert!(refused.stderr.contains("--http"), "{}", refused.stderr);
    let short = Home::new().with("INFRAI_MCP_TOKEN", "short");
    let refused = short.run(&["--sandbox", "mcp", "--http", "127.0.0.1:0"]).expect(2);
    assert!(!refused.stderr.contains("short"), "{}", refused.stderr);
    let server = HttpServer::start(home, &["--no-token"]);
    assert_eq!(server.post(&[], &initialize()).status, 200);
}
