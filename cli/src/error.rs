//! Errors on standard error: a line each for failure, remedy and documentation, or JSON.

use std::io::{self, IsTerminal as _, Write as _};

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind as UsageKind};
use infrai::{ErrorKind, InfraiError, Language};

use crate::{
    args::Cli,
    output::{json_line, one_line},
    terminal,
};

/// Prints an error. A failure of standard error itself is ignored.
pub(crate) fn print_error(error: InfraiError, json: bool) {
    let error = in_command_words(error);
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
        // A wrong command line has its usage, and a stop needs no explanation.
        let docs = match error.kind() {
            ErrorKind::Aborted => String::new(),
            _ if error.code() == "USAGE" => String::new(),
            _ => format!("  See {}\n", error.docs_url()),
        };
        format!("{word} {}  {}{docs}", one_line(&what), one_line(&error.hint()))
    };
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Returns the error with options and remedies in the words of the command.
pub(crate) fn in_command_words(error: InfraiError) -> InfraiError {
    let error = error.in_language(Language::Command);
    match hint(&error) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// Returns the remedy where the core's hint is for programs.
fn hint(error: &InfraiError) -> Option<String> {
    Some(match error.code() {
        // A selected profile without a key has a hint of its own.
        "API_KEY_MISSING" if error.message() == "no project key was found" => {
            "Run `infrai activate` once for an anonymous account with a trial credit, or set INFRAI_API_KEY to a project key from the console, https://infrai.cc.".to_owned()
        }
        "DOWNLOAD_TIMEOUT" => return None,
        "FILE_EXISTS" => "Name another file, or replace it with --overwrite.".to_owned(),
        "CREDENTIALS_UNWRITABLE" => {
            "Make the folder writable, or name another file with INFRAI_CREDENTIALS_FILE.".to_owned()
        }
        _ => match error.kind() {
            // The user does not know the key of an ambiguous request; the core's hint names it.
            _ if error.may_have_been_processed() => return None,
            ErrorKind::Timeout => "Try again, or allow more time with --timeout.".to_owned(),
            ErrorKind::Server => "Try again later; report the request id if it persists.".to_owned(),
            ErrorKind::RateLimit => match error.retry_after() {
                Some(pause) => format!("Try again in {} s.", pause.as_secs_f64().ceil()),
                None => "Try again later, with fewer calls at once.".to_owned(),
            },
            _ => return None,
        },
    })
}

/// Creates the error for a wrong command line, found after its parsing.
pub(crate) fn usage(message: impl Into<String>) -> InfraiError {
    InfraiError::new(ErrorKind::InvalidRequest, "USAGE", message)
        .with_hint("See `infrai --help`, or --help after any command.")
}

/// Creates the error for an unreadable file of the user.
pub(crate) fn unreadable(what: &str, error: io::Error) -> InfraiError {
    let message = format!("{what} cannot be read: {error}");
    InfraiError::new(ErrorKind::Configuration, "FILE_ERROR", message)
        .with_hint("Check its name and its permissions.")
        .with_source(error)
}

/// Converts clap's errors to the same form.
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
    let of_fault = matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(name)) if name.starts_with("--fault "));
    let hint = match guess {
        Some(guess) if usage.is_empty() => format!("Did you mean {guess}? See `{} --help`.", named_command()),
        Some(guess) => format!("Did you mean {guess}? Usage: {usage}"),
        None if of_fault => "See `infrai sandbox --help` for every word of a fault.".to_owned(),
        None if usage.is_empty() => format!("See `{} --help`.", named_command()),
        None => format!("Usage: {usage} (see --help)"),
    };
    InfraiError::new(ErrorKind::InvalidRequest, "USAGE", what).with_hint(hint)
}

/// Returns the command that this process's arguments name, such as `infrai sandbox`: clap's errors of values lack it.
fn named_command() -> String {
    let (mut named, mut command) = ("infrai".to_owned(), &Cli::command());
    for word in std::env::args_os().skip(1) {
        if let Some(subcommand) = command.find_subcommand(&word) {
            named = format!("{named} {}", subcommand.get_name());
            command = subcommand;
        }
    }
    named
}
