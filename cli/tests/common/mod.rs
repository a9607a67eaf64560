//! A home folder and a server per test, and the command run in them.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod agent;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Parses standard output as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:#?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Parses standard error as one JSON value.
    #[track_caller]
    pub(crate) fn error_json(&self) -> Value {
        assert_eq!(self.stderr.lines().count(), 1, "{self:#?}");
        serde_json::from_str(&self.stderr).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Returns the first two lines of an error. The third links to the documentation, unless the command line is wrong.
    #[track_caller]
    pub(crate) fn error_lines(&self) -> (&str, &str) {
        let mut lines = self.stderr.lines().skip_while(|line| !line.starts_with("error: "));
        let both = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        assert!(both.0.len() > 7 && both.1.len() > 2, "{self:#?}");
        if !both.0.ends_with("(USAGE)") {
            let link = "  See https://infrai.github.io/infrai-sdk/error-codes.html#";
            assert!(lines.next().is_some_and(|line| line.starts_with(link)), "{self:#?}");
        }
        assert!(lines.next().is_none(), "{self:#?}");
        both
    }
}

/// An empty home folder, isolated from the caller's environment.
pub(crate) struct Home {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), variables: Vec::new() }
    }

    /// Creates a home whose calls go to this server.
    pub(crate) fn at(server: &Server) -> Self {
        Self::new().with("INFRAI_BASE_URL", &server.url)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_infrai"));
        command
            .args(words)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("LOCALAPPDATA", self.path("AppData"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        ended(self.command(words).spawn().expect("the command starts"))
    }

    /// Runs it with this text on standard input.
    pub(crate) fn feed(&self, words: &[&str], input: &str) -> Ran {
        let mut child = self.command(words).stdin(Stdio::piped()).spawn().expect("the command starts");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        ended(child)
    }

    pub(crate) fn credentials(&self) -> PathBuf {
        self.path(".infrai").join("credentials")
    }
}

pub(crate) fn ended(child: Child) -> Ran {
    let output = child.wait_with_output().expect("the command ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// `infrai sandbox` as a server; it ends with the test, however that ends.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) announced: Value,
    child: Option<Child>,
    stdin: Option<ChildStdin>,
    _home: Home,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&["--temporary"])
    }

    pub(crate) fn with(words: &[&str]) -> Self {
        let home = Home::new();
        let mut command = home.command(&["sandbox", "--json", "--exit-with-parent"]);
        command.args(words).stdin(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("the sandbox starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let announced: Value = serde_json::from_str(&line).expect("a line of JSON");
        let url = announced["url"].as_str().expect("a URL").to_owned();
        let stdin = child.stdin.take();
        Self { url, announced, child: Some(child), stdin, _home: home }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Waits for its end, and returns its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.take().expect("it runs").wait().expect("it ends").code()
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stdin = None;
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }
}

/// Returns true for a file that begins like an MP4.
pub(crate) fn is_mp4(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.len() > 10_000 && &bytes[4..8] == b"ftyp")
}

/// Sends a signal by its name.
pub(crate) fn signal(name: &str, pid: u32) {
    let status = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status();
    assert!(status.expect("kill runs").success());
}

/// Makes a FIFO.
#[cfg(unix)]
pub(crate) fn fifo(path: &Path) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
}
