//! Tests of `wait` and `watch` on a paused clock: number of polls, detection delay, deadlines.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    ErrorKind, InfraiClient,
    http::transport::WireRequest,
    polling::PollingOptions,
    script::{self, MockResponse, Script, failure, job, ok, pinned, plain, reset},
};

const SECOND: Duration = Duration::from_secs(1);

/// Returns a client whose server has a job that ends in this state after some seconds.
fn ends_after(seconds: u64, state: &'static str) -> (InfraiClient, Arc<Script>) {
    let begun = Instant::now();
    plain(move |_, _| {
        ok(&job(if begun.elapsed() < Duration::from_secs(seconds) { "running" } else { state }))
    })
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_soon_after_the_job_with_few_polls() {
    let begun = Instant::now();
    let (client, script) = ends_after(60, "succeeded");
    client.video().wait("vid_1").await.unwrap();
    let late = begun.elapsed().as_secs_f64() - 60.0;
    assert!((0.0..=3.6).contains(&late), "{late}");
    assert!((10..40).contains(&script.count()), "{}", script.count());
}

#[tokio::test(start_paused = true)]
async fn only_terminal_states_end_a_wait() {
    for state in ["succeeded", "completed", "done"] {
        let (client, _) = ends_after(5, state);
        assert_eq!(client.video().wait("vid_1").await.unwrap().state.as_str(), state);
    }
    for (state, kind) in [
        ("failed", ErrorKind::JobFailed),
        ("error", ErrorKind::JobFailed),
        ("expired", ErrorKind::JobFailed),
        ("cancelled", ErrorKind::JobCancelled),
        ("canceled", ErrorKind::JobCancelled),
    ] {
        let (client, _) = ends_after(5, state);
        let error = client.video().wait("vid_1").await.unwrap_err();
        assert_eq!((error.kind(), error.job().unwrap().state.as_str()), (kind, state));
    }
    let (client, _) = ends_after(0, "almost_done");
    let error = client.video().wait("vid_1").timeout(60 * SECOND).await.unwrap_err();
    assert_eq!((error.kind(), error.job().unwrap().state.as_str()), (ErrorKind::WaitTimeout, "almost_done"));
}

#[tokio::test(start_paused = true)]
async fn ten_waiters_of_a_job_share_its_polls() {
    let (alone, one) = ends_after(60, "succeeded");
    alone.video().wait("vid_1").await.unwrap();
    let (client, script) = ends_after(60, "succeeded");
    let waits = (0..10).map(|_| async { client.video().wait("vid_1").await });
    assert!(join_all(waits).await.iter().all(Result::is_ok));
    assert!(script.count() < one.count() * 3 / 2, "{} for ten, {} for one", script.count(), one.count());
}

#[tokio::test(start_paused = true)]
async fn progress_reduces_the_detection_delay() {
    let mut late = [0.0; 2];
    for (with_progress, late) in [false, true].into_iter().zip(&mut late) {
        // Many durations, as the delay of a single one is a matter of luck.
        for duration in (20..140).step_by(2).map(f64::from) {
            let begun = Instant::now();
            let (client, _) = plain(move |_, _| {
                let age = begun.elapsed().as_secs_f64();
                let mut job = job(if age < duration { "running" } else { "succeeded" });
                if with_progress {
                    job["progress"] = json!((age / duration).min(1.0));
                }
                ok(&job)
            });
            client.video().wait("vid_1").await.unwrap();
            *late += begun.elapsed().as_secs_f64() - duration;
        }
    }
    assert!(late[1] < 0.6 * late[0], "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn history_reduces_the_detection_delay() {
    let births = Arc::new(std::sync::Mutex::new(Vec::<Instant>::new()));
    let shared = Arc::clone(&births);
    let (client, script) = plain(move |_, request| {
        let mut births = shared.lock().unwrap();
        if request.method == "POST" {
            births.push(Instant::now());
            return ok(&json!({"job_id": (births.len() - 1).to_string(), "state": "queued"}));
        }
        let number: usize = request.url.path().rsplit('/').next().unwrap().parse().unwrap();
        let age = births[number].elapsed();
        let state = if age < Duration::from_secs(40) { "running" } else { "succeeded" };
        ok(&json!({"job_id": number.to_string(), "state": state}))
    });
    let mut late = Vec::new();
    let mut requests = Vec::new();
    for _ in 0..8 {
        let (begun, before) = (Instant::now(), script.count());
        let job = client.video().generate("x").await.unwrap();
        client.video().wait(&job).await.unwrap();
        late.push(begun.elapsed().as_secs_f64() - 40.0);
        requests.push(script.count() - before);
    }
    let late_now: f64 = late[4..].iter().sum::<f64>() / 4.0;
    assert!(late_now < 1.0, "{late:?} with {requests:?}");
    assert!(requests[7] <= requests[0] + 4, "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn only_definite_poll_errors_end_a_wait() {
    for fault in [
        failure(503, "VENDOR_DOWN"),
        failure(429, "RATE_LIMIT_USER"),
        failure(502, "X"),
        failure(500, "UNKNOWN_ERROR"),
        reset(),
        ok(&job("running")).after(30 * SECOND),
    ] {
        let (client, script) = plain(move |n, _| {
            if (1..4).contains(&n) { fault.clone() } else { ok(&job(if n < 4 { "running" } else { "done" })) }
        });
        client.video().wait("vid_1").await.unwrap();
        assert_eq!(script.count(), 5);
    }
    for (refusal, kind) in [
        (failure(404, "NO_SUCH_JOB"), ErrorKind::NotFound),
        (failure(401, "UNAUTHORIZED"), ErrorKind::Authentication),
        (failure(403, "KEY_REVOKED"), ErrorKind::Permission),
    ] {
        let (client, script) = plain(move |n, _| if n == 1 { refusal.clone() } else { ok(&job("running")) });
        let error = client.video().wait("vid_1").await.unwrap_err();
        assert_eq!((error.kind(), script.count()), (kind, 2));
        assert_eq!(error.job().unwrap().state.as_str(), "running", "the error carries the last state");
    }
}

/// Returns a page that is not the API's.
fn page(status: u16) -> MockResponse {
    script::answer(status, &json!(null)).bytes(b"<html>not the API</html>")
}

#[tokio::test(start_paused = true)]
async fn foreign_responses_do_not_end_a_wait() {
    for first in 0..2 {
        let (client, script) = plain(move |n, _| match n {
            n if n < first => ok(&job("running")),
            5.. => ok(&job("succeeded")),
            _ => page(200),
        });
        client.video().wait("vid_1").await.unwrap();
        assert_eq!(script.count(), 6);
        let (client, _) = plain(move |n, _| if n < 5 { page(200) } else { ok(&job("succeeded")) });
        let mut watch = client.video().watch("vid_1");
        assert!(watch.next().await.unwrap().unwrap().is_success());
    }
    let (client, _) = plain(|_, _| page(200));
    let error = client.video().wait("vid_1").timeout(60 * SECOND).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WaitTimeout);
    assert!(error.message().contains("not JSON"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn refusals_without_envelope_spare_a_known_job() {
    let refusals = || {
        let gateway = script::answer(403, &json!({"error": {"code": "FORBIDDEN", "message": "no"}}));
        let redirect = script::answer(302, &json!(null)).header("location", "https://portal.example/");
        [page(400), page(401), page(403), page(404), page(410), gateway, redirect]
    };
    for refusal in refusals() {
        // Known from an earlier poll, from the caller, and from its submission.
        let answer = refusal.clone();
        let (client, script) = pinned(move |n, _| match n {
            1..6 => answer.clone(),
            _ => ok(&job(if n == 0 { "queued" } else { "succeeded" })),
        });
        client.video().wait("vid_1").await.unwrap();
        assert_eq!(script.count(), 7);
        let answer = refusal.clone();
        let (client, _) = pinned(move |n, _| if n < 5 { answer.clone() } else { ok(&job("done")) });
        client.video().wait(crate::VideoJob::from_json(job("queued")).unwrap()).await.unwrap();
        let answer = refusal.clone();
        let (client, _) = pinned(move |n, _| match n {
            1..6 => answer.clone(),
            _ => ok(&job(if n == 0 { "queued" } else { "succeeded" })),
        });
        let id = client.video().generate("x").await.unwrap().job_id;
        client.video().wait(&id).await.unwrap();
    }
    for refusal in refusals() {
        let answer = refusal.clone();
        let (client, script) = pinned(move |n, _| if n < 2 { answer.clone() } else { ok(&job("done")) });
        client.video().wait("vid_1").await.unwrap();
        assert_eq!(script.count(), 3);
        let (client, script) = pinned(move |_, _| refusal.clone());
        let error = client.video().wait("vid_1").await.unwrap_err();
        assert_ne!(error.kind(), ErrorKind::WaitTimeout);
        assert_eq!(script.count(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn responses_about_another_job_are_polled_again() {
    let other = || ok(&json!({"job_id": "vid_2", "state": "succeeded", "video_url": "https://f.example/"}));
    let both = |error: &crate::InfraiError| {
        assert_eq!(error.code(), "UNEXPECTED_RESPONSE");
        assert!(error.message().contains("vid_1") && error.message().contains("vid_2"), "{error}");
    };
    let (client, _) = plain(move |n, _| match n {
        0 | 1 | 3 | 4 => other(),
        _ => ok(&job(if n < 6 { "running" } else { "succeeded" })),
    });
    assert_eq!(client.video().wait("vid_1").await.unwrap().job_id.as_str(), "vid_1");
    let (client, script) = plain(move |_, _| other());
    both(&client.video().wait("vid_1").await.unwrap_err());
    assert_eq!(script.count(), 3);
    both(&client.video().watch("vid_1").next().await.unwrap().unwrap_err());
    assert_eq!(script.count(), 6);
    let target = std::env::temp_dir().join("never-created.mp4");
    both(&client.video().download("vid_1", &target).await.unwrap_err());
    assert_eq!(script.count(), 9);
    assert_eq!(client.video().status("vid_1").await.unwrap().job_id.as_str(), "vid_2");
    // A success of another job is no reason to keep a job that could not be cancelled.
    let (client, _) = plain(move |n, request| match n {
        _ if path_is(request, "/cancel") => ok(&json!({"ok": false})),
        0 | 1 => ok(&job("running")).header("retry-after", "60"),
        _ => other(),
    });
    let wait = client.video().wait("vid_1").timeout(10 * SECOND).cancel_on_timeout(true);
    assert_eq!(wait.await.unwrap_err().kind(), ErrorKind::WaitTimeout);
}

#[tokio::test(start_paused = true)]
async fn polls_end_with_the_last_waiter_of_their_job() {
    let (client, script) = plain(|_, request| {
        let slow = request.url.path().ends_with("slow");
        ok(&job("running")).after(if slow { 15 * SECOND } else { SECOND / 10 })
    });
    let other = client.video().wait("vid_1").timeout(60 * SECOND).send();
    let slow = async {
        assert!(tokio::time::timeout(SECOND, client.video().wait("slow").send()).await.is_err());
        tokio::time::sleep(SECOND).await;
        assert!(script.in_flight() <= 1, "the slow poll outlives its waiter");
    };
    let (ended, ()) = tokio::join!(other, slow);
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::WaitTimeout);
}

#[tokio::test(start_paused = true)]
async fn retry_after_on_a_poll_is_a_floor() {
    let (client, script) = plain(|n, _| match n {
        0 => ok(&job("running")).header("retry-after", "20"),
        1 => failure(429, "RATE_LIMIT_USER").header("retry-after", "10"),
        _ => ok(&job("succeeded")),
    });
    client.video().wait("vid_1").await.unwrap();
    let gaps = script.gaps();
    assert!((20.0..24.0).contains(&gaps[0]) && (10.0..14.0).contains(&gaps[1]), "{gaps:?}");
}

/// Returns a client that polls a job every 30 seconds unless a caller observes it, and its server.
fn long_jobs(
    respond: impl Fn(usize, &WireRequest) -> MockResponse + Send + Sync + 'static,
) -> (InfraiClient, Arc<Script>) {
    let polling = PollingOptions { expected_duration: 36_000.0, ..Default::default() };
    script::client(InfraiClient::builder().base_url("http://localhost:1").polling(polling), respond)
}

/// Returns a client of the same kind whose server has a job that ends after some seconds.
fn long_job(seconds: u32) -> (InfraiClient, Arc<Script>) {
    let begun = Instant::now();
    long_jobs(move |_, _| ok(&job(if begun.elapsed() < seconds * SECOND { "running" } else { "succeeded" })))
}

#[tokio::test(start_paused = true)]
async fn an_observed_job_is_polled_every_refresh() {
    let (client, script) = long_job(600);
    client.video().wait("vid_1").on_update(|_| {}).await.unwrap();
    let gaps = script.gaps();
    assert!(gaps.len() > 200 && gaps.iter().all(|gap| *gap < 3.01), "{gaps:?}");

    let (client, script) = long_job(600);
    let mut watch = client.video().watch("vid_1");
    while watch.next().await.is_some() {}
    let gaps = script.gaps();
    assert!(gaps.len() > 200 && gaps.iter().all(|gap| *gap < 3.01), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_plain_wait_ignores_refresh() {
    let (client, script) = long_job(600);
    client.video().wait("vid_1").await.unwrap();
    let gaps = script.gaps();
    assert!(gaps.len() < 25 && gaps.iter().all(|gap| *gap > 20.0), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_watch_speeds_up_a_plain_wait_while_it_lasts() {
    let (client, script) = long_job(600);
    let begun = Instant::now();
    let wait = client.video().wait("vid_1").send();
    let watch = async {
        tokio::time::sleep(200 * SECOND).await;
        let mut watch = client.video().watch("vid_1");
        let read = async { while watch.next().await.is_some() {} };
        assert!(tokio::time::timeout(200 * SECOND, read).await.is_err());
    };
    let (ended, ()) = tokio::join!(wait, watch);
    ended.unwrap();
    assert!(begun.elapsed() < 640 * SECOND);
    let times: Vec<_> = script.requests().iter().map(|received| received.at.as_secs_f64()).collect();
    for pair in times.windows(2) {
        let gap = pair[1] - pair[0];
        match pair[0] {
            ..160.0 | 405.0.. => assert!(gap > 20.0, "{times:?}"),
            200.0..395.0 => assert!(gap < 3.01, "{times:?}"),
            _ => {}
        }
    }
    assert!(times.iter().any(|time| (200.0..203.1).contains(time)), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_a_floor_above_refresh() {
    // A watch that joins a plain wait keeps the pause that the server asked for, too.
    for plain in [true, false] {
        let begun = Instant::now();
        let (client, script) = long_jobs(move |_, _| {
            let state = if begun.elapsed() < 100 * SECOND { "running" } else { "succeeded" };
            ok(&job(state)).header("retry-after", "20")
        });
        let wait = client.video().wait("vid_1");
        let wait = if plain { wait } else { wait.on_update(|_| {}) };
        let watch = async {
            tokio::time::sleep(5 * SECOND).await;
            let mut watch = client.video().watch("vid_1");
            while watch.next().await.is_some() {}
        };
        let (ended, ()) = tokio::join!(wait.send(), watch);
        ended.unwrap();
        let gaps = script.gaps();
        assert!(gaps.len() == 5 && gaps.iter().all(|gap| (20.0..20.01).contains(gap)), "{gaps:?}");
    }
}

#[test]
fn an_invalid_refresh_is_refused_by_name() {
    for refresh in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let polling = PollingOptions { refresh, ..Default::default() };
        let error = InfraiClient::builder().polling(polling).build().unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Configuration, "CONFIGURATION_INVALID"));
        assert!(error.message().contains("polling.refresh"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_polls_once_more_at_its_deadline() {
    let begun = Instant::now();
    let (client, script) = plain(move |_, _| {
        // No other poll comes in time, because of the Retry-After.
        ok(&job(if begun.elapsed() < 99 * SECOND { "running" } else { "succeeded" }))
            .header("retry-after", "1000")
    });
    client.video().wait("vid_1").timeout(100 * SECOND).await.unwrap();
    assert_eq!((script.count(), begun.elapsed().as_secs()), (2, 100));

    let begun = Instant::now();
    let (client, script) = plain(|_, _| ok(&job("running")).header("retry-after", "1000"));
    let error = client.video().wait("vid_1").timeout(100 * SECOND).await.unwrap_err();
    assert_eq!((error.kind(), script.count(), begun.elapsed().as_secs()), (ErrorKind::WaitTimeout, 2, 100));
}

#[tokio::test(start_paused = true)]
async fn a_wait_with_zero_timeout_polls() {
    let (client, script) = plain(|_, _| ok(&job("running")));
    let error = client.video().wait("vid_1").timeout(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.job().unwrap().state.as_str(), "running");
    assert!(script.count() <= 2, "{}", script.count());
}

fn path_is(request: &WireRequest, end: &str) -> bool {
    request.url.path().ends_with(end)
}

#[tokio::test(start_paused = true)]
async fn a_timed_out_wait_cancels_only_on_request() {
    for (asked, answer, cancels) in [(false, true, 0), (true, true, 1)] {
        let (client, script) =
            plain(
                move |_, request| {
                    if path_is(request, "/cancel") { ok(&json!({"ok": answer})) } else { ok(&job("running")) }
                },
            );
        let wait = client.video().wait("vid_1").timeout(10 * SECOND).cancel_on_timeout(asked);
        let error = wait.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
        assert_eq!(
            script.requests().iter().filter(|received| path_is(&received.request, "/cancel")).count(),
            cancels
        );
        assert_eq!(error.details().is_some_and(|details| details["cancelled"] == true), asked);
        let last = error.job().unwrap();
        assert_eq!((last.job_id.as_str(), last.state.is_cancelled()), ("vid_1", asked));
        assert_eq!(last.fields()["state"], if asked { "cancelled" } else { "running" });
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_during_the_cancel_is_returned() {
    let cancelled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&cancelled);
    let (client, _) = plain(move |_, request| {
        if path_is(request, "/cancel") {
            counter.fetch_add(1, Ordering::SeqCst);
            return ok(&json!({"ok": false}));
        }
        ok(&job(if counter.load(Ordering::SeqCst) > 0 { "succeeded" } else { "running" }))
    });
    let job = client.video().wait("vid_1").timeout(10 * SECOND).cancel_on_timeout(true).await.unwrap();
    assert!(job.is_success() && cancelled.load(Ordering::SeqCst) == 1);
}

#[tokio::test(start_paused = true)]
async fn the_cancel_of_a_wait_has_five_seconds() {
    let (client, _) = plain(|_, request| {
        if path_is(request, "/cancel") {
            ok(&json!({"ok": true})).after(1000 * SECOND)
        } else {
            ok(&job("running"))
        }
    });
    let begun = Instant::now();
    let error = client.video().wait("vid_1").timeout(10 * SECOND).cancel_on_timeout(true).await.unwrap_err();
    assert_eq!((error.kind(), begun.elapsed().as_secs()), (ErrorKind::WaitTimeout, 15));
    assert_eq!(error.details().unwrap()["cancelled"], false);
}

#[tokio::test(start_paused = true)]
async fn dropping_all_waits_ends_polls_and_task() {
    let (client, script) = plain(|_, _| ok(&job("running")).after(SECOND / 2));
    let metrics = tokio::runtime::Handle::current().metrics();
    let tasks = metrics.num_alive_tasks();
    for _ in 0..20 {
        let (wait, mut watch) = (client.video().wait("vid_1"), client.video().watch("vid_1"));
        let both = async { tokio::join!(wait.send(), async { while watch.next().await.is_some() {} }) };
        assert!(tokio::time::timeout(SECOND / 4, both).await.is_err());
    }
    tokio::time::sleep(SECOND / 100).await;
    assert_eq!((script.in_flight(), metrics.num_alive_tasks()), (0, tasks));
    let requests = script.count();
    tokio::time::sleep(600 * SECOND).await;
    assert_eq!(script.count(), requests, "no poll without a waiter");
}

#[tokio::test(start_paused = true)]
async fn an_aborted_wait_cancels_only_on_request() {
    for cancel in [false, true] {
        let (client, script) =
            plain(
                |_, request| {
                    if path_is(request, "/cancel") { ok(&json!({"ok": true})) } else { ok(&job("running")) }
                },
            );
        let begun = Instant::now();
        let wait =
            client.video().wait("vid_1").abort_when(tokio::time::sleep(7 * SECOND)).cancel_on_abort(cancel);
        let error = wait.await.unwrap_err();
        assert_eq!((error.kind(), begun.elapsed().as_secs()), (ErrorKind::Aborted, 7));
        assert_eq!(error.job().unwrap().state.is_cancelled(), cancel);
        assert_eq!(
            script.requests().iter().filter(|received| path_is(&received.request, "/cancel")).count(),
            usize::from(cancel)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn watch_yields_the_first_state_and_each_change() {
    let states = ["queued", "queued", "running", "running", "weird", "failed"];
    let (client, script) = plain(move |n, _| ok(&job(states[n.min(5)])));
    let mut watch = client.video().watch("vid_1");
    let mut seen = Vec::new();
    while let Some(job) = watch.next().await {
        seen.push(job.unwrap().state.to_string());
    }
    assert_eq!(seen, ["queued", "running", "weird", "failed"]);
    assert_eq!(script.count(), 6);
}

#[tokio::test(start_paused = true)]
async fn an_unread_watch_delays_no_other_wait() {
    let (client, _) = ends_after(60, "succeeded");
    let mut watch = client.video().watch("vid_2");
    watch.next().await.unwrap().unwrap();
    // The watch is neither read nor dropped.
    let begun = Instant::now();
    client.video().wait("vid_1").await.unwrap();
    assert!(begun.elapsed() < 65 * SECOND);
    assert!(watch.next().await.unwrap().unwrap().is_success());
}

#[tokio::test(start_paused = true)]
async fn a_job_known_to_have_ended_is_not_polled() {
    let (client, script) = plain(|_, _| ok(&job("running")));
    let done = crate::VideoJob::from_json(json!({"job_id": "v", "state": "succeeded"})).unwrap();
    assert!(client.video().wait(&done).await.unwrap().is_success());
    let mut watch = client.video().watch(&done);
    assert!(watch.next().await.unwrap().unwrap().is_success() && watch.next().await.is_none());
    assert_eq!(script.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panicking_hook_fails_the_waits() {
    let hooked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&hooked);
    let builder = InfraiClient::builder().base_url("http://localhost:1").on_response(move |_| {
        assert!(count.fetch_add(1, Ordering::SeqCst) == 0, "the hook panics");
    });
    let (client, _) = script::client(builder, |_, _| ok(&job("running")));
    let waits = ["vid_1", "vid_1", "vid_2"].map(|id| client.video().wait(id).no_timeout().send());
    let ended = tokio::time::timeout(600 * SECOND, join_all(waits)).await.expect("the waits hang");
    assert!(ended.into_iter().all(|wait| wait.unwrap_err().kind() == ErrorKind::Internal));
    assert_eq!(hooked.load(Ordering::SeqCst), 2);
}
