//! Tests of the server over real connections.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use infrai_bench_server::files::{BLOCK, block};
use serde_json::Value;

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_infrai-bench-server"))
            .args(["--limit", "120"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().to_owned();
        Self { child, address }
    }

    /// Sends a request; returns the head and the body of the answer.
    fn ask(&self, request: &str, headers: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        (String::from_utf8(bytes[..end].to_vec()).unwrap(), bytes[end + 4..].to_vec())
    }

    fn json(&self, request: &str) -> Value {
        serde_json::from_slice(&self.ask(request, "").1).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn jobs_end_and_polls_are_counted() {
    let server = Server::start();
    server.json("POST /_bench/plan?jobs=2&lengths=fixed,0&delay_ms=1");
    let made = server.json("POST /v1/video/generate");
    assert_eq!(made["data"]["job_id"], "job-2");
    for job in ["job-0", "job-1", "job-2", "job-2"] {
        let seen = server.json(&format!("GET /v1/video/jobs/{job}"));
        assert_eq!(seen["data"]["state"], "succeeded", "{seen}");
    }
    assert_eq!(server.json("GET /v1/video/jobs/job-3")["ok"], false);
    let seen = server.json("GET /_bench/counts");
    assert_eq!((&seen["counts"]["polls"], &seen["counts"]["generates"]), (&4.into(), &1.into()));
    assert_eq!(seen["counts"]["requests"], 6);
    assert_eq!((&seen["jobs"]["found"], &seen["jobs"]["jobs"]), (&3.into(), &3.into()));
    assert_eq!(seen["jobs"]["polls_after_end"], 1);
}

#[test]
fn a_running_job_has_a_retry_after() {
    let server = Server::start();
    server.json("POST /_bench/plan?jobs=1&lengths=fixed,3600&hold_s=1000&progress=true");
    let (head, body) = server.ask("GET /v1/video/jobs/job-0", "");
    let seconds: u64 = head.split("retry-after: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    assert!((800..=1000).contains(&seconds), "{head}");
    let job: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(job["data"]["state"], "running");
    assert!(job["data"]["progress"].is_number());
}

#[test]
fn an_unknown_setting_of_a_plan_is_refused() {
    let server = Server::start();
    let (head, body) = server.ask("POST /_bench/plan?colour=red", "");
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    assert!(String::from_utf8(body).unwrap().contains("colour"));
}

#[test]
fn a_file_is_the_same_whole_and_in_parts() {
    let server = Server::start();
    let total = 40 * BLOCK + 123;
    let expected: Vec<u8> = (0..=40_u64)
        .flat_map(|number| {
            let mut block = block();
            block[..8].copy_from_slice(&number.to_le_bytes());
            block
        })
        .take(total)
        .collect();
    let path = format!("/files/{total}.mp4");
    let (_, whole) = server.ask(&format!("GET {path}"), "");
    assert!(whole == expected, "{} bytes", whole.len());
    for (from, to) in [(0, 10), (BLOCK - 3, BLOCK + 3), (17 * BLOCK + 5, 34 * BLOCK), (total - 1, total)] {
        let (head, part) = server.ask(&format!("GET {path}"), &format!("range: bytes={from}-{}\r\n", to - 1));
        assert!(head.starts_with("HTTP/1.1 206"), "{head}");
        assert!(part == expected[from..to], "{from} to {to}");
    }
    let (head, _) = server.ask(&format!("GET {path}"), &format!("range: bytes={total}-\r\n"));
    assert!(head.starts_with("HTTP/1.1 416"), "{head}");
}
