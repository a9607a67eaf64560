//! What is counted and shown: checks that pass or fail, and tables of what was done and seen.

use std::{
    fmt::{Display, Write as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Checks, counted; a failure is named as soon as it is seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checks(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    passed: AtomicU64,
    failed: AtomicU64,
}

/// Of so many failures each is named; further ones are counted alone.
const NAMED: u64 = 100;
/// So much is shown of one: it may hold a whole log.
const LONGEST: usize = 2000;

impl Checks {
    /// Counts one check; `what` says what was to hold, and what was seen instead.
    pub(crate) fn check(&self, holds: bool, what: impl FnOnce() -> String) -> bool {
        if holds {
            self.0.passed.fetch_add(1, Ordering::Relaxed);
        } else if self.0.failed.fetch_add(1, Ordering::Relaxed) < NAMED {
            println!("FAILED: {}", what().chars().take(LONGEST).collect::<String>());
        }
        holds
    }

    /// Counts one comparison.
    pub(crate) fn equal<T: PartialEq + std::fmt::Debug>(
        &self,
        what: impl Display,
        seen: &T,
        wanted: &T,
    ) -> bool {
        self.check(seen == wanted, || format!("{what}: {seen:?} instead of {wanted:?}"))
    }

    /// How many failed so far.
    pub(crate) fn failed(&self) -> u64 {
        self.0.failed.load(Ordering::Relaxed)
    }

    /// The last line of a section, and whether all is well.
    pub(crate) fn total(&self) -> bool {
        println!("{} passed, {} failed", self.0.passed.load(Ordering::Relaxed), self.failed());
        self.failed() == 0
    }
}

/// A section's markdown, as it grows.
#[derive(Debug, Default)]
pub(crate) struct Report(String);

impl Report {
    pub(crate) fn text(&mut self, text: impl Display) {
        let _ = writeln!(self.0, "{text}\n");
    }

    /// What another one has, after this.
    pub(crate) fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    /// A table. Its cells hold no `|`.
    pub(crate) fn table<R, C>(&mut self, head: &[&str], rows: R)
    where
        R: IntoIterator<Item = Vec<C>>,
        C: Display,
    {
        let _ = writeln!(self.0, "| {} |", head.join(" | "));
        let _ = writeln!(self.0, "|{}", " --- |".repeat(head.len()));
        for row in rows {
            let cells: Vec<_> = row.iter().map(|cell| cell.to_string().replace('|', "/")).collect();
            let _ = writeln!(self.0, "| {} |", cells.join(" | "));
        }
        self.0.push('\n');
    }

    /// Prints it where the frame looks for it.
    pub(crate) fn print(&self) {
        println!("<!-- report -->\n{}\n<!-- /report -->", self.0.trim_end());
    }
}
