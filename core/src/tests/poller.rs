//! Tests of the poller on a paused clock: simultaneous deadlines, suspended runtimes, unread streams.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde_json::json;
use tokio::{runtime::Runtime, time::Instant};

use crate::{
    ErrorKind, InfraiClient,
    polling::PollingOptions,
    script::{self, MockResponse, Script, job, ok, plain},
};

const SECOND: Duration = Duration::from_secs(1);

fn with(
    polling: PollingOptions,
    script: impl Fn(usize, &crate::http::transport::WireRequest) -> MockResponse + Send + Sync + 'static,
) -> (InfraiClient, Arc<Script>) {
    script::client(InfraiClient::builder().base_url("http://localhost:1").polling(polling), script)
}

fn paused() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_waiter_gets_its_own_last_poll() {
    let (client, _) = plain(|_, _| ok(&job("running")).after(SECOND / 5));
    let waits = (0..100).map(|n| {
        let timeout = 10 * SECOND + n * SECOND / 20;
        let wait = client.video().wait("vid_1").timeout(timeout);
        async move {
            let begun = Instant::now();
            assert_eq!(wait.await.unwrap_err().kind(), ErrorKind::WaitTimeout);
            begun.elapsed().saturating_sub(timeout)
        }
    });
    let late = join_all(waits).await.into_iter().max().unwrap();
    // The poll in flight, and then its own.
    assert!(late < SECOND, "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn deadlines_a_rounding_error_away_are_reached() {
    let (client, _) = plain(|_, _| ok(&job("running")));
    for _ in 0..200 {
        tokio::time::advance(SECOND / 1000).await;
        let error = client.video().wait("vid_1").timeout(SECOND * 3 / 10).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WaitTimeout);
    }
}

#[tokio::test(start_paused = true)]
async fn thousands_of_simultaneous_deadlines_all_poll() {
    let begun = Instant::now();
    let (client, script) = plain(move |_, request| {
        let id = request.url.path().rsplit('/').next().unwrap();
        let done = begun.elapsed() >= 5 * SECOND / 2;
        ok(&json!({"job_id": id, "state": if done { "succeeded" } else { "running" }})).after(SECOND / 50)
    });
    let waits = (0..2000)
        .map(|n| client.video().wait(n.to_string()).timeout(3 * SECOND).cancel_on_timeout(true).send());
    let ended = join_all(waits).await;
    let found = ended.iter().filter(|wait| wait.as_ref().is_ok_and(crate::VideoJob::is_success)).count();
    assert_eq!(found, 2000);
    assert!(
        script.requests().iter().all(|received| !received.path().ends_with("/cancel")),
        "nothing is left to cancel"
    );
}

#[test]
fn a_wait_ends_though_its_last_poll_is_suspended() {
    let (first, second) = (paused(), paused());
    let (client, script) = first.block_on(async { plain(|_, _| ok(&job("running")).after(SECOND)) });
    let wait = || client.video().wait("vid_1").timeout(5 * SECOND).send();
    let mut held = Box::pin(wait());
    let at_its_deadline = tokio::time::Duration::from_millis(5500);
    first.block_on(async { assert!(tokio::time::timeout(at_its_deadline, held.as_mut()).await.is_err()) });
    let ended = second.block_on(async { tokio::time::timeout(600 * SECOND, wait()).await });
    assert_eq!(ended.expect("the wait hangs").unwrap_err().kind(), ErrorKind::WaitTimeout);
    let polls = script.count();
    let ended = first.block_on(async { tokio::time::timeout(600 * SECOND, held.as_mut()).await });
    assert_eq!(ended.expect("the wait hangs").unwrap_err().kind(), ErrorKind::WaitTimeout);
    assert!(script.count() <= polls + 1, "{} after {polls}", script.count());
}

#[tokio::test(start_paused = true)]
async fn cancels_keep_the_concurrency_limit() {
    let polling =
        PollingOptions { max_requests_per_second: 1000.0, concurrency: 2, ..PollingOptions::default() };
    let (client, script) = with(polling, |_, request| {
        if request.url.path().ends_with("/cancel") {
            ok(&json!({"ok": true})).after(4 * SECOND)
        } else {
            ok(&job("running"))
        }
    });
    let waits = (0..12)
        .map(|n| client.video().wait(n.to_string()).timeout(10 * SECOND).cancel_on_timeout(true).send());
    for wait in join_all(waits).await {
        // The five seconds of a cancel begin when it is sent, so none times out in the queue.
        assert_eq!(wait.unwrap_err().details().unwrap()["cancelled"], true);
    }
    let cancels: Vec<_> = script
        .requests()
        .into_iter()
        .filter(|received| received.path().ends_with("/cancel"))
        .map(|request| request.at)
        .collect();
    assert_eq!(cancels.len(), 12);
    assert!(
        cancels.windows(3).all(|window| window[2].saturating_sub(window[0]) >= 4 * SECOND),
        "{cancels:?}"
    );
}

#[test]
fn a_suspended_cancel_blocks_no_other() {
    let (first, second) = (paused(), paused());
    let polling = PollingOptions { concurrency: 1, ..PollingOptions::default() };
    let (client, script) = first.block_on(async move {
        with(polling, |_, request| {
            if request.url.path().ends_with("/cancel") {
                ok(&json!({"ok": true})).after(SECOND)
            } else {
                ok(&job("running"))
            }
        })
    });
    let wait =
        |id: &'static str| client.video().wait(id).timeout(Duration::ZERO).cancel_on_timeout(true).send();
    let mut held = Box::pin(wait("held"));
    let cancels = || script.requests().iter().filter(|received| received.path().ends_with("/cancel")).count();
    first.block_on(async {
        while cancels() == 0 {
            assert!(tokio::time::timeout(SECOND / 10, held.as_mut()).await.is_err());
        }
    });
    let ended = second.block_on(async { tokio::time::timeout(600 * SECOND, wait("other")).await });
    assert_eq!(ended.expect("the wait hangs").unwrap_err().details().unwrap()["cancelled"], true);
    drop(held);
}

#[test]
fn a_suspended_runtime_blocks_no_other_wait() {
    let (first, second) = (paused(), paused());
    let (client, mut watch) = first.block_on(async {
        let (client, _) = plain(|n, request| {
            let parked = request.url.path().ends_with("parked");
            ok(&job(if parked || n < 8 { "running" } else { "succeeded" }))
        });
        let mut watch = client.video().watch("parked");
        assert_eq!(watch.next().await.unwrap().unwrap().state.as_str(), "running");
        (client, watch)
    });
    // The first runtime, which has the poll task, is neither dropped nor run.
    let job = second
        .block_on(async { tokio::time::timeout(600 * SECOND, client.video().wait("vid_1").send()).await });
    assert!(job.expect("the wait hangs").unwrap().is_success());
    // When it runs again, the task of the second is retired, and the stream starts one of its own.
    let read = first.block_on(async {
        let job = tokio::time::timeout(600 * SECOND, client.video().wait("vid_1").send()).await;
        assert!(job.expect("the wait hangs").unwrap().is_success());
        tokio::time::timeout(SECOND, watch.next()).await
    });
    assert!(read.is_err(), "nothing changed");
}

#[test]
fn a_wait_runs_on_when_another_runtime_stops() {
    let (first, second) = (paused(), paused());
    let client = first.block_on(async {
        let (client, _) = plain(|n, _| ok(&job(if n < 8 { "running" } else { "succeeded" })));
        let wait = client.video().wait("vid_1");
        assert!(tokio::time::timeout(SECOND, wait.send()).await.is_err());
        client
    });
    // The first runtime still exists, but does not run.
    let job = second
        .block_on(async { tokio::time::timeout(600 * SECOND, client.video().wait("vid_1").send()).await });
    assert!(job.expect("the wait hangs").unwrap().is_success());
    drop(first);
    second.block_on(async { client.video().wait("vid_1").await }).unwrap();
}

#[test]
fn a_watch_follows_its_reader_to_another_runtime() {
    let (first, second) = (paused(), paused());
    let mut watch = first.block_on(async {
        let (client, _) = plain(|n, _| ok(&job(if n < 8 { "running" } else { "succeeded" })));
        let mut watch = client.video().watch("vid_1");
        assert_eq!(watch.next().await.unwrap().unwrap().state.as_str(), "running");
        watch
    });
    // The first runtime still exists, but does not run.
    let job = second.block_on(async { tokio::time::timeout(600 * SECOND, watch.next()).await });
    assert!(job.expect("the watch hangs").unwrap().unwrap().is_success());
}

#[test]
fn a_wait_in_a_stopped_runtime_is_an_error() {
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (client, _) = runtime.block_on(async { plain(|_, _| ok(&job("running"))) });
        let handle = runtime.handle().clone();
        drop(runtime);
        let _entered = handle.enter();
        let wait = client.video().wait("vid_1").no_timeout().send();
        done.send(futures_util::FutureExt::now_or_never(wait)).unwrap();
    });
    let result = ended.recv_timeout(60 * SECOND).expect("the wait hangs");
    assert_eq!(result.expect("an answer").unwrap_err().code(), "CONFIGURATION_INVALID");
}

#[tokio::test(start_paused = true)]
async fn an_unread_watch_keeps_64_states_and_the_last() {
    let begun = Instant::now();
    let (client, script) = plain(move |n, _| {
        let state = if begun.elapsed() < 5000 * SECOND { "running" } else { "succeeded" };
        ok(&json!({"job_id": "vid_1", "state": state, "poll": n}))
    });
    let mut watch = client.video().watch("vid_1");
    assert_eq!(watch.next().await.unwrap().unwrap().fields()["poll"], 0);
    tokio::time::sleep(6000 * SECOND).await;
    let polls = script.count();
    let mut states = Vec::new();
    while let Some(job) = watch.next().await {
        states.push(job.unwrap());
    }
    assert!(polls > 100 && states.len() <= 64, "{} of {polls}", states.len());
    assert_eq!(states[0].fields()["poll"], 1, "the oldest unread states are kept");
    let last = states.last().unwrap();
    assert!(last.is_success() && last.fields()["poll"] == polls - 1);
    assert_eq!(script.count(), polls);
}
