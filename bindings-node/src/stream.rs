//! What is read piece by piece: states of a job, items of a batch, bytes of a video. Each piece is a call of its own, so
//! that a reader who stops reading holds nothing up, and one that is forgotten takes the stream with it.

use std::sync::{Arc, PoisonError};

use infrai::{
    CallContext,
    video::{GenerateMany, VideoBytes, Watch},
};
use napi_derive::napi;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    bridge::error_json,
    client::{Told, job_value, value},
    guard::{Given, guarded},
    outbox::{Outbox, Payload, Topic},
};

/// A stream of the core's, or where one was.
enum Source {
    Watch(Watch),
    Many(GenerateMany),
    Bytes(Box<VideoBytes>),
    Ended,
}

/// Where a stream lies while it is being opened.
pub(crate) struct Slot(Arc<Mutex<Source>>);

impl Slot {
    pub(crate) async fn open(self, bytes: VideoBytes) {
        *self.0.lock().await = Source::Bytes(Box::new(bytes));
    }
}

/// A source, and the context that all its reads share, since work goes on between them.
type Open = (Arc<Mutex<Source>>, Option<CallContext>);

/// A stream that JavaScript reads.
#[napi]
pub struct NativeStream {
    /// None once it is closed: what is being read goes with the call that reads it.
    open: std::sync::Mutex<Option<Open>>,
    outbox: Arc<Outbox>,
}

impl NativeStream {
    fn new(source: Arc<Mutex<Source>>, outbox: &Arc<Outbox>, context: Option<CallContext>) -> Self {
        Self { open: std::sync::Mutex::new(Some((source, context))), outbox: Arc::clone(outbox) }
    }

    pub(crate) fn watch(watch: Watch, outbox: &Arc<Outbox>, context: Option<CallContext>) -> Self {
        Self::new(Arc::new(Mutex::new(Source::Watch(watch))), outbox, context)
    }

    pub(crate) fn many(many: GenerateMany, outbox: &Arc<Outbox>, context: Option<CallContext>) -> Self {
        Self::new(Arc::new(Mutex::new(Source::Many(many))), outbox, context)
    }

    pub(crate) fn unopened(outbox: &Arc<Outbox>, context: Option<CallContext>) -> (Self, Slot) {
        let source = Arc::new(Mutex::new(Source::Ended));
        (Self::new(Arc::clone(&source), outbox, context), Slot(source))
    }
}

#[napi]
impl NativeStream {
    /// Reads the next piece as a call of this number.
    #[napi]
    pub fn next(&self, number: u32) -> Given<()> {
        guarded(|| {
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let (source, context) = open.unzip();
            let work = async move {
                match source {
                    Some(source) => next(&mut *source.lock().await).await,
                    None => Ok((Topic::End, Payload::Nothing)),
                }
            };
            Ok(self.outbox.run(number, None, context.flatten(), work)?)
        })
    }

    /// Ends the stream: nothing is read any more, and nothing is cancelled.
    #[napi]
    pub fn close(&self) -> Given<()> {
        guarded(|| {
            self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
            Ok(())
        })
    }
}

async fn next(source: &mut Source) -> Told {
    let piece = match source {
        Source::Watch(watch) => match watch.next().await {
            Some(job) => Some(job_value(&job?)),
            None => None,
        },
        Source::Many(many) => many.next().await.map(|(index, result)| {
            let item = match result {
                Ok(job) => json!({ "index": index, "job": job.to_json() }),
                Err(error) => {
                    // The text is JSON of our own making.
                    let error: Value = serde_json::from_str(&error_json(&error)).unwrap_or_default();
                    json!({ "index": index, "error": error })
                }
            };
            value(&item)
        }),
        Source::Bytes(bytes) => match bytes.next().await {
            Some(piece) => Some((Topic::Value, Payload::Bytes(piece?))),
            None => None,
        },
        Source::Ended => None,
    };
    Ok(piece.unwrap_or_else(|| {
        *source = Source::Ended;
        (Topic::End, Payload::Nothing)
    }))
}
