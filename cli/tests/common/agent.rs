//! An MCP client over the command's standard input and output.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, Stdio},
    sync::mpsc::{self, Receiver},
    thread::JoinHandle,
    time::Duration,
};

use serde_json::{Value, json};

use super::Home;

/// Time for any answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Form of the protocol that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// 2025-11-25: begins with `initialize`.
    Handshake,
    /// 2026-07-28: metadata with each request.
    Inline,
    /// As `Inline`, with the extension of tasks.
    Tasks,
}

pub(crate) struct Agent {
    child: Child,
    stdin: Option<ChildStdin>,
    messages: Receiver<Value>,
    stderr: Option<JoinHandle<String>>,
    protocol: Protocol,
    last_id: u64,
    /// Responses that came before their turn.
    early: Vec<Value>,
    /// Notifications of the last call.
    pub(crate) notifications: Vec<Value>,
    /// All that the server sent.
    pub(crate) received: String,
}

/// The end of a server.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

impl Agent {
    /// Starts a server with the embedded sandbox.
    pub(crate) fn in_sandbox(home: &Home, words: &[&str]) -> Self {
        Self::start(
            home,
            &[&["--sandbox", "mcp", "--output-dir", "videos"], words].concat(),
            Protocol::Handshake,
        )
    }

    pub(crate) fn start(home: &Home, words: &[&str], protocol: Protocol) -> Self {
        let mut child = home.command(words).stdin(Stdio::piped()).spawn().expect("the server starts");
        let stdin = child.stdin.take();
        let (sender, messages) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let line = line.expect("UTF-8");
                let message: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
                    panic!("standard output carries something else than the protocol: {error}: {line}")
                });
                assert_eq!(message["jsonrpc"], "2.0", "{line}");
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut stderr = child.stderr.take().expect("a pipe");
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let mut agent = Self {
            child,
            stdin,
            messages,
            stderr: Some(stderr),
            protocol,
            last_id: 0,
            early: Vec::new(),
            notifications: Vec::new(),
            received: String::new(),
        };
        if protocol == Protocol::Handshake {
            let info = agent.request(
                "initialize",
                json!({
                    "protocolVersion": "2025-11-25",
                    "capabilities": {},
                    "clientInfo": {"name": "test", "version": "1"},
                }),
            );
            assert_eq!(info["protocolVersion"], "2025-11-25");
            agent.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        }
        agent
    }

    /// Sends a request and returns its result.
    #[track_caller]
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params);
        let response = self.response(id);
        assert!(response.get("error").is_none(), "{method}: {response}");
        response["result"].clone()
    }

    /// Sends a request and returns its id.
    pub(crate) fn begin(&mut self, method: &str, mut params: Value) -> u64 {
        self.last_id += 1;
        if self.protocol != Protocol::Handshake {
            let extensions = match self.protocol {
                Protocol::Tasks => json!({"io.modelcontextprotocol/tasks": {}}),
                _ => json!({}),
            };
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {"extensions": extensions},
            });
            let given = params["_meta"].take();
            params["_meta"] = meta;
            for (name, value) in given.as_object().into_iter().flatten() {
                params["_meta"][name] = value.clone();
            }
        }
        self.send(&json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}));
        self.last_id
    }

    pub(crate) fn send(&mut self, message: &Value) {
        let stdin = self.stdin.as_mut().expect("it is open");
        writeln!(stdin, "{message}").expect("the server reads");
        stdin.flush().expect("the server reads");
    }

    /// Returns the response of a request, and keeps the notifications before it.
    #[track_caller]
    pub(crate) fn response(&mut self, id: u64) -> Value {
        self.notifications.clear();
        loop {
            let message = self.messages.recv_timeout(TIMEOUT).expect("a message of the server");
            self.received.push_str(&message.to_string());
            if message["id"] == id {
                return message;
            }
            if message.get("id").is_none() {
                self.notifications.push(message);
            }
        }
    }

    /// Returns the response of one of several requests in flight; keeps those of the others.
    #[track_caller]
    pub(crate) fn any_response(&mut self, id: u64) -> Value {
        if let Some(at) = self.early.iter().position(|message| message["id"] == id) {
            return self.early.swap_remove(at);
        }
        loop {
            let message = self.messages.recv_timeout(TIMEOUT).expect("a message of the server");
            if message["id"] == id {
                return message;
            }
            self.early.push(message);
        }
    }

    /// Calls a tool and returns its result.
    #[track_caller]
    #[allow(clippy::needless_pass_by_value, reason = "calls read better with a literal")]
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.request("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// Calls a tool that has to succeed, and returns its structured content.
    #[track_caller]
    pub(crate) fn ok(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], false, "{tool}: {result}");
        let text = result["content"][0]["text"].as_str().expect("text");
        assert_eq!(serde_json::from_str::<Value>(text).expect("JSON"), result["structuredContent"]);
        result["structuredContent"].clone()
    }

    /// Calls a tool that has to fail, and returns its error.
    #[track_caller]
    pub(crate) fn fails(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], true, "{tool}: {result}");
        let error = &result["structuredContent"]["error"];
        let text = result["content"][0]["text"].as_str().expect("text");
        for field in ["code", "message", "next"] {
            assert!(text.contains(error[field].as_str().expect("a text")), "{field}: {result}");
        }
        assert!(error["money_may_have_moved"].is_boolean(), "{result}");
        error.clone()
    }

    /// Returns the account's balance in cents.
    pub(crate) fn cents(&mut self) -> i64 {
        let balance = self.ok("account_balance", json!({}))["balance_usd"].as_f64().expect("a number");
        #[allow(clippy::cast_possible_truncation, reason = "a small amount")]
        let cents = (balance * 100.0).round() as i64;
        cents
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Closes standard input and waits for the server's end.
    pub(crate) fn close(mut self) -> Ended {
        self.stdin = None;
        self.end()
    }

    /// Waits for the server's end.
    pub(crate) fn end(mut self) -> Ended {
        let code = self.child.wait().expect("it ends").code();
        let stderr = self.stderr.take().expect("a thread").join().expect("UTF-8");
        Ended { code, stderr }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.child.wait();
    }
}
