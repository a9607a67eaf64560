//! Every fault at every stage of a request: what the caller is told, and whether it is true.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use infrai::{ErrorKind, InfraiClient, InfraiError};

use super::{
    KEY, LONG,
    server::{Api, Keep},
};
use crate::{
    report::{Checks, Report},
    wire::{Chaos, Fault, Stage},
};

/// How many cells are played side by side.
const TOGETHER: usize = 48;
/// After so long a silence an attempt ends.
const PATIENCE: Duration = Duration::from_secs(6);
/// More than this is not tried.
const MOST_PATIENCE: Duration = Duration::from_secs(50);
/// A body that no socket's buffers hold.
const LARGE: usize = 3_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Call {
    Generate,
    Status,
}

/// One case: what breaks, where, and whether for one attempt or for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Cell {
    call: Call,
    stage: Stage,
    fault: Fault,
    always: bool,
}

/// What a caller sees.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    /// A value, at this attempt.
    Value(u32),
    Error {
        kind: ErrorKind,
        attempts: u32,
        may_have_been_processed: bool,
    },
}

impl Outcome {
    fn of(error: &InfraiError) -> Self {
        Self::Error {
            kind: error.kind(),
            attempts: error.attempts(),
            may_have_been_processed: error.may_have_been_processed(),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Value(1) => "ok".to_owned(),
            Self::Value(attempts) => format!("ok at {attempts}"),
            Self::Error { kind, attempts, may_have_been_processed } => {
                format!("{kind} at {attempts}{}", if may_have_been_processed { ", open" } else { "" })
            }
        }
    }
}

impl Cell {
    fn name(self) -> String {
        let Self { call, stage, fault, always } = self;
        let how = if always { "always" } else { "once" };
        format!("{call:?}, {} {}, {how}", fault.name(), stage.name())
    }

    /// Whether the fault meets the client while it still writes.
    fn is_blocked(self) -> bool {
        self.fault.is_hard() && !self.stage.processed()
    }

    /// What must come of it.
    fn expected(self) -> Outcome {
        let harmless = !self.fault.is_hard() || self.stage == Stage::AfterAnswer;
        match (harmless, self.always) {
            (true, _) => Outcome::Value(1),
            (false, false) => Outcome::Value(2),
            (false, true) => Outcome::Error {
                kind: if self.fault == Fault::Silence { ErrorKind::Timeout } else { ErrorKind::Connection },
                attempts: self.attempts(),
                // From the first byte on that left, and never for a call that changes nothing.
                may_have_been_processed: self.call == Call::Generate,
            },
        }
    }

    /// How many attempts there are when all fail.
    fn attempts(self) -> u32 {
        if self.fault == Fault::Silence { 2 } else { 3 }
    }

    /// How many whole requests the server gets.
    fn requests(self) -> u64 {
        let attempts = match self.expected() {
            Outcome::Value(attempts) | Outcome::Error { attempts, .. } => u64::from(attempts),
        };
        match (self.stage.processed() || !self.fault.is_hard(), self.always) {
            (true, _) => attempts,
            (false, true) => 0,
            (false, false) => attempts - 1,
        }
    }
}

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for call in [Call::Generate, Call::Status] {
        for stage in Stage::ALL {
            // A request without a body has no such places.
            if call == Call::Status && matches!(stage, Stage::InBody | Stage::AfterHead) {
                continue;
            }
            for fault in Fault::ALL {
                cells.extend([false, true].map(|always| Cell { call, stage, fault, always }));
            }
        }
    }
    cells
}

/// What all cells share.
struct Table<'a> {
    api: Api,
    checks: &'a Checks,
}

impl Table<'_> {
    /// Plays a cell, and judges it. A silent one again with more patience: on a busy machine a good attempt may take longer
    /// than a little of it, and no patience helps against a fault.
    async fn play(&self, cell: Cell, number: usize, prompt: Arc<str>) -> (Cell, Outcome) {
        let mut patience = PATIENCE;
        let (mut outcome, mut requests);
        loop {
            let mark = format!("cell-{number}-{}", patience.as_secs());
            outcome = self.once(cell, &mark, &prompt, patience).await;
            requests = self.api.seen_at_last(&mark, cell.requests()).await;
            let right = outcome == cell.expected() && requests == cell.requests();
            if right || cell.fault != Fault::Silence || patience > MOST_PATIENCE {
                break;
            }
            println!("again: {}, with more patience than {patience:?}", cell.name());
            patience *= 3;
        }
        let checks = self.checks;
        checks.equal(format!("{} (the outcome)", cell.name()), &outcome, &cell.expected());
        checks.equal(format!("{} (whole requests at the server)", cell.name()), &requests, &cell.requests());
        let denied = matches!(outcome, Outcome::Error { may_have_been_processed: false, .. });
        checks.check(!(denied && requests > 0 && cell.call == Call::Generate), || {
            format!("{}: processed, and the error says that it cannot have been", cell.name())
        });
        (cell, outcome)
    }

    async fn once(&self, cell: Cell, mark: &str, prompt: &str, patience: Duration) -> Outcome {
        let plan = move |connection| (cell.always || connection == 0).then_some((cell.stage, cell.fault));
        let chaos = Chaos::start(self.api.addr, plan).unwrap_or_else(|error| panic!("no network: {error}"));
        call(cell, mark, prompt, chaos.addr, patience).await
    }
}

async fn call(cell: Cell, mark: &str, prompt: &str, addr: SocketAddr, patience: Duration) -> Outcome {
    let answers = Arc::new(Mutex::new(Vec::new()));
    let heard = answers.clone();
    let silent = cell.fault == Fault::Silence && cell.stage != Stage::AfterAnswer;
    let client = InfraiClient::builder()
        .api_key(KEY)
        .base_url(format!("http://{addr}"))
        .attempt_timeout(if silent { patience } else { LONG })
        .connect_timeout(LONG)
        .timeout(2 * LONG)
        .retry_base(Duration::from_millis(2))
        .max_retries(cell.attempts() - 1)
        .on_response(move |event| {
            heard.lock().unwrap_or_else(PoisonError::into_inner).push((event.status, event.latency));
        })
        .build()
        .unwrap_or_else(|error| panic!("a client: {error}"));
    let made = match cell.call {
        Call::Generate => client.video().generate(prompt).idempotency_key(mark).send().await,
        Call::Status => client.video().status(mark).await,
    };
    let answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    let outcome = match &made {
        Ok(job) if job.job_id.as_str() == mark => {
            Outcome::Value(u32::try_from(answers.len()).unwrap_or(u32::MAX))
        }
        Ok(job) => panic!("{}: another's job {}", cell.name(), job.job_id.as_str()),
        Err(error) => Outcome::of(error),
    };
    if outcome != cell.expected() {
        println!("{}: {outcome:?}, after {answers:?}", cell.name());
    }
    outcome
}

/// Plays all cells, in the long form again with bodies of other lengths until the time is over.
pub(super) async fn run(run: &crate::Run, until: Instant, checks: &Checks, report: &mut Report) {
    let api = Api::plain(Keep::Open).await.unwrap_or_else(|error| panic!("a server: {error}"));
    let shared = Table { api, checks };
    let mut random = fastrand::Rng::with_seed(run.seed);
    let (mut number, mut rounds) = (0, 0);
    let mut table = HashMap::new();
    loop {
        let length = if rounds == 0 { 20_000 } else { random.usize(1..190_000) };
        let prompts: [Arc<str>; 2] = ["p".repeat(length).into(), "p".repeat(LARGE).into()];
        let mut cells = cells();
        random.shuffle(&mut cells);
        let first = number;
        number += cells.len();
        let played = stream::iter(cells.into_iter().enumerate())
            .map(|(index, cell)| {
                shared.play(cell, first + index, prompts[usize::from(cell.is_blocked())].clone())
            })
            .buffer_unordered(TOGETHER);
        played
            .for_each(|(cell, outcome)| {
                table.insert(cell, outcome);
                std::future::ready(())
            })
            .await;
        rounds += 1;
        if run.short || Instant::now() >= until {
            break;
        }
    }
    let requests = shared.api.requests();
    report.text(format!(
        "### Every fault at every stage\n\n{number} calls over a network that breaks, {rounds} rounds of {} cases; the server saw \
         {requests} whole requests over {} connections. \
         A cell says what the caller sees when the fault meets the first attempt, and when it meets all of them: `ok`, at which attempt if not \
         the first, or the error's kind and its attempts; *open*: `may_have_been_processed`. A close, a reset or a silence after the whole \
         answer harms nothing.",
        number / rounds,
        shared.api.connections(),
    ));
    for (call, title) in
        [(Call::Generate, "`POST /v1/video/generate`"), (Call::Status, "`GET /v1/video/jobs/{id}`")]
    {
        report.text(title);
        let mut head = vec!["stage"];
        head.extend(Fault::ALL.map(Fault::name));
        let rows = Stage::ALL.iter().filter_map(|stage| {
            let mut row = vec![stage.name().to_owned()];
            for fault in Fault::ALL {
                let cell = |always| table.get(&Cell { call, stage: *stage, fault, always });
                let (once, always) = (cell(false)?.text(), cell(true)?.text());
                row.push(if once == always { once } else { format!("{once}; {always}") });
            }
            Some(row)
        });
        report.table(&head, rows.collect::<Vec<_>>());
    }
}
