//! Text from standard input or a file.

use std::{io, path::Path};

use infrai::{InfraiError, Result};

use crate::error;

/// Reads all of standard input, without the line end that a shell appends.
pub(super) async fn standard_input(field: &'static str) -> Result<String> {
    let read = || {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::stdin().lock(), &mut bytes).map(|_| bytes)
    };
    let mut text = utf8(field, on_a_thread("standard input", read).await?)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// Reads all of a file.
pub(super) async fn file(field: &'static str, path: &Path) -> Result<String> {
    let (name, path) = (path.display().to_string(), path.to_owned());
    utf8(field, on_a_thread(&name, move || std::fs::read(path)).await?)
}

/// Reads on a thread that may block: a FIFO waits for its writer, and Ctrl-C must still end the command.
async fn on_a_thread(
    name: &str,
    read: impl FnOnce() -> io::Result<Vec<u8>> + Send + 'static,
) -> Result<Vec<u8>> {
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| InfraiError::internal(format!("reading {name} ended in a panic: {error}")))?
        .map_err(|error| error::unreadable(name, error))
}

fn utf8(field: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        InfraiError::invalid_argument(field, format!("other bytes at position {at}"), "text in UTF-8")
    })
}
