//! Downloads of finished files.

use std::time::Duration;

use infrai_sandbox::Sandbox;
use serde_json::Value;

use crate::client::{Api, Reply, assert_whole_mp4, fresh, path_of, request, start};

async fn finished(api: &Api) -> Value {
    let id = api.quick("sandbox/default").await;
    api.ended(&id).await
}

async fn fetch(api: &Api, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    request(api.addr, method, path, headers, b"").await.expect("a connection").expect("an answer")
}

#[tokio::test]
async fn a_file_is_served_whole_without_a_key_and_by_range() {
    let (_sandbox, api) = fresh().await;
    let job = finished(&api).await;
    let path = path_of(&job["video_url"], api.addr);
    let whole = fetch(&api, "GET", path, &[]).await;
    assert_eq!((whole.status, whole.header("content-type")), (200, Some("video/mp4")));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.length(), Some(whole.body.len()));
    assert_whole_mp4(&whole.body);
    let (length, etag) = (whole.body.len(), whole.header("etag").expect("a tag").to_owned());
    assert!(etag.starts_with('"') && etag.ends_with('"'));

    let head = fetch(&api, "HEAD", path, &[("Range", "bytes=0-9")]).await;
    assert_eq!((head.status, head.length(), head.body.len()), (200, Some(length), 0));
    assert_eq!(head.header("etag"), Some(etag.as_str()));

    for (range, part) in [
        ("bytes=0-0", 0..1),
        ("bytes=5-104", 5..105),
        ("bytes=100-", 100..length),
        ("bytes=-7", length - 7..length),
        ("bytes=100-999999999999", 100..length),
    ] {
        let reply = fetch(&api, "GET", path, &[("Range", range)]).await;
        assert_eq!(reply.status, 206, "{range}");
        assert_eq!(reply.body, whole.body[part.clone()], "{range}");
        assert_eq!(reply.length(), Some(part.len()));
        let expected = format!("bytes {}-{}/{length}", part.start, part.end - 1);
        assert_eq!(reply.header("content-range"), Some(expected.as_str()));
        assert_eq!(reply.header("etag"), Some(etag.as_str()));
    }
    for range in ["bytes=9-5", "bytes=x", "bytes=0-1,5-6", "chapters=1-2"] {
        let reply = fetch(&api, "GET", path, &[("Range", range)]).await;
        assert_eq!((reply.status, reply.body.len()), (200, length), "{range}");
    }
    for range in
        [format!("bytes={length}-"), "bytes=-0".to_owned(), "bytes=99999999999999999999999-".to_owned()]
    {
        let reply = fetch(&api, "GET", path, &[("Range", &range)]).await;
        reply.error(416, "RANGE_NOT_SATISFIABLE");
        assert_eq!(reply.header("content-range"), Some(format!("bytes */{length}").as_str()));
    }

    let same = fetch(&api, "GET", path, &[("Range", "bytes=1-2"), ("If-Range", &etag)]).await;
    assert_eq!(same.status, 206);
    for other in ["\"other\"", &format!("W/{etag}"), "Mon, 01 Jan 2035 00:00:00 GMT"] {
        let reply = fetch(&api, "GET", path, &[("Range", "bytes=1-2"), ("If-Range", other)]).await;
        assert_eq!((reply.status, reply.body.len()), (200, length), "{other}");
    }
    let unchanged = fetch(&api, "GET", path, &[("If-None-Match", &format!("\"x\", {etag}"))]).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
}

#[tokio::test]
async fn file_urls_use_the_host_that_was_asked() {
    let (_sandbox, api) = start(Sandbox::builder().allow_host("phone.example:8080")).await;
    let job = finished(&api).await;
    let path = format!("/v1/video/jobs/{}", job["job_id"].as_str().expect("an id"));
    for host in ["phone.example:8080", "localhost:1", "app.localhost"] {
        let reply = api.try_call("GET", &path, &[("Host", host)], b"").await.expect("a connection");
        let job = reply.expect("an answer").data();
        for name in ["video_url", "thumbnail_url"] {
            let url = job[name].as_str().expect("a URL");
            assert!(url.starts_with(&format!("http://{host}/files/")), "{url}");
        }
    }
}

#[tokio::test]
async fn a_url_expires_and_status_gives_a_fresh_one() {
    let ttl = Duration::from_secs(1);
    let (_sandbox, api) = start(Sandbox::builder().file_url_ttl(ttl)).await;
    let job = finished(&api).await;
    let id = job["job_id"].as_str().expect("an id");
    let old = path_of(&job["video_url"], api.addr).to_owned();
    let refused = loop {
        let reply = fetch(&api, "GET", &old, &[]).await;
        if reply.status != 200 {
            break reply;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    refused.error(403, "FILE_URL_EXPIRED");
    // Again if a busy machine takes longer than that from the one to the other.
    loop {
        let fresh = api.status(id).await.data();
        let url = path_of(&fresh["video_url"], api.addr);
        assert_ne!(url, old);
        if fetch(&api, "GET", url, &[]).await.status == 200 {
            break;
        }
    }
}

#[tokio::test]
async fn a_url_is_the_same_from_poll_to_poll() {
    let (_sandbox, api) = fresh().await;
    let job = finished(&api).await;
    let again = api.status(job["job_id"].as_str().expect("an id")).await.data();
    // Two at most: the clock may have passed from one eighth of the lifetime to the next.
    let third = api.status(job["job_id"].as_str().expect("an id")).await.data();
    assert!(job["video_url"] == again["video_url"] || again["video_url"] == third["video_url"]);
}

#[tokio::test]
async fn a_tampered_url_is_404() {
    let (_sandbox, api) = fresh().await;
    let job = finished(&api).await;
    let path = path_of(&job["video_url"], api.addr);
    let token = path.split('/').nth(2).expect("a token");
    let parts: Vec<_> = token.split('-').collect();
    let later = format!("{}-{}9-{}", parts[0], parts[1], parts[2]);
    for token in
        ["x", "", "..", "%2e%2e", &later, &token[..token.len() - 1], &format!("{token}-"), &"-".repeat(40)]
    {
        fetch(&api, "GET", &format!("/files/{token}/video.mp4"), &[]).await.error(404, "NOT_FOUND");
    }
    fetch(&api, "GET", &format!("/files/{token}/sandbox.db"), &[]).await.error(404, "NOT_FOUND");
    fetch(&api, "POST", path, &[]).await.error(405, "METHOD_NOT_ALLOWED");
}
