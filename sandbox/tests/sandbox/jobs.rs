//! The life of a job.

use std::time::Duration;

use infrai_sandbox::Sandbox;
use serde_json::json;

use crate::client::{Api, fresh, path_of, quick, start};

#[tokio::test]
async fn a_job_is_queued_runs_with_progress_and_succeeds_with_its_files() {
    let (_sandbox, api) = start(Sandbox::builder().render_workers(1)).await;
    let body = json!({"prompt": "a fox 狐狸 λ", "duration_seconds": 3, "aspect": "9:16", "resolution": "1080p",
        "prefer": "cheapest", "reference_image_url": "https://example.com/a.png"});
    let queued = api.generate(&body).await.data();
    assert_eq!(queued["state"], "queued");
    assert!(queued["video_url"].is_null() && queued["progress"].is_null());
    for (name, value) in body.as_object().expect("an object") {
        assert_eq!(queued[name].as_f64().is_some(), value.as_f64().is_some());
        if value.is_string() {
            assert_eq!(&queued[name], value);
        }
    }
    let id = queued["job_id"].as_str().expect("an id");
    assert!(id.starts_with("vid_") && id.len() >= 24);

    let (mut states, mut progress) = (Vec::new(), Vec::new());
    let job = loop {
        let reply = api.status(id).await;
        assert_eq!(reply.header("retry-after"), None, "off by default");
        let job = reply.data();
        let state = job["state"].as_str().expect("a state").to_owned();
        if states.last() != Some(&state) {
            states.push(state);
        }
        if job["state"] == "running" {
            progress.push(job["progress"].as_f64().expect("progress"));
            assert!(job["video_url"].is_null() && job["started_at"].is_string());
        }
        if job["ended_at"].is_string() {
            break job;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(states.ends_with(&["running".to_owned(), "succeeded".to_owned()]), "{states:?}");
    assert!(progress.is_sorted() && progress.iter().all(|done| (0.0..=1.0).contains(done)), "{progress:?}");
    assert!(progress.last() > progress.first(), "{progress:?}");
    assert_eq!(job["progress"], 1.0);
    crate::client::assert_whole_mp4(&api.get(path_of(&job["video_url"], api.addr)).await.body);
    let thumbnail = api.get(path_of(&job["thumbnail_url"], api.addr)).await;
    assert_eq!(thumbnail.header("content-type"), Some("image/jpeg"));
    assert_eq!(thumbnail.body[..3], [0xff, 0xd8, 0xff]);
}

#[tokio::test]
async fn sandbox_fail_fails_and_says_why() {
    let (_sandbox, api) = fresh().await;
    let id = api.quick("sandbox/fail").await;
    let job = api.ended(&id).await;
    assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!("SANDBOX_FAILURE")));
    assert!(job["error"]["message"].is_string() && job["video_url"].is_null());
    assert_eq!(api.cancel(&id).await.data(), json!({"ok": false}));
    assert_eq!(api.status(&id).await.data()["state"], "failed");
}

#[tokio::test]
async fn sandbox_slow_runs_as_long_as_it_was_told_and_then_succeeds() {
    let (_sandbox, api) = start(Sandbox::builder().slow(Duration::from_secs(3600))).await;
    let id = api.quick("sandbox/slow").await;
    let running = api.until(&id, |job| job["state"] == "running").await;
    assert!(running["progress"].as_f64().expect("progress") < 0.1);
    assert_eq!(api.cancel(&id).await.data(), json!({"ok": true}));

    let (_sandbox, api) = start(Sandbox::builder().slow(Duration::from_millis(300))).await;
    let id = api.quick("sandbox/slow").await;
    assert_eq!(api.ended(&id).await["state"], "succeeded");
}

#[tokio::test]
async fn jobs_that_wait_take_no_worker() {
    let (_sandbox, api) = start(Sandbox::builder().render_workers(1).slow(Duration::from_secs(3600))).await;
    for model in ["sandbox/stuck", "sandbox/slow", "sandbox/stuck"] {
        let id = api.quick(model).await;
        api.until(&id, |job| job["state"] == "running").await;
    }
    let id = api.quick("sandbox/default").await;
    assert_eq!(api.ended(&id).await["state"], "succeeded");
}

#[tokio::test]
async fn sandbox_stuck_runs_until_it_is_cancelled() {
    let (_sandbox, api) = fresh().await;
    let id = api.quick("sandbox/stuck").await;
    let job = api.until(&id, |job| job["state"] == "running").await;
    assert_eq!(job["progress"], 0.5);
    assert_eq!(api.cancel(&id).await.data(), json!({"ok": true}));
    assert_eq!(api.status(&id).await.data()["state"], "cancelled");
    assert_eq!(api.cancel(&id).await.data(), json!({"ok": true}), "it was cancelled before");
}

#[tokio::test]
async fn a_running_rendering_stops_when_its_job_is_cancelled() {
    let (sandbox, api) = start(Sandbox::builder().render_workers(1)).await;
    let long =
        json!({"prompt": "a long one", "duration_seconds": 60, "resolution": "1080p", "prefer": "cheapest"});
    let id = api.generate(&long).await.data()["job_id"].as_str().expect("an id").to_owned();
    api.until(&id, |job| job["progress"].as_f64().is_some_and(|done| done > 0.0)).await;
    assert_eq!(api.cancel(&id).await.data(), json!({"ok": true}));
    // The only worker is free for the next one, and nothing is left of the first.
    let next = api.quick("sandbox/default").await;
    assert_eq!(api.ended(&next).await["state"], "succeeded");
    assert_eq!(api.status(&id).await.data()["state"], "cancelled");
    assert!(!sandbox.data_dir().join("files").join(&id).exists());
}

#[tokio::test]
async fn cancelling_what_succeeded_says_false_and_changes_nothing() {
    let (_sandbox, api) = fresh().await;
    let id = api.quick("sandbox/default").await;
    api.ended(&id).await;
    assert_eq!(api.cancel(&id).await.data(), json!({"ok": false}));
    let job = api.status(&id).await.data();
    assert_eq!(job["state"], "succeeded");
    assert_eq!(api.get(path_of(&job["video_url"], api.addr)).await.status, 200);
}

#[tokio::test]
async fn an_unknown_job_and_another_accounts_job_are_404_alike() {
    let (sandbox, api) = fresh().await;
    let other = Api::activate(sandbox.addr(), "another-device").await;
    let id = api.quick("sandbox/stuck").await;
    let theirs = other.status(&id).await.error(404, "NOT_FOUND");
    assert_eq!(theirs, other.status("vid_unknown").await.error(404, "NOT_FOUND"));
    other.cancel(&id).await.error(404, "NOT_FOUND");
    for id in ["vid_unknown", "..%2f..", "%00", "%ff", "a%20b"] {
        api.status(id).await.error(404, "NOT_FOUND");
        api.cancel(id).await.error(404, "NOT_FOUND");
    }
    assert_ne!(api.status(&id).await.data()["state"], "cancelled");
}

#[tokio::test]
async fn a_rendering_that_fails_fails_its_job_and_gives_the_money_back() {
    let (sandbox, api) = fresh().await;
    let files = sandbox.data_dir().join("files");
    std::fs::remove_dir(&files).expect("an empty folder");
    std::fs::write(&files, "in the way").expect("a file");
    let id = api.quick("sandbox/default").await;
    let job = api.ended(&id).await;
    assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!("RENDER_FAILED")));
    assert!((api.balance().await - 2.0).abs() < 1e-9);
}

#[tokio::test]
async fn a_status_carries_retry_after_if_it_was_told_to() {
    let (_sandbox, api) = start(Sandbox::builder().status_retry_after(7)).await;
    let id = api.quick("sandbox/stuck").await;
    assert_eq!(api.status(&id).await.header("retry-after"), Some("7"));
    api.cancel(&id).await.data();
    assert_eq!(api.status(&id).await.header("retry-after"), None, "it has ended");
}

#[tokio::test]
async fn the_vendor_asked_for_is_the_vendor_named() {
    let (_sandbox, api) = fresh().await;
    let mut body = quick("sandbox/stuck");
    body["vendor"] = json!("sandbox-lite");
    let reply = api.generate(&body).await;
    assert_eq!(reply.envelope()["metadata"]["vendor"], "sandbox-lite");
    assert_eq!(reply.data()["vendor"], "sandbox-lite");
}
