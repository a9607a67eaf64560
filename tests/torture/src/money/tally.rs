//! What was done and seen, for the report.

use std::collections::BTreeMap;

use super::{
    books::Sums,
    worker::{Failure, Made},
    workers::Kind,
};
use crate::report::{Checks, Report};

/// How many calls failed in a way, and what had become of them.
#[derive(Debug, Default, Clone, Copy)]
struct Fate {
    open_charged: u64,
    open_not: u64,
    denied_charged: u64,
    denied_not: u64,
}

/// Over all rounds.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) rounds: u32,
    pub(super) kills: usize,
    pub(super) workers_killed: usize,
    /// Calls that were made again, and how many of those had been charged before.
    pub(super) again: u64,
    pub(super) same: u64,
    /// Calls that a killed client had made before, and that failed for certain when its successor made them.
    pub(super) earlier: u64,
    made: u64,
    returned: u64,
    attempts: u64,
    cancelled: u64,
    fates: BTreeMap<String, Fate>,
    jobs: usize,
    charged: i64,
    refunded: i64,
    balance: i64,
}

impl Tally {
    /// A call that ended.
    pub(super) fn made(&mut self, made: &Made) {
        self.made += 1;
        self.returned += u64::from(made.job.is_some());
        self.cancelled += u64::from(made.cancelled.is_some());
        self.attempts += made.error.as_ref().map_or(0, |failure| u64::from(failure.attempts));
    }

    /// A call that failed, and whether the books have it.
    pub(super) fn failed(&mut self, failure: &Failure, charged: bool) {
        let fate = self.fates.entry(format!("{} `{}`", failure.kind, failure.code)).or_default();
        let count = match (failure.may_have_been_processed, charged) {
            (true, true) => &mut fate.open_charged,
            (true, false) => &mut fate.open_not,
            (false, true) => &mut fate.denied_charged,
            (false, false) => &mut fate.denied_not,
        };
        *count += 1;
    }

    pub(super) fn add(&mut self, sums: Sums) {
        self.jobs += sums.jobs;
        self.charged += sums.charged;
        self.refunded += sums.refunded;
        self.balance += sums.balance;
    }

    /// A run that met no trouble would show nothing.
    pub(super) fn coverage(&self, checks: &Checks) {
        let all = |count: fn(&Fate) -> u64| self.fates.values().map(count).sum::<u64>();
        for (count, what) in [
            (self.returned, "calls that returned a job"),
            (all(|fate| fate.open_charged), "failed calls that had been charged"),
            (all(|fate| fate.open_not), "failed calls that may have been, and were not"),
            (all(|fate| fate.denied_not), "failed calls that cannot have been"),
            (self.same, "calls made again that had been charged"),
            (self.cancelled, "cancelled jobs"),
        ] {
            checks.check(count > 0, || format!("the run has no {what}"));
        }
    }

    pub(super) fn write(&self, kinds: &[Kind], report: &mut Report) {
        let Self { rounds, kills, workers_killed, made, returned, jobs, .. } = self;
        report.text("## Money");
        let mut languages = BTreeMap::new();
        for kind in kinds {
            *languages.entry(kind.language.name()).or_insert(0) += 1;
        }
        let languages: Vec<_> =
            languages.iter().map(|(name, count)| format!("{count} with {name}")).collect();
        let over_chaos = kinds.iter().filter(|kind| kind.chaos).count();
        report.text(format!(
            "{} processes ({}) make `generate` calls against a sandbox of which three answers in ten are spoilt: 503, \
             429, a connection dropped before or after the request is processed, a body cut off, an answer delayed to about the \
             attempt's timeout or beyond. {over_chaos} of them reach it over a network that resets, closes, slices and delays besides. The sandbox is \
             killed (SIGKILL) and started again on the same folder, one client too; one account runs out of money. Then the ledger is read: every \
             call has one job, every job one charge, of the price list's amount; every answer that was given is true.",
            kinds.len(),
            languages.join(", "),
        ));
        let dollars = |micros: i64| format!("${}.{:06}", micros / 1_000_000, micros % 1_000_000);
        report.table(
            &["what", "how much"],
            [
                vec!["rounds, each on a fresh sandbox".to_owned(), rounds.to_string()],
                vec!["`generate` calls, those of killed clients included".to_owned(), made.to_string()],
                vec!["of these returned a job".to_owned(), returned.to_string()],
                vec![
                    "of these failed (attempts of theirs)".to_owned(),
                    format!("{} ({})", made - returned, self.attempts),
                ],
                vec!["sandbox killed while calls were under way".to_owned(), kills.to_string()],
                vec!["client killed and started over with its keys".to_owned(), workers_killed.to_string()],
                vec!["jobs cancelled over the same network".to_owned(), self.cancelled.to_string()],
                vec![
                    "calls to make the failed ones again, with the error's key".to_owned(),
                    self.again.to_string(),
                ],
                vec![
                    "of those, charged before: got the same job, no second charge".to_owned(),
                    self.same.to_string(),
                ],
                vec![
                    "calls charged to a client before it was killed, that failed for its successor"
                        .to_owned(),
                    self.earlier.to_string(),
                ],
                vec!["distinct calls, and jobs in the ledger".to_owned(), jobs.to_string()],
                vec!["charged".to_owned(), dollars(self.charged)],
                vec!["given back for failed and cancelled jobs".to_owned(), dollars(self.refunded)],
                vec!["left in the wallets, as the sum demands".to_owned(), dollars(self.balance)],
            ],
        );
        report.text("What the failed calls said of themselves, and what the ledger said when all had ended (the second column must be empty):");
        let rows = self.fates.iter().map(|(name, fate)| {
            vec![
                name.clone(),
                fate.denied_charged.to_string(),
                fate.denied_not.to_string(),
                fate.open_charged.to_string(),
                fate.open_not.to_string(),
            ]
        });
        report.table(
            &[
                "error",
                "cannot have been processed: charged",
                "not charged",
                "may have been processed: charged",
                "not charged",
            ],
            rows,
        );
    }
}
