//! Streams that JavaScript reads: states of a job, items of a batch, bytes of a video. Each read is a call of its own.

use std::sync::{Arc, Mutex, PoisonError};

use infrai::{
    Language,
    video::{BatchAbort, BatchEvent, GenerateMany, VideoBytes, WantedEvents, Watch},
};
use infrai_bindings::abort_signal;
use napi_derive::napi;
use serde_json::json;

use crate::{
    errors::{NativeResult, catch_panic, error_json},
    events::{Call, CallResult, EventQueue, Payload},
};

/// A stream of the core.
pub(crate) enum StreamSource {
    Watch(Watch),
    Many(Box<GenerateMany>, WantedEvents),
    Bytes(Box<VideoBytes>),
    /// It is not open yet.
    Empty,
}

/// A source that all reads share. A read that is aborted leaves it.
type SharedSource = Arc<tokio::sync::Mutex<StreamSource>>;

/// The place of a source that is not open yet.
pub(crate) struct StreamSlot(SharedSource);

impl StreamSlot {
    pub(crate) async fn fill(self, bytes: VideoBytes) {
        *self.0.lock().await = StreamSource::Bytes(Box::new(bytes));
    }
}

/// A stream that JavaScript reads.
#[napi]
pub struct NativeStream {
    /// None once it is closed. The context is the stream's, because the client works for it between reads too.
    shared: Mutex<Option<(SharedSource, Call)>>,
    queue: Arc<EventQueue>,
    /// Aborts a batch.
    batch: Option<BatchAbort>,
}

impl NativeStream {
    pub(crate) fn new(source: StreamSource, queue: &Arc<EventQueue>, call: Call) -> (Self, StreamSlot) {
        let batch = match &source {
            StreamSource::Many(many, _) => Some(many.abort_handle()),
            _ => None,
        };
        let source = Arc::new(tokio::sync::Mutex::new(source));
        let shared = Mutex::new(Some((Arc::clone(&source), call)));
        (Self { shared, queue: Arc::clone(queue), batch }, StreamSlot(source))
    }
}

#[napi]
impl NativeStream {
    /// Reads the next item, as a call with this id.
    #[napi]
    pub fn next(&self, call_id: u32) -> NativeResult<()> {
        catch_panic(Language::Node, || {
            let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let (source, call) = shared.unzip();
            let (context, language) =
                call.map_or((None, Language::Node), |call| (call.context, call.language));
            // The read of an aborted batch ends with the batch's error.
            let (signal, aborted) = abort_signal();
            let signal = self.batch.is_some().then_some(signal);
            let work = async move {
                match source {
                    Some(source) => next(&mut *source.lock().await, aborted).await,
                    None => Ok(None),
                }
            };
            Ok(self.queue.spawn(Call { id: call_id, context, language }, signal, work)?)
        })
    }

    /// Aborts a batch: the reads that follow return the items that have ended, and the batch's error.
    #[napi]
    pub fn abort(&self) {
        if let Some(batch) = &self.batch {
            batch.abort();
        }
    }

    /// Ends the stream. It cancels no job.
    #[napi]
    pub fn close(&self) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

async fn next(source: &mut StreamSource, aborted: impl Future<Output = ()>) -> CallResult {
    Ok(match source {
        StreamSource::Watch(watch) => watch.next().await.transpose()?.map(|job| Payload::job(&job)),
        StreamSource::Many(many, wanted) => many
            .next_event(*wanted, aborted)
            .await
            .transpose()?
            .map(|event| Payload::Json(batch_event(event))),
        StreamSource::Bytes(bytes) => bytes.next().await.transpose()?.map(Payload::Bytes),
        StreamSource::Empty => None,
    })
}

/// Returns an event as JSON: its kind, the index and key of its item, its job or error, and the file.
fn batch_event(event: BatchEvent) -> String {
    let (kind, index, key, result, file) = match event {
        BatchEvent::Submitted(update) => ("submit", update.index, update.key, Ok(update.job), None),
        BatchEvent::Updated(update) => ("update", update.index, update.key, Ok(update.job), None),
        BatchEvent::Item(item) => ("item", item.index, item.key, item.result, item.file),
    };
    let (field, value) = match result {
        Ok(job) => ("job", job.to_json().to_string()),
        Err(error) => ("error", error_json(error, Language::NodeBody)),
    };
    let file = file.map(|file| {
        json!({"path": file.path.to_string_lossy(), "bytes": file.bytes, "downloaded": file.downloaded})
    });
    let file = file.map(|file| format!(r#","file":{file}"#)).unwrap_or_default();
    let key = json!(key);
    format!(r#"{{"kind":"{kind}","index":{index},"key":{key},"{field}":{value}{file}}}"#)
}
