//! Ledger of a batch: the last known facts about each key, from the records of the checkpoint.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::api::video::batch::{
    keys::{self, Fingerprint},
    record::Record,
};

/// Last known facts about a key.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Submissions without a definite outcome.
    open: u32,
    /// Time of the earliest submission without a definite outcome.
    pub(super) open_since: Option<f64>,
    pub(super) job_id: Option<Box<str>>,
    pub(super) cost_usd: Option<f64>,
    refunded_usd: Option<f64>,
    /// JSON of the job that has ended.
    pub(super) ended: Option<Box<str>>,
    succeeded: bool,
    /// Length of the saved file.
    pub(super) saved: Option<u64>,
    class: Option<Arc<str>>,
    /// Fingerprint of the request that was submitted under the key.
    fingerprint: Option<Fingerprint>,
}

impl Entry {
    /// Returns whether the key was used for this request, as far as it is known.
    pub(super) fn is_of(&self, request: &Fingerprint) -> bool {
        self.fingerprint.as_ref().is_none_or(|submitted| submitted == request)
    }

    /// Returns whether the job ended without a video.
    fn failed(&self) -> bool {
        self.ended.is_some() && !self.succeeded
    }
}

/// Entries by key, and the known prices.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: HashMap<String, Entry>,
    classes: HashSet<Arc<str>>,
    /// Last known price of each class of requests.
    pub(super) prices: HashMap<Arc<str>, f64>,
}

impl Ledger {
    /// Applies a record.
    pub(super) fn apply(&mut self, record: Record) {
        match record {
            Record::Intent { key, time, request } => {
                let (class, fingerprint) =
                    (self.class(keys::price_class(&request)), keys::fingerprint(&request));
                let entry = self.entries.entry(key).or_default();
                entry.open += 1;
                entry.open_since.get_or_insert(time);
                entry.class = Some(class);
                entry.fingerprint.get_or_insert(fingerprint);
            }
            Record::Submitted { key, job_id, cost_usd, .. } => {
                let entry = self.entries.entry(key).or_default();
                (entry.open, entry.open_since) = (0, None);
                entry.job_id = Some(job_id.into());
                entry.cost_usd = cost_usd.or(entry.cost_usd);
                if let (Some(class), Some(cost)) = (&entry.class, cost_usd) {
                    self.prices.insert(Arc::clone(class), cost);
                }
            }
            Record::Refused { key, .. } => {
                // The refusal is no outcome of an earlier submission under this key.
                let entry = self.entries.entry(key).or_default();
                entry.open = entry.open.saturating_sub(1);
                if entry.open == 0 {
                    entry.open_since = None;
                }
            }
            Record::Ended { key, state, cost_usd, refunded_usd, job, .. } => {
                let entry = self.entries.entry(key).or_default();
                entry.ended = Some(job.to_string().into());
                entry.succeeded = crate::job::VideoState::from(state.as_str()).is_success();
                entry.cost_usd = cost_usd.or(entry.cost_usd);
                entry.refunded_usd = refunded_usd;
                if let (Some(class), Some(cost)) = (&entry.class, cost_usd) {
                    self.prices.insert(Arc::clone(class), cost);
                }
            }
            Record::Saved { key, bytes, .. } => self.entries.entry(key).or_default().saved = Some(bytes),
            Record::Batch { .. } | Record::Unknown => {}
        }
    }

    fn class(&mut self, class: String) -> Arc<str> {
        if let Some(known) = self.classes.get(class.as_str()) {
            return Arc::clone(known);
        }
        let class: Arc<str> = class.into();
        self.classes.insert(Arc::clone(&class));
        class
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Returns the key of an item's last try, or of the next one if the last failed and is to be retried. The key of
    /// another request is no try of it, whatever it looks like.
    pub(super) fn current_key(&self, key: &str, request: &Fingerprint, retry_failed: bool) -> String {
        let is_try =
            |retries| self.entry(&keys::retry_key(key, retries)).is_some_and(|entry| entry.is_of(request));
        let mut retries = 0;
        while is_try(retries + 1) {
            retries += 1;
        }
        let current = keys::retry_key(key, retries);
        if retry_failed && self.entries.get(&current).is_some_and(Entry::failed) {
            return keys::retry_key(key, retries + 1);
        }
        current
    }

    /// Returns the sum of the known costs, without refunds.
    pub(super) fn spent_usd(&self) -> f64 {
        self.entries
            .values()
            .map(|entry| entry.cost_usd.unwrap_or_default() - entry.refunded_usd.unwrap_or_default())
            .fold(0.0, std::ops::Add::add)
    }
}
