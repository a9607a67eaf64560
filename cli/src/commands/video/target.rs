//! Target of a video: a file, or standard output or a FIFO, which receive it as a stream.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal as _, Write as _},
    path::Path,
    sync::Arc,
};

use infrai::{ErrorKind, InfraiError, Result, video::DownloadRequest};

use crate::{error, output};

/// Names of standard output.
const STDOUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Target of `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// A file, saved completely or not at all.
    File(&'a Path),
    Stdout,
    Fifo(&'a Path),
}

impl<'a> Target<'a> {
    pub(super) fn of(path: &'a Path) -> Self {
        if STDOUT.iter().any(|name| path.as_os_str() == *name) {
            Self::Stdout
        } else if is_fifo(path) {
            Self::Fifo(path)
        } else {
            Self::File(path)
        }
    }

    /// Refuses a target that could not be written, before a request that costs.
    pub(super) fn check(self, overwrite: bool) -> Result<()> {
        match self {
            Self::File(path) => DownloadRequest::check_target(path, overwrite),
            Self::Stdout if io::stdout().is_terminal() => Err(error::usage(
                "invalid `--output`: standard output is a terminal; expected a pipe, a redirection or a file name",
            )),
            Self::Stdout | Self::Fifo(_) => Ok(()),
        }
    }
}

#[cfg(unix)]
fn is_fifo(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_fifo(_: &Path) -> bool {
    false
}

/// Writer of a stream. Its reader may be slow, so that a thread of its own makes each write.
#[derive(Debug)]
pub(super) struct StreamWriter {
    /// `None` for standard output.
    fifo: Option<Arc<File>>,
}

impl StreamWriter {
    /// Opens the target. A FIFO opens once it has a reader.
    pub(super) async fn open(fifo: Option<&Path>) -> Result<Self> {
        let Some(path) = fifo else { return Ok(Self { fifo: None }) };
        let path = path.to_owned();
        let file = blocking(move || OpenOptions::new().write(true).open(path).map_err(fifo_error)).await?;
        Ok(Self { fifo: Some(Arc::new(file)) })
    }

    pub(super) async fn write(&self, bytes: impl AsRef<[u8]> + Send + 'static) -> Result<()> {
        let fifo = self.fifo.clone();
        blocking(move || match fifo {
            Some(fifo) => (&*fifo).write_all(bytes.as_ref()).map_err(fifo_error),
            None => output::write(bytes.as_ref()),
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(InfraiError::internal(format!("a write failed: {error}"))))
}

fn fifo_error(error: io::Error) -> InfraiError {
    InfraiError::new(ErrorKind::Configuration, "FILE_ERROR", format!("the FIFO cannot be written: {error}"))
        .with_hint("Check its permissions, and that its reader reads to the end.")
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_standard_output_are_known() {
        for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            assert_eq!(Target::of(Path::new(name)), Target::Stdout);
        }
        for name in ["./-", "a.mp4", "/dev/fd/12"] {
            assert_eq!(Target::of(Path::new(name)), Target::File(Path::new(name)));
        }
    }
}
