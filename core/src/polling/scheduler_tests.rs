//! What the scheduler promises of many jobs, on a clock that is only told.

use crate::polling::{
    PollingOptions,
    history::History,
    scheduler::{Action, JobKey, PollResult, Scheduler},
};

fn options() -> PollingOptions {
    PollingOptions::default()
}

/// Runs until `end`; each poll takes `took` seconds, and `poll` says what it brings: an answer, or a failure's `Retry-After`
/// and whether it was "too many".
fn run(
    scheduler: &mut Scheduler,
    from: f64,
    end: f64,
    took: f64,
    mut poll: impl FnMut(JobKey, f64) -> Result<PollResult, (Option<f64>, bool)>,
) {
    let (mut now, mut landing) = (from, std::collections::VecDeque::new());
    while now < end {
        let until = match scheduler.next(now) {
            Action::Poll(key) => {
                landing.push_back((now + took, key));
                continue;
            }
            Action::SleepUntil(time) => time,
            Action::Idle => f64::INFINITY,
        };
        match landing.front().copied().filter(|(at, _)| *at <= until) {
            Some((at, key)) => {
                landing.pop_front();
                now = at.max(now);
                match poll(key, now) {
                    Ok(answer) => {
                        scheduler.on_result(key, now, answer);
                        if answer.terminal {
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

#[test]
fn jobs_whose_looks_fail_take_no_other_jobs_turns() {
    let mut scheduler = Scheduler::new(options(), 1);
    let tokens: Vec<JobKey> = (0..1000).map(|_| scheduler.add(0.0, Some((0.0, "a")))).collect();
    let failing: std::collections::HashSet<JobKey> = tokens[..300].iter().copied().collect();
    let (mut last, mut longest) = (std::collections::HashMap::new(), 0.0_f64);
    run(&mut scheduler, 0.0, 1200.0, 0.05, |key, now| {
        if failing.contains(&key) {
            return Err((None, false));
        }
        longest = longest.max(now - last.insert(key, now).unwrap_or(0.0));
        Ok(PollResult::default())
    });
    assert_eq!(last.len(), 700, "some were never looked at");
    // A round is 50 s, and the bound 1.25 of them; the policy's own pause is more than queueing only with few jobs.
    assert!(longest < 1.3 * 50.0, "{longest}");
}

/// The pause before the first poll at a job of this shape.
fn first_pause(scheduler: &mut Scheduler, now: f64) -> f64 {
    let key = scheduler.add(now, Some((now, "a")));
    let Action::SleepUntil(time) = scheduler.next(now) else { panic!("a poll at once") };
    scheduler.remove(key);
    time - now
}

#[test]
fn what_nobody_saw_end_in_time_teaches_no_length() {
    let mut options = options();
    options.jitter = 0.0;
    let mut scheduler = Scheduler::new(options, 1);
    let blind = first_pause(&mut scheduler, 0.0);
    let done = |_, _| Ok(PollResult { terminal: true, success: true, ..PollResult::default() });
    for late in 1..=20 {
        // Submitted, and waited for ten minutes later: it may have ended at any time of these.
        let now = 10_000.0 * f64::from(late);
        scheduler.add(now, Some((now - 600.0, "a")));
        run(&mut scheduler, now, now + 5.0, 0.05, done);
    }
    assert!((first_pause(&mut scheduler, 1e6) - blind).abs() < 1e-9);
    // Looked at when the policy wanted, it teaches.
    scheduler.add(2e6, Some((2e6, "a")));
    run(&mut scheduler, 2e6, 2e6 + 60.0, 0.05, done);
    assert!((first_pause(&mut scheduler, 3e6) - blind).abs() > 0.01);
}

#[test]
fn a_job_that_began_nobody_knows_when_is_not_foretold_from_its_first_progress() {
    let looks = |submitted: Option<(f64, &str)>| {
        let (mut scheduler, mut looks) = (Scheduler::new(options(), 1), 0);
        scheduler.add(1000.0, submitted);
        run(&mut scheduler, 1000.0, 1300.0, 0.05, |_, now| {
            looks += 1;
            Ok(PollResult {
                terminal: now >= 1200.0,
                success: true,
                progress: Some(now / 1200.0),
                ..PollResult::default()
            })
        });
        looks
    };
    let (joined, known) = (looks(None), looks(Some((0.0, "a"))));
    assert!(joined <= known + 10, "{joined} looks against {known}");
}

#[test]
fn too_many_with_a_time_is_heard_by_all_jobs() {
    let mut scheduler = Scheduler::new(options(), 1);
    for _ in 0..500 {
        scheduler.add(0.0, None);
    }
    let mut times = Vec::new();
    run(&mut scheduler, 0.0, 100.0, 0.05, |_, now| {
        times.push(now);
        Err((Some(60.0), true))
    });
    // Those under way when the first answer came, and none more for a minute.
    let early = times.iter().filter(|time| **time < 60.0).count();
    assert!(early <= 6, "{early} in the first minute");
}

#[test]
fn the_shapes_that_are_asked_for_are_the_ones_that_are_remembered() {
    let mut options = options();
    options.jitter = 0.0;
    let mut scheduler = Scheduler::new(options, 1);
    let blind = first_pause(&mut scheduler, 0.0);
    for number in 0..1000 {
        scheduler.seed_history(&format!("shape {number}"), History::of(&[500.0; 20]));
    }
    let pause = |scheduler: &mut Scheduler, shape: &str| {
        let key = scheduler.add(0.0, Some((0.0, shape)));
        let Action::SleepUntil(time) = scheduler.next(0.0) else { panic!("a poll at once") };
        scheduler.remove(key);
        time
    };
    assert!(pause(&mut scheduler, "shape 999") > 2.0 * blind);
    assert!((pause(&mut scheduler, "shape 0") - blind).abs() < 1e-9);
}

#[test]
fn options_with_which_no_arithmetic_works_are_refused_by_name() {
    type Change = fn(&mut PollingOptions);
    let changes: [(&str, Change); 6] = [
        ("min_interval", |options| options.min_interval = 5e-324),
        ("request_cost", |options| options.request_cost = 1e308),
        ("expected_duration", |options| options.expected_duration = f64::INFINITY),
        ("max_requests_per_second", |options| options.max_requests_per_second = 1e-9),
        ("max_interval", |options| options.max_interval = f64::NAN),
        ("max_requests_per_second", |options| options.max_requests_per_second = -1.0),
    ];
    for (field, change) in changes {
        let mut options = options();
        change(&mut options);
        let error = options.validate().unwrap_err();
        assert!(error.message().starts_with(&format!("invalid `polling.{field}`: expected ")), "{error}");
    }
}
