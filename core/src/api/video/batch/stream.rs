//! `generate_many`: the results of a batch as a stream.

use std::{
    fmt,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::{
    api::{
        client::ApiClient,
        video::{
            batch::{
                budget::Budget,
                checkpoint::{Checkpoint, Content},
                item::{BatchEvent, BatchUpdate, GenerateManyItem, WantedEvents},
                journal::Journal,
                keys::{file_name, item_keys},
                plan::{PlannedItem, plan},
                record::now,
                worker::{QueuedItem, Shared, abort_error, work},
            },
            download::DownloadRequest,
        },
    },
    context::{CallContext, scoped},
    error::{ErrorKind, InfraiError, Result},
    options::{BatchOptions, GenerateRequest},
    runtime::{self, BoxFuture, JoinSet},
};

type OnUpdate = Box<dyn FnMut(&BatchUpdate) + Send>;

/// Stream of a batch's results, in the order in which the jobs end; see
/// [`Video::generate_many`](crate::Video::generate_many).
///
/// The error of an item is part of the item and does not end the stream. After the first 401, 402 or missing key, the
/// stream submits nothing more: the remaining items yield that error. Dropping the stream stops the waits and cancels no
/// job.
///
/// With a [`checkpoint`](Self::checkpoint), a killed batch that runs again waits for the jobs of the earlier runs and pays
/// for none of them twice.
#[must_use = "nothing is submitted until it is read"]
pub struct GenerateMany {
    client: ApiClient,
    /// Taken by the first poll for an item.
    requests: Option<Vec<GenerateRequest>>,
    options: BatchOptions,
    on_submit: Option<OnUpdate>,
    on_update: Option<OnUpdate>,
    abort_when: Option<BoxFuture<'static, ()>>,
    abort: Arc<watch::Sender<bool>>,
    events: Option<mpsc::UnboundedReceiver<Result<BatchEvent>>>,
    task: JoinSet<()>,
}

/// Handle that aborts a batch; see [`GenerateMany::abort_handle`].
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct BatchAbort(Arc<watch::Sender<bool>>);

impl BatchAbort {
    /// Aborts the batch, as [`GenerateMany::abort_when`].
    pub fn abort(&self) {
        self.0.send_replace(true);
    }
}

impl GenerateMany {
    pub(crate) fn new(client: ApiClient, requests: Vec<GenerateRequest>) -> Self {
        Self {
            client,
            requests: Some(requests),
            options: BatchOptions::default(),
            on_submit: None,
            on_update: None,
            abort_when: None,
            abort: Arc::new(watch::Sender::new(false)),
            events: None,
            task: JoinSet::new(),
        }
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

    /// Sets the prefix of the items' keys. An item without an idempotency key of its own gets the key
    /// `<prefix>-<hash>-<n>`: the hash of its canonical request, and the number of equal items before it. A rerun within
    /// the API's idempotency window returns the same jobs and is charged once, even if the list has grown or changed its
    /// order. Default: the checkpoint's prefix, else a new key per item.
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

    /// Sets the checkpoint file, which is created if it does not exist: JSON Lines, one event per line, readable by its
    /// user alone. A rerun with the same file asks for the stored jobs' states and submits only items without a job.
    /// An item whose submission has no known outcome is submitted again with its key within
    /// [`idempotency_window`](Self::idempotency_window). Default: none.
    pub fn checkpoint(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.checkpoint = Some(path.into());
        self
    }

    /// Sets for how long the API remembers an idempotency key. Default: 24 hours.
    pub fn idempotency_window(mut self, window: Duration) -> Self {
        self.options.idempotency_window = window;
        self
    }

    /// Sets whether an item is submitted again although an earlier submission, older than the idempotency window, may
    /// have been processed. Such an item may be paid twice. Default: no, its error is `SUBMIT_AMBIGUOUS`.
    pub fn retry_ambiguous(mut self, retry: bool) -> Self {
        self.options.on_ambiguous = retry.into();
        self
    }

    /// Sets whether an item whose job ended without a video in an earlier run gets a new job, with the key `<key>-r1`,
    /// `<key>-r2` and so on. Needs a checkpoint. Default: no. Without it, a job that failed under its key stays failed.
    pub fn retry_failed(mut self, retry: bool) -> Self {
        self.options.retry_failed = retry;
        self
    }

    /// Sets the most that the batch may cost, in US dollars, including the jobs of its checkpoint and without refunds. No
    /// job is submitted that would pass it at the price of the last job with the same options, else at the price that the
    /// API declares. The items that are left have the error `COST_LIMIT`. While neither price is known, one job is
    /// submitted to learn it. Default: no limit.
    pub fn max_cost_usd(mut self, usd: f64) -> Self {
        self.options.max_cost_usd = Some(usd);
        self
    }

    /// Sets the folder in which each video is saved as `<key>.mp4` when its job ends. It is created if it does not exist.
    /// Complete files of earlier runs are kept. A file that no job of the checkpoint is known to be of is the item's error
    /// `FILE_EXISTS`, before anything is sent. Default: no downloads.
    pub fn output_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.options.output_dir = Some(folder.into());
        self
    }

    /// Sets a callback that runs when the API has accepted a job of this run.
    pub fn on_submit(mut self, on_submit: impl FnMut(&BatchUpdate) + Send + 'static) -> Self {
        self.on_submit = Some(Box::new(on_submit));
        self
    }

    /// Sets a callback that runs with each job's first state and with every change. The callbacks run while the stream is
    /// read. With one, the client polls each job at least every
    /// [`PollingOptions::refresh`](crate::PollingOptions::refresh) seconds as far as the rate limit allows.
    pub fn on_update(mut self, on_update: impl FnMut(&BatchUpdate) + Send + 'static) -> Self {
        self.on_update = Some(Box::new(on_update));
        self
    }

    /// Sets a future that aborts the batch: once it is ready, nothing more is submitted, the waits stop, and the stream
    /// ends with an error of the kind [`Aborted`](ErrorKind::Aborted). Its details name the jobs that continue.
    pub fn abort_when(mut self, aborted: impl Future<Output = ()> + Send + 'static) -> Self {
        self.abort_when = Some(Box::pin(aborted));
        self
    }

    /// Sets whether an aborted batch cancels its jobs. Default: no.
    pub fn cancel_on_abort(mut self, cancel: bool) -> Self {
        self.options.cancel_on_abort = cancel;
        self
    }

    /// For bindings: returns a handle that aborts the batch.
    #[doc(hidden)]
    pub fn abort_handle(&self) -> BatchAbort {
        BatchAbort(Arc::clone(&self.abort))
    }

    /// Returns what a run would do for each item. Sends nothing and writes nothing.
    ///
    /// # Errors
    /// Those of the checkpoint, and `INVALID_ARGUMENT` for an option that is out of its bounds.
    pub fn plan(&self) -> Result<Vec<PlannedItem>> {
        self.options.check()?;
        let content = match &self.options.checkpoint {
            Some(path) => Content::read(path)?,
            None => Content::default(),
        };
        let requests = self.requests.as_deref().unwrap_or_default();
        let prefix = self.options.key_prefix.as_deref().or(content.key_prefix.as_deref());
        plan(&content.ledger, requests, item_keys(requests, prefix)?, &self.options, now())
    }

    /// Returns the next item; `None` after the last. An error concerns the whole batch and ends it.
    ///
    /// # Errors
    /// - `INVALID_ARGUMENT` for an option that is out of its bounds.
    /// - `CHECKPOINT_LOCKED`, `CHECKPOINT_INVALID` and `CHECKPOINT_UNWRITABLE`, before anything is sent.
    /// - `FILE_ERROR` if the output folder cannot be written.
    /// - `ABORTED` after [`abort_when`](Self::abort_when).
    pub async fn next(&mut self) -> Option<Result<GenerateManyItem>> {
        std::future::poll_fn(|context| self.poll_item(context)).await
    }

    /// For bindings: returns the next event, with those of the submissions and of the states if they are wanted. Once
    /// `aborted` is ready, aborts the batch and returns its error.
    #[doc(hidden)]
    pub async fn next_event(
        &mut self,
        wanted: WantedEvents,
        aborted: impl Future<Output = ()>,
    ) -> Option<Result<BatchEvent>> {
        tokio::select! {
            biased;
            event = std::future::poll_fn(|context| self.poll_event(context, wanted)) => return event,
            () = aborted => {}
        }
        self.abort.send_replace(true);
        loop {
            let event = std::future::poll_fn(|context| self.poll_event(context, wanted)).await;
            if !matches!(event, Some(Ok(_))) {
                return event;
            }
        }
    }

    fn poll_item(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<GenerateManyItem>>> {
        loop {
            let wanted =
                WantedEvents { submits: self.on_submit.is_some(), updates: self.on_update.is_some() };
            let Some(event) = std::task::ready!(self.poll_event(context, wanted)) else {
                return Poll::Ready(None);
            };
            let (callback, update) = match event {
                Ok(BatchEvent::Item(item)) => return Poll::Ready(Some(Ok(item))),
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(BatchEvent::Submitted(update)) => (&mut self.on_submit, update),
                Ok(BatchEvent::Updated(update)) => (&mut self.on_update, update),
            };
            if let Some(callback) = callback {
                callback(&update);
            }
        }
    }

    fn poll_event(
        &mut self,
        context: &mut Context<'_>,
        wanted: WantedEvents,
    ) -> Poll<Option<Result<BatchEvent>>> {
        if let Some(requests) = self.requests.take()
            && let Err(error) = self.start(requests, wanted)
        {
            return Poll::Ready(Some(Err(error)));
        }
        match &mut self.events {
            Some(events) => events.poll_recv(context),
            None => Poll::Ready(None),
        }
    }

    fn start(&mut self, requests: Vec<GenerateRequest>, wanted: WantedEvents) -> Result<()> {
        self.options.check()?;
        let handle = runtime::current()?;
        let (sender, events) = mpsc::unbounded_channel();
        self.events = Some(events);
        let batch = Batch {
            client: self.client.clone(),
            options: self.options.clone(),
            wanted,
            aborted: self.abort.subscribe(),
        };
        let abort_when = self.abort_when.take();
        let abort = Arc::clone(&self.abort);
        let context = CallContext::current();
        let run = async move {
            let aborted = async {
                match abort_when {
                    Some(aborted) => aborted.await,
                    None => std::future::pending().await,
                }
                abort.send_replace(true);
                std::future::pending::<()>().await;
            };
            let opened_sender = sender.clone();
            tokio::select! {
                biased;
                ended = batch.run(requests, sender) => {
                    if let Err(error) = ended {
                        let _ = opened_sender.send(Err(error));
                    }
                }
                () = aborted => {}
            }
        };
        self.task.spawn_on(scoped(context, run), &handle);
        Ok(())
    }
}

/// A batch that is about to run.
struct Batch {
    client: ApiClient,
    options: BatchOptions,
    wanted: WantedEvents,
    aborted: watch::Receiver<bool>,
}

impl Batch {
    /// Runs all items. Returns the error of the whole batch.
    async fn run(
        self,
        requests: Vec<GenerateRequest>,
        sender: mpsc::UnboundedSender<Result<BatchEvent>>,
    ) -> Result<()> {
        let Self { client, options, wanted, aborted } = self;
        if let Some(folder) = options.output_dir.clone() {
            runtime::spawn_blocking(move || prepare_folder(&folder)).await?;
        }
        let (checkpoint, content) = match &options.checkpoint {
            Some(path) => {
                let (checkpoint, content) = Checkpoint::open(path, options.key_prefix.as_deref()).await?;
                (Some(checkpoint), content)
            }
            None => (None, Content::of_prefix(options.key_prefix.clone())),
        };
        let keys = item_keys(&requests, content.key_prefix.as_deref())?;
        let items = keys.into_iter().zip(requests).enumerate();
        let queue = items.map(|(index, (key, request))| QueuedItem { index, key, request }).collect();
        let permits = client.http.config().options.polling.concurrency.min(Semaphore::MAX_PERMITS);
        let workers = options.concurrency;
        let shared = Arc::new(Shared {
            budget: Budget::new(options.max_cost_usd, &content.ledger, client.clone()),
            client,
            queue: Mutex::new(queue),
            permits: Semaphore::new(permits),
            journal: Journal::new(content.ledger, checkpoint),
            stop: Mutex::new(None),
            sender,
            wanted,
            aborted,
            cut_off: Mutex::default(),
            options,
        });
        let workers = workers.min(shared.queue.lock().map_or(0, |queue| queue.len()));
        let call = CallContext::current();
        let mut running = JoinSet::new();
        for _ in 0..workers {
            running.spawn(scoped(call.clone(), work(Arc::clone(&shared))));
        }
        while running.join_next().await.is_some() {}
        if shared.is_aborted() { Err(abort_error(&shared)) } else { Ok(()) }
    }
}

/// Creates the output folder and checks that a file can be created there, before a job is paid.
fn prepare_folder(folder: &std::path::Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        let message = format!("the folder {} cannot be created: {error}", folder.display());
        InfraiError::new(ErrorKind::Configuration, "FILE_ERROR", message)
            .with_hint("Choose another folder for `output_dir`, or check the permissions of its parent.")
            .with_source(error)
    })?;
    DownloadRequest::check_target(folder.join(file_name("infrai-check")), true)
}

impl Stream for GenerateMany {
    type Item = Result<GenerateManyItem>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(context)
    }
}

impl fmt::Debug for GenerateMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GenerateMany(…)")
    }
}
