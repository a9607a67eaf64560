//! Tables of the simulation: jobs, polling strategies, and goals.

use std::thread;

use crate::{
    alone::{Looking, equal_fixed, wait_for},
    jobs::{Job, Lengths, Progress},
    numbers::{Summary, mean},
    shared::{self, Order, Outcome},
    table::Table,
};

/// Size of a simulation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Jobs per cell.
    pub(crate) jobs: usize,
    /// Number of repetitions with other jobs.
    pub(crate) seeds: u64,
}

/// Result of a simulation.
pub(crate) struct Report {
    tables: Vec<Table>,
    /// The missed goals.
    pub(crate) missed: Vec<String>,
}

impl Report {
    /// Returns all tables as text.
    pub(crate) fn text(&self, markdown: bool) -> String {
        self.tables.iter().map(|table| table.text(markdown)).collect::<Vec<_>>().join("\n")
    }
}

/// Standard deviation of the logarithms of lengths within one kind of job.
const SIGMA: f64 = 0.5;
/// The default request cost.
pub(crate) const PRICE: f64 = 0.05;

const fn around(median: f64) -> Lengths {
    Lengths::LogNormal { median, sigma: SIGMA }
}

/// Distributions of lengths with goals.
const NAMED: [(&str, Lengths); 5] = [
    ("8 s", around(8.0)),
    ("40 s", around(40.0)),
    ("180 s", around(180.0)),
    ("12 or 150 s", Lengths::Bimodal),
    ("40 s, 2 % stuck", Lengths::Stuck { median: 40.0, sigma: SIGMA, share: 0.02 }),
];

/// Other distributions of lengths.
const OTHERS: [(&str, Lengths); 8] = [
    ("60 s ± 5 %", Lengths::Narrow { around: 60.0, share: 0.05 }),
    ("lognormal 40 s, σ 0.25", Lengths::LogNormal { median: 40.0, sigma: 0.25 }),
    ("lognormal 40 s, σ 0.7", Lengths::LogNormal { median: 40.0, sigma: 0.7 }),
    ("lognormal 40 s, σ 1", Lengths::LogNormal { median: 40.0, sigma: 1.0 }),
    ("lognormal 1000 s, σ 0.3", Lengths::LogNormal { median: 1000.0, sigma: 0.3 }),
    ("Weibull 60 s, shape 1.5", Lengths::Weibull { scale: 60.0, shape: 1.5 }),
    ("uniform 20 to 200 s", Lengths::Uniform { from: 20.0, to: 200.0 }),
    ("Pareto from 20 s, tail 1.5", Lengths::Pareto { least: 20.0, tail: 1.5 }),
];

/// Other kinds of progress.
const PROGRESS: [(&str, Progress); 9] = [
    ("exact", Progress::Linear),
    ("± 5 percent points of noise", Progress::Noisy),
    ("in steps of 10 %", Progress::Tenths),
    ("0, then 50 %, then 100 %", Progress::Halves),
    ("99 % after six tenths, then still", Progress::Stalling),
    ("half of the time queued at 0", Progress::Queueing),
    ("slower and slower", Progress::Slowing),
    ("faster and faster", Progress::Quickening),
    ("invented, by the clock", Progress::Invented),
];

const PEERS: [(&str, Looking); 5] = [
    ("0.1 s (fal)", Looking::Fixed { pause: 0.1, jitter: 0.0 }),
    ("0.5 s (Replicate)", Looking::Fixed { pause: 0.5, jitter: 0.0 }),
    ("1 s (OpenAI)", Looking::Fixed { pause: 1.0, jitter: 0.0 }),
    ("6 ± 1.5 s (Runway)", Looking::Fixed { pause: 6.0, jitter: 1.5 }),
    ("1 s × 1.5 up to 10 s", Looking::Backoff { first: 1.0, factor: 1.5, most: 10.0 }),
];

const fn core(history: usize) -> Looking {
    Looking::Core { price: PRICE, history, factor: 1.0 }
}

const fn misled(factor: f64) -> Looking {
    Looking::Core { price: PRICE, history: 20, factor }
}

/// The simulation of one cell of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) lengths: Lengths,
    pub(crate) progress: Progress,
    pub(crate) looking: Looking,
}

/// Results of a cell, one item per seed: the figures, the lateness of the fixed interval that makes as many requests, and
/// their ratio.
#[derive(Debug, Default)]
pub(crate) struct Results {
    summaries: Vec<Summary>,
    equal: Vec<f64>,
    ratios: Vec<f64>,
}

impl Results {
    pub(crate) fn mean(&self, of: impl Fn(&Summary) -> f64) -> f64 {
        mean(&self.summaries.iter().map(of).collect::<Vec<_>>())
    }

    fn worst(&self) -> f64 {
        self.ratios.iter().copied().fold(0.0, f64::max)
    }

    fn ratio(&self) -> String {
        let least = self.ratios.iter().copied().fold(f64::INFINITY, f64::min);
        format!("{:.2} ({least:.2}–{:.2})", mean(&self.ratios), self.worst())
    }
}

/// Simulates every cell, on one thread per processor.
pub(crate) fn simulate(cells: &[Cell], settings: Settings) -> Vec<Results> {
    let one = |cell: &Cell| {
        let mut results = Results::default();
        for seed in 1..=settings.seeds {
            let mut random = fastrand::Rng::with_seed(seed);
            let jobs: Vec<Job> =
                (0..settings.jobs).map(|_| Job::draw(cell.lengths, cell.progress, &mut random)).collect();
            let summary = wait_for(cell.looking, cell.lengths, &jobs, seed + 1000).summary();
            let equal = equal_fixed(summary.requests, &jobs);
            results.equal.push(equal);
            results.ratios.push(summary.late[0] / equal);
            results.summaries.push(summary);
        }
        results
    };
    parallel(cells, one)
}

fn parallel<T: Sync, R: Send>(items: &[T], one: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut results: Vec<Vec<R>> = thread::scope(|scope| {
        let work = |first: usize| {
            let one = &one;
            scope.spawn(move || items.iter().skip(first).step_by(threads).map(one).collect::<Vec<_>>())
        };
        let running: Vec<_> = (0..threads).map(work).collect();
        running.into_iter().map(|thread| thread.join().expect("a simulation does not panic")).collect()
    });
    for results in &mut results {
        results.reverse();
    }
    (0..items.len()).map(|item| results[item % threads].pop().expect("one result an item")).collect()
}

/// Runs all simulations.
pub(crate) fn make(settings: Settings) -> Report {
    let mut report = Report { tables: Vec::new(), missed: Vec::new() };
    goals(settings, &mut report);
    shared_budget(settings, &mut report);
    wrong_history(settings, &mut report);
    other_lengths(settings, &mut report);
    other_progress(settings, &mut report);
    details(settings, &mut report);
    report
}

fn goals(settings: Settings, report: &mut Report) {
    let columns: [(&str, Progress, usize, Option<f64>); 7] = [
        ("nothing known", Progress::None, 0, Some(1.05)),
        ("5 lengths", Progress::None, 5, None),
        ("20 lengths", Progress::None, 20, Some(0.8)),
        ("100 lengths", Progress::None, 100, Some(0.8)),
        ("progress", Progress::Usual, 0, Some(0.5)),
        ("progress, 5 lengths", Progress::Usual, 5, Some(0.5)),
        ("progress, 20 lengths", Progress::Usual, 20, Some(0.5)),
    ];
    let cells: Vec<Cell> = NAMED
        .iter()
        .flat_map(|&(_, lengths)| {
            columns.map(|(_, progress, history, _)| Cell { lengths, progress, looking: core(history) })
        })
        .collect();
    let results = simulate(&cells, settings);
    let mut table = Table::new(
        "Mean lateness, relative to a fixed interval that makes as many requests",
        format!("Mean (least–most) over {} seeds of {} jobs each.", settings.seeds, settings.jobs),
        &[&["jobs of"], &columns.map(|column| column.0)[..]].concat(),
    );
    for (&(name, _), results) in NAMED.iter().zip(results.chunks(columns.len())) {
        table.row([name.to_owned()].into_iter().chain(results.iter().map(Results::ratio)));
        for (result, (what, _, _, goal)) in results.iter().zip(columns) {
            if let Some(goal) = goal.filter(|goal| result.worst() > *goal) {
                report
                    .missed
                    .push(format!("{name}, {what}: {:.3} instead of {goal} at most", result.worst()));
            }
        }
    }
    let goal = |goal: Option<f64>| goal.map_or(String::new(), |goal| format!("≤ {goal}"));
    table.row(["goal".to_owned()].into_iter().chain(columns.map(|column| goal(column.3))));
    report.tables.push(table);
}

fn ratios_by(
    report: &mut Report,
    settings: Settings,
    (title, note, first): (&str, &str, &str),
    rows: &[(&str, Vec<Cell>)],
    columns: &[&str],
) {
    let cells: Vec<Cell> = rows.iter().flat_map(|row| row.1.iter().copied()).collect();
    let results = simulate(&cells, settings);
    let mut table = Table::new(title, note, &[&[first], columns].concat());
    for ((name, _), results) in rows.iter().zip(results.chunks(columns.len())) {
        let cell = |results: &Results| {
            let (requests, late) = (results.mean(|s| s.requests), results.mean(|s| s.late[0]));
            format!("{requests:.1}; {late:.2} s; {:.2}", mean(&results.ratios))
        };
        table.row([(*name).to_owned()].into_iter().chain(results.iter().map(cell)));
    }
    report.tables.push(table);
}

const EACH: &str = "Each cell: requests per job; mean lateness; its ratio to the fixed interval that makes as many requests.";

fn wrong_history(settings: Settings, report: &mut Report) {
    let rows: Vec<_> = NAMED
        .iter()
        .map(|&(name, lengths)| {
            let cell = |progress, factor| Cell { lengths, progress, looking: misled(factor) };
            let cells = [Progress::None, Progress::Usual]
                .into_iter()
                .flat_map(|progress| [1.0, 0.5, 2.0].map(|factor| cell(progress, factor)))
                .collect();
            (name, cells)
        })
        .collect();
    let columns = ["true", "half", "double", "true, progress", "half, progress", "double, progress"];
    ratios_by(
        report,
        Settings { seeds: 1, ..settings },
        ("Misleading earlier lengths", EACH, "jobs of"),
        &rows,
        &columns,
    );
}

fn other_lengths(settings: Settings, report: &mut Report) {
    let rows: Vec<_> = OTHERS
        .iter()
        .map(|&(name, lengths)| {
            let cell = |progress, history| Cell { lengths, progress, looking: core(history) };
            let none = [0, 20, 100].map(|history| cell(Progress::None, history));
            let some = [0, 20].map(|history| cell(Progress::Usual, history));
            (name, [&none[..], &some[..]].concat())
        })
        .collect();
    let columns = ["nothing known", "20 lengths", "100 lengths", "progress", "progress, 20 lengths"];
    ratios_by(report, Settings { seeds: 1, ..settings }, ("Other lengths", EACH, "jobs"), &rows, &columns);
}

fn other_progress(settings: Settings, report: &mut Report) {
    let rows: Vec<_> = PROGRESS
        .iter()
        .map(|&(name, progress)| {
            let cell = |lengths, history| Cell { lengths, progress, looking: core(history) };
            let lengths = [NAMED[1].1, NAMED[2].1, NAMED[3].1];
            (
                name,
                [lengths.map(|lengths| cell(lengths, 0)), lengths.map(|lengths| cell(lengths, 20))].concat(),
            )
        })
        .collect();
    let columns =
        ["40 s", "180 s", "12 or 150 s", "40 s, 20 lengths", "180 s, 20 lengths", "12 or 150 s, 20 lengths"];
    ratios_by(
        report,
        Settings { seeds: 1, ..settings },
        ("Other progress", EACH, "progress"),
        &rows,
        &columns,
    );
}

fn details(settings: Settings, report: &mut Report) {
    let settings = Settings { seeds: settings.seeds.div_ceil(5), ..settings };
    let ours = |name, progress, history| (name, progress, core(history));
    let rows: Vec<(&str, Progress, Looking)> = PEERS
        .iter()
        .map(|&(name, looking)| (name, Progress::None, looking))
        .chain([
            ours("Infrai, nothing known", Progress::None, 0),
            ours("Infrai, 5 lengths", Progress::None, 5),
            ours("Infrai, 20 lengths", Progress::None, 20),
            ours("Infrai, 100 lengths", Progress::None, 100),
            ours("Infrai, progress", Progress::Usual, 0),
            ours("Infrai, progress, 5 lengths", Progress::Usual, 5),
            ours("Infrai, progress, 20 lengths", Progress::Usual, 20),
            ours("Infrai, progress, 100 lengths", Progress::Usual, 100),
        ])
        .collect();
    for (name, lengths) in NAMED {
        let cells: Vec<Cell> =
            rows.iter().map(|&(_, progress, looking)| Cell { lengths, progress, looking }).collect();
        let mut table = Table::new(
            format!("Jobs of {name}"),
            "Lateness from the job's end to its detection, in seconds and as a share of the job's length. \
             Equal: mean lateness of a fixed interval that makes as many requests.",
            &[
                "",
                "requests per job",
                "mean",
                "p50",
                "p95",
                "p99",
                "mean",
                "p50",
                "p95",
                "p99",
                "equal",
                "ratio",
            ],
        );
        for ((name, ..), results) in rows.iter().zip(simulate(&cells, settings)) {
            let seconds = (0..4).map(|n| format!("{:.2}", results.mean(|s| s.late[n])));
            let shares = (0..4).map(|n| format!("{:.1} %", 100.0 * results.mean(|s| s.relative[n])));
            table.row(
                [(*name).to_owned(), format!("{:.1}", results.mean(|s| s.requests))]
                    .into_iter()
                    .chain(seconds)
                    .chain(shares)
                    .chain([format!("{:.2}", mean(&results.equal)), results.ratio()]),
            );
        }
        report.tables.push(table);
    }
}

/// Requests per second that ten thousand jobs share.
const RATE: f64 = 20.0;

fn shared_budget(settings: Settings, report: &mut Report) {
    let kinds: [(&str, Vec<Lengths>); 4] = [
        ("8, 40 and 180 s", vec![around(8.0), around(40.0), around(180.0)]),
        (
            "40, 180 and 1200 s",
            vec![around(40.0), around(180.0), Lengths::LogNormal { median: 1200.0, sigma: 0.3 }],
        ),
        ("300 s, σ 1", vec![Lengths::LogNormal { median: 300.0, sigma: 1.0 }]),
        ("20 minutes", vec![Lengths::LogNormal { median: 1200.0, sigma: 0.3 }]),
    ];
    // The known facts of a job. An order can be better than another only if they differ between jobs.
    let known = [
        ("nothing", Progress::None, 0),
        ("20 lengths", Progress::None, 20),
        ("progress", Progress::Usual, 0),
        ("progress, 20 lengths", Progress::Usual, 20),
    ];
    let orders = [Order::Core, Order::RoundRobin, Order::EarliestDue];
    #[allow(clippy::cast_precision_loss, reason = "a count of jobs")]
    let round = settings.jobs as f64 / RATE;
    let mut runs = Vec::new();
    for (_, kinds) in &kinds {
        for (_, progress, history) in known {
            for order in orders {
                for seed in 1..=settings.seeds.div_ceil(5) {
                    runs.push((order, kinds, progress, history, seed));
                }
            }
        }
    }
    let outcomes = parallel(&runs, |&(order, kinds, progress, history, seed)| {
        shared::run(order, kinds, progress, history, settings.jobs, RATE, seed)
    });
    let mut table = Table::new(
        format!("{} jobs at once, {RATE} requests per second", settings.jobs),
        format!(
            "Each cell: mean lateness; longest time between two polls of one job. A round of all jobs takes {round:.0} s."
        ),
        &["jobs of", "known", "Infrai", "round robin", "earliest due first"],
    );
    let seeds = usize::try_from(settings.seeds.div_ceil(5)).unwrap_or(1);
    let mut cells = outcomes.chunks(seeds).map(|seeds| {
        let all = |of: fn(&Outcome) -> f64| seeds.iter().map(of).collect::<Vec<_>>();
        (mean(&all(|outcome| outcome.late)), all(|outcome| outcome.gap).into_iter().fold(0.0, f64::max))
    });
    for (name, kinds) in &kinds {
        for (what, ..) in known {
            let row: Vec<(f64, f64)> = cells.by_ref().take(orders.len()).collect();
            let cell = |(late, gap): &(f64, f64)| format!("{late:.0} s; {gap:.0} s");
            table.row([(*name).to_owned(), what.to_owned()].into_iter().chain(row.iter().map(cell)));
            let of = format!("{} jobs at once, {name}, {what} known", settings.jobs);
            if row[0].1 > 1.3 * round {
                report.missed.push(format!("{of}: {:.0} s between two polls of one job", row[0].1));
            }
            // If jobs do not differ, any order is as good.
            let apart = what.starts_with("progress") || (what != "nothing" && kinds.len() > 1);
            if apart && row[0].0 >= row[1].0.min(row[2].0) {
                report.missed.push(format!("{of}: {:.0} s late", row[0].0));
            }
        }
    }
    report.tables.push(table);
}
