//! What a runner talks to: lists scenarios, starts them, and takes in what came of them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::http::{Request, read_request};
use crate::judge::{Report, judge};
use crate::load::Template;
use crate::scenario::{Call, Step};
use crate::stage::{Stage, stop_at_limit};

/// All scenarios, and those being played.
#[derive(Debug)]
pub struct Control {
    scenarios: Vec<Template>,
    playing: Mutex<BTreeMap<String, Arc<Stage>>>,
}

/// What is answered: a status and a JSON body.
type Answer = (u16, Value);

impl Control {
    /// A control for these scenarios.
    pub fn new(scenarios: Vec<Template>) -> Arc<Self> {
        Arc::new(Self { scenarios, playing: Mutex::default() })
    }

    /// Serves the control address until the listener fails.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let control = Arc::clone(&self);
            tokio::spawn(async move {
                let _ = control.connection(stream).await;
            });
        }
    }

    async fn connection(&self, mut stream: TcpStream) -> io::Result<()> {
        let _ = stream.set_nodelay(true);
        let Some(request) = read_request(&mut stream, &mut Vec::new()).await? else { return Ok(()) };
        let (status, body) = self.answer(&request).await;
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        stream.shutdown().await?;
        crate::reply::linger(&mut stream).await;
        Ok(())
    }

    async fn answer(&self, request: &Request) -> Answer {
        let path: Vec<&str> = request.target.trim_matches('/').split('/').collect();
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["scenarios"]) => (200, self.list()),
            ("POST", ["scenarios", name, "start"]) => self.start(&decode(name)).await,
            ("POST", ["scenarios", name, "finish"]) => self.finish(&decode(name), &request.body).await,
            _ => (404, json!({"error": "GET /scenarios, POST /scenarios/<name>/start or /finish"})),
        }
    }

    /// The scenarios in order, each with its percent-encoded path and the languages it exempts.
    pub fn list(&self) -> Value {
        let list: Vec<Value> = self
            .scenarios
            .iter()
            .map(|template| {
                let exempt = template.json.get("exempt").cloned().unwrap_or_else(|| json!({}));
                let own_process = template.json.get("env").is_some();
                let path = format!("/scenarios/{}", encode(&template.name));
                json!({"name": template.name, "path": path, "exempt": exempt, "own_process": own_process})
            })
            .collect();
        json!({"scenarios": list})
    }

    /// Starts a scenario and says what the runner is to do.
    pub async fn start(&self, name: &str) -> Answer {
        let Some(template) = self.scenarios.iter().find(|t| t.name == name) else {
            return (404, json!({"error": format!("no scenario {name:?}")}));
        };
        let stage = match Stage::start(template).await {
            Ok(stage) => stage,
            Err(error) => return (500, json!({"error": error})),
        };
        tokio::spawn(stop_at_limit(Arc::clone(&stage)));
        let scenario = &stage.scenario;
        let steps: Vec<Value> = scenario.calls.iter().flat_map(instructions).collect();
        let mut answer = json!({
            "client": stage.client(), "calls": steps, "env": scenario.env,
            "limit": scenario.limit, "exempt": scenario.exempt,
        });
        for (name, value) in &stage.names {
            answer[name] = value.clone();
        }
        let before = self
            .playing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), Arc::clone(&stage));
        if let Some(before) = before {
            before.stop();
        }
        (200, answer)
    }

    /// Takes in what came of a scenario, and judges it.
    pub async fn finish(&self, name: &str, report: &[u8]) -> Answer {
        let report: Report = match serde_json::from_slice(report) {
            Ok(report) => report,
            Err(error) => return (400, json!({"error": format!("the report cannot be read: {error}")})),
        };
        let stage = self.playing.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        let Some(stage) = stage else {
            return (409, json!({"error": format!("{name:?} is not being played")}));
        };
        tokio::time::sleep(Duration::from_secs_f64(stage.scenario.quiet)).await;
        stage.stop();
        let differences = judge(&stage, &report);
        // Connections that are still served hold the stage, and with it the folder, for longer than anyone needs it.
        if let Err(error) = std::fs::remove_dir_all(stage.folder.path()) {
            eprintln!("{} stays: {error}", stage.folder.path().display());
        }
        let difference = differences.iter().map(|d| format!("  {d}")).collect::<Vec<_>>().join("\n");
        (200, json!({"pass": differences.is_empty(), "difference": difference}))
    }
}

/// A step as the runner gets it: without what must come of it, and written out where it is repeated.
fn instructions(step: &Step) -> Vec<Value> {
    let written_out = |call: &Call| {
        let call_json = json!({"call": call.call, "args": call.args, "options": call.options,
                               "new_client": call.new_client, "after": call.after, "abort_after": call.abort_after, "context": call.context});
        vec![call_json; call.repeat]
    };
    match step {
        Step::Single(call) => written_out(call),
        Step::Together { together } => {
            vec![json!({"together": together.iter().flat_map(written_out).collect::<Vec<_>>()})]
        }
    }
}

/// Percent-encodes all but unreserved characters.
fn encode(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn decode(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = segment.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_survives_a_path() {
        for name in ["a job's `state` is kept", "100 % / 网 🎬", "plain"] {
            assert_eq!(decode(&encode(name)), name);
            assert!(!encode(name).contains('/'));
        }
    }
}
