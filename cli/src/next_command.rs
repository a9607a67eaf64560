//! Commands to type next, with the options that led here and shell_quote for a shell.

use std::path::Path;

use infrai::escape_text;

use crate::args::GlobalArgs;

/// What stands before every command that is printed.
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
        Self { start }
    }

    /// The command with these words, fit to be pasted.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        let all = self.start.iter().map(String::as_str).chain(words.iter().copied());
        all.map(shell_quote).collect::<Vec<_>>().join(" ")
    }

    /// `infrai video VERB -- ID`, with the file that the video is to be saved in. Behind `--` no id is an option.
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

/// The program as it was called, where that was by its path; else its name.
fn program() -> String {
    std::env::args().next().filter(|name| name.contains(['/', '\\'])).unwrap_or_else(|| "infrai".into())
}

/// A word as this platform's shells take it, in characters that all stand on one line.
pub(crate) fn shell_quote(word: &str) -> String {
    if cfg!(windows) { quote_for_windows(word) } else { quote_for_unix(word) }
}

fn is_plain(word: &str, signs: &str) -> bool {
    // zsh looks a word that begins with `=` up as a command.
    !word.is_empty()
        && !word.starts_with('=')
        && word.chars().all(|c| c.is_alphanumeric() || signs.contains(c))
}

/// Single quotes; `$'…'` with the octal bytes of what would act on a terminal.
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

/// Double quotes, which `cmd` and `PowerShell` both know. `?` stands for a character that one of them would act on even
/// there, so that a pasted command names the wrong thing rather than running another.
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
