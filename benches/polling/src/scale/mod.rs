//! Ten thousand waits at once in one process, with the server in another: memory, requests, gaps, processor time while idle.

mod memory;
pub(crate) mod server;

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use infrai::{InfraiClient, PollingOptions};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::table::Table;

/// Settings of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Waits at once.
    pub(crate) jobs: usize,
    /// The limits: requests per second, and at once.
    pub(crate) rate: u32,
    pub(crate) concurrency: usize,
}

/// Longest pause of the policy in this test, in seconds. The rest of a gap is queueing.
const LONGEST_PAUSE: f64 = 5.0;
/// Length of the measurement while idle, in seconds.
const IDLE: u64 = 5;
/// Memory goal, in bytes per job.
const MEMORY_GOAL: f64 = 6000.0;

type Anything<T> = Result<T, Box<dyn std::error::Error>>;

/// The server process.
struct Server {
    _process: Child,
    address: String,
}

impl Server {
    async fn start(jobs: usize, median: f64) -> Anything<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", &jobs.to_string(), &median.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = process.stdout.take().ok_or("the server has no output")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address).await?;
        Ok(Self { _process: process, address: format!("http://{}", address.trim()) })
    }

    fn client(&self, options: PollingOptions) -> infrai::Result<InfraiClient> {
        InfraiClient::builder()
            .base_url(&self.address)
            .api_key("ifr_pk_proj_0123456789abcdefghijklmnopqrstuv")
            .polling(options)
            .build()
    }

    async fn seen(&self) -> Anything<Value> {
        let client = self.client(PollingOptions::default())?;
        Ok(client.request("GET", "/v1/bench/seen").await?.data)
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

#[allow(clippy::cast_precision_loss, reason = "counts and bytes")]
fn float(value: usize) -> f64 {
    value as f64
}

/// Waits for every job at once, by its id; returns the number of found jobs.
async fn wait_for_all(client: &InfraiClient, jobs: usize) -> usize {
    let waits = (0..jobs).map(|number| client.video().wait(number.to_string()).send());
    join_all(waits).await.iter().filter(|job| job.is_ok()).count()
}

/// Runs the test; returns the table and the missed goals.
pub(crate) fn run(plan: Plan) -> Anything<(Table, Vec<String>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(plan))
}

async fn measure(plan: Plan) -> Anything<(Table, Vec<String>)> {
    let mut options = PollingOptions::default();
    options.max_requests_per_second = f64::from(plan.rate);
    options.concurrency = plan.concurrency;
    let idle = idle(plan, options.clone()).await?;

    options.max_interval = LONGEST_PAUSE;
    let server = Server::start(plan.jobs, 15.0).await?;
    let client = server.client(options)?;
    let (begun, used) = (Instant::now(), memory::processor_time());
    let found = wait_for_all(&client, plan.jobs).await;
    let (took, used) = (begun.elapsed().as_secs_f64(), memory::processor_time() - used);
    let seen = server.seen().await?;
    let requests = number(&seen["requests"]);
    let gap = number(&seen["longest_gap"]);
    let queueing = (gap - 1.1 * LONGEST_PAUSE).max(0.0);
    let round = float(plan.jobs) / f64::from(plan.rate);

    let mut table = Table::new(
        format!("{} waits at once in one Rust process", plan.jobs),
        "A server on loopback, in a process of its own, counts the requests.",
        &["", "measured", "goal"],
    );
    let mut missed = Vec::new();
    let mut row = |what: &str, measured: String, goal: String, met: bool| {
        if !met {
            missed.push(format!("{what}: {measured} instead of {goal}"));
        }
        table.row([what.to_owned(), measured, goal]);
    };
    let bytes = |bytes: f64| format!("{bytes:.0} bytes");
    row(
        "memory per job, resident",
        bytes(idle.resident),
        format!("≤ {}", bytes(MEMORY_GOAL)),
        idle.resident <= MEMORY_GOAL,
    );
    row(
        "memory per job, allocated",
        bytes(idle.allocated),
        format!("≤ {}", bytes(MEMORY_GOAL)),
        idle.allocated <= MEMORY_GOAL,
    );
    row(
        "CPU of a core while idle",
        format!("{:.2} %", 100.0 * idle.share),
        "< 2 %".to_owned(),
        idle.share < 0.02,
    );
    row("jobs found", found.to_string(), plan.jobs.to_string(), found == plan.jobs);
    let most = number(&seen["most_in_a_second"]);
    row(
        "requests in any one second, at most",
        format!("{most}"),
        format!("≤ {}", plan.rate),
        most <= f64::from(plan.rate),
    );
    let at_once = number(&seen["most_at_once"]);
    row(
        "requests at once, at most",
        format!("{at_once}"),
        format!("≤ {}", plan.concurrency),
        at_once <= float(plan.concurrency),
    );
    row(
        "longest time between two polls of one job",
        format!("{gap:.1} s"),
        format!("≤ {:.1} s", 1.3 * round + 1.1 * LONGEST_PAUSE),
        gap <= 1.3 * round + 1.1 * LONGEST_PAUSE,
    );
    row(
        "queueing in it (the policy pauses for 5.5 s at most)",
        format!("{queueing:.1} s"),
        format!("≤ {:.1} s", 1.3 * round),
        queueing <= 1.3 * round,
    );
    row("requests per job", format!("{:.1}", requests / float(plan.jobs)), String::new(), true);
    row("seconds in all", format!("{took:.1}"), String::new(), true);
    row("processor time per request", format!("{:.0} µs", 1e6 * used / requests), String::new(), true);
    Ok((table, missed))
}

struct Idle {
    resident: f64,
    allocated: f64,
    share: f64,
}

/// Measures ten thousand idle waits: every job was polled once, and its next poll is far away.
async fn idle(plan: Plan, mut options: PollingOptions) -> Anything<Idle> {
    options.min_interval = 600.0;
    options.max_interval = 600.0;
    let server = Server::start(plan.jobs, 1e6).await?;
    let client = server.client(options)?;
    // Connections, TLS roots and buffers of the client do not count.
    let video = client.video();
    join_all((0..plan.concurrency).map(|_| video.status("0"))).await;
    let before = (memory::resident(), memory::allocated());
    let waits = wait_for_all(&client, plan.jobs);
    let watch = async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if number(&server.seen().await?["polled"]) >= float(plan.jobs) {
                break;
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let after = (memory::resident(), memory::allocated());
        let used = memory::processor_time();
        tokio::time::sleep(Duration::from_secs(IDLE)).await;
        #[allow(clippy::cast_precision_loss, reason = "a few seconds")]
        let share = (memory::processor_time() - used) / IDLE as f64;
        let each = |before: usize, after: usize| float(after.saturating_sub(before)) / float(plan.jobs);
        Ok(Idle { resident: each(before.0, after.0), allocated: each(before.1, after.1), share })
    };
    tokio::pin!(waits);
    tokio::select! {
        found = &mut waits => Err(format!("{found} jobs ended that never end").into()),
        idle = watch => idle,
    }
}
