//! Streams: states of a job, items of a batch. Each read is a call of its own, so that an unread stream blocks nothing.

use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use futures_util::{Stream, StreamExt as _};
use infrai::{
    CallContext, Language, VideoJob,
    video::{GenerateMany, Watch},
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

/// Item of a batch: the index of its request, and its job or its error.
#[derive(Debug, Clone, uniffi::Record)]
pub struct GenerateManyItem {
    /// Index of the request.
    pub index: u64,
    /// The job, if it succeeded.
    pub job: Option<VideoJob>,
    /// The error, if there is no job.
    pub error: Option<NativeError>,
}

/// Results of a batch, in the order in which the jobs end.
#[derive(uniffi::Object)]
pub struct GenerateManyStream(pub(crate) StreamHandle<GenerateMany>);

#[uniffi::export]
impl GenerateManyStream {
    /// Returns the next item. `None` after the last one, and once the stream is closed.
    ///
    /// # Errors
    /// Cancelled alone, after which the stream can be read again. The error of an item is part of the item.
    pub async fn next(
        &self,
        cancellation: Option<Arc<Cancellation>>,
    ) -> Result<Option<GenerateManyItem>, NativeError> {
        let Some((index, result)) = self.0.next(cancellation).await? else { return Ok(None) };
        let (job, error) = match result {
            Ok(job) => (Some(job), None),
            Err(error) => (None, Some(NativeError::new(error, self.0.language))),
        };
        Ok(Some(GenerateManyItem { index: index as u64, job, error }))
    }

    /// Stops the waits after the read in flight. No job is cancelled.
    pub fn stop(&self) -> Result<(), NativeError> {
        self.0.close()
    }
}
