//! Output of results: text lines, or one line of JSON.

use std::io::{self, Write as _};

use infrai::{ErrorKind, InfraiError, Result, escape_json, escape_text};
use serde_json::Value;

/// Code of the error after a closed standard output. It is not reported.
const CLOSED: &str = "STDOUT_CLOSED";

/// Format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputFormat {
    Text,
    Json,
}

impl OutputFormat {
    pub(crate) fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }

    pub(crate) fn is_json(self) -> bool {
        self == Self::Json
    }

    /// Prints the result in this format. Each element of `lines` becomes one line, whatever it contains.
    pub(crate) fn result(self, json: &Value, lines: &[String]) -> Result<()> {
        write(self.format(json, lines).as_bytes())
    }

    /// Prints the result on standard error, because standard output has the video. A failure of standard error itself
    /// is ignored.
    pub(crate) fn result_on_stderr(self, json: &Value, lines: &[String]) {
        let _ = io::stderr().lock().write_all(self.format(json, lines).as_bytes());
    }

    fn format(self, json: &Value, lines: &[String]) -> String {
        match self {
            Self::Text => lines.iter().map(|line| one_line(line)).collect(),
            Self::Json => json_line(json),
        }
    }
}

/// Returns the text with a line end, escaped, so that a server's text can neither control the terminal nor forge a
/// line.
pub(crate) fn one_line(text: &str) -> String {
    format!("{}\n", escape_text(text))
}

/// Returns a value as one line of JSON. Escapes replace characters that would control a terminal.
pub(crate) fn json_line(json: &Value) -> String {
    format!("{}\n", escape_json(&json.to_string()))
}

/// Writes everything to standard output, at once.
pub(crate) fn write(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            InfraiError::new(ErrorKind::Aborted, CLOSED, "the reader of standard output is gone")
        } else {
            let message = format!("standard output cannot be written: {error}");
            InfraiError::new(ErrorKind::Configuration, "FILE_ERROR", message)
                .with_hint("Check the free space of the target of the redirection.")
                .with_source(error)
        }
    })
}

/// Returns true if the reader of standard output is gone.
pub(crate) fn is_closed(error: &InfraiError) -> bool {
    error.code() == CLOSED
}

/// Formats names and values as lines with aligned values. Leaves out rows without a value.
pub(crate) fn table<'a>(rows: impl IntoIterator<Item = (&'a str, Option<String>)>) -> Vec<String> {
    let rows: Vec<_> = rows.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    rows.iter().map(|(name, value)| format!("{name:width$}  {value}")).collect()
}

/// Formats an amount of dollars: cents, and more digits only if needed.
pub(crate) fn dollars(amount: f64) -> String {
    if (amount * 100.0 - (amount * 100.0).round()).abs() < 1e-6 {
        format!("${amount:.2}")
    } else {
        format!("${amount}")
    }
}

/// Formats a number of bytes with a unit.
#[allow(clippy::cast_precision_loss, reason = "shown with one decimal")]
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1000 => format!("{count} bytes"),
        1000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_leaves_out_what_is_not_known() {
        let rows = [("a", Some("1".to_owned())), ("none", None), ("long", Some("2".to_owned()))];
        assert_eq!(table(rows), ["a     1", "long  2"]);
    }

    #[test]
    fn money_and_sizes_are_readable() {
        assert_eq!(dollars(2.0), "$2.00");
        assert_eq!(dollars(0.1 + 0.2), "$0.30");
        assert_eq!(dollars(0.000_12), "$0.00012");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1_250_000), "1.2 MB");
    }
}
