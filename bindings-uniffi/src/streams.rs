//! Streams: states of a job, items of a batch. Each read is a call of its own, so that an unread stream blocks nothing.

use std::{
    future::pending,
    pin::{Pin, pin},
    sync::{Arc, Mutex as StdMutex, PoisonError},
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt as _};
use infrai::{
    CallContext, InfraiError, Language, VideoJob,
    video::{BatchEvent, BatchUpdate, GenerateMany, SavedVideo, WantedEvents, Watch},
};
use tokio::sync::Mutex;

use crate::{
    call::Call,
    cancellation::Cancellation,
    error::{NativeError, catch},
};

/// A stream of the core until it is closed.
pub(crate) struct StreamHandle<S> {
    stream: StdMutex<Option<Arc<Mutex<S>>>>,
    language: Language,
    /// Context of all reads, since work continues between them.
    context: Option<CallContext>,
}

impl<S: Stream<Item: Send> + Unpin + Send + 'static> StreamHandle<S> {
    pub(crate) fn new(stream: S, language: Language, context: Option<CallContext>) -> Self {
        Self { stream: StdMutex::new(Some(Arc::new(Mutex::new(stream)))), language, context }
    }

    /// Returns the next item. `None` after the last one, and once the stream is closed.
    async fn next(&self, cancellation: Option<Arc<Cancellation>>) -> Result<Option<S::Item>, NativeError> {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(stream) = stream else { return Ok(None) };
        let work = async move { Ok(stream.lock().await.next().await) };
        Call::new(self.language, self.context.clone(), cancellation).run(work).await
    }

    /// Closes the stream after the read in flight.
    fn close(&self) -> Result<(), NativeError> {
        catch(self.language, || {
            let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(stream);
            Ok(())
        })
    }
}

/// States of a job: the first state and every change, including the terminal one.
#[derive(uniffi::Object)]
pub struct WatchStream(pub(crate) StreamHandle<Watch>);

#[uniffi::export]
impl WatchStream {
    /// Returns the next state. `None` after the last one, and once the stream is closed.
    ///
    /// # Errors
    /// Those of a poll that cannot be retried. After a cancel, the stream can be read again.
    pub async fn next(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Option<VideoJob>, NativeError> {
        let job = self.0.next(cancellation).await?.transpose();
        job.map_err(|error| NativeError::new(error, self.0.language))
    }

    /// Stops polling after the read in flight. The job continues.
    pub fn stop(&self) -> Result<(), NativeError> {
        self.0.close()
    }
}

/// Kind of an event of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum GenerateManyKind {
    /// The API accepted a job.
    Submitted,
    /// A job's first state or a change.
    Updated,
    /// An item ended.
    Ended,
}

/// Event of a batch: the index and key of its item, and its job or its error.
#[derive(Debug, Clone, uniffi::Record)]
pub struct GenerateManyEvent {
    /// Kind of the event.
    pub kind: GenerateManyKind,
    /// Index of the request.
    pub index: u64,
    /// Key of the item.
    pub key: String,
    /// The job. Of an item that ended, only if it succeeded.
    pub job: Option<VideoJob>,
    /// The error, if there is no job.
    pub error: Option<NativeError>,
    /// File of the video.
    pub file: Option<SavedVideo>,
}

/// A batch and the events that its reader wants.
pub(crate) struct Batch {
    pub(crate) many: GenerateMany,
    pub(crate) wanted: WantedEvents,
}

impl Stream for Batch {
    type Item = Result<BatchEvent, InfraiError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { many, wanted } = &mut *self;
        pin!(many.next_event(*wanted, pending())).poll(context)
    }
}

/// Events of a batch, in the order in which they occur.
#[derive(uniffi::Object)]
pub struct GenerateManyStream(pub(crate) StreamHandle<Batch>);

#[uniffi::export]
impl GenerateManyStream {
    /// Returns the next event. `None` after the last one, and once the stream is closed.
    ///
    /// # Errors
    /// Cancelled, after which the stream can be read again, and those of the checkpoint and the output folder. The error of
    /// an item is part of the item.
    pub async fn next(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Option<GenerateManyEvent>, NativeError> {
        let event = self.0.next(cancellation).await?.transpose();
        let Some(event) = event.map_err(|error| NativeError::new(error, self.0.language))? else {
            return Ok(None);
        };
        let update = |kind, BatchUpdate { index, key, job, .. }| GenerateManyEvent {
            kind,
            index: index as u64,
            key,
            job: Some(job),
            error: None,
            file: None,
        };
        let item = match event {
            BatchEvent::Submitted(submitted) => {
                return Ok(Some(update(GenerateManyKind::Submitted, submitted)));
            }
            BatchEvent::Updated(updated) => return Ok(Some(update(GenerateManyKind::Updated, updated))),
            BatchEvent::Item(item) => item,
        };
        let (job, error) = match item.result {
            Ok(job) => (Some(job), None),
            Err(error) => (None, Some(NativeError::new(error, self.0.language))),
        };
        let (index, key, file) = (item.index as u64, item.key, item.file);
        Ok(Some(GenerateManyEvent { kind: GenerateManyKind::Ended, index, key, job, error, file }))
    }

    /// Stops the waits after the read in flight. No job is cancelled.
    pub fn stop(&self) -> Result<(), NativeError> {
        self.0.close()
    }
}
