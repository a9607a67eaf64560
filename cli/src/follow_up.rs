//! Commands to type next, with the options that led here and quoted for a shell.

use std::path::Path;

use crate::args::Global;

/// What stands before every command that is printed.
#[derive(Debug, Clone)]
pub(crate) struct FollowUp {
    start: Vec<String>,
}

impl FollowUp {
    pub(crate) fn new(global: &Global) -> Self {
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
        all.map(quoted).collect::<Vec<_>>().join(" ")
    }

    /// `infrai video wait ID`, with the file that the video was to be saved in.
    pub(crate) fn wait(&self, id: &str, output: Option<&Path>) -> String {
        let output = output.map(text);
        let mut words = vec!["video", "wait", id];
        if let Some(output) = &output {
            words.extend(["-o", output]);
        }
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

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c) || (cfg!(windows) && c == '\\');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if cfg!(windows) {
        format!("\"{word}\"")
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more_into_them() {
        for (word, expected) in [
            ("boat.mp4", "boat.mp4"),
            ("纸船.mp4", "纸船.mp4"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
