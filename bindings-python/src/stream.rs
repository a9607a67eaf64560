//! `watch`, `generate_many` and `download_stream`: streams that go on while their reader is elsewhere.

use std::sync::Arc;

use infrai::video::{GenerateMany, VideoBytes, Watch};
use pyo3::prelude::*;
use tokio::sync::Mutex;

use crate::{
    answer::Answer,
    blocking::{Place, forked},
    carry::carry,
    channel::Channel,
    errors,
    guard::guarded,
    mailbox::Mailbox,
    owned::Owned,
};

enum Kind {
    States(Watch),
    Items(GenerateMany),
    Bytes(Box<VideoBytes>),
}

/// A stream; the last reference to it ends it.
#[pyclass(frozen, module = "infrai._native")]
pub(crate) struct Stream(Owned<Inner>);

struct Inner {
    kind: Arc<Mutex<Kind>>,
    mailbox: Option<Arc<Mailbox>>,
}

impl Stream {
    fn new(kind: Kind, mailbox: Option<Arc<Mailbox>>) -> Self {
        Self(Owned::new(Inner { kind: Arc::new(Mutex::new(kind)), mailbox }))
    }

    pub(crate) fn of_states(watch: Watch, mailbox: Option<Arc<Mailbox>>) -> Self {
        Self::new(Kind::States(watch), mailbox)
    }

    pub(crate) fn of_items(many: GenerateMany, mailbox: Option<Arc<Mailbox>>) -> Self {
        Self::new(Kind::Items(many), mailbox)
    }

    pub(crate) fn of_bytes(video: Box<VideoBytes>, mailbox: Option<Arc<Mailbox>>) -> Self {
        Self::new(Kind::Bytes(video), mailbox)
    }
}

#[pymethods]
impl Stream {
    /// The next of it; `None` after the last.
    fn next(&self, py: Python<'_>, channel: Option<&Bound<'_, Channel>>) -> PyResult<Py<PyAny>> {
        guarded(py, || {
            if !self.0.is_ours() {
                return Err(errors::raise(py, &forked()));
            }
            let kind = Arc::clone(&self.0.kind);
            let work = async move {
                match &mut *kind.lock().await {
                    Kind::States(watch) => {
                        let state = watch.next().await.transpose()?;
                        Ok(Answer::State(state.map(Box::new)))
                    }
                    Kind::Items(many) => Ok(Answer::Item(many.next().await.map(Box::new))),
                    Kind::Bytes(video) => Ok(Answer::Bytes(video.next().await.transpose()?)),
                }
            };
            carry(py, self.0.mailbox.as_ref(), channel, Place::Background, Box::pin(work))
        })
    }
}
