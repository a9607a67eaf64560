//! Tests of downloads on a paused clock: number of requests, resumption, time limits.

use std::{fs, time::Duration};

use serde_json::json;
use tokio::time::Instant;

use crate::{
    ErrorKind, InfraiClient, InfraiError,
    http::transport::WireRequest,
    job::VideoJob,
    options::CallOptions,
    script::{self, MockResponse, Script, answer},
};

const MIB: usize = 1024 * 1024;

fn done() -> VideoJob {
    let url = "http://localhost:1/v";
    VideoJob::from_json(json!({"job_id": "vid_1", "state": "succeeded", "video_url": url})).unwrap()
}

/// Returns the first byte of the requested range.
fn from(request: &WireRequest) -> usize {
    let Some(range) = request.headers.get("range") else { return 0 };
    range.to_str().unwrap().strip_prefix("bytes=").unwrap().trim_end_matches('-').parse().unwrap()
}

/// Returns the next `bytes` of a file of `total` from the requested position; then the connection breaks.
fn part(request: &WireRequest, bytes: usize, total: usize) -> MockResponse {
    let from = from(request);
    // The connection breaks in the middle of the body.
    let body = vec![b'x'; bytes.min(total - from) * 2];
    let response = answer(if from > 0 { 206 } else { 200 }, &json!(null))
        .bytes(&body)
        .header("etag", "\"1\"")
        .header("content-length", (total - from).to_string())
        .cut_off();
    if from > 0 {
        response.header("content-range", format!("bytes {from}-{}/{total}", total - 1))
    } else {
        response
    }
}

/// Downloads from the scripted server. A failed download must leave no file behind.
async fn save(client: &InfraiClient, timeout: Option<Duration>) -> Result<Vec<u8>, InfraiError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v");
    let mut download = client.video().download(done(), &path);
    if let Some(timeout) = timeout {
        download = download.timeout(timeout);
    }
    let saved = download.await;
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, usize::from(saved.is_ok()), "files left behind");
    saved.map(|_| fs::read(&path).unwrap())
}

fn ranges(script: &Script) -> Vec<usize> {
    script.requests().iter().map(|received| from(&received.request)).collect()
}

#[tokio::test(start_paused = true)]
async fn one_byte_per_attempt_is_no_progress() {
    let (client, script) = script::plain(|_, request| part(request, 1, MIB));
    let error = save(&client, None).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Connection, "DOWNLOAD_FAILED"));
    assert_eq!(ranges(&script), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn resumed_64_kib_reset_the_failure_count() {
    let (client, script) = script::plain(|_, request| part(request, 64 * 1024, 10 * 64 * 1024));
    assert_eq!(save(&client, None).await.unwrap().len(), 10 * 64 * 1024);
    assert_eq!(script.count(), 10);
    let (client, script) = script::plain(|_, request| part(request, 64 * 1024 - 1, 10 * 64 * 1024));
    save(&client, None).await.unwrap_err();
    assert_eq!(script.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn attempts_that_start_over_stay_counted() {
    // Each attempt gets far enough beyond the one before, but nothing can be resumed.
    let (client, script) = script::plain(|number, _| {
        let body = vec![b'x'; (number + 1) * MIB * 2];
        answer(200, &json!(null)).bytes(&body).header("content-length", "1000000000").cut_off()
    });
    save(&client, None).await.unwrap_err();
    assert_eq!(ranges(&script), [0, 0, 0]);

    // After a start, large enough parts reset only the failures since that start.
    let (client, script) = script::plain(|number, request| match number {
        0 => part(request, MIB, 100 * MIB).header("etag", "W/\"1\""),
        1..=5 => part(request, MIB, 100 * MIB),
        _ => script::reset(),
    });
    save(&client, None).await.unwrap_err();
    assert_eq!(ranges(&script), [0, 0, MIB, 2 * MIB, 3 * MIB, 4 * MIB, 5 * MIB]);
}

#[tokio::test(start_paused = true)]
async fn only_the_same_strong_etag_resumes() {
    for other in [vec![], vec!["\"2\""], vec!["W/\"1\""], vec!["\"1\"", "\"2\""]] {
        let tags = other.clone();
        let (client, script) = script::plain(move |number, request| match number {
            0 => part(request, 10, 20),
            1 => {
                let response =
                    answer(206, &json!(null)).bytes(b"EVILEVIL!!").header("content-range", "bytes 10-19/20");
                tags.iter().fold(response, |response, tag| response.header("etag", *tag))
            }
            _ => answer(200, &json!(null)).bytes(&[b'y'; 20]).header("content-length", "20"),
        });
        assert_eq!(save(&client, None).await.unwrap(), [b'y'; 20], "{other:?}");
        assert_eq!(ranges(&script), [0, 10, 0], "{other:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_part_is_not_the_whole_file() {
    let (client, script) = script::plain(|number, request| match number {
        0 => part(request, 10, 20),
        // As many bytes as it announces, but fewer than the request asks for.
        1 => answer(206, &json!(null))
            .bytes(b"yyyyy")
            .header("etag", "\"1\"")
            .header("content-length", "5")
            .header("content-range", "bytes 10-14/20"),
        _ => part(request, 5, 20),
    });
    assert_eq!(save(&client, None).await.unwrap().len(), 20);
    assert_eq!(ranges(&script), [0, 10, 15]);
}

#[tokio::test(start_paused = true)]
async fn an_impossible_length_is_an_error() {
    for (length, range) in [
        ("18446744073709551606", "bytes 10-19/20"),
        ("18446744073709551606", "bytes 10-19/*"),
        ("18446744073709551615", "bytes 10-18446744073709551614/*"),
        ("11", "bytes 10-19/20"),
    ] {
        let (client, script) = script::plain(move |number, request| match number {
            0 => part(request, 10, 20),
            _ => answer(206, &json!(null))
                .bytes(b"0123456789")
                .header("etag", "\"1\"")
                .header("content-range", range)
                .header("content-length", length),
        });
        let error = save(&client, None).await.unwrap_err();
        assert_eq!((error.code(), error.is_retryable()), ("DOWNLOAD_FAILED", false), "{length} {range}");
        assert!(error.message().contains("more bytes than the file can have"), "{error}");
        assert_eq!(script.count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_ends_a_download_at_any_stage() {
    type Respond = fn(usize, &WireRequest) -> MockResponse;
    let cases: [(&str, Respond); 4] = [
        ("no head", |_, _| answer(200, &json!(null)).after(Duration::from_secs(1000))),
        ("no more body", |_, request| part(request, MIB, 2 * MIB).stalled()),
        ("slow tries", |_, request| part(request, 64 * 1024, 1000 * MIB).after(Duration::from_secs(7))),
        ("the status call", |_, request| match request.url.path() {
            "/v" => answer(403, &json!(null)),
            _ => answer(200, &json!(null)).after(Duration::from_secs(1000)),
        }),
    ];
    for (name, respond) in cases {
        let builder = InfraiClient::builder()
            .base_url("http://localhost:1")
            .timeout(Duration::from_secs(900))
            .attempt_timeout(Duration::from_secs(900))
            .download_idle_timeout(Duration::from_secs(900));
        let (client, _) = script::client(builder, respond);
        let begun = Instant::now();
        let error = save(&client, Some(Duration::from_secs(100))).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "DOWNLOAD_TIMEOUT"), "{name}");
        assert!(error.is_timeout() && error.message().contains("timeout of 100s"), "{name}: {error}");
        assert_eq!(begun.elapsed().as_secs(), 100, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_holds_for_bytes_ready_at_once() {
    let (client, script) = script::plain(|_, _| answer(200, &json!(null)).bytes(b"x"));
    assert_eq!(save(&client, Some(Duration::ZERO)).await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(script.count(), 0);

    let mut stream = client.video().download_stream(done()).timeout(Duration::from_secs(5)).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "x");
    tokio::time::advance(Duration::from_secs(5)).await;
    // The reader's own time counts: the end of the body is ready, but it comes too late.
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_knows_size_and_type_before_it_is_read() {
    let (client, _) = script::plain(|_, _| {
        answer(200, &json!(null))
            .bytes(b"video")
            .header("content-type", "video/mp4")
            .header("content-length", "5")
    });
    let stream = client.video().download_stream(done()).await.unwrap();
    assert_eq!((stream.size(), stream.content_type()), (Some(5), Some("video/mp4")));

    let (client, _) = script::plain(|_, _| answer(404, &json!(null)));
    let error = client.video().download_stream(done()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_covers_the_status_call() {
    let (client, _) =
        script::plain(|_, _| script::ok(&script::job("queued")).after(Duration::from_secs(1000)));
    let begun = Instant::now();
    let stream = client.video().download_stream("vid_1").timeout(Duration::from_secs(5)).await;
    assert_eq!(stream.unwrap_err().code(), "DOWNLOAD_TIMEOUT");
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn no_retry_pause_exceeds_the_timeout() {
    let busy = |_: usize, _: &WireRequest| answer(503, &json!(null)).header("retry-after", "30");
    let (client, script) = script::plain(busy);
    let error = save(&client, Some(Duration::from_secs(20))).await.unwrap_err();
    // The error of the last attempt says more than a timeout would.
    assert_eq!((error.status(), script.count()), (Some(503), 1));

    let (client, script) = script::plain(busy);
    let client = client.with_options(CallOptions::new().timeout(Duration::from_secs(29))).unwrap();
    save(&client, None).await.unwrap_err();
    assert_eq!(script.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_timeout_a_slow_download_completes() {
    let (client, script) =
        script::plain(|_, request| part(request, MIB, 100 * MIB).after(Duration::from_secs(29)));
    assert_eq!(save(&client, None).await.unwrap().len(), 100 * MIB);
    assert_eq!(script.count(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_plain_http_error_hints_at_the_operator() {
    let plain =
        json!({"job_id": "vid_1", "state": "succeeded", "video_url": "http://files.example/v?sig=s3"});
    let (client, script) = script::plain(move |_, _| script::ok(&plain));
    let folder = tempfile::tempdir().unwrap();
    let error = client.video().download("vid_1", folder.path().join("v")).await.unwrap_err();
    assert_eq!((error.kind(), script.count()), (ErrorKind::UnexpectedResponse, 1));
    let named = error
        .message()
        .contains("a video_url that is plain http and not on this machine: http://files.example");
    assert!(named && !error.message().contains("s3"), "{error}");

    let (client, _) =
        script::plain(|_, _| answer(302, &json!(null)).header("location", "http://files.example/v?sig=s3"));
    let redirected = save(&client, None).await.unwrap_err();
    assert_eq!(redirected.code(), "DOWNLOAD_FAILED");
    assert!(
        redirected.message().ends_with("redirected to plain http at http://files.example"),
        "{redirected}"
    );
    for error in [error, redirected] {
        assert_eq!(error.hint(), "The API's operator should give the file an https address.");
    }
}
