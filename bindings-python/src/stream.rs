//! Streams: `watch`, `generate_many` and `download_stream`, which make progress between reads.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use infrai::{
    InfraiError,
    video::{BatchAbort, BatchEvent, BatchUpdate, GenerateMany, SavedVideo, VideoBytes, WantedEvents, Watch},
};
use infrai_bindings::abort_signal;
use pyo3::{IntoPyObjectExt as _, PyTraverseError, PyVisit, prelude::*, types::PyBytes};
use tokio::sync::Notify;

use crate::{
    blocking::fork_error,
    call::{LoopArg, dispatch_stream},
    callbacks::CallbackQueue,
    convert,
    errors::{catch_panic, to_exception, to_pyerr},
    fork::ProcessLocal,
    logging,
    runtime::call_future,
};

/// Makes the Python value of an item, or `None` after the last one. Redelivery may make it a second time.
type StreamItem = Arc<dyn Fn(Python<'_>) -> PyResult<Py<PyAny>> + Send + Sync>;

type StreamResult = Result<StreamItem, InfraiError>;

pub(crate) enum StreamKind {
    Watch(Watch),
    GenerateMany(Box<GenerateMany>, WantedEvents),
    Bytes(Box<VideoBytes>),
}

impl StreamKind {
    /// Returns the next item. A batch is aborted once `aborted` is ready.
    async fn next(&mut self, aborted: impl Future<Output = ()>) -> StreamResult {
        let item = match self {
            Self::Watch(watch) => {
                let job = watch.next().await.transpose()?;
                job.map(|job| -> StreamItem { Arc::new(move |py| convert::job(py, &job)) })
            }
            Self::GenerateMany(many, wanted) => {
                let event = many.next_event(*wanted, aborted).await.transpose()?;
                event.map(|event| -> StreamItem { Arc::new(move |py| batch_event(py, &event)) })
            }
            Self::Bytes(video) => {
                let bytes = video.next().await.transpose()?;
                bytes.map(|bytes| -> StreamItem {
                    Arc::new(move |py| PyBytes::new(py, &bytes).into_py_any(py))
                })
            }
        };
        Ok(item.unwrap_or_else(|| Arc::new(|py| Ok(py.None()))))
    }
}

/// Returns the kind of an event, the index and key of its item, its job or error, and the file.
fn batch_event(py: Python<'_>, event: &BatchEvent) -> PyResult<Py<PyAny>> {
    let update = |kind: &str, BatchUpdate { index, key, job, .. }: &BatchUpdate| {
        (kind, index, key, convert::job(py, job)?, py.None(), py.None()).into_py_any(py)
    };
    let item = match event {
        BatchEvent::Submitted(submitted) => return update("submit", submitted),
        BatchEvent::Updated(updated) => return update("update", updated),
        BatchEvent::Item(item) => item,
    };
    let (fields, error) = match &item.result {
        Ok(job) => (convert::job(py, job)?, py.None()),
        Err(error) => (py.None(), to_exception(py, error.clone())?.into_value(py).into_any()),
    };
    let file = item.file.as_ref().map(|SavedVideo { path, bytes, downloaded, .. }| (path, bytes, downloaded));
    ("item", item.index, &item.key, fields, error, file).into_py_any(py)
}

/// A stream. Dropping the last reference to it ends it.
#[pyclass(frozen, module = "infrai._native")]
pub(crate) struct Stream(ProcessLocal<Inner>);

struct Inner {
    kind: Arc<tokio::sync::Mutex<StreamKind>>,
    reads: Arc<Redelivery>,
    queue: Option<Arc<CallbackQueue>>,
    /// Aborts a batch.
    abort: Option<BatchAbort>,
    /// Whether a cancelled read aborts the batch and waits for its end.
    graceful: bool,
}

impl Stream {
    pub(crate) fn new(kind: StreamKind, queue: Option<Arc<CallbackQueue>>) -> Self {
        Self::with_abort(kind, queue, None, false)
    }

    /// Returns the stream of a batch, which `abort` aborts.
    pub(crate) fn with_abort(
        kind: StreamKind,
        queue: Option<Arc<CallbackQueue>>,
        abort: Option<BatchAbort>,
        graceful: bool,
    ) -> Self {
        let kind = Arc::new(tokio::sync::Mutex::new(kind));
        Self(ProcessLocal::new(Inner { kind, reads: Arc::default(), queue, abort, graceful }))
    }
}

#[pymethods]
impl Stream {
    /// Returns the next item, or `None` after the last one. On an event loop, returns the ids of the call and of the read,
    /// which `acknowledge` ends.
    fn next(&self, py: Python<'_>, event_loop: LoopArg<'_, '_>) -> PyResult<Py<PyAny>> {
        catch_panic(py, || {
            if !self.0.is_current_process() {
                return Err(fork_error(py));
            }
            logging::refresh_level(py);
            let (kind, reads) = (Arc::clone(&self.0.kind), Arc::clone(&self.0.reads));
            let read = reads.begin();
            let id = read.id;
            let blocking = event_loop.is_none();
            let (signal, aborted) = abort_signal();
            let signal = self.0.graceful.then_some(signal);
            let work = async move {
                let result = tokio::select! {
                    biased;
                    result = reads.next_undelivered() => result,
                    result = async { kind.lock().await.next(aborted).await } => result,
                };
                read.deliver(&result);
                Ok((result, reads))
            };
            let future = call_future(work, move |py, (result, reads)| {
                if blocking {
                    reads.acknowledge(id, true);
                }
                result.map_err(|error| to_pyerr(py, error))?(py)
            });
            let outcome = dispatch_stream(py, self.0.queue.clone(), event_loop, signal, future);
            match outcome {
                Ok(call) if !blocking => (call, id).into_py_any(py),
                outcome => {
                    // What has not arrived by now never does.
                    self.0.reads.acknowledge(id, false);
                    outcome
                }
            }
        })
    }

    /// Aborts a batch: the reads that follow return the items that have ended, and raise the batch's error.
    fn abort(&self, py: Python<'_>) -> PyResult<()> {
        catch_panic(py, || {
            if let Some(abort) = self.0.abort.as_ref().filter(|_| self.0.is_current_process()) {
                abort.abort();
            }
            Ok(())
        })
    }

    /// Ends an awaited read. An item that was not received goes to the next one.
    fn acknowledge(&self, py: Python<'_>, read: u64, received: bool) -> PyResult<()> {
        catch_panic(py, || {
            if self.0.is_current_process() {
                self.0.reads.acknowledge(read, received);
            }
            Ok(())
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
}

/// Redelivers a stream item when the awaiting task was cancelled before receiving it.
#[derive(Default)]
struct Redelivery {
    reads: Mutex<PendingReads>,
    requeued: Notify,
}

#[derive(Default)]
struct PendingReads {
    last_id: u64,
    /// The reads in flight, and their results once delivered: a task may or may not have received its result. A read that
    /// is missing was cancelled.
    pending: HashMap<u64, Option<StreamResult>>,
    undelivered: VecDeque<StreamResult>,
}

impl Redelivery {
    fn lock(&self) -> MutexGuard<'_, PendingReads> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>) -> ReadGuard {
        let mut reads = self.lock();
        reads.last_id += 1;
        let id = reads.last_id;
        reads.pending.insert(id, None);
        ReadGuard { reads: Arc::clone(self), id }
    }

    /// Returns an item that an earlier read did not receive.
    async fn next_undelivered(&self) -> StreamResult {
        loop {
            let requeued = self.requeued.notified();
            tokio::pin!(requeued);
            requeued.as_mut().enable();
            if let Some(result) = self.lock().undelivered.pop_front() {
                return result;
            }
            requeued.await;
        }
    }

    /// Ends a read. An item that was not received goes to the next one.
    fn acknowledge(&self, id: u64, received: bool) {
        let mut reads = self.lock();
        if let Some(Some(result)) = reads.pending.remove(&id)
            && !received
        {
            self.requeue(&mut reads, result);
        }
    }

    fn requeue(&self, reads: &mut PendingReads, result: StreamResult) {
        reads.undelivered.push_front(result);
        self.requeued.notify_one();
    }
}

/// A read in flight.
struct ReadGuard {
    reads: Arc<Redelivery>,
    id: u64,
}

impl ReadGuard {
    fn deliver(self, result: &StreamResult) {
        let mut reads = self.reads.lock();
        match reads.pending.get_mut(&self.id) {
            Some(delivered) => *delivered = Some(result.clone()),
            None => self.reads.requeue(&mut reads, result.clone()),
        }
    }
}

impl Drop for ReadGuard {
    fn drop(&mut self) {
        let mut reads = self.reads.lock();
        if let Some(None) = reads.pending.get(&self.id) {
            reads.pending.remove(&self.id);
        }
    }
}
