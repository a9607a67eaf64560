//! A hostile server: its texts do not control the terminal, forge a line, or get into a command to paste.

mod common;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use common::{
    Home, Ran,
    agent::{Agent, Protocol},
    ended,
};
use serde_json::{Value, json};

/// Controls of both sets, a line of its own, reordering, separators, tags.
const HOSTILE: &str = "j\u{1b}]0;x\u{7}\u{1b}[2J\u{9b}31m\u{7f}\r\nFORGED\tline\u{202e}\u{2066}\u{200f}\u{2028}\u{2029}\u{feff}\u{e0041}";

type Answer = dyn Fn(usize, &str) -> (u16, String) + Send + Sync;

/// A server with these responses, by the number of earlier requests and the request line; it records the paths.
struct Hostile {
    url: String,
    paths: Arc<Mutex<Vec<String>>>,
}

impl Hostile {
    fn start(answer: impl Fn(usize, &str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let paths = Arc::new(Mutex::new(Vec::new()));
        let (answer, log, count): (Arc<Answer>, _, _) =
            (Arc::new(answer), Arc::clone(&paths), Arc::new(AtomicUsize::new(0)));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, log, count) = (Arc::clone(&answer), Arc::clone(&log), Arc::clone(&count));
                thread::spawn(move || serve(&stream, &*answer, &log, &count));
            }
        });
        Self { url, paths }
    }

    fn home(&self) -> Home {
        Home::new()
            .with("INFRAI_BASE_URL", &self.url)
            .with("INFRAI_API_KEY", "ifr_pk_proj_0123456789abcdefghijABCDEFGHIJ01")
    }
}

/// Answers one request and closes the connection.
fn serve(stream: &TcpStream, answer: &Answer, log: &Mutex<Vec<String>>, count: &AtomicUsize) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    if reader.read_line(&mut first).is_err() {
        return;
    }
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).is_err() || header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let _ = reader.read_exact(&mut vec![0; length]);
    let line = first.rsplit_once(' ').map(|(line, _)| line.to_owned()).unwrap_or_default();
    log.lock().expect("the log").push(line.clone());
    let (status, body) = answer(count.fetch_add(1, Ordering::SeqCst), &line);
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = (&*stream).write_all(&[head.as_bytes(), body.as_bytes()].concat());
}

fn envelope(data: &Value) -> (u16, String) {
    let metadata = json!({"request_id": HOSTILE, "cost_usd": 0.5, (HOSTILE): HOSTILE});
    (200, json!({"ok": true, "data": data, "error": null, "metadata": metadata}).to_string())
}

fn failure(status: u16) -> (u16, String) {
    let error = json!({
        "code": HOSTILE, "message": HOSTILE, "details": {(HOSTILE): HOSTILE}, "checkout_url": HOSTILE,
        "retryable": false, "request_id": HOSTILE,
    });
    (status, json!({"ok": false, "error": error, "metadata": {"request_id": HOSTILE}}).to_string())
}

/// A job whose every text is hostile.
fn job(id: &str, state: &str, base: &str) -> Value {
    let url = if state == "succeeded" { format!("{base}/file") } else { HOSTILE.to_owned() };
    json!({
        "job_id": id, "state": state, "error": HOSTILE, "video_url": url, "thumbnail_url": HOSTILE,
        "prompt": HOSTILE, "warnings": [HOSTILE], "progress": 0.5, (HOSTILE): HOSTILE,
    })
}

/// An API whose jobs go from a hostile state to this one.
fn api(last: &'static str) -> Hostile {
    let base = Arc::new(Mutex::new(String::new()));
    let of_answer = Arc::clone(&base);
    let looks = AtomicUsize::new(0);
    let server = Hostile::start(move |_, line| {
        let base = of_answer.lock().expect("the address").clone();
        match line {
            "POST /v1/activate" => envelope(&json!({
                "primary_api_key": "ifr_pk_proj_0123456789abcdefghijABCDEFGHIJ01", "trial_credit_usd": 2,
                "account_id": HOSTILE, "project_id": HOSTILE, "checkout_url": HOSTILE,
            })),
            "POST /v1/video/generate" => envelope(&job(HOSTILE, HOSTILE, &base)),
            "GET /v1/account/balance" => envelope(&json!({"balance_usd": 1, "currency": HOSTILE})),
            "POST /v1/account/topup" => envelope(
                &json!({"topup_id": HOSTILE, "amount_usd": 5, "state": HOSTILE, "next_action_url": HOSTILE}),
            ),
            "GET /v1/any" => envelope(&json!({(HOSTILE): [HOSTILE]})),
            "GET /file" => (200, "a video".into()),
            _ if line.ends_with("/cancel") => envelope(&json!({"ok": true, "job_id": HOSTILE})),
            _ if line.starts_with("GET /v1/video/jobs/") => {
                let state =
                    if looks.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) { HOSTILE } else { last };
                envelope(&job(HOSTILE, state, &base))
            }
            _ => failure(404),
        }
    });
    base.lock().expect("the address").clone_from(&server.url);
    server
}

/// Returns true for a text of visible characters and line ends alone.
fn is_clean(text: &str) -> bool {
    let acting = "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}\u{e0041}";
    !text.contains(|c: char| (c.is_control() && c != '\n') || acting.contains(c))
}

#[track_caller]
fn assert_clean(ran: &Ran) {
    for text in [&ran.stdout, &ran.stderr] {
        assert!(is_clean(text), "{ran:?}");
        assert!(!text.lines().any(|line| line.starts_with("FORGED")), "{ran:?}");
    }
    assert!(ran.stdout.contains("FORGED") || ran.stderr.contains("FORGED"), "the text was printed: {ran:?}");
}

/// Every command that prints a server's text.
fn commands() -> Vec<Vec<&'static str>> {
    vec![
        vec!["activate", "--force"],
        vec!["whoami"],
        vec!["account", "balance"],
        vec!["account", "topup", "5"],
        vec!["request", "GET", "/v1/any"],
        vec!["video", "generate", "a kite"],
        vec!["video", "generate", "a kite", "--wait"],
        vec!["video", "generate", "a kite", "-o", "a.mp4", "--overwrite"],
        vec!["video", "status", HOSTILE],
        vec!["video", "wait", HOSTILE],
        vec!["video", "wait", HOSTILE, "-o", "b.mp4", "--overwrite"],
        vec!["video", "watch", HOSTILE],
        vec!["video", "cancel", HOSTILE],
        vec!["video", "download", HOSTILE, "-o", "c.mp4", "--overwrite"],
        vec!["video", "wait", HOSTILE, "--wait-timeout", "1ms"],
    ]
}

/// Runs each command in each of its forms, those of one form in parallel, because polling takes the time.
fn run_all(last: &'static str, forms: &[&'static [&'static str]]) -> Vec<(Vec<&'static str>, Ran)> {
    let mut ran = Vec::new();
    for options in forms {
        let runs = commands().into_iter().map(|command| {
            let words = [options, &command[..]].concat();
            thread::spawn(move || {
                let server = api(last);
                let home = Home::new().with("INFRAI_BASE_URL", &server.url);
                // The profile has the account's hostile names from then on.
                home.run(&["activate"]).expect(0);
                let ran = home.run(&words);
                (words, ran)
            })
        });
        let runs: Vec<_> = runs.collect();
        ran.extend(runs.into_iter().map(|run| run.join().expect("it ran")));
    }
    ran
}

/// Every text of a value, names included.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => {
            for item in items {
                texts(item, found);
            }
        }
        Value::Object(map) => {
            for (name, item) in map {
                found.push(name.clone());
                texts(item, found);
            }
        }
        _ => {}
    }
}

#[test]
fn no_command_prints_what_acts_on_a_terminal() {
    let forms: [&[&str]; 5] = [&["-v"], &["-vv"], &["--json"], &[], &["--json", "-vv"]];
    for (last, forms) in [("succeeded", &forms[..]), ("failed", &forms[3..])] {
        for (words, ran) in run_all(last, forms) {
            assert_clean(&ran);
            assert!([0, 1, 2, 6].contains(&ran.code.expect("a code")), "{words:?}: {ran:?}");
            let logs = |line: &str| line.contains("DEBUG") || line.contains("TRACE");
            assert_eq!(
                ran.stderr.lines().any(logs),
                words.iter().any(|word| word.starts_with("-v")),
                "{words:?}: {ran:?}"
            );
            if words[0] != "--json" {
                continue;
            }
            // The escapes are JSON's own: a program reads the very text that the server sent.
            for line in ran.stdout.lines().chain(ran.stderr.lines().filter(|line| !logs(line))) {
                let value: Value =
                    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
                let mut found = Vec::new();
                texts(&value, &mut found);
                assert!(found.iter().any(|text| text.contains(HOSTILE)), "{words:?}: {line}");
            }
        }
    }
}

#[test]
fn request_prints_the_value_that_the_server_sent() {
    let home = api("succeeded").home();
    let expected = json!({(HOSTILE): [HOSTILE]});
    let ran = home.run(&["request", "GET", "/v1/any"]).expect(0);
    assert!(ran.stdout.lines().count() > 2, "as lines for people: {ran:?}");
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).expect("JSON"), expected);
    assert_eq!(home.run(&["--json", "request", "GET", "/v1/any"]).expect(0).json()["data"], expected);
}

#[test]
fn no_error_prints_what_acts_on_a_terminal() {
    let bodies = [
        failure(400),
        failure(401),
        failure(402),
        failure(500),
        (400, HOSTILE.to_owned()),
        (
            200,
            json!({"job_id": [HOSTILE], "state": {(HOSTILE): HOSTILE}, "balance_usd": HOSTILE}).to_string(),
        ),
        (200, HOSTILE.to_owned()),
    ];
    for (status, body) in bodies {
        let server = Hostile::start(move |_, _| (status, body.clone()));
        let home = server.home();
        for command in
            [&["account", "balance"][..], &["video", "generate", "x"], &["video", "status", HOSTILE]]
        {
            for options in [&["--timeout", "400ms"][..], &["-vv", "--timeout", "400ms"]] {
                let ran = home.run(&[options, command].concat());
                assert!(ran.code != Some(0) && is_clean(&ran.stdout) && is_clean(&ran.stderr), "{ran:?}");
                assert!(!ran.stderr.lines().any(|line| line.starts_with("FORGED")), "{ran:?}");
            }
            let error = home.run(&[&["--json", "--timeout", "400ms"], command].concat());
            assert!(is_clean(&error.stderr), "{error:?}");
            error.error_json();
        }
    }
}

#[test]
fn a_word_of_the_command_line_is_escaped_in_errors() {
    let home = Home::new();
    for words in [
        &[HOSTILE][..],
        &["video", HOSTILE],
        &["video", "wait", "x", "--wait-timeout", HOSTILE],
        &["--profile", HOSTILE, "whoami"],
        &["request", HOSTILE, "/v1/any"],
        &["video", "status", HOSTILE],
        &["sandbox", "--fault", HOSTILE],
    ] {
        let ran = home.run(words);
        assert!(ran.code != Some(0) && is_clean(&ran.stdout) && is_clean(&ran.stderr), "{words:?}: {ran:?}");
        home.run(&[&["--json"], words].concat()).error_json();
    }
}

/// Returns the words that a shell parses from a command.
#[cfg(unix)]
fn words_of(command: &str) -> Vec<String> {
    let output = std::process::Command::new("bash")
        .args(["-c", &format!("printf '%s\\0' {command}")])
        .output()
        .expect("bash runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[cfg(unix)]
#[test]
fn a_command_to_paste_names_the_job_and_nothing_else() {
    for id in [
        "--base-url=https://evil.example",
        "-o/tmp/x",
        "--",
        "a b; touch pwned $(touch pwned) `touch pwned` & | > pwned",
        "it's \"quoted\" \\ !! ~ * {a,b} #",
        "=ls",
        HOSTILE,
    ] {
        let server = Hostile::start(move |number, line| match line.split_once(' ') {
            Some(("POST", "/v1/video/generate")) => envelope(&job(id, "queued", "")),
            _ if number == 1 => envelope(&job(id, "running", "")),
            _ => envelope(&json!({"ok": true})),
        });
        let home = server.home();
        let ran = home.run(&["video", "generate", "a kite"]).expect(0);
        let wait = ran.stderr.lines().find_map(|line| line.split_once("save it: ")).expect("how to go on").1;
        let words = words_of(wait);
        assert_eq!(words[1..], ["video", "wait", "-o", "FILE", "--", id], "{wait}");
        // Stopped by its own deadline, it prints the ways back, the cancel among them.
        let ran = home.run(&["video", "wait", "--wait-timeout", "1ms", "--", id]).expect(6);
        let cancel = ran.error_lines().1.split_once("Cancel it: `").expect("a command").1;
        let words = words_of(cancel.strip_suffix("`.").expect("its end"));
        assert_eq!(words[1..], ["video", "cancel", "--", id], "{cancel}");
        home.run(&words[1..].iter().map(String::as_str).collect::<Vec<_>>()).expect(0);
        let encoded: String = id
            .bytes()
            .map(|byte| match byte {
                b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect();
        let paths = server.paths.lock().expect("the paths").clone();
        assert_eq!(paths.last().expect("a request"), &format!("POST /v1/video/jobs/{encoded}/cancel"));
        let left: Vec<_> = std::fs::read_dir(home.path("")).expect("the folder").flatten().collect();
        assert!(left.iter().all(|entry| entry.file_name() == ".infrai"), "{left:?}");
    }
}

#[test]
fn the_log_of_the_sandbox_has_a_line_per_record() {
    let home = Home::new();
    let words = ["-vv", "--json", "sandbox", "--temporary", "--exit-with-parent"];
    let mut child =
        home.command(&words).stdin(std::process::Stdio::piped()).spawn().expect("the sandbox starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let announced: Value = serde_json::from_str(&line).expect("JSON");
    let host =
        announced["url"].as_str().and_then(|url| url.strip_prefix("http://")).expect("a URL").to_owned();
    for path in ["/v1/\u{9b}2J\u{202e}\u{2028}\u{7f}", "/v1/video/jobs/%1b%0d%0aFORGED%C2%9b", "/v1/x\u{1b}"]
    {
        let mut stream = TcpStream::connect(&host).expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let _ = stream.read_to_end(&mut Vec::new());
    }
    drop(child.stdin.take());
    let ran = ended(child).expect(0);
    assert!(ran.stderr.contains("request handled") && is_clean(&ran.stderr), "{ran:?}");
    assert!(!ran.stderr.lines().any(|line| line.starts_with("FORGED")), "{ran:?}");
}

#[test]
fn no_tool_returns_what_acts_on_a_reader() {
    for last in ["succeeded", "failed"] {
        let server = api(last);
        let home = server.home();
        let mut agent = Agent::start(&home, &["mcp", "-vv"], Protocol::Handshake);
        let job = json!({"job_id": HOSTILE});
        let mut values = vec![
            agent.call("generate_video", json!({"prompt": "a kite"})),
            agent.call("generate_video", json!({"prompt": "a kite"})),
            agent.call("video_status", job.clone()),
            agent.call("download_video", job.clone()),
            agent.call("cancel_video", job.clone()),
            agent.call("list_videos", json!({})),
            agent.call("account_balance", json!({})),
            agent.call("top_up", json!({"amount_usd": 5})),
            agent.call("video_options", json!({})),
        ];
        let wait = json!({"name": "wait_for_video", "arguments": job, "_meta": {"progressToken": 1}});
        values.push(agent.request("tools/call", wait));
        values.append(&mut agent.notifications);
        values.push(agent.request("resources/list", json!({})));
        let uri = values.last().and_then(|listed| listed["resources"][3]["uri"].as_str()).expect("a job");
        let read = json!({"uri": uri});
        values.push(agent.request("resources/read", read));
        let ended = agent.close();
        let mut found = Vec::new();
        for value in &values {
            texts(value, &mut found);
        }
        // Pages of the documentation have line ends.
        for text in found.iter().chain([&ended.stderr]) {
            assert!(is_clean(text) && !text.contains("\nFORGED"), "{text:?}");
        }
        assert!(found.iter().filter(|text| text.contains("FORGED")).count() > 10, "{found:?}");
    }
}
