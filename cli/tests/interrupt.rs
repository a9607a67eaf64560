//! Ctrl-C and SIGTERM: the command stops at once, and says what continues.
#![cfg(unix)]

mod common;

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Child,
};

use common::{Home, Server, fifo, signal};

/// Runs until a line on standard error contains `mark`, sends the signal, and returns the exit code and the rest.
fn stopped_at(mut child: Child, mark: &str, name: &str) -> (Option<i32>, String) {
    let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains(mark) {
        line.clear();
        assert!(errors.read_line(&mut line).expect("a line") > 0, "it ended before {mark:?}");
    }
    signal(name, child.id());
    let mut rest = String::new();
    errors.read_to_string(&mut rest).expect("text");
    (child.wait().expect("it ends").code(), rest)
}

const STUCK: [&str; 6] = ["video", "generate", "a kite", "--model", "sandbox/stuck", "-o"];

#[test]
fn ctrl_c_names_the_job_and_the_ways_back() {
    let server = Server::start();
    let home = Home::at(&server);
    home.run(&["activate"]).expect(0);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let child = home.command(&[&STUCK[..], &["kite.mp4"]].concat()).spawn().expect("it starts");
        let (ended, said) = stopped_at(child, ": running", name);
        assert_eq!(ended, Some(code), "{said}");
        let id = said.split_whitespace().find(|word| word.starts_with("vid_")).expect("the job's id");
        assert!(said.contains(&format!("the job {id} continues")), "{said}");
        assert!(said.contains(&format!("video wait -o kite.mp4 -- {id}`")), "{said}");
        assert!(said.contains(&format!("video cancel -- {id}`")), "{said}");
        assert_eq!(said.lines().filter(|line| !line.contains(": running")).count(), 2, "{said}");
        let status = home.run(&["--json", "video", "status", id]).expect(0).json();
        assert_eq!(status["state"], "running", "it does continue");
    }
    let left: Vec<_> = std::fs::read_dir(home.path("")).expect("the folder").flatten().collect();
    assert_eq!(left.len(), 1, "no half file: {left:?}");
}

#[test]
fn ctrl_c_in_a_sandbox_says_that_the_job_is_kept() {
    let home = Home::new();
    let child =
        home.command(&[&["--sandbox"], &STUCK[..], &["kite.mp4"]].concat()).spawn().expect("it starts");
    let (code, said) = stopped_at(child, ": running", "INT");
    assert_eq!(code, Some(130), "{said}");
    let id = said.split_whitespace().find(|word| word.starts_with("vid_")).expect("the job's id");
    assert!(said.contains("is saved"), "{said}");
    assert!(said.contains(&format!("--sandbox video wait -o kite.mp4 -- {id}`")), "{said}");
    home.run(&["--sandbox", "video", "cancel", id]).expect(0);
}

#[test]
fn ctrl_c_while_the_request_is_on_its_way_gives_its_key() {
    let server = Server::with(&["--temporary", "--fault", "POST /v1/video/generate: delay=600s times=1"]);
    let home = Home::at(&server);
    home.run(&["activate"]).expect(0);
    let words = ["--json", "video", "generate", "a kite", "--idempotency-key", "k-1"];
    let child = home.command(&words).spawn().expect("it starts");
    // The fault has met the request: it is out, and its answer will not come.
    while !home.run(&["--json", "request", "GET", "/sandbox/faults"]).expect(0).stdout.contains("\"hits\":1")
    {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    signal("INT", child.id());
    let ran = common::ended(child).expect(130);
    let error = ran.error_json();
    assert_eq!((&error["kind"], &error["details"]["idempotency_key"]), (&"aborted".into(), &"k-1".into()));
    assert!(error["hint"].as_str().expect("a hint").contains("--idempotency-key k-1"));
}

#[test]
fn a_body_from_a_fifo_is_no_obstacle_to_ctrl_c() {
    let home =
        Home::new().with("INFRAI_API_KEY", "ifr_pk_proj_1").with("INFRAI_BASE_URL", "http://127.0.0.1:9");
    let body = home.path("body");
    fifo(&body);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let child =
            home.command(&["request", "POST", "/v1/x", "--body", "@body"]).spawn().expect("it starts");
        // Opens once the command reads, and writes nothing.
        let writer = std::fs::OpenOptions::new().write(true).open(&body).expect("a reader");
        signal(name, child.id());
        common::ended(child).expect(code);
        drop(writer);
    }
}
