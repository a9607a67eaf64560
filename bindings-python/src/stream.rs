//! `watch`, `generate_many` and `download_stream`: streams that go on while their reader is elsewhere.

use std::sync::Arc;

use infrai::video::{GenerateMany, VideoBytes, Watch};
use pyo3::{PyTraverseError, PyVisit, prelude::*};
use tokio::sync::Mutex;

use crate::{
    answer::Answer,
    blocking::{Place, forked},
    callbacks::CallbackQueue,
    carry::carry_with,
    channel::Channel,
    engine, errors,
    guard::guarded,
    handing::{Outcome, Piece, Reads},
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
    reads: Arc<Reads>,
    queue: Option<Arc<CallbackQueue>>,
}

impl Stream {
    fn new(kind: Kind, queue: Option<Arc<CallbackQueue>>) -> Self {
        let kind = Arc::new(Mutex::new(kind));
        Self(Owned::new(Inner { kind, reads: Arc::default(), queue }))
    }

    pub(crate) fn of_states(watch: Watch, queue: Option<Arc<CallbackQueue>>) -> Self {
        Self::new(Kind::States(watch), queue)
    }

    pub(crate) fn of_items(many: GenerateMany, queue: Option<Arc<CallbackQueue>>) -> Self {
        Self::new(Kind::Items(many), queue)
    }

    pub(crate) fn of_bytes(video: Box<VideoBytes>, queue: Option<Arc<CallbackQueue>>) -> Self {
        Self::new(Kind::Bytes(video), queue)
    }
}

#[pymethods]
impl Stream {
    /// The next of it; `None` after the last. Through a channel, a tuple of the call's number and the read's, which ends
    /// when `end` is told.
    fn next(&self, py: Python<'_>, channel: Option<&Bound<'_, Channel>>) -> PyResult<Py<PyAny>> {
        guarded(py, || {
            if !self.0.is_ours() {
                return Err(errors::raise(py, &forked()));
            }
            let (kind, reads) = (Arc::clone(&self.0.kind), Arc::clone(&self.0.reads));
            engine::engine(py)?.journal.look_at_level(py);
            let reading = reads.begin();
            let number = reading.number();
            let blocking = channel.is_none();
            let work = async move {
                let outcome = tokio::select! {
                    biased;
                    outcome = reads.returned() => outcome,
                    outcome = async { next(&mut *kind.lock().await).await } => outcome,
                };
                reading.hand(&outcome);
                Ok(Answer::Read(outcome, blocking.then_some((reads, number))))
            };
            let told = carry_with(py, self.0.queue.clone(), channel, Place::Background, Box::pin(work));
            match told {
                Ok(call) if !blocking => Ok((call, number).into_pyobject(py)?.into_any().unbind()),
                other => {
                    // Whatever has not arrived by now never does.
                    self.0.reads.end(number, false);
                    other
                }
            }
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.queue.as_ref().map_or(Ok(()), |queue| queue.traverse(&visit))
    }

    fn __clear__(&self) {
        if let Some(queue) = &self.0.queue {
            queue.clear();
        }
    }

    /// Ends an awaited read: what it was handed has arrived, or goes to the next.
    fn end(&self, py: Python<'_>, read: u64, arrived: bool) -> PyResult<()> {
        guarded(py, || {
            if self.0.is_ours() {
                self.0.reads.end(read, arrived);
            }
            Ok(())
        })
    }
}

async fn next(kind: &mut Kind) -> Outcome {
    Ok(match kind {
        Kind::States(watch) => Piece::State(watch.next().await.transpose()?.map(Box::new)),
        Kind::Items(many) => Piece::Item(many.next().await.map(Box::new)),
        Kind::Bytes(video) => Piece::Bytes(video.next().await.transpose()?),
    })
}
