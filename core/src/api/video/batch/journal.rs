//! Journal of a running batch: the ledger, and the checkpoint that keeps it if there is one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    api::video::batch::{checkpoint::Checkpoint, ledger::Ledger, record::Record},
    error::Result,
};

#[derive(Debug)]
pub(super) struct Journal {
    ledger: Mutex<Ledger>,
    checkpoint: Option<Checkpoint>,
}

impl Journal {
    pub(super) fn new(ledger: Ledger, checkpoint: Option<Checkpoint>) -> Self {
        Self { ledger: Mutex::new(ledger), checkpoint }
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a record. Without a checkpoint, nothing needs it.
    pub(super) fn record(&self, record: impl FnOnce() -> Record) -> Result<()> {
        self.write(record).map(drop)
    }

    /// Writes a record and waits until it is on the disk.
    pub(super) async fn record_synced(&self, record: impl FnOnce() -> Record) -> Result<()> {
        match (&self.checkpoint, self.write(record)?) {
            (Some(checkpoint), Some(number)) => checkpoint.sync(number).await,
            _ => Ok(()),
        }
    }

    fn write(&self, record: impl FnOnce() -> Record) -> Result<Option<u64>> {
        let Some(checkpoint) = &self.checkpoint else { return Ok(None) };
        let record = record();
        let number = checkpoint.append(&record)?;
        self.ledger().apply(record);
        Ok(Some(number))
    }
}
