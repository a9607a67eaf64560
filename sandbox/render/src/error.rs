//! The error of a rendering.

use std::{fmt, io};

/// The reason why there is no video.
#[derive(Debug)]
pub enum RenderError {
    /// The caller cancelled the rendering.
    Cancelled,
    /// A file could not be written.
    Io(io::Error),
    /// The specification cannot be rendered, or the encoder failed.
    Encode(String),
}

impl fmt::Display for RenderError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => out.write_str("the rendering was cancelled"),
            Self::Io(error) => write!(out, "the video could not be written: {error}"),
            Self::Encode(reason) => write!(out, "the video could not be rendered: {reason}"),
        }
    }
}

impl std::error::Error for RenderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Cancelled | Self::Encode(_) => None,
        }
    }
}

impl From<io::Error> for RenderError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
