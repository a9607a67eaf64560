//! `generate_many`: a batch of jobs with bounded concurrency, as a stream of results.

use std::{
    collections::VecDeque,
    fmt,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use futures_util::FutureExt as _;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use super::{generate::Generate, wait::Wait};
use crate::{
    api::client::ApiClient,
    context::{CallContext, scoped},
    error::{ErrorKind, InfraiError, Result},
    job::VideoJob,
    options::{BatchOptions, GenerateRequest},
    runtime::{self, JoinSet},
};

/// Item of [`GenerateMany`]: the index of the request, and its job or its error.
pub type GenerateManyItem = (usize, Result<VideoJob>);

/// Stream of a batch's results, in the order in which the jobs end; see
/// [`Video::generate_many`](super::Video::generate_many).
///
/// The error of an item does not end the stream. After the first 401, 402 or missing key, the stream submits nothing
/// more: the remaining items yield that error. Dropping the stream stops the waits and cancels no job.
#[must_use = "nothing is submitted until it is read"]
pub struct GenerateMany {
    client: ApiClient,
    /// Taken by the first poll for an item.
    requests: Option<Vec<GenerateRequest>>,
    options: BatchOptions,
    results: Option<mpsc::UnboundedReceiver<GenerateManyItem>>,
    workers: JoinSet<()>,
}

struct Shared {
    client: ApiClient,
    queue: Mutex<VecDeque<(usize, GenerateRequest)>>,
    /// Limits the submissions in flight. Thousands of connections at once would slow all of them down.
    permits: Semaphore,
    refusal: Mutex<Option<InfraiError>>,
    timeout: Option<Duration>,
    sender: mpsc::UnboundedSender<GenerateManyItem>,
}

impl GenerateMany {
    pub(crate) fn new(client: ApiClient, requests: Vec<GenerateRequest>) -> Self {
        let options = BatchOptions::default();
        Self { client, requests: Some(requests), options, results: None, workers: JoinSet::new() }
    }

    /// For bindings: replaces the options.
    #[doc(hidden)]
    pub fn options(mut self, options: BatchOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets how many jobs are submitted and waited for at a time, at least 1. Default: 8. No more submissions are in
    /// flight than [`PollingOptions::concurrency`](crate::PollingOptions::concurrency).
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.options.concurrency = concurrency.max(1);
        self
    }

    /// Sets the idempotency key `<prefix>-<i>` of each item `i` that has none, so that a rerun after a crash returns
    /// the same jobs and is charged once.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.options.key_prefix = Some(prefix.into());
        self
    }

    /// Sets the timeout of the wait for each job. Default: 30 minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Waits for each job without limit.
    pub fn no_timeout(mut self) -> Self {
        self.options.timeout = None;
        self
    }

    /// Returns the next item; `None` after the last.
    pub async fn next(&mut self) -> Option<GenerateManyItem> {
        std::future::poll_fn(|context| self.poll_item(context)).await
    }

    fn poll_item(&mut self, context: &mut Context<'_>) -> Poll<Option<GenerateManyItem>> {
        if let Some(requests) = self.requests.take()
            && let Err(error) = self.start(requests)
        {
            return Poll::Ready(Some((0, Err(error))));
        }
        match &mut self.results {
            Some(results) => results.poll_recv(context),
            None => Poll::Ready(None),
        }
    }

    fn start(&mut self, requests: Vec<GenerateRequest>) -> Result<()> {
        let handle = runtime::current()?;
        let context = CallContext::current();
        let BatchOptions { concurrency, key_prefix, timeout } = &self.options;
        let workers = (*concurrency).min(requests.len());
        let with_key = |(index, mut request): (usize, GenerateRequest)| {
            if let (Some(prefix), None) = (key_prefix, &request.idempotency_key) {
                request.idempotency_key = Some(format!("{prefix}-{index}"));
            }
            (index, request)
        };
        let queue = Mutex::new(requests.into_iter().enumerate().map(with_key).collect());
        let client = self.client.clone();
        let permits =
            Semaphore::new(client.http.config().options.polling.concurrency.min(Semaphore::MAX_PERMITS));
        let (sender, results) = mpsc::unbounded_channel();
        let (timeout, refusal) = (*timeout, Mutex::new(None));
        self.results = Some(results);
        let shared = Arc::new(Shared { client, queue, permits, refusal, timeout, sender });
        for _ in 0..workers {
            self.workers.spawn_on(scoped(context.clone(), worker(Arc::clone(&shared))), &handle);
        }
        Ok(())
    }
}

impl Shared {
    /// Takes the next request.
    fn next(&self) -> Option<(usize, GenerateRequest)> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let next = queue.pop_front();
        if queue.is_empty() {
            // The waits for the jobs do not need the memory of thousands of requests.
            queue.shrink_to_fit();
        }
        next
    }
}

/// Submits requests and waits for their jobs, one after the other, until the queue is empty.
async fn worker(shared: Arc<Shared>) {
    loop {
        // The semaphore is never closed.
        let Ok(permit) = shared.permits.acquire().await else { return };
        let Some((index, request)) = shared.next() else { return };
        let refusal = shared.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let result = match refusal {
            Some(error) => Err(not_submitted(&error)),
            // A panic becomes the result of the item.
            None => AssertUnwindSafe(submit_one(&shared, permit, request))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| {
                    Err(InfraiError::internal("the call panicked").with_hint(
                        "Read the panic's message. A hook (`on_request`, `on_response`) may be its cause.",
                    ))
                }),
        };
        if shared.sender.send((index, result)).is_err() {
            return;
        }
    }
}

async fn submit_one(
    shared: &Shared,
    permit: SemaphorePermit<'_>,
    request: GenerateRequest,
) -> Result<VideoJob> {
    // Boxed, so that the item does not hold the submission's memory during the wait.
    let job = match Box::pin(Generate { client: shared.client.clone(), request }.send()).await {
        Ok(job) => job,
        Err(error) => {
            if matches!(error.status(), Some(401 | 402)) || error.code() == "API_KEY_MISSING" {
                shared
                    .refusal
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert_with(|| error.clone());
            }
            return Err(error);
        }
    };
    drop(permit);
    // The job may have ended already, if the idempotency key is from an earlier run.
    let wait = Wait::new(shared.client.clone(), job.into());
    match shared.timeout {
        Some(timeout) => wait.timeout(timeout).await,
        None => wait.no_timeout().await,
    }
}

/// Returns the error of an item that was not submitted because an earlier one was refused.
fn not_submitted(cause: &InfraiError) -> InfraiError {
    let kind =
        if cause.kind() == ErrorKind::PaymentRequired { ErrorKind::PaymentRequired } else { cause.kind() };
    let mut error = InfraiError::new(
        kind,
        cause.code(),
        format!("not submitted, because an earlier item was refused: {}", cause.message()),
    )
    .with_hint(cause.hint())
    .with_checkout_url(cause.checkout_url().map(str::to_owned));
    if let Some(status) = cause.status() {
        error = error.with_status(status);
    }
    error
}

impl Stream for GenerateMany {
    type Item = GenerateManyItem;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(context)
    }
}

impl fmt::Debug for GenerateMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GenerateMany(…)")
    }
}
