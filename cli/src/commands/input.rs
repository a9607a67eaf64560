//! Text from standard input or a file.

use std::{io, path::Path};

use infrai::{InfraiError, Result};

use crate::fail;

/// All of standard input, without the line end that a shell puts behind it.
pub(super) async fn standard_input(field: &'static str) -> Result<String> {
    let bytes = tokio::task::spawn_blocking(|| {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::stdin().lock(), &mut bytes).map(|_| bytes)
    })
    .await
    .map_err(|error| InfraiError::internal(format!("reading standard input ended in a panic: {error}")))?
    .map_err(|error| fail::unreadable("standard input", error))?;
    let mut text = utf8(field, bytes)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// All of a file.
pub(super) fn file(field: &'static str, path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| fail::unreadable(&path.display().to_string(), error))?;
    utf8(field, bytes)
}

fn utf8(field: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        InfraiError::invalid_argument(field, format!("other bytes at position {at}"), "text in UTF-8")
    })
}
