//! Whether the machine itself stood still: then a silence was not the network's.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;

const TICK: Duration = Duration::from_millis(100);
/// A tick that comes later than this is no tick of a machine that runs.
const STILL: Duration = Duration::from_millis(1500);

/// Watches until it is dropped.
pub(super) struct Machine {
    last: Arc<Mutex<Option<Instant>>>,
    task: JoinHandle<()>,
}

impl Machine {
    pub(super) fn watch() -> Self {
        let last = Arc::<Mutex<Option<Instant>>>::default();
        let kept = last.clone();
        let task = tokio::spawn(async move {
            loop {
                let begun = Instant::now();
                tokio::time::sleep(TICK).await;
                if begun.elapsed() > STILL {
                    *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                }
            }
        });
        Self { last, task }
    }

    /// Whether it stood still at some time since.
    pub(super) async fn stood_still_since(&self, begun: Instant) -> bool {
        // For what ended it is noticed only now.
        tokio::time::sleep(2 * TICK).await;
        self.last.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|last| last > begun)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.task.abort();
    }
}
