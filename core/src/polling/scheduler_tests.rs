//! Tests of the scheduler with many jobs, on simulated time.

use std::collections::{HashMap, HashSet, VecDeque};

use proptest::prelude::*;

use crate::polling::{
    PollingOptions,
    history::History,
    scheduler::{Action, JobKey, PollResult, Scheduler},
};

fn options() -> PollingOptions {
    PollingOptions::default()
}

/// Options with which a job without history and progress is polled every `max_interval` seconds.
fn long_jobs() -> PollingOptions {
    PollingOptions { expected_duration: 36_000.0, ..options() }
}

/// Runs from `from` to `end`. Each poll takes `latency` seconds. `poll` returns its result, or the `Retry-After` of a
/// failure and whether that was a 429.
fn run(
    scheduler: &mut Scheduler,
    from: f64,
    end: f64,
    latency: f64,
    mut poll: impl FnMut(JobKey, f64) -> Result<PollResult, (Option<f64>, bool)>,
) {
    let (mut now, mut in_flight) = (from, VecDeque::new());
    while now < end {
        let until = match scheduler.next(now) {
            Action::Poll(key) => {
                in_flight.push_back((now + latency, key));
                continue;
            }
            Action::SleepUntil(time) => time,
            Action::Idle => f64::INFINITY,
        };
        match in_flight.front().copied().filter(|(at, _)| *at <= until) {
            Some((at, key)) => {
                in_flight.pop_front();
                now = at.max(now);
                match poll(key, now) {
                    Ok(result) => {
                        scheduler.on_result(key, now, result);
                        if result.terminal {
                            scheduler.remove(key);
                        }
                    }
                    Err((retry_after, too_many)) => scheduler.on_error(key, now, retry_after, too_many),
                }
            }
            None if until.is_finite() => now = until.max(now),
            None => return,
        }
    }
}

/// Runs from `from` to `end` and returns the pauses between the polls of each job.
fn pauses(scheduler: &mut Scheduler, from: f64, end: f64) -> HashMap<JobKey, Vec<f64>> {
    let (mut last, mut pauses) = (HashMap::new(), HashMap::<_, Vec<_>>::new());
    run(scheduler, from, end, 0.05, |key, now| {
        if let Some(before) = last.insert(key, now) {
            pauses.entry(key).or_default().push(now - before);
        }
        Ok(PollResult::default())
    });
    pauses
}

fn longest(pauses: &[f64]) -> f64 {
    pauses.iter().copied().fold(0.0, f64::max)
}

fn shortest(pauses: &[f64]) -> f64 {
    pauses.iter().copied().fold(f64::INFINITY, f64::min)
}

#[test]
fn failing_polls_do_not_delay_other_jobs() {
    let mut scheduler = Scheduler::new(options(), 1);
    let keys: Vec<JobKey> = (0..1000).map(|_| scheduler.add(0.0, Some((0.0, "a")))).collect();
    let failing: HashSet<JobKey> = keys[..300].iter().copied().collect();
    let (mut last, mut longest) = (HashMap::new(), 0.0_f64);
    run(&mut scheduler, 0.0, 1200.0, 0.05, |key, now| {
        if failing.contains(&key) {
            return Err((None, false));
        }
        longest = longest.max(now - last.insert(key, now).unwrap_or(0.0));
        Ok(PollResult::default())
    });
    assert_eq!(last.len(), 700, "some jobs were never polled");
    // A round is 50 s, and the bound is 1.25 rounds. The policy's own pause exceeds queueing only with few jobs.
    assert!(longest < 1.3 * 50.0, "{longest}");
}

/// Returns the pause before the first poll of a job of this class.
fn first_pause(scheduler: &mut Scheduler, now: f64, class: &str) -> f64 {
    let key = scheduler.add(now, Some((now, class)));
    let Action::SleepUntil(time) = scheduler.next(now) else { panic!("a poll at once") };
    scheduler.remove(key);
    time - now
}

#[test]
fn durations_of_unobserved_jobs_are_not_recorded() {
    let mut scheduler = Scheduler::new(PollingOptions { jitter: 0.0, ..options() }, 1);
    let without_history = first_pause(&mut scheduler, 0.0, "a");
    let done = |_, _| Ok(PollResult { terminal: true, success: true, ..PollResult::default() });
    for number in 1..=20 {
        // The wait begins ten minutes after the submission: the job may have ended at any time between.
        let now = 10_000.0 * f64::from(number);
        scheduler.add(now, Some((now - 600.0, "a")));
        run(&mut scheduler, now, now + 5.0, 0.05, done);
    }
    assert!((first_pause(&mut scheduler, 1e6, "a") - without_history).abs() < 1e-9);
    // The duration of a job that is polled as the policy plans is recorded.
    scheduler.add(2e6, Some((2e6, "a")));
    run(&mut scheduler, 2e6, 2e6 + 60.0, 0.05, done);
    assert!((first_pause(&mut scheduler, 3e6, "a") - without_history).abs() > 0.01);
}

#[test]
fn no_estimate_from_first_progress_when_start_is_unknown() {
    let polls = |submitted: Option<(f64, &str)>| {
        let (mut scheduler, mut polls) = (Scheduler::new(options(), 1), 0);
        scheduler.add(1000.0, submitted);
        run(&mut scheduler, 1000.0, 1300.0, 0.05, |_, now| {
            polls += 1;
            Ok(PollResult {
                terminal: now >= 1200.0,
                success: true,
                progress: Some(now / 1200.0),
                ..PollResult::default()
            })
        });
        polls
    };
    let (unknown, known) = (polls(None), polls(Some((0.0, "a"))));
    assert!(unknown <= known + 10, "{unknown} polls against {known}");
}

#[test]
fn a_429_with_retry_after_pauses_all_jobs() {
    let mut scheduler = Scheduler::new(options(), 1);
    for _ in 0..500 {
        scheduler.add(0.0, None);
    }
    let mut times = Vec::new();
    run(&mut scheduler, 0.0, 100.0, 0.05, |_, now| {
        times.push(now);
        Err((Some(60.0), true))
    });
    // Only the polls in flight at the first response, and then none for a minute.
    let early = times.iter().filter(|time| **time < 60.0).count();
    assert!(early <= 6, "{early} in the first minute");
}

#[test]
fn least_recently_used_classes_are_evicted() {
    let mut scheduler = Scheduler::new(PollingOptions { jitter: 0.0, ..options() }, 1);
    let without_history = first_pause(&mut scheduler, 0.0, "a");
    for number in 0..1000 {
        scheduler.seed_history(&format!("class {number}"), History::of(&[500.0; 20]));
    }
    assert!(first_pause(&mut scheduler, 0.0, "class 999") > 2.0 * without_history);
    assert!((first_pause(&mut scheduler, 0.0, "class 0") - without_history).abs() < 1e-9);
}

#[test]
fn options_out_of_bounds_are_refused_by_name() {
    type Change = fn(&mut PollingOptions);
    let changes: [(&str, Change); 10] = [
        ("min_interval", |options| options.min_interval = 5e-324),
        ("request_cost", |options| options.request_cost = 1e308),
        ("expected_duration", |options| options.expected_duration = f64::INFINITY),
        ("max_requests_per_second", |options| options.max_requests_per_second = 1e-9),
        ("max_interval", |options| options.max_interval = f64::NAN),
        ("max_requests_per_second", |options| options.max_requests_per_second = -1.0),
        ("refresh", |options| options.refresh = 0.0),
        ("refresh", |options| options.refresh = -3.0),
        ("refresh", |options| options.refresh = f64::NAN),
        ("refresh", |options| options.refresh = f64::INFINITY),
    ];
    for (field, change) in changes {
        let mut options = options();
        change(&mut options);
        let error = options.validate().unwrap_err();
        assert!(error.message().starts_with(&format!("invalid `polling.{field}`: expected ")), "{error}");
    }
}

#[test]
fn observed_jobs_are_polled_every_refresh() {
    let mut by_history = Scheduler::new(options(), 1);
    by_history.seed_history("a", History::of(&[7200.0; 20]));
    for mut scheduler in [by_history, Scheduler::new(long_jobs(), 1)] {
        let [plain, observed] = [0, 1].map(|_| scheduler.add(0.0, Some((0.0, "a"))));
        scheduler.set_observed(observed, true);
        let pauses = pauses(&mut scheduler, 0.0, 600.0);
        assert!(longest(&pauses[&observed]) <= 3.06, "{:?}", pauses[&observed]);
        assert!(shortest(&pauses[&plain]) > 20.0, "{:?}", pauses[&plain]);
    }
}

#[test]
fn refresh_lasts_as_long_as_a_job_is_observed() {
    let mut scheduler = Scheduler::new(long_jobs(), 1);
    let key = scheduler.add(0.0, None);
    assert!(shortest(&pauses(&mut scheduler, 0.0, 100.0)[&key]) > 20.0);
    scheduler.set_observed(key, true);
    let mut first = None;
    run(&mut scheduler, 100.0, 104.0, 0.05, |_, now| {
        first.get_or_insert(now);
        Ok(PollResult::default())
    });
    assert!(first.is_some_and(|first| first < 103.1), "{first:?}");
    assert!(longest(&pauses(&mut scheduler, 104.0, 200.0)[&key]) <= 3.06);
    scheduler.set_observed(key, false);
    // One more poll comes at the time that was planned for it.
    let after = &pauses(&mut scheduler, 200.0, 400.0)[&key];
    assert!(shortest(after) > 20.0, "{after:?}");
}

#[test]
fn max_interval_counts_where_refresh_exceeds_it() {
    let options = PollingOptions { refresh: 1000.0, max_interval: 10.0, ..long_jobs() };
    options.validate().unwrap();
    let mut scheduler = Scheduler::new(options, 1);
    let key = scheduler.add(0.0, None);
    scheduler.set_observed(key, true);
    let pauses = &pauses(&mut scheduler, 0.0, 600.0)[&key];
    assert!(longest(pauses) <= 10.06 && shortest(pauses) > 8.0, "{pauses:?}");
}

#[test]
fn min_interval_counts_where_refresh_is_below_it() {
    let options = PollingOptions { refresh: 0.001, min_interval: 5.0, ..long_jobs() };
    options.validate().unwrap();
    let mut scheduler = Scheduler::new(options, 1);
    let key = scheduler.add(0.0, None);
    scheduler.set_observed(key, true);
    let pauses = &pauses(&mut scheduler, 0.0, 100.0)[&key];
    assert!(longest(pauses) <= 5.06 && shortest(pauses) > 4.4, "{pauses:?}");
}

#[test]
fn retry_after_is_a_floor_above_refresh() {
    let mut scheduler = Scheduler::new(long_jobs(), 1);
    let [before, after] = [0, 1].map(|_| scheduler.add(0.0, None));
    scheduler.set_observed(before, true);
    let mut times = HashMap::<_, Vec<_>>::new();
    let mut poll = |key, now| {
        times.entry(key).or_default().push(now);
        Ok(PollResult { retry_after: Some(20.0), ..PollResult::default() })
    };
    run(&mut scheduler, 0.0, 10.0, 0.05, &mut poll);
    // Observation that begins during the pause does not shorten it.
    scheduler.set_observed(after, true);
    run(&mut scheduler, 10.0, 100.0, 0.05, &mut poll);
    for key in [before, after] {
        let times = &times[&key];
        assert!(times.len() > 3 && times.windows(2).all(|pair| pair[1] - pair[0] >= 20.0), "{times:?}");
    }
}

#[test]
fn observed_jobs_keep_the_rate_and_starve_none() {
    // Jobs of the class "long" have the lowest priority for hours, and the others are always due.
    let mut scheduler = Scheduler::new(options(), 1);
    scheduler.seed_history("long", History::of(&[7200.0; 20]));
    let plain: Vec<_> = (0..100).map(|_| scheduler.add(0.0, Some((0.0, "long")))).collect();
    let observed: Vec<_> = (0..300).map(|_| scheduler.add(0.0, Some((0.0, "a")))).collect();
    for key in &observed {
        scheduler.set_observed(*key, true);
    }
    let (mut times, mut last, mut longest) = (Vec::new(), HashMap::new(), 0.0_f64);
    run(&mut scheduler, 0.0, 600.0, 0.05, |key, now| {
        times.push(now);
        longest = longest.max(now - last.insert(key, now).unwrap_or(0.0));
        Ok(PollResult::default())
    });
    assert!(times.windows(21).all(|window| window[20] - window[0] > 1.0));
    assert_eq!(last.len(), plain.len() + observed.len());
    // A round is 20 s, and a job of the class "long" is due after at most 33 s.
    assert!(longest < 33.0 + 20.0, "{longest}");
}

#[test]
fn a_job_has_at_most_one_poll_in_flight() {
    let mut scheduler = Scheduler::new(options(), 1);
    let key = scheduler.add(0.0, None);
    scheduler.expedite(key);
    scheduler.expedite(key);
    assert_eq!(scheduler.next(0.0), Action::Poll(key));
    scheduler.expedite(key);
    assert_eq!(scheduler.next(0.5), Action::Idle);
    scheduler.on_result(key, 1.0, PollResult::default());
    assert_eq!(scheduler.next(1.0), Action::Poll(key), "the poll that was asked for during the first");
    assert_eq!(scheduler.next(1.5), Action::Idle);
}

/// An operation of the property test below; the number picks a job.
#[derive(Debug, Clone)]
enum Operation {
    Add { submitted: bool },
    Remove(usize),
    SetObserved(usize, bool),
    Expedite(usize),
    CancelInFlight(usize),
    CancelAllInFlight,
    Poll,
    Result(usize, Option<f64>),
    Error(usize, Option<f64>, bool),
    Advance(f64),
}

fn operation() -> impl Strategy<Value = Operation> {
    let retry_after = || prop::option::weighted(0.3, 0.0..60.0_f64);
    prop_oneof![
        2 => any::<bool>().prop_map(|submitted| Operation::Add { submitted }),
        1 => any::<usize>().prop_map(Operation::Remove),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(job, on)| Operation::SetObserved(job, on)),
        3 => any::<usize>().prop_map(Operation::Expedite),
        2 => any::<usize>().prop_map(Operation::CancelInFlight),
        1 => Just(Operation::CancelAllInFlight),
        6 => Just(Operation::Poll),
        4 => (any::<usize>(), retry_after()).prop_map(|(job, floor)| Operation::Result(job, floor)),
        3 => (any::<usize>(), retry_after(), any::<bool>())
            .prop_map(|(job, floor, too_many)| Operation::Error(job, floor, too_many)),
        4 => (0.0..10.0_f64).prop_map(Operation::Advance),
    ]
}

proptest! {
    #[test]
    fn the_scheduler_loses_no_job(
        operations in prop::collection::vec(operation(), 0..200),
        concurrency in 1_usize..4,
    ) {
        let mut scheduler = Scheduler::new(PollingOptions { concurrency, ..long_jobs() }, 1);
        let (mut now, mut live, mut in_flight) = (0.0, Vec::<JobKey>::new(), HashSet::<JobKey>::new());
        for operation in operations {
            let pick = |number: usize| (!live.is_empty()).then(|| live[number % live.len()]);
            match operation {
                Operation::Add { submitted } => {
                    live.push(scheduler.add(now, submitted.then_some((now - 1.0, "a"))));
                }
                Operation::Remove(number) => {
                    if let Some(key) = pick(number) {
                        scheduler.remove(key);
                        live.retain(|other| *other != key);
                        in_flight.remove(&key);
                    }
                }
                Operation::SetObserved(number, observed) => {
                    if let Some(key) = pick(number) {
                        scheduler.set_observed(key, observed);
                    }
                }
                Operation::Expedite(number) => {
                    if let Some(key) = pick(number) {
                        scheduler.expedite(key);
                    }
                }
                Operation::CancelInFlight(number) => {
                    if let Some(key) = pick(number) {
                        scheduler.cancel_in_flight(key, now);
                        in_flight.remove(&key);
                    }
                }
                Operation::CancelAllInFlight => {
                    scheduler.cancel_all_in_flight(now);
                    in_flight.clear();
                }
                Operation::Poll => match scheduler.next(now) {
                    Action::Poll(key) => {
                        prop_assert!(live.contains(&key) && in_flight.insert(key), "{:?} twice", key);
                        prop_assert!(in_flight.len() <= concurrency);
                    }
                    Action::SleepUntil(time) => prop_assert!(time > now && time < now + 100.0, "{}", time),
                    Action::Idle => {
                        prop_assert!(in_flight.len() == concurrency || in_flight.len() == live.len());
                    }
                },
                // Of a job without a poll in flight, a result is late and must change nothing.
                Operation::Result(number, retry_after) => {
                    if let Some(key) = pick(number) {
                        scheduler.on_result(key, now, PollResult { retry_after, ..PollResult::default() });
                        in_flight.remove(&key);
                    }
                }
                Operation::Error(number, retry_after, too_many) => {
                    if let Some(key) = pick(number) {
                        scheduler.on_error(key, now, retry_after, too_many);
                        in_flight.remove(&key);
                    }
                }
                Operation::Advance(seconds) => now += seconds,
            }
            prop_assert_eq!(scheduler.len(), live.len());
        }
        for key in in_flight.drain() {
            scheduler.on_result(key, now, PollResult::default());
        }
        let mut unpolled: HashSet<_> = live.into_iter().collect();
        run(&mut scheduler, now, now + 300.0, 0.05, |key, _| {
            unpolled.remove(&key);
            Ok(PollResult::default())
        });
        prop_assert!(unpolled.is_empty(), "never polled: {:?}", unpolled);
    }
}
