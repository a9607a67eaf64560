//! Progress of a batch: one bar for all jobs on a terminal, one line per job and state elsewhere, nothing with --json.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use infrai::video::{BatchUpdate, GenerateManyItem};

use super::progress::{self, Style};

/// The progress of a batch. Clones show the same one.
#[derive(Debug, Clone)]
pub(crate) struct BatchProgress {
    style: Style,
    bar: Option<indicatif::ProgressBar>,
    shared: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    count: usize,
    failed: usize,
    /// State of each job that runs.
    states: HashMap<usize, String>,
}

impl BatchProgress {
    pub(crate) fn new(style: Style, count: usize) -> Self {
        let bar = (style == Style::Bar).then(|| progress::counting_bar(count));
        Self { style, bar, shared: Arc::new(Mutex::new(Counts { count, ..Counts::default() })) }
    }

    /// Shows a job that the API accepted.
    pub(crate) fn submitted(&self, update: &BatchUpdate) {
        self.show(update.index, &format!("submitted as {}", update.job.job_id), Some("submitted"));
    }

    /// Shows a job's state.
    pub(crate) fn updated(&self, update: &BatchUpdate) {
        if !update.job.is_terminal() {
            let state = update.job.state.as_str();
            self.show(update.index, &format!("{} {state}", update.job.job_id), Some(state));
        }
    }

    /// Shows an item that has ended.
    pub(crate) fn ended(&self, item: &GenerateManyItem) {
        let line = match (&item.result, &item.file) {
            (Ok(job), Some(file)) if file.downloaded => {
                format!("{} saved as {}", job.job_id, file.path.display())
            }
            (Ok(job), _) => format!("{} {}", job.job_id, job.state),
            (Err(error), _) => error.to_string(),
        };
        self.lock().failed += usize::from(item.result.is_err());
        self.show(item.index, &line, None);
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows an item's state: on the bar, or as a line if it has changed. `None` is an item that has ended.
    fn show(&self, index: usize, line: &str, state: Option<&str>) {
        let mut counts = self.lock();
        let before = match state {
            Some(state) => counts.states.insert(index, state.to_owned()),
            None => counts.states.remove(&index),
        };
        if let Some(bar) = &self.bar {
            let failed =
                if counts.failed > 0 { format!(", {} failed", counts.failed) } else { String::new() };
            bar.set_message(format!("{} in progress{failed}", counts.states.len()));
        } else if self.style == Style::Lines && (state.is_none() || before.as_deref() != state) {
            let count = counts.count;
            drop(counts);
            progress::print_line(&format!("{}/{count}: {line}", index + 1));
        }
    }
}
