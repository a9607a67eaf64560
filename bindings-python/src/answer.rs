//! A call's future and its value, in the one form that blocking and awaited calls share.

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use infrai::{
    ActivateResult, ApiResponse, InfraiError, VideoJob,
    video::{Download, GenerateManyItem, VideoBytes},
};
use pyo3::{IntoPyObjectExt as _, prelude::*, types::PyBytes};
use serde_json::Value;

use crate::{convert, errors, mailbox::Mailbox, stream::Stream};

/// A call that has not begun.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<Answer, InfraiError>> + Send>>;

/// What a call gives.
pub(crate) enum Answer {
    Json(Value),
    Job(Box<VideoJob>),
    Activated(Box<ActivateResult>),
    Response(Box<ApiResponse>),
    Saved(Box<Download>),
    /// The next of many; none after the last.
    Item(Option<Box<GenerateManyItem>>),
    /// A job's next state; none after the last.
    State(Option<Box<VideoJob>>),
    /// A video that is being read.
    Opened(Box<VideoBytes>, Option<Arc<Mailbox>>),
    /// The next bytes of one; none after the last.
    Bytes(Option<Bytes>),
}

impl Answer {
    /// The Python values that `infrai`'s classes are made of.
    pub(crate) fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Json(value) => convert::value(py, &value).map(Bound::unbind),
            Self::Job(job) | Self::State(Some(job)) => convert::job(py, &job).map(Bound::unbind),
            Self::State(None) | Self::Item(None) | Self::Bytes(None) => Ok(py.None()),
            Self::Opened(video, mailbox) => {
                let job = convert::job(py, video.job())?;
                (Stream::of_bytes(video, mailbox), job).into_py_any(py)
            }
            Self::Bytes(Some(bytes)) => PyBytes::new(py, &bytes).into_py_any(py),
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
            Self::Item(Some(item)) => {
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
}
