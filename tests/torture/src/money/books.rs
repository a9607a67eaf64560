//! What the server's books say: the ledger of an account, and its jobs.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use infrai::{InfraiClient, Result, VideoJob};
use serde_json::Value;

use super::{
    plan::{self, FAIL, Planned, RENDER},
    worker::Made,
};
use crate::report::Checks;

/// An entry of a ledger.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) kind: String,
    pub(super) reference: String,
    pub(super) amount: i64,
    balance: i64,
}

/// An account's ledger, whole.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) entries: Vec<Entry>,
    balance: i64,
}

impl Ledger {
    pub(super) async fn read(client: &InfraiClient) -> Result<Self> {
        let mut ledger = Self::default();
        let mut after = 0;
        loop {
            let page = client
                .request("GET", "/sandbox/ledger")
                .query([("after", after.to_string())])
                .send()
                .await?
                .data;
            ledger.balance = page["balance_micros"].as_i64().unwrap_or(i64::MIN);
            let entries = page["entries"].as_array().cloned().unwrap_or_default();
            let Some(last) = entries.last() else { return Ok(ledger) };
            after = last["seq"].as_i64().unwrap_or(i64::MAX);
            let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let micros = |entry: &Value, name: &str| entry[name].as_i64().unwrap_or(i64::MIN / 4);
            ledger.entries.extend(entries.iter().map(|entry| Entry {
                kind: text(entry, "kind"),
                reference: text(entry, "reference"),
                amount: micros(entry, "amount_micros"),
                balance: micros(entry, "balance_micros"),
            }));
        }
    }

    /// The jobs that were charged, each as often as it was.
    pub(super) fn charged(&self) -> Vec<String> {
        self.of_kind("charge").map(|entry| entry.reference.clone()).collect()
    }

    pub(super) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.kind == kind)
    }

    pub(super) fn sum(&self, kind: &str) -> i64 {
        self.of_kind(kind).map(|entry| entry.amount).sum()
    }
}

/// The jobs of these ids, asked for one by one.
pub(super) async fn jobs(client: &InfraiClient, ids: Vec<String>) -> Result<BTreeMap<String, VideoJob>> {
    stream::iter(ids)
        .map(async |id| client.video().status(id.as_str()).await.map(|job| (id, job)))
        .buffer_unordered(16)
        .try_collect()
        .await
}

/// The call that a job belongs to, by its prompt.
pub(super) fn call_of(job: &VideoJob) -> Option<(usize, usize)> {
    plan::of_prompt(job.fields().get("prompt")?.as_str()?)
}

/// One account at the end: its worker's calls, what came of them, and its jobs.
pub(super) struct Account<'a> {
    pub(super) worker: usize,
    pub(super) planned: &'a [Planned],
    pub(super) made: &'a BTreeMap<usize, Made>,
    /// The job of each call, by number: what the client was told, at once or when it asked again.
    pub(super) told: &'a BTreeMap<usize, String>,
    pub(super) topups: &'a [i64],
}

/// What an account's books add up to.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Sums {
    pub(super) jobs: usize,
    pub(super) charged: i64,
    pub(super) refunded: i64,
    pub(super) balance: i64,
}

/// Checks an account's books against what was asked for and what was told.
pub(super) async fn audit(client: &InfraiClient, account: &Account<'_>, checks: &Checks) -> Result<Sums> {
    let Account { worker, planned, made, told, topups } = *account;
    let ledger = Ledger::read(client).await?;
    let charged = ledger.charged();
    let jobs = jobs(client, charged.clone()).await?;
    let name = |number: usize| format!("worker {worker}, call {number}");

    // One charge a call, each for a job of its own, of the amount that the price list says.
    checks.equal(format!("worker {worker}: charges"), &charged.len(), &planned.len());
    checks.equal(format!("worker {worker}: jobs that were charged"), &jobs.len(), &charged.len());
    let mut of_call = BTreeMap::new();
    for (id, job) in &jobs {
        match call_of(job) {
            Some((of, number)) if of == worker && number < planned.len() => {
                let other = of_call.insert(number, id.clone());
                checks.check(other.is_none(), || format!("{}: two jobs, {other:?} and {id}", name(number)));
            }
            call => {
                checks.check(false, || format!("worker {worker}: its job {id} belongs to {call:?}"));
            }
        }
    }
    for (number, planned) in planned.iter().enumerate() {
        let id = of_call.get(&number);
        checks.check(id.is_some() && told.get(&number) == id, || {
            format!("{}: the client was told of {:?}, the books have {id:?}", name(number), told.get(&number))
        });
        let Some((id, job)) = id.and_then(|id| Some((id, jobs.get(id)?))) else { continue };
        let amounts = |kind: &str| -> Vec<_> {
            ledger.of_kind(kind).filter(|entry| entry.reference == *id).map(|entry| entry.amount).collect()
        };
        checks.equal(
            format!("{}: its charge", name(number)),
            &amounts("charge"),
            &vec![-planned.cost_micros()],
        );
        let state = job.state.as_str();
        let back =
            if matches!(state, "failed" | "cancelled") { vec![planned.cost_micros()] } else { Vec::new() };
        checks.equal(
            format!("{}: what came back for a job that is {state}", name(number)),
            &amounts("refund"),
            &back,
        );
        let ended = match planned.model.as_str() {
            FAIL => state == "failed",
            RENDER => state == "succeeded",
            _ => matches!(state, "queued" | "running" | "cancelled"),
        };
        checks.check(ended, || format!("{}: a job of {} is {state}", name(number), planned.model));
        // What `cancel` said is so.
        match made.get(&number).and_then(|made| made.cancelled.as_ref()) {
            Some(Ok(ok)) => {
                checks.check(*ok == (state == "cancelled"), || {
                    format!("{}: cancel said ok: {ok}, and the job is {state}", name(number))
                });
            }
            Some(Err(failure)) => {
                checks.check(failure.may_have_been_processed || state != "cancelled", || {
                    format!("{}: cancelled by a call that denies it: {failure:?}", name(number))
                });
            }
            None => {
                checks.check(state != "cancelled", || format!("{}: cancelled by nobody", name(number)));
            }
        }
    }

    // What is there is what there was, less what was charged, to the micro-dollar.
    let mut running = 0;
    for entry in &ledger.entries {
        running += entry.amount;
        if running != entry.balance {
            checks
                .check(false, || format!("worker {worker}: the balance after {entry:?} should be {running}"));
        }
    }
    checks.equal(format!("worker {worker}: the balance"), &ledger.balance, &running);
    let kept: Vec<_> = ledger.of_kind("topup").map(|entry| entry.amount).collect();
    checks.equal(format!("worker {worker}: topups"), &kept, &topups.to_vec());
    let others = ledger.entries.len() - charged.len() - ledger.of_kind("refund").count() - kept.len();
    checks.equal(
        format!("worker {worker}: other entries than the trial's"),
        &(others - ledger.of_kind("trial").count()),
        &0,
    );
    let asked: i64 = planned.iter().map(Planned::cost_micros).sum();
    let sums = Sums {
        jobs: jobs.len(),
        charged: -ledger.sum("charge"),
        refunded: ledger.sum("refund"),
        balance: ledger.balance,
    };
    checks.equal(format!("worker {worker}: the sum of its charges"), &sums.charged, &asked);
    let left = ledger.sum("trial") + topups.iter().sum::<i64>() - sums.charged + sums.refunded;
    checks.equal(format!("worker {worker}: what is left"), &sums.balance, &left);
    #[allow(clippy::cast_possible_truncation, reason = "whole micro-dollars, far below 2^53")]
    let shown = (client.account().balance().await?.balance_usd * 1e6).round() as i64;
    checks.equal(format!("worker {worker}: the balance that it is told"), &shown, &sums.balance);
    Ok(sums)
}
