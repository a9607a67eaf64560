//! Report of the checks, as lines and as JSON.

use infrai::InfraiError;
use serde_json::{Value, json};

use crate::{error, exit};

/// Outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    /// Neither ok nor wrong: not checked, or without effect.
    Note,
    /// Wrong, with the exit code of its kind.
    Problem(u8),
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem(_) => "problem",
        }
    }
}

/// Outcome of a check, and what to do about it.
#[derive(Debug)]
pub(super) struct Line {
    check: &'static str,
    status: Status,
    message: String,
    remedy: Option<String>,
}

impl Line {
    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, message: message.into(), remedy: None }
    }

    pub(super) fn note(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, status: Status::Note, message: message.into(), remedy: None }
    }

    pub(super) fn problem(
        check: &'static str,
        code: u8,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { check, status: Status::Problem(code), message: message.into(), remedy: Some(remedy.into()) }
    }

    /// Creates the problem of an error.
    pub(super) fn failed(check: &'static str, error: InfraiError) -> Self {
        let code = exit::code(error.kind());
        let error = error::in_command_words(error);
        Self::problem(check, code, error.to_string(), error.hint())
    }

    /// Replaces the remedy.
    pub(super) fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

/// Lines of all checks, in their order.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Line>);

impl Report {
    pub(super) fn push(&mut self, line: Line) {
        self.0.push(line);
    }

    fn problems(&self) -> usize {
        self.0.iter().filter(|line| matches!(line.status, Status::Problem(_))).count()
    }

    /// Returns the exit code of the first problem.
    pub(super) fn exit_code(&self) -> u8 {
        let code = self.0.iter().find_map(|line| match line.status {
            Status::Problem(code) => Some(code),
            _ => None,
        });
        code.unwrap_or(exit::OK)
    }

    /// Returns a line per check, a line per remedy, and a summary.
    pub(super) fn lines(&self) -> Vec<String> {
        let width = self.0.iter().map(|line| line.check.len()).max().unwrap_or_default();
        let mut lines = vec![version()];
        for Line { check, status, message, remedy } in &self.0 {
            lines.push(format!("{:7}  {check:width$}  {message}", status.as_str()));
            if let Some(remedy) = remedy {
                lines.push(format!("{:7}  {:width$}  -> {remedy}", "", ""));
            }
        }
        lines.push(match self.problems() {
            0 => "All is ok.".to_owned(),
            1 => "1 problem.".to_owned(),
            problems => format!("{problems} problems."),
        });
        lines
    }

    pub(super) fn to_json(&self) -> Value {
        let checks: Vec<_> = self
            .0
            .iter()
            .map(|line| {
                let mut check = json!({
                    "check": line.check,
                    "status": line.status.as_str(),
                    "message": line.message,
                });
                if let Some(remedy) = &line.remedy {
                    check["remedy"] = remedy.clone().into();
                }
                check
            })
            .collect();
        json!({"ok": self.problems() == 0, "version": version(), "checks": checks})
    }
}

/// Returns version and platform.
fn version() -> String {
    format!("infrai {} ({}, {})", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH)
}
