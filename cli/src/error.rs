//! Errors on standard error: a line that says what happened and one that says what to do, or JSON.

use std::io::{self, IsTerminal as _, Write as _};

use clap::error::{ContextKind, ContextValue, ErrorKind as UsageKind};
use infrai::{ErrorKind, InfraiError, Language};

use crate::{
    output::{json_line, one_line},
    terminal,
};

/// Tells of an error. That standard error cannot be written is nobody's business any more.
pub(crate) fn print_error(error: InfraiError, json: bool) {
    let error = error.in_language(Language::Command);
    let hint = hint(&error);
    let error = error.with_hint(hint);
    let text = if json {
        json_line(&error.to_json())
    } else {
        let color = io::stderr().is_terminal() && terminal::color_is_wanted();
        let (word, shade) = match error.kind() {
            ErrorKind::Aborted => ("stopped", "33"),
            _ => ("error", "31"),
        };
        let word = if color { format!("\u{1b}[1;{shade}m{word}:\u{1b}[0m") } else { format!("{word}:") };
        let what =
            if error.kind() == ErrorKind::Aborted { error.message().to_owned() } else { error.to_string() };
        format!("{word} {}  {}", one_line(&what), one_line(&error.hint()))
    };
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// What to do: the core's advice, in the words of a shell where the core speaks to programs.
fn hint(error: &InfraiError) -> String {
    match error.code() {
        "API_KEY_MISSING" => {
            "Run `infrai activate` once for an anonymous account with a trial credit, or set INFRAI_API_KEY."
                .to_owned()
        }
        "DOWNLOAD_TIMEOUT" => error.hint(),
        "FILE_EXISTS" => "Name another file, or replace it with --overwrite.".to_owned(),
        "CREDENTIALS_UNWRITABLE" => {
            "Make the folder writable, or name another file with INFRAI_CREDENTIALS_FILE.".to_owned()
        }
        _ => match error.kind() {
            // Whoever typed the command does not know the key that was sent; where it matters, it has been told.
            _ if error.may_have_been_processed() => error.hint(),
            ErrorKind::Timeout => "Try again, or allow more time with --timeout.".to_owned(),
            ErrorKind::Server => "Try again later; report the request id if it persists.".to_owned(),
            ErrorKind::RateLimit => match error.retry_after() {
                Some(pause) => format!("Try again in {} s.", pause.as_secs_f64().ceil()),
                None => "Try again later, with fewer calls at once.".to_owned(),
            },
            _ => error.hint(),
        },
    }
}

/// A command line that cannot be meant, found after it was parsed.
pub(crate) fn usage(message: impl Into<String>) -> InfraiError {
    InfraiError::new(ErrorKind::InvalidRequest, "USAGE", message)
        .with_hint("`infrai --help`, and --help after any command, show what can be typed.")
}

/// A file of the caller's that cannot be read.
pub(crate) fn unreadable(what: &str, error: io::Error) -> InfraiError {
    let message = format!("{what} cannot be read: {error}");
    InfraiError::new(ErrorKind::Configuration, "FILE_ERROR", message)
        .with_hint("Check its name and its permissions.")
        .with_source(error)
}

/// The same form for what clap finds.
pub(crate) fn from_clap(error: &clap::Error) -> InfraiError {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let what = paragraphs.next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(what).split_whitespace().collect::<Vec<_>>().join(" ");
    let what = match error.kind() {
        UsageKind::MissingSubcommand => "a command is missing".to_owned(),
        _ => what,
    };
    let guess = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| match error.get(kind)? {
            ContextValue::String(guess) => Some(guess.clone()),
            ContextValue::Strings(guesses) => guesses.first().cloned(),
            _ => None,
        });
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    let usage =
        usage.strip_prefix("Usage: ").unwrap_or(&usage).split_whitespace().collect::<Vec<_>>().join(" ");
    let usage = if usage.is_empty() { "infrai --help".to_owned() } else { usage };
    let hint = match guess {
        Some(guess) => format!("Did you mean {guess}? Usage: {usage}"),
        None => format!("Usage: {usage} (see --help)"),
    };
    InfraiError::new(ErrorKind::InvalidRequest, "USAGE", what).with_hint(hint)
}
