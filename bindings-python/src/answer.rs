//! A call's future and its value, in the one form that blocking and awaited calls share.

use std::{pin::Pin, sync::Arc};

use infrai::{
    ActivateResult, ApiResponse, InfraiError, VideoJob,
    video::{Download, VideoBytes},
};
use pyo3::{IntoPyObjectExt as _, prelude::*, types::PyBytes};
use serde_json::Value;

use crate::{
    callbacks::CallbackQueue,
    convert, errors,
    handing::{Outcome, Piece, Reads},
    stream::Stream,
};

/// A call that has not begun.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<Answer, InfraiError>> + Send>>;

/// What a call gives.
pub(crate) enum Answer {
    Json(Value),
    Job(Box<VideoJob>),
    Activated(Box<ActivateResult>),
    Response(Box<ApiResponse>),
    Saved(Box<Download>),
    /// A video that is being read, and the queue of its callbacks.
    Opened(Box<VideoBytes>, Option<Arc<CallbackQueue>>),
    /// The next of a stream, and the read that ends when it has arrived, unless somebody else says so.
    Read(Outcome, Option<(Arc<Reads>, u64)>),
}

impl Answer {
    /// The Python values that `infrai`'s classes are made of.
    pub(crate) fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Json(value) => convert::value(py, &value).map(Bound::unbind),
            Self::Job(job) => convert::job(py, &job).map(Bound::unbind),
            Self::Opened(video, queue) => {
                let job = convert::job(py, video.job())?;
                (Stream::of_bytes(video, queue), job).into_py_any(py)
            }
            Self::Activated(result) => {
                let fields = convert::value(py, &result.to_json())?;
                let file = result.credentials_file.as_deref();
                (fields, result.primary_api_key.redacted(), &result.profile, file).into_py_any(py)
            }
            Self::Response(response) => {
                let data = convert::value(py, &response.data)?;
                let metadata = convert::object(py, response.metadata.as_map())?;
                (response.status, data, metadata).into_py_any(py)
            }
            Self::Saved(saved) => (&saved.path, saved.bytes, convert::job(py, &saved.job)?).into_py_any(py),
            Self::Read(outcome, read) => {
                if let Some((reads, number)) = read {
                    reads.end(number, true);
                }
                outcome.map_err(|error| errors::raise(py, &error)).and_then(|piece| read_piece(py, piece))
            }
        }
    }
}

fn read_piece(py: Python<'_>, piece: Piece) -> PyResult<Py<PyAny>> {
    match piece {
        Piece::State(None) | Piece::Item(None) | Piece::Bytes(None) => Ok(py.None()),
        Piece::State(Some(job)) => convert::job(py, &job).map(Bound::unbind),
        Piece::Bytes(Some(bytes)) => PyBytes::new(py, &bytes).into_py_any(py),
        Piece::Item(Some(item)) => {
            let (index, result) = *item;
            match result {
                Ok(job) => (index, convert::job(py, &job)?, py.None()).into_py_any(py),
                Err(error) => {
                    let error = errors::item(py, &error)?.into_value(py);
                    (index, py.None(), error).into_py_any(py)
                }
            }
        }
    }
}
