//! `generate_many`: many jobs, some at once, each told of as it ends.

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
use tokio::{
    sync::{Semaphore, SemaphorePermit, mpsc},
    task::JoinSet,
};

use crate::{
    api::{
        client::ApiClient,
        video::{
            generate::{Generate, GenerateRequest},
            wait::{DEFAULT_WAIT_TIMEOUT, Wait},
        },
    },
    context::{CallContext, scoped},
    error::{ErrorKind, InfraiError, Result},
    job::VideoJob,
    runtime,
};

/// What [`GenerateMany`] yields: the request's place in the list, and its job or its error.
pub type GenerateManyItem = (usize, Result<VideoJob>);

/// Many jobs under way; see [`Video::generate_many`](super::Video::generate_many). A stream of (index, job or error) in
/// the order in which they end.
///
/// No item's error ends it. After the first 401 or 402 nothing further is submitted, and the items that were not are
/// told of with that error. Dropping it stops the waiting and cancels nothing.
#[must_use = "nothing is submitted until it is read"]
pub struct GenerateMany {
    options: Option<BatchOptions>,
    results: mpsc::UnboundedReceiver<GenerateManyItem>,
    sender: Option<mpsc::UnboundedSender<GenerateManyItem>>,
    workers: JoinSet<()>,
}

struct BatchOptions {
    client: ApiClient,
    requests: Vec<GenerateRequest>,
    concurrency: usize,
    key_prefix: Option<String>,
    timeout: Option<Duration>,
}

struct Shared {
    client: ApiClient,
    queue: Mutex<VecDeque<(usize, GenerateRequest)>>,
    /// Who may submit now: thousands of connections opened in one moment would serve nobody.
    permits: Semaphore,
    refusal: Mutex<Option<InfraiError>>,
    timeout: Option<Duration>,
    sender: mpsc::UnboundedSender<GenerateManyItem>,
}

impl GenerateMany {
    pub(crate) fn new(client: ApiClient, requests: Vec<GenerateRequest>) -> Self {
        let (sender, results) = mpsc::unbounded_channel();
        let options = BatchOptions {
            client,
            requests,
            concurrency: 8,
            key_prefix: None,
            timeout: Some(DEFAULT_WAIT_TIMEOUT),
        };
        Self { options: Some(options), results, sender: Some(sender), workers: JoinSet::new() }
    }

    fn options(mut self, change: impl FnOnce(&mut BatchOptions)) -> Self {
        if let Some(options) = &mut self.options {
            change(options);
        }
        self
    }

    /// How many jobs are under way at once, submitted and waited for. Default: 8. At least 1. No more of them are being
    /// submitted in one moment than [`PollingOptions::concurrency`](crate::PollingOptions::concurrency) says.
    pub fn concurrency(self, concurrency: usize) -> Self {
        self.options(|options| options.concurrency = concurrency.max(1))
    }

    /// Item `i` without a key of its own gets the idempotency key `<prefix>-<i>`, so that a rerun after a crash gets the
    /// same jobs and is charged once.
    pub fn key_prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        self.options(|options| options.key_prefix = Some(prefix))
    }

    /// How long to wait for each job. Default: 30 minutes.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.options(|options| options.timeout = Some(timeout))
    }

    /// Waits for each job for ever.
    pub fn no_timeout(self) -> Self {
        self.options(|options| options.timeout = None)
    }

    /// The next item; `None` after the last.
    pub async fn next(&mut self) -> Option<GenerateManyItem> {
        std::future::poll_fn(|context| self.poll_item(context)).await
    }

    fn poll_item(&mut self, context: &mut Context<'_>) -> Poll<Option<GenerateManyItem>> {
        if let (Some(options), Some(sender)) = (self.options.take(), self.sender.take())
            && let Err(error) = self.begin(options, sender)
        {
            return Poll::Ready(Some((0, Err(error))));
        }
        self.results.poll_recv(context)
    }

    fn begin(
        &mut self,
        options: BatchOptions,
        sender: mpsc::UnboundedSender<GenerateManyItem>,
    ) -> Result<()> {
        let handle = runtime::current()?;
        let context = CallContext::current();
        let BatchOptions { client, requests, concurrency, key_prefix, timeout } = options;
        let count = requests.len();
        let queue = requests
            .into_iter()
            .enumerate()
            .map(|(index, request)| match &key_prefix {
                Some(prefix) if request.key().is_none() => {
                    (index, request.idempotency_key(format!("{prefix}-{index}")))
                }
                _ => (index, request),
            })
            .collect();
        let permits =
            Semaphore::new(client.http.config().options.polling.concurrency.min(Semaphore::MAX_PERMITS));
        let (queue, refusal) = (Mutex::new(queue), Mutex::new(None));
        let shared = Arc::new(Shared { client, queue, permits, refusal, timeout, sender });
        for _ in 0..concurrency.min(count) {
            self.workers.spawn_on(scoped(context.clone(), worker(Arc::clone(&shared))), &handle);
        }
        Ok(())
    }
}

impl Shared {
    /// The next request that nobody has taken.
    fn next(&self) -> Option<(usize, GenerateRequest)> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let next = queue.pop_front();
        if queue.is_empty() {
            // What thousands of requests took is not held while their jobs are waited for.
            queue.shrink_to_fit();
        }
        next
    }
}

/// One of the jobs at once: takes the next request until there is none.
async fn worker(shared: Arc<Shared>) {
    loop {
        // Never closed.
        let Ok(permit) = shared.permits.acquire().await else { return };
        let Some((index, request)) = shared.next() else { return };
        let refusal = shared.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let result = match refusal {
            Some(error) => Err(not_submitted(&error)),
            // An item is told of whatever becomes of it.
            None => AssertUnwindSafe(submit_one(&shared, permit, request))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| {
                    Err(InfraiError::internal("the call ended in a panic").with_hint(
                        "Read the panic's own message: a hook (on_request, on_response) may be its cause.",
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
    // Boxed: while the job is waited for, its item carries no room for the call that began it.
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
    // Ended already: an idempotency key of an earlier run gave the job of then.
    let wait = Wait::new(shared.client.clone(), job.into());
    match shared.timeout {
        Some(timeout) => wait.timeout(timeout).await,
        None => wait.no_timeout().await,
    }
}

/// The error of an item that was never sent, because an earlier one was refused.
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
