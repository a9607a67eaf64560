//! Streams that JavaScript reads: states of a job, items of a batch, bytes of a video. Each read is a call of its own.

use std::sync::{Arc, Mutex, PoisonError};

use infrai::{
    Language,
    video::{GenerateMany, VideoBytes, Watch},
};
use napi_derive::napi;

use crate::{
    errors::{NativeResult, catch_panic, error_json},
    events::{Call, CallResult, EventQueue, Payload},
};

/// A stream of the core.
pub(crate) enum StreamSource {
    Watch(Watch),
    Many(GenerateMany),
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
}

impl NativeStream {
    pub(crate) fn new(source: StreamSource, queue: &Arc<EventQueue>, call: Call) -> (Self, StreamSlot) {
        let source = Arc::new(tokio::sync::Mutex::new(source));
        let shared = Mutex::new(Some((Arc::clone(&source), call)));
        (Self { shared, queue: Arc::clone(queue) }, StreamSlot(source))
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
            let work = async move {
                match source {
                    Some(source) => next(&mut *source.lock().await).await,
                    None => Ok(None),
                }
            };
            Ok(self.queue.spawn(Call { id: call_id, context, language }, None, work)?)
        })
    }

    /// Ends the stream. It cancels no job.
    #[napi]
    pub fn close(&self) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

async fn next(source: &mut StreamSource) -> CallResult {
    Ok(match source {
        StreamSource::Watch(watch) => watch.next().await.transpose()?.map(|job| Payload::job(&job)),
        StreamSource::Many(many) => many.next().await.map(|(index, result)| {
            let (field, value) = match result {
                Ok(job) => ("job", job.to_json().to_string()),
                Err(error) => ("error", error_json(error, Language::NodeBody)),
            };
            Payload::Json(format!(r#"{{"index":{index},"{field}":{value}}}"#))
        }),
        StreamSource::Bytes(bytes) => bytes.next().await.transpose()?.map(Payload::Bytes),
        StreamSource::Empty => None,
    })
}
