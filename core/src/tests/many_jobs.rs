//! Tests of many concurrent jobs on a paused clock: rate limit, concurrency limit, fairness, batches.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, future::join_all};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    ErrorKind, InfraiClient,
    polling::{Action, JobKey, PollResult, PollingOptions, Scheduler},
    script::{self, MockResponse, Script, failure, job, ok, plain},
    video::GenerateManyItem,
};

const SECOND: Duration = Duration::from_secs(1);

/// Returns a client whose server has jobs of these durations, all of which start now.
fn many(durations: Vec<f64>, options: PollingOptions, latency: Duration) -> (InfraiClient, Arc<Script>) {
    let begun = Instant::now();
    let builder = InfraiClient::builder().base_url("http://localhost:1").polling(options);
    script::client(builder, move |_, request| -> MockResponse {
        let id = request.url.path().rsplit('/').next().unwrap();
        let done = begun.elapsed().as_secs_f64() >= durations[id.parse::<usize>().unwrap()];
        ok(&json!({"job_id": id, "state": if done { "succeeded" } else { "running" }})).after(latency)
    })
}

#[tokio::test(start_paused = true)]
async fn many_jobs_share_the_rate_and_none_starves() {
    let durations: Vec<f64> = (0..500).map(|n| 20.0 + f64::from(n % 50) * 4.0).collect();
    let (client, script) = many(durations, PollingOptions::default(), SECOND / 10);
    let waits = (0..500).map(|n| {
        let client = client.clone();
        async move { client.video().wait(n.to_string()).await }
    });
    assert!(join_all(waits).await.iter().all(Result::is_ok), "every job is found");
    let received = script.requests();
    let times: Vec<_> = received.iter().map(|request| request.at.as_secs_f64()).collect();
    assert!(times.windows(21).all(|window| window[20] - window[0] >= 0.999), "more than 20 per second");
    assert!(script.max_in_flight.load(Ordering::SeqCst) <= 32);
    let mut last = std::collections::HashMap::new();
    let mut longest = 0.0_f64;
    for poll in &received {
        if let Some(before) = last.insert(poll.path().to_owned(), poll.at.as_secs_f64()) {
            longest = longest.max(poll.at.as_secs_f64() - before);
        }
    }
    assert!(longest < 1.3 * 500.0 / 20.0, "one job was not polled for {longest} s");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_waits_share_the_rate_fairly() {
    let (count, rate, longest) = (10_000_u32, 2000.0, 3.0);
    let options = PollingOptions {
        max_requests_per_second: rate,
        concurrency: 64,
        max_interval: longest,
        ..PollingOptions::default()
    };
    let durations = (0..count).map(|n| 6.0 + f64::from(n % 50) * 0.2).collect();
    let (client, script) = many(durations, options, SECOND / 100);
    let waits = (0..count).map(|n| client.video().wait(n.to_string()).send());
    assert!(join_all(waits).await.iter().all(Result::is_ok), "every job is found");
    let received = script.requests();
    let times: Vec<_> = received.iter().map(|request| request.at.as_secs_f64()).collect();
    assert!(times.windows(2001).all(|window| window[2000] - window[0] >= 1.0), "more than {rate} per second");
    assert!(script.max_in_flight.load(Ordering::SeqCst) <= 64);
    let mut last = std::collections::HashMap::new();
    let gap = |poll: &script::Received| {
        let at = poll.at.as_secs_f64();
        at - last.insert(poll.path().to_owned(), at).unwrap_or(0.0)
    };
    let gap = received.iter().map(gap).fold(0.0, f64::max);
    let round = f64::from(count) / rate;
    assert!(gap <= 1.3 * round + 1.1 * longest, "one job was not polled for {gap} s");
}

#[tokio::test(start_paused = true)]
async fn observed_jobs_share_the_rate_and_none_starves() {
    let options = PollingOptions { expected_duration: 36_000.0, ..PollingOptions::default() };
    let durations: Vec<f64> = (0..400).map(|n| 100.0 + f64::from(n)).collect();
    let (client, script) = many(durations, options, SECOND / 10);
    let waits = (0..400).map(|n| {
        let wait = client.video().wait(n.to_string());
        if n % 4 == 0 { wait.send().boxed() } else { wait.on_update(|_| {}).send().boxed() }
    });
    assert!(join_all(waits).await.iter().all(Result::is_ok), "every job is found");
    let received = script.requests();
    let times: Vec<_> = received.iter().map(|received| received.at.as_secs_f64()).collect();
    assert!(times.windows(21).all(|window| window[20] - window[0] >= 0.999), "more than 20 per second");
    assert!(script.max_in_flight.load(Ordering::SeqCst) <= 32);
    let mut last = std::collections::HashMap::new();
    for poll in &received {
        let at = poll.at.as_secs_f64();
        let gap = at - last.insert(poll.path().to_owned(), at).unwrap_or(0.0);
        let number: u32 = poll.path().rsplit('/').next().unwrap().parse().unwrap();
        // A round of all jobs is 20 s. A job that is not observed is due after at most 33 s.
        let longest = if number.is_multiple_of(4) { 33.0 + 20.0 } else { 1.3 * 20.0 };
        assert!(gap < longest, "job {number} was not polled for {gap} s");
    }
}

#[tokio::test(start_paused = true)]
async fn the_concurrency_limit_holds() {
    let options =
        PollingOptions { max_requests_per_second: 1000.0, concurrency: 4, ..PollingOptions::default() };
    let (client, script) = many(vec![5.0; 50], options, SECOND);
    let waits = (0..50).map(|n| client.video().wait(n.to_string()).send());
    assert!(join_all(waits).await.iter().all(Result::is_ok));
    assert_eq!(script.max_in_flight.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_429_halves_the_rate_until_it_recovers() {
    let begun = Instant::now();
    let builder = InfraiClient::builder().base_url("http://localhost:1");
    let (client, script) = script::client(builder, move |_, _| {
        let second = begun.elapsed().as_secs();
        match second {
            0..5 => ok(&job("running")),
            5..10 => failure(429, "RATE_LIMIT_USER"),
            _ => ok(&job(if second < 120 { "running" } else { "succeeded" })),
        }
    });
    let waits = (0..200).map(|n| client.video().wait(n.to_string()).send());
    assert!(join_all(waits).await.iter().all(Result::is_ok));
    let between = |from: f64, to: f64| {
        let count = script
            .requests()
            .iter()
            .filter(|received| (from..to).contains(&received.at.as_secs_f64()))
            .count();
        f64::from(u32::try_from(count).unwrap()) / (to - from)
    };
    let (before, during, after) = (between(1.0, 5.0), between(8.0, 10.0), between(60.0, 100.0));
    assert!(before > 18.0 && during < 0.5 * before && after > 18.0, "{before} {during} {after}");
}

#[tokio::test(start_paused = true)]
async fn generate_many_yields_items_as_they_end() {
    let births = Arc::new(std::sync::Mutex::new(std::collections::HashMap::new()));
    let (client, script) = {
        let births = Arc::clone(&births);
        plain(move |_, request| {
            if let Some(body) = &request.body {
                let prompt: serde_json::Value = serde_json::from_slice(body).unwrap();
                let id = prompt["prompt"].as_str().unwrap().to_owned();
                births.lock().unwrap().insert(id.clone(), Instant::now());
                return ok(&json!({"job_id": id, "state": "queued"}));
            }
            let id = request.url.path().rsplit('/').next().unwrap().to_owned();
            let duration: u64 = id.parse().unwrap();
            let state = match births.lock().unwrap()[&id].elapsed().as_secs() {
                age if age < duration => "running",
                _ if duration == 30 => "failed",
                _ => "succeeded",
            };
            ok(&json!({"job_id": id, "state": state}))
        })
    };
    let mut many = client.video().generate_many(["90", "60", "30", "20"]).concurrency(3).key_prefix("batch");
    let mut order = Vec::new();
    while let Some(item) = many.next().await {
        let GenerateManyItem { index, result, .. } = item.unwrap();
        order.push((index, result.map(|job| job.job_id.to_string()).map_err(|error| error.kind())));
    }
    let ok = |id: &str| Ok(id.to_owned());
    assert_eq!(order, [(2, Err(ErrorKind::JobFailed)), (3, ok("20")), (1, ok("60")), (0, ok("90"))]);
    let keys: Vec<_> = script
        .requests()
        .iter()
        .filter_map(|received| received.header("idempotency-key").map(str::to_owned))
        .collect();
    let content = |key: &str| key.strip_prefix("batch-").unwrap().strip_suffix("-0").unwrap().len();
    assert!(keys.iter().all(|key| content(key) == 24), "{keys:?}");
    assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn generate_many_stops_submitting_on_401_and_402() {
    for (status, code) in [(402, "INSUFFICIENT_CREDIT"), (401, "UNAUTHORIZED")] {
        let (client, script) = plain(move |n, request| match (&request.body, n) {
            (Some(_), 0) => ok(&job("queued")),
            (Some(_), _) => failure(status, code),
            _ => ok(&job("succeeded")),
        });
        let mut many = client.video().generate_many(vec!["x"; 6]).concurrency(1);
        let mut results = Vec::new();
        while let Some(item) = many.next().await {
            results.push(item.unwrap().result.map_err(|error| (error.code().to_owned(), error.attempts())));
        }
        assert!(results[0].is_ok() && results.len() == 6);
        assert_eq!(results[1], Err((code.to_owned(), 1)));
        assert!(results[2..].iter().all(|result| *result == Err((code.to_owned(), 0))), "{results:?}");
        assert_eq!(script.requests().iter().filter(|received| received.request.body.is_some()).count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn generate_many_reports_a_panicked_item() {
    let hooked = Arc::new(AtomicUsize::new(0));
    let builder = InfraiClient::builder().base_url("http://localhost:1").on_request(move |_| {
        assert!(hooked.fetch_add(1, Ordering::SeqCst) != 0, "the hook panics");
    });
    let (client, _) = script::client(builder, |_, _| ok(&job("succeeded")));
    let mut many = client.video().generate_many(["a", "b", "c"]).concurrency(1);
    let mut items = Vec::new();
    while let Some(item) = many.next().await {
        let GenerateManyItem { index, result, .. } = item.unwrap();
        items.push((index, result.map_err(|error| error.kind()).map(|job| job.is_success())));
    }
    assert_eq!(items, [(0, Err(ErrorKind::Internal)), (1, Ok(true)), (2, Ok(true))]);
}

#[tokio::test(start_paused = true)]
async fn generate_many_keeps_the_concurrency_limit() {
    let polling = PollingOptions { concurrency: 3, ..Default::default() };
    let builder = InfraiClient::builder().base_url("http://localhost:1").polling(polling);
    let (client, script) = script::client(builder, |_, _| ok(&job("succeeded")).after(SECOND));
    let mut many = client.video().generate_many(["p"; 9]).concurrency(9);
    let mut found = 0;
    while let Some(item) = many.next().await {
        assert!(item.unwrap().result.unwrap().is_success());
        found += 1;
    }
    assert_eq!(found, 9);
    assert_eq!((script.count(), script.max_in_flight.load(Ordering::SeqCst)), (9, 3));
}

/// Runs the scheduler alone on simulated time. Polls take none.
fn simulate(scheduler: &mut Scheduler, seconds: f64, mut poll: impl FnMut(JobKey, f64) -> PollResult) {
    let mut now = 0.0;
    while now < seconds {
        match scheduler.next(now) {
            Action::Poll(key) => {
                let result = poll(key, now);
                scheduler.on_result(key, now, result);
                if result.terminal {
                    scheduler.remove(key);
                }
            }
            Action::SleepUntil(time) => now = time,
            Action::Idle => return,
        }
    }
}

#[test]
fn the_scheduler_needs_no_runtime() {
    let mut scheduler = Scheduler::new(PollingOptions::default(), 1);
    let (short, long) = (scheduler.add(0.0, Some((0.0, "a"))), scheduler.add(0.0, None));
    let mut polls = std::collections::HashMap::new();
    simulate(&mut scheduler, 1000.0, |key, now| {
        *polls.entry(key).or_insert(0) += 1;
        let ended = now >= if key == short { 10.0 } else { 300.0 };
        PollResult { terminal: ended, success: ended, ..PollResult::default() }
    });
    assert!(scheduler.is_empty());
    assert!((3..12).contains(&polls[&short]) && (80..200).contains(&polls[&long]), "{polls:?}");
}

#[test]
fn no_pause_exceeds_a_round_and_a_quarter() {
    let mut scheduler = Scheduler::new(PollingOptions::default(), 7);
    let count = 2_000;
    let keys: std::collections::HashMap<_, _> =
        (0..count).map(|n| (scheduler.add(0.0, Some((0.0, "a"))), 200.0 + f64::from(n) * 0.7)).collect();
    let mut last = std::collections::HashMap::new();
    let mut longest = 0.0_f64;
    simulate(&mut scheduler, 20_000.0, |key, now| {
        longest = longest.max(now - last.insert(key, now).unwrap_or(0.0));
        let duration = keys[&key];
        PollResult {
            terminal: now >= duration,
            success: true,
            progress: Some((now / duration).min(1.0)),
            retry_after: None,
        }
    });
    assert!(scheduler.is_empty());
    let round = f64::from(count) / 20.0;
    assert!(longest <= 1.26 * round, "{longest} with a round of {round}");
}
