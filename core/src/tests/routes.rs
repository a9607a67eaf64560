//! Tests of the two families of routes on a paused clock: time limits and concurrent calls.

use std::time::Duration;

use futures_util::future::join_all;

use crate::{
    ErrorKind,
    script::{MockResponse, answer, job, ok, plain},
};

const SECOND: Duration = Duration::from_secs(1);

fn bare_404() -> MockResponse {
    answer(404, &serde_json::Value::Null).bytes(b"not found")
}

#[tokio::test(start_paused = true)]
async fn both_families_share_the_call_timeout() {
    let (client, script) = plain(|_, request| match request.url.path() {
        "/v1/video/jobs/vid_1" => bare_404().after(15 * SECOND),
        _ => ok(&job("running")).after(100 * SECOND),
    });
    let begun = tokio::time::Instant::now();
    let options = crate::CallOptions { timeout: Some(25 * SECOND), ..Default::default() };
    let error = client.with_options(options).unwrap().video().status("vid_1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!((begun.elapsed().as_secs(), script.count()), (25, 2));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_waits_look_for_the_family_a_few_times() {
    let (client, script) = plain(|_, request| match request.url.path() {
        path if path.starts_with("/v1/video/jobs/") => bare_404().after(SECOND / 10),
        _ => ok(&job("succeeded")).after(SECOND / 10),
    });
    let waits = (0..10_000).map(|n| client.video().wait(format!("vid_{n}")).send());
    assert!(join_all(waits).await.iter().all(Result::is_ok));
    let lost =
        script.requests().iter().filter(|request| request.path().starts_with("/v1/video/jobs/")).count();
    assert!((1..=40).contains(&lost), "{lost}");
}
