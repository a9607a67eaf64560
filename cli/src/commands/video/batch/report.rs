//! Summary of a batch: a table with the costs, and the exit code.

use std::path::{Path, PathBuf};

use infrai::{
    ErrorKind, InfraiError,
    video::{GenerateManyItem, PlannedAction, PlannedItem},
};
use serde_json::{Value, json};

use crate::{error, exit, output::dollars};

/// Exit codes of a batch, the most urgent first.
const URGENCY: [u8; 7] =
    [exit::INTERNAL, exit::ACCOUNT, exit::LOCAL, exit::NETWORK, exit::WAIT, exit::USAGE, exit::JOB];
/// The most characters of a prompt in the table.
const MAX_PROMPT: usize = 48;

/// Items that have ended.
pub(super) struct Report {
    prompts: Vec<String>,
    folder: PathBuf,
    items: Vec<GenerateManyItem>,
}

impl Report {
    pub(super) fn new(prompts: Vec<String>, folder: &Path) -> Self {
        Self { prompts, folder: folder.to_owned(), items: Vec::new() }
    }

    pub(super) fn add(&mut self, item: GenerateManyItem) {
        self.items.push(item);
    }

    /// Returns whether jobs failed that a retry would generate again.
    pub(super) fn has_failed_jobs(&self) -> bool {
        self.errors().any(|error| matches!(error.kind(), ErrorKind::JobFailed | ErrorKind::JobCancelled))
    }

    fn errors(&self) -> impl Iterator<Item = &InfraiError> {
        self.items.iter().filter_map(|item| item.result.as_ref().err())
    }

    /// Returns 0 if every item succeeded, else the exit code of the most urgent error.
    pub(super) fn exit_code(&self) -> u8 {
        let codes: Vec<_> = self.errors().map(|error| exit::code(error.kind())).collect();
        URGENCY.into_iter().find(|code| codes.contains(code)).unwrap_or(exit::OK)
    }

    /// Returns the summary as JSON and as lines, in the order of the list.
    pub(super) fn finish(&mut self) -> (Value, Vec<String>) {
        self.items.sort_by_key(|item| item.index);
        let mut rows = vec![["#", "state", "cost", "prompt", "file or error"].map(str::to_owned)];
        let mut items = Vec::new();
        let (mut total, mut downloaded, mut unknown) = (0.0, 0, 0);
        for item in &self.items {
            let job = item.result.as_ref().map_or_else(InfraiError::job, Some);
            let cost = job.and_then(|job| job.cost_usd);
            total += cost.unwrap_or_default();
            unknown += usize::from(job.is_some() && cost.is_none());
            downloaded += usize::from(item.file.as_ref().is_some_and(|file| file.downloaded));
            let mut entry = json!({
                "index": item.index,
                "key": item.key,
                "prompt": self.prompts[item.index],
                "job_id": job.map(|job| job.job_id.as_str()),
                "state": job.map(|job| job.state.as_str()),
                "cost_usd": cost,
                "file": item.file.as_ref().map(|file| file.path.to_string_lossy()),
            });
            let outcome = match &item.result {
                Ok(_) => item.file.as_ref().map(|file| file.path.display().to_string()).unwrap_or_default(),
                Err(error) => {
                    let error = error::in_command_words(error.clone());
                    entry["error"] = error.to_json();
                    error.to_string()
                }
            };
            items.push(entry);
            rows.push([
                (item.index + 1).to_string(),
                job.map_or("-", |job| job.state.as_str()).to_owned(),
                cost.map_or_else(|| "-".to_owned(), dollars),
                shortened(&self.prompts[item.index]),
                outcome,
            ]);
        }
        let succeeded = self.items.iter().filter(|item| item.result.is_ok()).count();
        let mut lines = aligned(&rows);
        let unknown_note =
            if unknown > 0 { format!(", and {unknown} of unknown cost") } else { String::new() };
        lines.push(format!(
            "{succeeded} of {} succeeded, {downloaded} downloaded, {}{unknown_note}. Folder: {}",
            self.items.len(),
            dollars(cents(total)),
            self.folder.display()
        ));
        let json = json!({
            "folder": self.folder.to_string_lossy(),
            "succeeded": succeeded,
            "failed": self.items.len() - succeeded,
            "downloaded": downloaded,
            "cost_usd": cents(total),
            "items": items,
        });
        (json, lines)
    }
}

/// Returns what a run would do, as JSON and as lines.
pub(super) fn plan(items: &[PlannedItem], prompts: &[String], folder: &Path) -> (Value, Vec<String>) {
    let mut rows = vec![["#", "action", "price", "prompt", "job"].map(str::to_owned)];
    let count = |action| items.iter().filter(|item| item.action == action).count();
    for item in items {
        let price = item.price_usd.map(dollars);
        let unknown = if item.action == PlannedAction::Submit { "?" } else { "-" };
        rows.push([
            (item.index + 1).to_string(),
            item.action.as_str().to_owned(),
            price.unwrap_or_else(|| unknown.to_owned()),
            shortened(&prompts[item.index]),
            item.job_id.as_ref().map_or_else(String::new, ToString::to_string),
        ]);
    }
    let submits = count(PlannedAction::Submit);
    let known: Vec<f64> = items.iter().filter_map(|item| item.price_usd).collect();
    let cost = cents(known.iter().fold(0.0, |sum, usd| sum + usd));
    let without_price = submits - known.len();
    let mut lines = aligned(&rows);
    let note =
        if without_price > 0 { format!(" and {without_price} of unknown price") } else { String::new() };
    lines.push(format!(
        "Would submit {submits} ({}{note}), wait for {}, download {}, keep {}, leave {}. Folder: {}",
        dollars(cost),
        count(PlannedAction::Wait),
        count(PlannedAction::Download),
        count(PlannedAction::Keep),
        count(PlannedAction::Failed) + count(PlannedAction::Ambiguous),
        folder.display()
    ));
    let entries: Vec<_> = items
        .iter()
        .map(|item| {
            json!({
                "index": item.index,
                "key": item.key,
                "prompt": prompts[item.index],
                "action": item.action.as_str(),
                "job_id": item.job_id.as_ref().map(infrai::JobId::as_str),
                "price_usd": item.price_usd,
            })
        })
        .collect();
    let json = json!({
        "folder": folder.to_string_lossy(),
        "submit": submits,
        "wait": count(PlannedAction::Wait),
        "download": count(PlannedAction::Download),
        "keep": count(PlannedAction::Keep),
        "cost_usd": cost,
        "unknown_prices": without_price,
        "items": entries,
    });
    (json, lines)
}

/// Rounds a sum of amounts to a millionth of a dollar.
fn cents(usd: f64) -> f64 {
    (usd * 1e6).round() / 1e6
}

fn shortened(prompt: &str) -> String {
    let line = prompt.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_PROMPT) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// Aligns all columns but the last.
fn aligned(rows: &[[String; 5]]) -> Vec<String> {
    let widths: Vec<_> = (0..4)
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default())
        .collect();
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths.iter().chain([&0]));
        let line = cells.map(|(cell, width)| format!("{cell:width$}")).collect::<Vec<_>>().join("  ");
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
