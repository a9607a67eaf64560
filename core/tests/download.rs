//! Downloads: a complete file or none, resumed after broken connections.

mod support;

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use infrai::{ErrorKind, VideoJob};
use serde_json::json;
use support::{Act, Server, ok, response};

const FILE: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn done(url: &str) -> VideoJob {
    VideoJob::from_json(json!({"job_id": "vid_1", "state": "succeeded", "video_url": url})).unwrap()
}

/// Returns the file from byte `from` on, as a server with ranges sends it.
fn part(from: usize, etag: &str) -> Act {
    let range = format!("content-range: bytes {from}-{}/{}\r\netag: {etag}\r\n", FILE.len() - 1, FILE.len());
    response(206, &range, &FILE[from..])
}

/// Returns the whole file's head with a truncated body.
fn broken(upto: usize, etag: &str) -> Act {
    let mut bytes =
        format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\netag: {etag}\r\n\r\n", FILE.len()).into_bytes();
    bytes.extend_from_slice(&FILE[..upto]);
    Act::WriteAndClose(bytes)
}

#[tokio::test]
async fn download_sends_no_api_headers() {
    let server = Server::start(|_, _| response(200, "etag: \"1\"\r\n", FILE));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("video.mp4");
    let progress = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&progress);
    let job = done(&format!("{}/f?sig=1", server.url()));
    let saved = server
        .client()
        .video()
        .download(&job, &path)
        .on_progress(move |at| log.lock().unwrap().push(at))
        .await
        .unwrap();
    assert_eq!(
        (fs::read(&path).unwrap().as_slice(), saved.bytes, names(folder.path())),
        (FILE, 36, vec!["video.mp4".to_owned()])
    );
    let last = *progress.lock().unwrap().last().unwrap();
    assert_eq!((last.received, last.total), (36, Some(36)));
    let seen = &server.seen()[0];
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    for ours in ["authorization", "idempotency-key", "range", "x-team"] {
        assert_eq!(seen.header(ours), None);
    }
}

#[tokio::test]
async fn stream_holds_its_connection_and_a_status_call_gets_one() {
    let server = Server::start(|number, seen| match number {
        0 => response(403, "", b"expired"),
        1 => {
            let url = format!("http://{}/fresh", seen.header("host").unwrap());
            ok(&json!({"job_id": "vid_1", "state": "succeeded", "video_url": url}).to_string())
        }
        2 => response(200, "", FILE),
        _ => ok(r#"{"balance_usd":2,"currency":"USD"}"#),
    });
    let builder = infrai::InfraiClient::builder().api_key(support::KEY).base_url(server.url());
    let client = builder.max_connections(1).timeout(std::time::Duration::from_millis(500)).build().unwrap();
    let mut stream = client.video().download_stream(done(&server.url())).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), FILE);
    let error = client.account().balance().await.unwrap_err();
    assert_eq!((error.kind(), error.code(), error.attempts()), (ErrorKind::Timeout, "DEADLINE_EXCEEDED", 0));
    assert!(error.hint().contains("max_connections"), "{}", error.hint());
    drop(stream);
    client.account().balance().await.unwrap();
}

#[tokio::test]
async fn broken_connection_is_resumed_with_a_range() {
    let server = Server::start(|number, _| match number {
        0 => broken(10, "\"1\""),
        1 => part(10, "\"1\""),
        _ => response(500, "", b""),
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v");
    server.client().video().download(done(&server.url()), &path).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), FILE);
    let seen = server.seen();
    assert_eq!((seen[1].header("range"), seen[1].header("if-range")), (Some("bytes=10-"), Some("\"1\"")));
}

#[tokio::test]
async fn changed_file_restarts_the_download() {
    let other = [b'x'; 50];
    let server = Server::start(move |number, _| match number {
        0 => broken(30, "\"1\""),
        // The tag does not match any more, so the server sends the whole new file.
        _ => response(200, "etag: \"2\"\r\n", &other),
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v");
    server.client().video().download(done(&server.url()), &path).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), other);
}

#[tokio::test]
async fn weak_tag_or_wrong_range_restarts_the_download() {
    let server = Server::start(|number, _| match number {
        0 => broken(30, "W/\"1\""),
        1 => broken(20, "\"2\""),
        2 => part(25, "\"2\""),
        _ => response(200, "", FILE),
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v");
    let client = infrai::InfraiClient::builder()
        .api_key(support::KEY)
        .base_url(server.url())
        .max_retries(5)
        .retry_base(std::time::Duration::from_millis(1))
        .build()
        .unwrap();
    client.video().download(done(&server.url()), &path).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), FILE);
    let ranges: Vec<_> = server.seen().iter().map(|seen| seen.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, [None, None, Some("bytes=20-".to_owned()), None]);
}

#[tokio::test]
async fn failed_download_leaves_nothing_behind() {
    let server = Server::start(|_, _| broken(10, "W/\"1\""));
    let folder = tempfile::tempdir().unwrap();
    let error =
        server.client().video().download(done(&server.url()), folder.path().join("v")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code(), server.seen().len()),
        (ErrorKind::Connection, "DOWNLOAD_FAILED", 3)
    );
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn expired_url_is_renewed_once() {
    for status in [401, 403, 404, 410] {
        let current = Arc::new(Mutex::new(String::new()));
        let url = Arc::clone(&current);
        let server = Server::start(move |_, request| match request.path() {
            "/new" => response(200, "", FILE),
            "/v1/video/jobs/vid_1" => ok(&format!(
                "{{\"job_id\":\"vid_1\",\"state\":\"succeeded\",\"video_url\":\"{}\"}}",
                url.lock().unwrap()
            )),
            _ => response(status, "", b"expired"),
        });
        *current.lock().unwrap() = format!("{}/new", server.url());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v");
        server.client().video().download(done(&format!("{}/old", server.url())), &path).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), FILE);

        *current.lock().unwrap() = format!("{}/still-old", server.url());
        let before = server.seen().len();
        let error = server
            .client()
            .video()
            .download(done(&format!("{}/old", server.url())), folder.path().join("w"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.code(), error.status(), server.seen().len() - before),
            ("DOWNLOAD_FAILED", Some(status), 3)
        );
    }
}

#[tokio::test]
async fn redirects_are_followed_up_to_five_times() {
    let other = Server::start(|number, _| if number == 0 { broken(10, "\"1\"") } else { part(10, "\"1\"") });
    let target = other.url();
    let server = Server::start(move |_, _| response(302, &format!("location: {target}/file\r\n"), b""));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v");
    server.client().video().download(done(&server.url()), &path).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), FILE);
    assert_eq!(other.seen()[1].header("range"), Some("bytes=10-"));
    assert!(other.seen().iter().chain(&server.seen()).all(|seen| seen.header("authorization").is_none()));

    let looping = Server::start(|_, _| response(302, "location: /again\r\n", b""));
    let error =
        looping.client().video().download(done(&looping.url()), folder.path().join("w")).await.unwrap_err();
    assert!(error.message().contains("redirected too often") && looping.seen().len() == 6, "{error}");
}

#[tokio::test]
async fn invalid_target_is_refused_before_sending() {
    let server = Server::start(|_, _| response(200, "", FILE));
    let folder = tempfile::tempdir().unwrap();
    let existing = folder.path().join("there");
    fs::write(&existing, "mine").unwrap();
    let client = server.client();
    let refused = [
        (existing.clone(), "FILE_EXISTS"),
        (folder.path().to_owned(), "INVALID_ARGUMENT"),
        (folder.path().join("no/such/file"), "FILE_ERROR"),
    ];
    for (path, code) in refused {
        assert_eq!(client.video().download(done(&server.url()), &path).await.unwrap_err().code(), code);
    }
    assert!(server.seen().is_empty());
    assert_eq!(fs::read(&existing).unwrap(), b"mine");
    client.video().download(done(&server.url()), &existing).overwrite(true).await.unwrap();
    assert_eq!(fs::read(&existing).unwrap(), FILE);
}

#[tokio::test]
async fn job_without_a_video_is_an_error() {
    for (state, kind, code) in [
        ("running", ErrorKind::InvalidRequest, "JOB_NOT_READY"),
        ("failed", ErrorKind::JobFailed, "JOB_FAILED"),
        ("succeeded", ErrorKind::UnexpectedResponse, "UNEXPECTED_RESPONSE"),
    ] {
        let server =
            Server::start(move |_, _| ok(&format!("{{\"job_id\":\"vid_1\",\"state\":\"{state}\"}}")));
        let folder = tempfile::tempdir().unwrap();
        let error = server.client().video().download("vid_1", folder.path().join("v")).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, code));
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }
}

#[tokio::test]
async fn stream_yields_the_bytes_and_resumes() {
    let server = Server::start(|number, _| if number == 0 { broken(10, "\"1\"") } else { part(10, "\"1\"") });
    let mut stream = server.client().video().download_stream(done(&server.url())).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(bytes, FILE);
}
