//! Does something many times in one process, and prints what the process holds before, halfway and after, as JSON.

use std::{process::ExitCode, time::Duration};

use futures_util::future::join_all;
use infrai::{ErrorKind, InfraiClient, KeyProvider, PollingOptions};
use serde_json::{Value, json};

use crate::Given;

const MS: Duration = Duration::from_millis(1);

pub(crate) fn run(kind: &str, count: usize, given: &Given) -> ExitCode {
    let runtime = crate::runtime();
    let told: Vec<Value> = runtime.block_on(async {
        // Each part has a client of its own, which is gone with its connections when it is measured.
        let work = async |count: usize| match kind {
            "calls" => calls(&client(given), count).await,
            "clients" => clients(given, count).await,
            _ => waits(&client(given), count).await,
        };
        work((count / 4).max(400)).await;
        let mut told = vec![held().await];
        for _ in 0..2 {
            work(count / 2).await;
            told.push(held().await);
        }
        told
    });
    println!("{}", Value::from(told));
    ExitCode::SUCCESS
}

fn client(given: &Given) -> InfraiClient {
    let mut polling = PollingOptions::default();
    (
        polling.min_interval,
        polling.max_interval,
        polling.expected_duration,
        polling.max_requests_per_second,
    ) = (0.01, 0.02, 0.02, 100_000.0);
    InfraiClient::builder()
        .api_key(&given.key)
        .base_url(&given.url)
        .polling(polling)
        .build()
        .expect("settings")
}

async fn calls(client: &InfraiClient, count: usize) {
    for number in 0..count {
        if number % 10 != 0 {
            assert_eq!(client.video().status("vid_1").await.expect("a job").state.as_str(), "running");
            continue;
        }
        let error =
            client.request("POST", "/v1/nothing").body(json!({ "number": number })).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

async fn clients(given: &Given, count: usize) {
    for number in 0..count {
        let key = infrai::ApiKey::new(&given.key).expect("a key");
        let provider = KeyProvider::new(move || std::future::ready(Ok(key.clone())));
        let client = InfraiClient::builder()
            .api_key_provider(provider)
            .base_url(&given.url)
            .on_request(|event| assert_eq!(event.attempt, 1))
            .build()
            .expect("settings");
        if number % 10 == 0 {
            assert_eq!(client.video().status("vid_1").await.expect("a job").state.as_str(), "running");
        }
    }
}

async fn waits(client: &InfraiClient, count: usize) {
    for batch in 0..count / 100 {
        let tasks: Vec<_> = (0..100)
            .map(|number| {
                let client = client.clone();
                tokio::spawn(
                    async move { client.video().wait(format!("vid_{number}")).on_update(|_| {}).await },
                )
            })
            .collect();
        // Some are dropped before they begin, some when they have, some while they look.
        match batch % 4 {
            0 => {}
            1 => tokio::task::yield_now().await,
            2 => tokio::time::sleep(3 * MS).await,
            _ => tokio::time::sleep(20 * MS).await,
        }
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        let ended = join_all(tasks).await;
        assert!(
            ended.iter().all(|end| end.as_ref().is_err_and(tokio::task::JoinError::is_cancelled)),
            "{ended:?}"
        );
    }
    for number in 0..count / 20 {
        let mut watch = client.video().watch(format!("vid_{number}"));
        watch.next().await.expect("a state").expect("a job");
    }
}

/// What this process holds once everything that ends by itself has had the time to.
async fn held() -> Value {
    let count = |name: &str| std::fs::read_dir(format!("/proc/self/{name}")).map_or(0, Iterator::count);
    let mut files = usize::MAX;
    for _ in 0..60 {
        tokio::time::sleep(250 * MS).await;
        let now = count("fd");
        if std::mem::replace(&mut files, now) == now {
            break;
        }
    }
    let live = live();
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    json!({"rss": pages * 4096, "live": live, "threads": count("task"), "files": files})
}

/// The bytes that the C library's allocator has given out; none where it cannot say.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "the allocator's own figures are functions of C")]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere there is none")]
fn live() -> Option<usize> {
    // SAFETY: both take no pointer and may be called at any time.
    let told = unsafe {
        libc::malloc_trim(0);
        libc::mallinfo2()
    };
    Some(told.uordblks + told.hblkhd)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn live() -> Option<usize> {
    None
}
