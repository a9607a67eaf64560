//! How the background thread wakes an event loop.

#[cfg(unix)]
use std::{
    io::{Read as _, Write as _},
    os::{fd::AsRawFd as _, unix::net::UnixStream},
};

use pyo3::prelude::*;

use crate::python;

/// Wakes an event loop: through a socket that the loop watches, or, where loops cannot watch one, by calling Python.
pub(crate) enum Wake {
    #[cfg(unix)]
    Socket {
        ours: UnixStream,
        loops: UnixStream,
    },
    Call(Py<PyAny>),
}

impl Wake {
    /// Through a socket, unless a callable is given.
    pub(crate) fn new(call: Option<Py<PyAny>>) -> PyResult<Self> {
        match call {
            Some(call) => Ok(Self::Call(call)),
            None => Self::socket(),
        }
    }

    #[cfg(unix)]
    fn socket() -> PyResult<Self> {
        let (ours, loops) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        loops.set_nonblocking(true)?;
        Ok(Self::Socket { ours, loops })
    }

    #[cfg(not(unix))]
    fn socket() -> PyResult<Self> {
        Err(pyo3::exceptions::PyNotImplementedError::new_err("no socket pairs on this system"))
    }

    /// The descriptor that the loop watches; -1 without one.
    pub(crate) fn fileno(&self) -> i64 {
        match self {
            #[cfg(unix)]
            Self::Socket { loops, .. } => loops.as_raw_fd().into(),
            Self::Call(_) => -1,
        }
    }

    /// Wakes the loop. A full socket means that it is being woken already; a closed loop needs nothing any more.
    pub(crate) fn wake(&self) {
        match self {
            #[cfg(unix)]
            Self::Socket { ours, .. } => {
                let mut ours = ours;
                let _ = ours.write(&[1]);
            }
            Self::Call(call) => {
                Python::try_attach(|py| {
                    // A loop that is closed meanwhile needs nothing any more.
                    let _ = python::call(call.bind(py), ());
                });
            }
        }
    }

    /// Whether waking it waits for Python.
    pub(crate) fn attaches(&self) -> bool {
        matches!(self, Self::Call(_))
    }

    /// Takes the bytes that woke the loop.
    pub(crate) fn clear(&self) {
        match self {
            #[cfg(unix)]
            Self::Socket { loops, .. } => {
                let mut loops = loops;
                let mut bytes = [0; 64];
                while matches!(loops.read(&mut bytes), Ok(read) if read == bytes.len()) {}
            }
            Self::Call(_) => {}
        }
    }
}
