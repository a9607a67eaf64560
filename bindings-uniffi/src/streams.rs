//! What is read piece by piece: states of a job, items of a batch. Each piece is a call of its own, so that a reader who
//! stops reading holds nothing up.

use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use infrai::{
    InfraiError, VideoJob,
    video::{GenerateMany, GenerateManyItem, Watch},
};
use tokio::sync::Mutex;

use crate::{
    call::Call,
    cancellation::NativeCancellation,
    error::{NativeError, NativeFailure},
    job::NativeJob,
    panic::catch_panic,
};

/// A stream of the core's, until it is closed.
struct Open<S>(StdMutex<Option<Arc<Mutex<S>>>>);

impl<S> Open<S> {
    fn new(stream: S) -> Self {
        Self(StdMutex::new(Some(Arc::new(Mutex::new(stream)))))
    }

    fn get(&self) -> Option<Arc<Mutex<S>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn end(&self) {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(stream);
    }
}

/// A job's states: the first, and every change, the last included.
#[derive(uniffi::Object)]
pub struct NativeWatch(Open<Watch>);

impl NativeWatch {
    pub(crate) fn new(watch: Watch) -> Self {
        Self(Open::new(watch))
    }
}

#[uniffi::export]
impl NativeWatch {
    /// The next state; none after the last, and once it has been ended.
    ///
    /// # Errors
    /// The job cannot be looked at; or cancelled, after which it may be read on.
    pub async fn next(
        &self,
        cancellation: Option<Arc<NativeCancellation>>,
    ) -> Result<Option<NativeJob>, NativeError> {
        let Some(stream) = self.0.get() else { return Ok(None) };
        let work = async move { stream.lock().await.next().await.transpose() };
        Ok(Call::with(cancellation).run::<Option<VideoJob>>(work).await?.map(NativeJob::from))
    }

    /// Ends the looking, once the piece that is being read is there or cancelled; the job itself goes on.
    pub fn end(&self) -> Result<(), NativeError> {
        catch_panic(|| {
            self.0.end();
            Ok(())
        })
    }
}

/// One of many: its place in the list, and its job or its error.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeItem {
    /// Its place, from 0.
    pub index: i64,
    /// The job, where it succeeded.
    pub job: Option<NativeJob>,
    /// Why there is none.
    pub failure: Option<NativeFailure>,
}

impl From<GenerateManyItem> for NativeItem {
    fn from((index, result): GenerateManyItem) -> Self {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        match result {
            Ok(job) => Self { index, job: Some((&job).into()), failure: None },
            Err(error) => Self { index, job: None, failure: Some((&error).into()) },
        }
    }
}

/// Many jobs under way, told of as they end.
#[derive(uniffi::Object)]
pub struct NativeMany(Open<GenerateMany>);

impl NativeMany {
    pub(crate) fn new(many: GenerateMany) -> Self {
        Self(Open::new(many))
    }
}

#[uniffi::export]
impl NativeMany {
    /// The next item; none after the last, and once it has been ended.
    ///
    /// # Errors
    /// Cancelled, after which it may be read on; an item's own error is part of the item.
    pub async fn next(
        &self,
        cancellation: Option<Arc<NativeCancellation>>,
    ) -> Result<Option<NativeItem>, NativeError> {
        let Some(stream) = self.0.get() else { return Ok(None) };
        let work = async move { Ok::<_, InfraiError>(stream.lock().await.next().await) };
        Ok(Call::with(cancellation).run(work).await?.map(NativeItem::from))
    }

    /// Ends the waiting, once the item that is being read is there or cancelled; no job is cancelled.
    pub fn end(&self) -> Result<(), NativeError> {
        catch_panic(|| {
            self.0.end();
            Ok(())
        })
    }
}
