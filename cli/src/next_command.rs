//! Suggested commands, with the options of this call, quoted for a shell.

use std::path::Path;

use infrai::escape_text;

use crate::args::GlobalArgs;

/// The start of every suggested command.
#[derive(Debug, Clone)]
pub(crate) struct NextCommand {
    start: Vec<String>,
}

impl NextCommand {
    pub(crate) fn new(global: &GlobalArgs) -> Self {
        let mut start = vec![program()];
        if global.sandbox {
            start.push("--sandbox".into());
        }
        let mut option = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                start.extend([name.to_owned(), value]);
            }
        };
        option("--data-dir", global.data_dir.as_deref().map(text));
        option("--profile", global.profile.clone());
        option("--base-url", global.base_url.clone());
        option("--routes", global.routes.clone());
        Self { start }
    }

    /// Returns the command with these words, ready to paste.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        let all = self.start.iter().map(String::as_str).chain(words.iter().copied());
        all.map(shell_quote).collect::<Vec<_>>().join(" ")
    }

    /// Returns `infrai video VERB -- ID`, with the output file if there is one. Behind `--` no id is an option.
    pub(crate) fn job(&self, verb: &str, id: &str, output: Option<&Path>) -> String {
        let output = output.map(text);
        let mut words = vec!["video", verb];
        if let Some(output) = &output {
            words.extend(["-o", output]);
        }
        words.extend(["--", id]);
        self.command(&words)
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Returns the program's path if it was called by its path, else its name.
fn program() -> String {
    std::env::args().next().filter(|name| name.contains(['/', '\\'])).unwrap_or_else(|| "infrai".into())
}

/// Quotes a word for this platform's shells. The result is one line.
pub(crate) fn shell_quote(word: &str) -> String {
    if cfg!(windows) { quote_for_windows(word) } else { quote_for_unix(word) }
}

fn is_plain(word: &str, signs: &str) -> bool {
    // zsh looks up a word that begins with `=` as a command.
    !word.is_empty()
        && !word.starts_with('=')
        && word.chars().all(|c| c.is_alphanumeric() || signs.contains(c))
}

/// Quotes with single quotes, or with `$'…'` and octal bytes if a character would control the terminal.
fn quote_for_unix(word: &str) -> String {
    let visible = escape_text(word) == word;
    if visible && is_plain(word, "-_./:=@%+,") {
        word.to_owned()
    } else if visible {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        let bytes = word.bytes().map(|byte| match byte {
            b' ' | b'-' | b'.' | b'/' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                char::from(byte).into()
            }
            _ => format!("\\{byte:03o}"),
        });
        format!("$'{}'", bytes.collect::<String>())
    }
}

/// Quotes with double quotes, which `cmd` and `PowerShell` both know. Replaces characters that act even there by `?`:
/// a pasted command then names the wrong thing instead of running another.
fn quote_for_windows(word: &str) -> String {
    if is_plain(word, r"-_./:=+\") && escape_text(word) == word {
        return word.to_owned();
    }
    let acts = |c: char| {
        let mut bytes = [0; 4];
        let text: &str = c.encode_utf8(&mut bytes);
        "\"$`%\u{201c}\u{201d}\u{201e}".contains(c) || escape_text(text) != text
    };
    format!("\"{}\"", word.replace(acts, "?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more() {
        for (word, unix, windows) in [
            ("boat.mp4", "boat.mp4", "boat.mp4"),
            ("纸船.mp4", "纸船.mp4", "纸船.mp4"),
            ("a b", "'a b'", "\"a b\""),
            ("it's", r"'it'\''s'", "\"it's\""),
            ("$HOME", "'$HOME'", "\"?HOME\""),
            ("=ls", "'=ls'", "\"=ls\""),
            ("a\"&calc&\u{201d}%x%`", "'a\"&calc&\u{201d}%x%`'", "\"a?&calc&??x??\""),
            ("a'\u{1b}\n", r"$'a\047\033\012'", "\"a'??\""),
            ("\u{202e}x", r"$'\342\200\256x'", "\"?x\""),
            ("", "''", "\"\""),
        ] {
            assert_eq!((quote_for_unix(word), quote_for_windows(word)), (unix.into(), windows.into()));
        }
    }
}
