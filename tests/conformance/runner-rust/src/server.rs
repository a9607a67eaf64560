//! The scripted server as a child process, and the few requests that a runner makes of it.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// What went wrong between runner and server: never a scenario's fault.
pub(crate) type Trouble = String;

/// The scripted server, for as long as this lives: it ends when its standard input closes.
pub(crate) struct Server {
    address: String,
    _child: Child,
}

impl Server {
    /// Starts the server and reads its address.
    pub(crate) async fn start(program: &PathBuf) -> Result<Self, Trouble> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("{} does not start: {e}", program.display()))?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let line = BufReader::new(output).lines().next_line().await.map_err(|e| e.to_string())?;
        let address = line.as_deref().and_then(|line| line.strip_prefix("http://"));
        let address = address.ok_or("the server printed no address")?.to_owned();
        Ok(Self { address, _child: child })
    }

    /// `GET /scenarios`.
    pub(crate) async fn scenarios(&self) -> Result<Vec<Value>, Trouble> {
        let list = self.ask("GET", "/scenarios", &Value::Null).await?;
        Ok(list["scenarios"].as_array().cloned().unwrap_or_default())
    }

    /// `POST /scenarios/<name>/start`: what to do.
    pub(crate) async fn start_scenario(&self, path: &str) -> Result<Value, Trouble> {
        self.ask("POST", &format!("{path}/start"), &Value::Null).await
    }

    /// `POST /scenarios/<name>/finish`: whether it passed.
    pub(crate) async fn finish_scenario(&self, path: &str, report: &Value) -> Result<Value, Trouble> {
        self.ask("POST", &format!("{path}/finish"), report).await
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, Trouble> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let told = async {
            let mut stream = TcpStream::connect(&self.address).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            std::io::Result::Ok(answer)
        };
        let answer = told.await.map_err(|e| format!("{method} {path}: {e}"))?;
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").ok_or(format!("{method} {path}: no answer"))?;
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(format!("{method} {path}: {body}"));
        }
        serde_json::from_str(body).map_err(|e| format!("{method} {path}: {e}"))
    }
}
