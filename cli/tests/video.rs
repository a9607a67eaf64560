//! The main task: a prompt in, an MP4 out, and a clear error if there is none.

mod common;

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use common::{Home, Server, ended, is_mp4};

/// A home with an account at a server.
fn ready(server: &Server) -> Home {
    let home = Home::at(server);
    home.run(&["activate"]).expect(0);
    home
}

fn balance(home: &Home) -> f64 {
    home.run(&["--json", "account", "balance"]).expect(0).json()["balance_usd"].as_f64().expect("a number")
}

#[test]
fn generate_waits_saves_and_says_where() {
    let server = Server::start();
    let home = ready(&server);
    let ran = home.run(&["video", "generate", "a paper boat", "--duration", "1", "-o", "boat.mp4"]).expect(0);
    assert!(is_mp4(&home.path("boat.mp4")));
    assert!(ran.stdout.starts_with("Saved ") && ran.stdout.contains("boat.mp4"), "{ran:?}");
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert!(lines[0].contains(": queued, "), "one line per change: {ran:?}");
    assert!(lines.last().expect("a line").contains(": succeeded, "), "{ran:?}");
    assert!(!ran.stderr.contains('\u{1b}') && !ran.stderr.contains('\r'), "no bar: {ran:?}");
}

#[test]
fn programs_get_one_line_of_json() {
    let server = Server::start();
    let home = ready(&server);
    let words = ["--json", "video", "generate", "a paper boat", "--duration", "1", "--aspect", "1:1"];
    let started = home.run(&words).expect(0);
    let job = started.json();
    assert_eq!((&job["state"], &job["aspect"]), (&"queued".into(), &"1:1".into()));
    assert_eq!(started.stderr, "");
    let id = job["job_id"].as_str().expect("an id");
    let waited = home.run(&["--json", "video", "wait", id, "-o", "b.mp4"]).expect(0);
    assert_eq!(waited.stderr, "");
    let job = waited.json();
    assert_eq!(job["state"], "succeeded");
    assert_eq!(job["download"]["path"].as_str().expect("a path").rsplit(['/', '\\']).next(), Some("b.mp4"));
    assert_eq!(home.run(&["--json", "video", "status", id]).expect(0).json()["state"], "succeeded");
    let saved = home.run(&["--json", "video", "download", id, "-o", "c.mp4"]).expect(0).json();
    assert_eq!(saved["download"]["bytes"], job["download"]["bytes"]);
    assert!(is_mp4(&home.path("b.mp4")) && is_mp4(&home.path("c.mp4")));
    let cancelled = home.run(&["--json", "video", "cancel", id]).expect(1).json();
    assert_eq!(cancelled["ok"], false, "a cancel that came too late");
    for line in home.run(&["--json", "video", "watch", id]).expect(0).stdout.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
}

#[test]
fn an_existing_file_is_refused_before_anything_is_charged() {
    let server = Server::start();
    let home = ready(&server);
    std::fs::write(home.path("mine.mp4"), "mine").expect("a file");
    let words = ["video", "generate", "a kite", "--duration", "1", "-o"];
    let ran = home.run(&[&words[..], &["mine.mp4"]].concat()).expect(2);
    assert!(ran.error_lines().0.contains("FILE_EXISTS"), "{ran:?}");
    assert!(ran.error_lines().1.contains("--overwrite"), "{ran:?}");
    home.run(&[&words[..], &["no/such/folder.mp4"]].concat()).expect(5);
    home.run(&[&words[..], &["clips/"]].concat()).expect(2);
    #[cfg(unix)]
    {
        let _socket = std::os::unix::net::UnixListener::bind(home.path("socket")).expect("a socket");
        home.run(&[&words[..], &["socket", "--overwrite"]].concat()).expect(2);
        assert!(home.path("socket").exists());
    }
    assert!((balance(&home) - 2.0).abs() < 1e-9, "nothing was charged");
    assert_eq!(std::fs::read(home.path("mine.mp4")).expect("the file"), b"mine");
    home.run(&[&words[..], &["mine.mp4", "--overwrite"]].concat()).expect(0);
    assert!(is_mp4(&home.path("mine.mp4")));
}

#[test]
fn standard_output_takes_the_video_and_nothing_else() {
    let server = Server::start();
    let home = ready(&server);
    for (output, json) in [("-", false), ("/dev/stdout", true)] {
        let mut words = vec!["video", "generate", "a kite", "--duration", "1", "-o", output];
        if json {
            words.insert(0, "--json");
        }
        let ran = home.command(&words).output().expect("it ends");
        let stderr = String::from_utf8(ran.stderr).expect("UTF-8");
        assert!(ran.status.success(), "{stderr}");
        std::fs::write(home.path("piped.mp4"), &ran.stdout).expect("a file");
        assert!(is_mp4(&home.path("piped.mp4")), "{stderr}");
        let last = stderr.lines().last().expect("a line");
        if json {
            let job: serde_json::Value = serde_json::from_str(last).expect("a line of JSON");
            assert_eq!(job["download"]["bytes"], ran.stdout.len());
        } else {
            assert!(last.starts_with("Wrote standard output ("), "{stderr}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_fifo_takes_the_video_and_stays() {
    use std::os::unix::fs::FileTypeExt as _;
    let server = Server::start();
    let home = ready(&server);
    let fifo = home.path("fifo");
    common::fifo(&fifo);
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || std::fs::read(fifo).expect("the video")
    });
    let ran = home.run(&["video", "generate", "a kite", "--duration", "1", "-o", "fifo"]).expect(0);
    assert!(ran.stdout.starts_with("Wrote ") && ran.stdout.contains("fifo"), "{ran:?}");
    std::fs::write(home.path("read.mp4"), reader.join().expect("it reads")).expect("a file");
    assert!(is_mp4(&home.path("read.mp4")));
    assert!(std::fs::metadata(&fifo).expect("the FIFO").file_type().is_fifo());
}

#[test]
fn a_job_that_fails_has_an_exit_code_of_its_own() {
    let server = Server::start();
    let home = ready(&server);
    let words = ["video", "generate", "a kite", "--model", "sandbox/fail", "--duration", "1"];
    let ran = home.run(&[&words[..], &["-o", "kite.mp4"]].concat()).expect(1);
    assert!(ran.error_lines().0.contains("JOB_FAILED"), "{ran:?}");
    assert!(!home.path("kite.mp4").exists());
    let error = home.run(&[&["--json"], &words[..], &["--wait"]].concat()).expect(1).error_json();
    assert_eq!((&error["kind"], &error["job"]["state"]), (&"job_failed".into(), &"failed".into()));
    let id = error["job"]["job_id"].as_str().expect("an id");
    assert!(home.run(&["video", "watch", id]).expect(0).stdout.contains("failed"), "watch only tells");
    home.run(&["video", "wait", id]).expect(1);
    home.run(&["video", "download", id, "-o", "kite.mp4"]).expect(1);
}

#[test]
fn a_wrong_request_is_named() {
    let server = Server::start();
    let home = ready(&server);
    for words in [
        &["video", "status", "vid_nowhere"][..],
        &["video", "status", ".."],
        &["video", "generate", " "],
        &["video", "generate", "a", "--duration", "-1"],
        &["video", "generate", "a", "--resolution", "8k"],
        &["video", "generate", "a", "--reference-image-url", "ftp://x"],
        &["video", "generate", "a", "--idempotency-key", "a b"],
        &["video", "generate", "a", "--overwrite"],
        &["video", "generate"],
        &["video", "generat", "a"],
        &["video", "wait", "x", "--wait-timeout", "soon"],
        &["--profile", "a", "--sandbox", "whoami"],
        &["--data-dir", "a", "whoami"],
    ] {
        home.run(words).expect(2).error_lines();
    }
}

#[test]
fn the_prompt_may_come_from_standard_input() {
    let server = Server::start();
    let home = ready(&server);
    let words = ["--json", "video", "generate", "-", "--duration", "1"];
    let job = home.feed(&words, "first line\n第二行\n").expect(0).json();
    assert_eq!(job["prompt"], "first line\n第二行");
    home.feed(&words, "\n").expect(2);
}

#[test]
fn what_may_have_been_charged_can_be_repeated_for_the_same_price() {
    let server = Server::with(&["--temporary", "--fault", "POST /v1/video/generate: drop=after times=3"]);
    let home = ready(&server);
    let words = ["video", "generate", "a kite", "--duration", "1"];
    let ran = home.run(&words).expect(4);
    let (_, todo) = ran.error_lines();
    let key = todo.split("--idempotency-key ").nth(1).and_then(|rest| rest.split([' ', ',']).next());
    let key = key.unwrap_or_else(|| panic!("no key: {ran:?}"));
    let once = balance(&home);
    home.run(&[&words[..], &["--idempotency-key", key]].concat()).expect(0);
    assert!((balance(&home) - once).abs() < 1e-9 && once < 2.0, "charged once");
}

#[test]
fn a_wait_that_runs_out_of_time_says_how_to_go_on() {
    let server = Server::start();
    let home = ready(&server);
    let words = ["video", "generate", "a kite", "--model", "sandbox/stuck", "--wait-timeout", "200ms"];
    let ran = home.run(&[&words[..], &["-o", "a kite.mp4"]].concat()).expect(6);
    assert!(ran.error_lines().1.contains("-o 'a kite.mp4'"), "{ran:?}");
    let ran = home.run(&[&["--json"], &words[..], &["--wait", "--cancel-on-timeout"]].concat()).expect(6);
    let error = ran.error_json();
    assert_eq!(error["details"]["cancelled"], true);
    let id = error["job"]["job_id"].as_str().expect("an id");
    assert_eq!(home.run(&["--json", "video", "status", id]).expect(0).json()["state"], "cancelled");
    home.run(&["video", "wait", id]).expect(1);
    home.run(&["video", "cancel", id]).expect(0);
}

#[test]
fn a_job_that_still_runs_cannot_be_downloaded() {
    let server = Server::start();
    let home = ready(&server);
    let job = home.run(&["--json", "video", "generate", "a", "--model", "sandbox/stuck"]).expect(0).json();
    let id = job["job_id"].as_str().expect("an id");
    let ran = home.run(&["video", "download", id, "-o", "a.mp4"]).expect(2);
    assert!(ran.error_lines().1.contains(&format!("video wait -o a.mp4 -- {id}")), "{ran:?}");
}

#[test]
fn a_download_ends_at_its_timeout() {
    let server = Server::with(&["--temporary", "--fault", "GET /files/*: delay=60s"]);
    let home = ready(&server);
    let words = ["--json", "video", "generate", "a", "--duration", "1", "--wait"];
    let job = home.run(&words).expect(0).json();
    let id = job["job_id"].as_str().expect("an id");
    let ran = home.run(&["video", "download", id, "-o", "a.mp4", "--download-timeout", "300ms"]).expect(4);
    let (error, hint) = ran.error_lines();
    assert!(error.contains("DOWNLOAD_TIMEOUT") && hint.contains("--download-timeout"), "{ran:?}");
    let ran = home.run(&["video", "wait", id, "-o", "a.mp4", "--download-timeout", "300ms"]).expect(4);
    assert!(ran.error_lines().1.contains(&format!("video wait -o a.mp4 -- {id}")), "{ran:?}");
    assert!(!home.path("a.mp4").exists());
    home.run(&["video", "wait", id, "--download-timeout", "1s"]).expect(2);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let server = Server::start();
    let home = ready(&server);
    let job = home.run(&["--json", "video", "generate", "a kite", "--duration", "1"]).expect(0).json();
    let id = job["job_id"].as_str().expect("an id");
    let mut watch = home.command(&["--json", "video", "watch", id]).spawn().expect("it starts");
    let mut reader = BufReader::new(watch.stdout.take().expect("a pipe"));
    reader.read_line(&mut String::new()).expect("a line");
    drop(reader);
    let ran = ended(watch).expect(0);
    assert_eq!(ran.stderr, "");
    let mut script =
        home.command(&["completions", "bash"]).stdout(Stdio::piped()).spawn().expect("it starts");
    drop(script.stdout.take());
    assert_eq!(ended(script).expect(0).stderr, "");
}
