//! A server that closes connections at the worst moment: while the client takes one out of its pool.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use infrai::InfraiClient;

use super::{
    KEY, LONG,
    server::{Api, Keep},
};
use crate::report::{Checks, Report};

/// Calls at once: as many connections may be stale at the same time.
const AT_ONCE: usize = 24;

struct Case {
    name: &'static str,
    keep: Keep,
}

const CASES: [Case; 3] = [
    Case {
        name: "closes up to 2 ms after each answer",
        keep: Keep::Closing { within: Duration::from_millis(2), reset: false },
    },
    Case {
        name: "resets up to 2 ms after each answer",
        keep: Keep::Closing { within: Duration::from_millis(2), reset: true },
    },
    Case {
        name: "answers one request a connection, and resets at the first byte of the next",
        keep: Keep::OneAnswer,
    },
];

pub(super) async fn run(
    run: &crate::Run,
    until: Instant,
    checks: &Checks,
    report: &mut Report,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut rows = Vec::new();
    let left = until.saturating_duration_since(Instant::now());
    for (index, case) in CASES.iter().enumerate() {
        let ends = Instant::now() + left / 3;
        let api = Api::plain(case.keep).await?;
        let attempts = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
        let mut random = fastrand::Rng::with_seed(run.seed.wrapping_add(index as u64));
        let (mut calls, mut rounds) = (0_u64, 0);
        let counter = attempts.clone();
        let client = InfraiClient::builder()
            .api_key(KEY)
            .base_url(format!("http://{}", api.addr))
            .retry_base(Duration::from_millis(4))
            .timeout(LONG)
            .attempt_timeout(LONG)
            .connect_timeout(LONG)
            .on_response(move |event| {
                if event.status.is_none() {
                    let mut counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
                    *counter.entry(event.method.to_owned()).or_default() += 1;
                }
            })
            .build()?;
        while rounds < 12 || (run.long && Instant::now() < ends) {
            // Enough connections at once for every attempt of a call to meet a stale one.
            let pauses: Vec<_> = (0..AT_ONCE).map(|_| random.u64(0..2500)).collect();
            let made = join_all(pauses.into_iter().enumerate().map(async |(lane, pause)| {
                tokio::time::sleep(Duration::from_micros(pause)).await;
                let mark = format!("idle-{index}-{rounds}-{lane}");
                if lane % 2 == 0 {
                    let job = client.video().generate("a kite").idempotency_key(&mark).send().await;
                    (mark, true, job)
                } else {
                    let job = client.video().status(&mark).await;
                    (mark, false, job)
                }
            }))
            .await;
            for (mark, generate, job) in made {
                calls += 1;
                let what = if generate { "generate" } else { "status" };
                checks.check(job.as_ref().is_ok_and(|job| job.job_id.as_str() == mark), || {
                    format!("a server that {}: {what} {mark}: {job:?}", case.name)
                });
            }
            rounds += 1;
        }
        let broken = attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let broken = |method: &str| broken.get(method).copied().unwrap_or(0).to_string();
        rows.push(vec![
            case.name.to_owned(),
            calls.to_string(),
            broken("POST"),
            broken("GET"),
            api.connections().to_string(),
        ]);
    }
    report.text(format!(
        "### Connections that close while they are idle\n\n{AT_ONCE} calls at once over one client, half of them `generate` with a key and half \
         `status`, each after a pause of up to 2.5 ms: no error reached a caller."
    ));
    report.table(&["the server", "calls", "attempts lost, POST", "attempts lost, GET", "connections"], rows);
    Ok(())
}
