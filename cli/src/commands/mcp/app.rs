//! State of the server, shared by its tools.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use infrai::{InfraiClient, JobId, Result, VideoJob};
use tokio::sync::{OwnedMutexGuard, RwLock};

use super::{budget::Budget, folder::OutputFolder, journal::Journal, prices::PriceList, result::JobResult};

#[derive(Debug)]
pub(super) struct App {
    pub(super) client: InfraiClient,
    pub(super) folder: OutputFolder,
    pub(super) journal: Journal,
    pub(super) budget: Budget,
    pub(super) prices: PriceList,
    /// Held for reading by each submission, so that the end of the server can wait for all.
    pub(super) submissions: Arc<RwLock<()>>,
    keys: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl App {
    pub(super) fn new(client: InfraiClient, folder: OutputFolder, journal: Journal, budget: Budget) -> Self {
        Self {
            client,
            folder,
            journal,
            budget,
            prices: PriceList::default(),
            submissions: Arc::default(),
            keys: Mutex::default(),
        }
    }

    /// Waits until no other call submits with this idempotency key.
    pub(super) async fn turn(&self, key: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            keys.retain(|_, lock| Arc::strong_count(lock) > 1);
            keys.entry(key.to_owned()).or_default().clone()
        };
        lock.lock_owned().await
    }

    /// Fetches a job's state.
    pub(super) async fn status(&self, id: &str) -> Result<VideoJob> {
        self.client.video().status(JobId::new(id)).await
    }

    /// Describes a job with its submission, whose state it updates.
    pub(super) async fn describe(&self, job: &VideoJob) -> JobResult {
        let submission = self.journal.of_job(job.job_id.as_str()).await;
        if let Some(submission) = &submission
            && submission.state.as_deref() != Some(job.state.as_str())
        {
            // The state is for the list alone.
            let _ = self.journal.record(&submission.idempotency_key, job).await;
        }
        JobResult::new(job, submission.as_ref())
    }
}
