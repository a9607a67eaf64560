//! Next step of each item, from the ledger of earlier runs and the files on the disk.

use std::path::Path;

use serde_json::Value;

use crate::{
    api::video::batch::{
        item::SavedVideo,
        keys::{self, Fingerprint},
        ledger::Ledger,
    },
    error::{ErrorKind, InfraiError, Result},
    job::{JobId, VideoJob},
    options::{BatchOptions, GenerateRequest},
};

/// The most seconds by which a clock may be set back between two runs.
const CLOCK_TOLERANCE: f64 = 300.0;

/// Next step for a key.
#[derive(Debug)]
pub(super) enum Step {
    Submit,
    /// A submission without a known outcome is too old to be repeated safely.
    Ambiguous,
    /// Wait for a job of an earlier run, with its cost.
    Wait(JobId, Option<f64>),
    Ended(Box<VideoJob>),
}

impl Step {
    /// Returns the next step for a key and its request at a time.
    ///
    /// # Errors
    /// `IDEMPOTENCY_CONFLICT` if an earlier run used the key for another request.
    pub(super) fn next(
        ledger: &Ledger,
        key: &str,
        request: &Fingerprint,
        options: &BatchOptions,
        now: f64,
    ) -> Result<Self> {
        let Some(entry) = ledger.entry(key) else { return Ok(Self::Submit) };
        if !entry.is_of(request) {
            return Err(conflict(key));
        }
        if let Some(ended) = &entry.ended {
            let json: Value = serde_json::from_str(ended)
                .map_err(|error| InfraiError::internal(format!("a stored job cannot be parsed: {error}")))?;
            return Ok(Self::Ended(Box::new(VideoJob::from_json(json)?)));
        }
        if let Some(id) = &entry.job_id {
            return Ok(Self::Wait(JobId::new(id), entry.cost_usd));
        }
        let Some(since) = entry.open_since else { return Ok(Self::Submit) };
        let age = now - since;
        let within = (-CLOCK_TOLERANCE..options.idempotency_window.as_secs_f64()).contains(&age);
        Ok(if within || options.on_ambiguous.retries() { Self::Submit } else { Self::Ambiguous })
    }
}

/// Returns the file of an item, if an earlier run saved it and it has the stored length.
pub(super) fn complete_file(folder: &Path, key: &str, stored: Option<u64>) -> Option<SavedVideo> {
    let path = folder.join(keys::file_name(key));
    let metadata = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let bytes = metadata.len();
    (stored == Some(bytes)).then_some(SavedVideo { path, bytes, downloaded: false })
}

/// Checks that the file of an item that was never submitted does not exist. It would be another's.
pub(super) fn check_free(folder: &Path, key: &str) -> Result<()> {
    let path = folder.join(keys::file_name(key));
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let message = format!("{} already exists, and the checkpoint has no job that it is of", path.display());
    Err(InfraiError::new(ErrorKind::InvalidRequest, "FILE_EXISTS", message)
        .with_hint("Move the file away, or choose another `output_dir`. Nothing was sent for this item."))
}

fn conflict(key: &str) -> InfraiError {
    let message = "an earlier run used the item's idempotency key for another request";
    InfraiError::new(ErrorKind::Conflict, "IDEMPOTENCY_CONFLICT", message)
        .with_hint("Give the changed item another key, or leave its key out. Nothing was sent for it.")
        .with_call(0, Some(key), false)
}

/// Returns the error of an item whose submission may have been processed.
pub(super) fn ambiguous(key: &str) -> InfraiError {
    InfraiError::new(
        ErrorKind::Conflict,
        "SUBMIT_AMBIGUOUS",
        "an earlier run submitted this item and ended before the response; it may have been processed",
    )
    .with_hint("Look for the job in the account. Pass `on_ambiguous`='retry' to submit it again, which may pay for it twice.")
    .with_call(0, Some(key), true)
}

/// What a run would do for an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlannedAction {
    /// Submit a job.
    Submit,
    /// Wait for the job of an earlier run.
    Wait,
    /// Download the video of a finished job.
    Download,
    /// Nothing: the job has succeeded, and its file, if wanted, is complete.
    Keep,
    /// Nothing: the job ended without a video.
    Failed,
    /// Nothing: a submission of an earlier run may have been processed.
    Ambiguous,
}

impl PlannedAction {
    /// Returns the name of the action.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Wait => "wait",
            Self::Download => "download",
            Self::Keep => "keep",
            Self::Failed => "failed",
            Self::Ambiguous => "ambiguous",
        }
    }
}

/// Plan for an item; see [`GenerateMany::plan`](super::GenerateMany::plan).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PlannedItem {
    /// Index of the request.
    pub index: usize,
    /// Key of the item.
    pub key: String,
    /// What a run would do.
    pub action: PlannedAction,
    /// Id of the job of an earlier run.
    pub job_id: Option<JobId>,
    /// Price in US dollars of a job to submit, if the checkpoint has a job of the same class.
    pub price_usd: Option<f64>,
}

/// Returns the plan for all items.
pub(super) fn plan(
    ledger: &Ledger,
    requests: &[GenerateRequest],
    keys: Vec<String>,
    options: &BatchOptions,
    now: f64,
) -> Result<Vec<PlannedItem>> {
    let item = |(index, (key, request)): (usize, (String, &GenerateRequest))| {
        let body = request.to_json();
        let fingerprint = keys::fingerprint(&body);
        let current = ledger.current_key(&key, &fingerprint, options.retry_failed);
        let step = Step::next(ledger, &current, &fingerprint, options, now)?;
        let entry = ledger.entry(&current);
        let job_id = entry.and_then(|entry| entry.job_id.as_deref()).map(JobId::new);
        let mut price_usd = None;
        let action = match step {
            Step::Submit => {
                price_usd = ledger.prices.get(keys::price_class(&body).as_str()).copied();
                PlannedAction::Submit
            }
            Step::Ambiguous => PlannedAction::Ambiguous,
            Step::Wait(..) => PlannedAction::Wait,
            Step::Ended(job) if !job.is_success() => PlannedAction::Failed,
            Step::Ended(_) => {
                let stored = entry.and_then(|entry| entry.saved);
                match &options.output_dir {
                    Some(folder) if complete_file(folder, &key, stored).is_none() => PlannedAction::Download,
                    _ => PlannedAction::Keep,
                }
            }
        };
        Ok(PlannedItem { index, key, action, job_id, price_usd })
    };
    keys.into_iter().zip(requests).enumerate().map(item).collect()
}
