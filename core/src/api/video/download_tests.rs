//! Downloads on a paused clock: how often a file's host is asked, and when a download ends.

use std::{fs, time::Duration};

use serde_json::json;
use tokio::time::Instant;

use crate::{
    ErrorKind, InfraiClient, InfraiError,
    http::transport::WireRequest,
    job::VideoJob,
    options::CallOptions,
    script::{self, Reaction, Script, answer},
};

const MIB: usize = 1024 * 1024;

fn done() -> VideoJob {
    let url = "http://localhost:1/v";
    VideoJob::from_json(json!({"job_id": "vid_1", "state": "succeeded", "video_url": url})).unwrap()
}

/// The first byte that a request asks for.
fn from(request: &WireRequest) -> usize {
    let Some(range) = request.headers.get("range") else { return 0 };
    range.to_str().unwrap().strip_prefix("bytes=").unwrap().trim_end_matches('-').parse().unwrap()
}

/// `bytes` of a file of `total`, from where the request asks on; then the connection breaks.
fn part(request: &WireRequest, bytes: usize, total: usize) -> Reaction {
    let from = from(request);
    // The script breaks off in the middle of a body.
    let body = vec![b'x'; bytes.min(total - from) * 2];
    let reaction = answer(if from > 0 { 206 } else { 200 }, &json!(null))
        .bytes(&body)
        .header("etag", "\"1\"")
        .header("content-length", (total - from).to_string())
        .cut_off();
    if from > 0 {
        reaction.header("content-range", format!("bytes {from}-{}/{total}", total - 1))
    } else {
        reaction
    }
}

/// Downloads from the script; nothing may be left where nothing was saved.
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
    script.seen().iter().map(|seen| from(&seen.request)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_byte_per_try_is_no_progress() {
    let (client, script) = script::plain(|_, request| part(request, 1, MIB));
    let error = save(&client, None).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Connection, "DOWNLOAD_FAILED"));
    assert_eq!(ranges(&script), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_resumed_part_of_64_kib_clears_the_count() {
    let (client, script) = script::plain(|_, request| part(request, 64 * 1024, 10 * 64 * 1024));
    assert_eq!(save(&client, None).await.unwrap().len(), 10 * 64 * 1024);
    assert_eq!(script.count(), 10);
    let (client, script) = script::plain(|_, request| part(request, 64 * 1024 - 1, 10 * 64 * 1024));
    save(&client, None).await.unwrap_err();
    assert_eq!(script.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn tries_that_start_over_stay_counted() {
    // Each gets further than the one before by more than enough, and nothing can be resumed.
    let (client, script) = script::plain(|number, _| {
        let body = vec![b'x'; (number + 1) * MIB * 2];
        answer(200, &json!(null)).bytes(&body).header("content-length", "1000000000").cut_off()
    });
    save(&client, None).await.unwrap_err();
    assert_eq!(ranges(&script), [0, 0, 0]);

    // After a start, parts that bring enough forgive only what came after it.
    let (client, script) = script::plain(|number, request| match number {
        0 => part(request, MIB, 100 * MIB).header("etag", "W/\"1\""),
        1..=5 => part(request, MIB, 100 * MIB),
        _ => script::reset(),
    });
    save(&client, None).await.unwrap_err();
    assert_eq!(ranges(&script), [0, 0, MIB, 2 * MIB, 3 * MIB, 4 * MIB, 5 * MIB]);
}

#[tokio::test(start_paused = true)]
async fn only_the_remembered_strong_etag_goes_on() {
    for other in [vec![], vec!["\"2\""], vec!["W/\"1\""], vec!["\"1\"", "\"2\""]] {
        let tags = other.clone();
        let (client, script) = script::plain(move |number, request| match number {
            0 => part(request, 10, 20),
            1 => {
                let reaction =
                    answer(206, &json!(null)).bytes(b"EVILEVIL!!").header("content-range", "bytes 10-19/20");
                tags.iter().fold(reaction, |reaction, tag| reaction.header("etag", *tag))
            }
            _ => answer(200, &json!(null)).bytes(&[b'y'; 20]).header("content-length", "20"),
        });
        assert_eq!(save(&client, None).await.unwrap(), [b'y'; 20], "{other:?}");
        assert_eq!(ranges(&script), [0, 10, 0], "{other:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_that_ends_early_is_not_the_whole() {
    let (client, script) = script::plain(|number, request| match number {
        0 => part(request, 10, 20),
        // As much as it announces, and less than was asked for.
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
async fn a_length_that_no_file_has_is_an_error() {
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
async fn a_timeout_ends_a_download_wherever_it_is() {
    type React = fn(usize, &WireRequest) -> Reaction;
    let cases: [(&str, React); 4] = [
        ("no head", |_, _| answer(200, &json!(null)).after(Duration::from_secs(1000))),
        ("no more body", |_, request| part(request, MIB, 2 * MIB).stalled()),
        ("slow tries", |_, request| part(request, 64 * 1024, 1000 * MIB).after(Duration::from_secs(7))),
        ("the status call", |_, request| match request.url.path() {
            "/v" => answer(403, &json!(null)),
            _ => answer(200, &json!(null)).after(Duration::from_secs(1000)),
        }),
    ];
    for (name, react) in cases {
        let builder = InfraiClient::builder()
            .base_url("http://localhost:1")
            .timeout(Duration::from_secs(900))
            .attempt_timeout(Duration::from_secs(900))
            .download_idle_timeout(Duration::from_secs(900));
        let (client, _) = script::client(builder, react);
        let begun = Instant::now();
        let error = save(&client, Some(Duration::from_secs(100))).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "DOWNLOAD_TIMEOUT"), "{name}");
        assert!(error.is_timeout() && error.message().contains("timeout of 100s"), "{name}: {error}");
        assert_eq!(begun.elapsed().as_secs(), 100, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_holds_against_bytes_that_are_always_there() {
    let (client, script) = script::plain(|_, _| answer(200, &json!(null)).bytes(b"x"));
    assert_eq!(save(&client, Some(Duration::ZERO)).await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(script.count(), 0);

    let mut stream = client.video().download_stream(done()).timeout(Duration::from_secs(5)).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "x");
    tokio::time::advance(Duration::from_secs(5)).await;
    // The reader's own time counts; the end is there to be read and comes too late.
    assert_eq!(stream.next().await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_timeout_covers_the_job_that_is_asked_for() {
    let (client, _) =
        script::plain(|_, _| script::ok(&script::job("queued")).after(Duration::from_secs(1000)));
    let begun = Instant::now();
    let stream = client.video().download_stream("vid_1").timeout(Duration::from_secs(5)).await;
    assert_eq!(stream.unwrap_err().code(), "DOWNLOAD_TIMEOUT");
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn no_pause_leads_beyond_the_timeout() {
    let busy = |_: usize, _: &WireRequest| answer(503, &json!(null)).header("retry-after", "30");
    let (client, script) = script::plain(busy);
    let error = save(&client, Some(Duration::from_secs(20))).await.unwrap_err();
    // What went wrong says more than that the time would not have sufficed.
    assert_eq!((error.status(), script.count()), (Some(503), 1));

    let (client, script) = script::plain(busy);
    let client = client.with_options(CallOptions::new().timeout(Duration::from_secs(29))).unwrap();
    save(&client, None).await.unwrap_err();
    assert_eq!(script.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_timeout_a_slow_download_is_left_alone() {
    let (client, script) =
        script::plain(|_, request| part(request, MIB, 100 * MIB).after(Duration::from_secs(29)));
    assert_eq!(save(&client, None).await.unwrap().len(), 100 * MIB);
    assert_eq!(script.count(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_plain_http_address_hints_at_no_switch() {
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
