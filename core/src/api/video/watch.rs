//! `watch`: a job's states as a stream.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;
use futures_util::stream;

use crate::{
    api::{
        client::ApiClient,
        video::{
            job_ref::JobRef,
            job_source::{JobSource, subscribe},
        },
    },
    error::Result,
    job::VideoJob,
    polling::{source::PollEvent, subscription::Subscription},
};

/// Stream of a job's states; see [`Video::watch`](super::Video::watch).
///
/// Dropping the stream stops the polls. The job continues. An error is the last item of the stream.
#[must_use = "a stream does nothing until it is read"]
pub struct Watch(Pin<Box<dyn Stream<Item = Result<VideoJob>> + Send>>);

enum Stage {
    Idle(Box<(ApiClient, JobRef)>),
    Open(Subscription<JobSource>),
    Ended,
}

async fn open(client: &ApiClient, job: JobRef) -> Result<Subscription<JobSource>> {
    let ApiClient { http, routes, costs, poller } = client;
    subscribe(http, routes, costs, poller, job, true).await
}

impl Watch {
    pub(crate) fn new(client: ApiClient, job: JobRef) -> Self {
        let stage = Stage::Idle(Box::new((client, job)));
        Self(Box::pin(stream::unfold(stage, |stage| async move {
            let mut subscription = match stage {
                Stage::Idle(start) => match open(&start.0, start.1).await {
                    Ok(subscription) => subscription,
                    Err(error) => return Some((Err(error), Stage::Ended)),
                },
                Stage::Open(subscription) => subscription,
                Stage::Ended => return None,
            };
            loop {
                match subscription.next().await? {
                    PollEvent::Updated(job, _) => {
                        let stage = if job.is_terminal() { Stage::Ended } else { Stage::Open(subscription) };
                        return Some((Ok(Arc::unwrap_or_clone(job)), stage));
                    }
                    PollEvent::Failed(error) => return Some((Err(error), Stage::Ended)),
                    PollEvent::PollFinished(_) => {}
                }
            }
        })))
    }

    /// Returns the next state. `None` after the last.
    ///
    /// # Errors
    /// That of a poll that a retry cannot help, such as an unknown id or a rejected key.
    pub async fn next(&mut self) -> Option<Result<VideoJob>> {
        std::future::poll_fn(|context| self.0.as_mut().poll_next(context)).await
    }
}

impl Stream for Watch {
    type Item = Result<VideoJob>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch(…)")
    }
}
