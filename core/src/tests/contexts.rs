//! Tests that callbacks run in the context of the call they belong to, on a paused clock.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::{join, join_all};

use crate::{
    ApiKey, CallContext, CallOptions, ErrorKind, InfraiClient, KeyProvider, VideoRoutes,
    script::{self, MockResponse, Script, answer, failure, job, ok},
};

const SECOND: Duration = Duration::from_secs(1);

/// Context of the tests: the name of the caller.
struct Tenant(String);

impl Tenant {
    fn context(name: impl Into<String>) -> CallContext {
        CallContext::new(Self(name.into()))
    }

    fn current() -> String {
        let context = CallContext::current();
        context.and_then(|context| Some(context.downcast_ref::<Self>()?.0.clone())).unwrap_or_default()
    }
}

/// Returns a client whose key is its caller's name, its server, and a log of the key function's runs.
fn shared(
    respond: impl Fn(&str) -> MockResponse + Send + Sync + 'static,
) -> (InfraiClient, Arc<Script>, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let provider = KeyProvider::new(move || {
        let log = Arc::clone(&log);
        async move {
            tokio::time::sleep(SECOND / 100).await;
            let tenant = Tenant::current();
            log.lock().unwrap().push(tenant.clone());
            ApiKey::new(format!("key-{tenant}"))
        }
    });
    let builder = InfraiClient::builder().base_url("http://localhost:1").api_key_provider(provider);
    // One family of routes: each poll is one request.
    let builder = builder.routes(VideoRoutes::Jobs);
    let (client, script) = script::client(builder, move |_, request| {
        respond(request.headers["authorization"].to_str().unwrap())
    });
    (client, script, asked)
}

fn keys(script: &Script) -> Vec<String> {
    script.requests().iter().map(|received| received.header("authorization").unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_call_gets_the_key_of_its_own_context() {
    let (client, script, _) = shared(|_| ok(&job("queued")));
    let calls = (0..40).map(|n| {
        let generate = client.video().generate(format!("tenant-{n}"));
        Tenant::context(format!("tenant-{n}")).scope(generate.send())
    });
    for call in join_all(calls).await {
        call.unwrap();
    }
    for received in script.requests() {
        let body = String::from_utf8(received.request.body.clone().unwrap().to_vec()).unwrap();
        let tenant = received.header("authorization").unwrap().trim_start_matches("Bearer key-").to_owned();
        assert!(body.contains(&format!("{tenant:?}")), "{tenant} paid for {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_items_calls_have_the_batchs_context() {
    let (client, script, _) = shared(|_| ok(&job("succeeded")));
    let batch = |tenant: &'static str| {
        let client = client.clone();
        Tenant::context(tenant).scope(async move {
            let mut many = client.video().generate_many(vec![tenant; 5]);
            while let Some(item) = many.next().await {
                item.unwrap().result.unwrap();
            }
        })
    };
    join(batch("red"), batch("blue")).await;
    assert_eq!(script.count(), 10);
    for received in script.requests() {
        let body = String::from_utf8(received.request.body.clone().unwrap().to_vec()).unwrap();
        let tenant = if body.contains("red") { "red" } else { "blue" };
        assert_eq!(received.header("authorization").unwrap(), format!("Bearer key-{tenant}"));
    }
}

#[tokio::test(start_paused = true)]
async fn waits_of_different_keys_poll_apart() {
    let (client, script, _) = shared(|key| match key {
        "Bearer key-owner" => ok(&job("succeeded")).after(SECOND),
        _ => failure(404, "NO_SUCH_JOB"),
    });
    let wait = |tenant: &str| Tenant::context(tenant).scope(client.video().wait("vid_1").send());
    let (owner, stranger) = join(wait("owner"), wait("stranger")).await;
    assert!(owner.unwrap().is_success());
    assert_eq!(stranger.unwrap_err().kind(), ErrorKind::NotFound);
    let mut keys = keys(&script);
    keys.sort();
    assert_eq!(keys, ["Bearer key-owner", "Bearer key-stranger"]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_asks_for_one_key_per_poll() {
    let (client, script, asked) = shared(|_| ok(&job("running")));
    let wait = client.video().wait("vid_1").timeout(20 * SECOND).send();
    Tenant::context("one").scope(wait).await.unwrap_err();
    assert!(script.count() > 2);
    assert_eq!(asked.lock().unwrap().len(), script.count());
}

#[tokio::test(start_paused = true)]
async fn shared_polls_run_in_the_oldest_waits_context() {
    // Both waits have the same key and share their polls. The log shows which context a callback ran in.
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let provider = KeyProvider::new(move || {
        log.lock().unwrap().push(Tenant::current());
        async { ApiKey::new("one-key-for-all") }
    });
    let events = Arc::clone(&asked);
    let builder = InfraiClient::builder()
        .base_url("http://localhost:1")
        .api_key_provider(provider)
        .on_request(move |_| events.lock().unwrap().push(format!("hook {}", Tenant::current())));
    let (client, script) = script::client(builder, |_, _| ok(&job("running")));
    let wait = |tenant: &str, seconds: u32| {
        Tenant::context(tenant).scope(client.video().wait("vid_1").timeout(seconds * SECOND).send())
    };
    let older = wait("older", 10);
    let younger = async {
        tokio::time::sleep(SECOND).await;
        let begun = script.count();
        let ended = wait("younger", 20).await;
        (begun, ended)
    };
    let (_, (before, _)) = join(older, younger).await;
    assert!(before > 0 && script.count() > before);
    let asked = asked.lock().unwrap().clone();
    // At its start the younger wait gets its own key, once, and by that key it shares.
    let begun = asked.iter().position(|tenant| tenant == "younger").expect("the younger's key");
    let hooks: Vec<_> = asked.iter().filter(|entry| entry.starts_with("hook")).collect();
    let handed_over = hooks.iter().position(|hook| *hook == "hook younger").expect("the younger's turn");
    assert!(hooks[..handed_over].iter().all(|hook| *hook == "hook older"), "{asked:?}");
    assert!(hooks[handed_over..].iter().all(|hook| *hook == "hook younger"), "{asked:?}");
    assert!(
        asked[begun + 1..].contains(&"older".to_owned()),
        "each poll of the older has a fresh key: {asked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn polling_outlives_the_wait_whose_context_it_has() {
    // After its first key, the older wait's key function never returns, like one whose event loop is closed.
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let provider = KeyProvider::new(move || {
        let log = Arc::clone(&log);
        async move {
            let tenant = Tenant::current();
            let again = log.lock().unwrap().contains(&tenant);
            log.lock().unwrap().push(tenant.clone());
            if again && tenant == "older" {
                std::future::pending::<()>().await;
            }
            ApiKey::new("one-key-for-all")
        }
    });
    let builder = InfraiClient::builder().base_url("http://localhost:1").api_key_provider(provider);
    let done = Arc::new(Mutex::new(false));
    let ends = Arc::clone(&done);
    let (client, script) = script::client(builder, move |_, _| {
        ok(&job(if *ends.lock().unwrap() { "succeeded" } else { "running" }))
    });
    let mut older = Box::pin(Tenant::context("older").scope(client.video().wait("vid_1").send()));
    let younger = tokio::spawn(Tenant::context("younger").scope(client.video().wait("vid_1").send()));
    assert!(tokio::time::timeout(15 * SECOND, older.as_mut()).await.is_err());
    assert_eq!(script.count(), 1, "the second poll has no key yet");
    *done.lock().unwrap() = true;
    drop(older);
    let ended = tokio::time::timeout(5 * SECOND, younger).await.expect("the younger wait polls on");
    assert!(ended.unwrap().unwrap().is_success());
}

#[tokio::test(start_paused = true)]
async fn waits_with_other_headers_poll_apart() {
    let (client, script) = script::pinned(|_, request| match request.headers.get("x-tenant") {
        Some(tenant) if tenant == "owner" => ok(&job("succeeded")).after(SECOND),
        _ => failure(404, "NO_SUCH_JOB"),
    });
    let wait = |tenant: &str| {
        let client = client.with_options(CallOptions::new().header("x-tenant", tenant)).unwrap();
        async move { client.video().wait("vid_1").await }
    };
    let (owner, stranger) = join(wait("owner"), wait("stranger")).await;
    assert!(owner.unwrap().is_success());
    assert_eq!(stranger.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(script.count(), 2);
}

/// Runs two waits of one job with one key. After its first key, the older wait's key function calls `then`.
async fn older_and_younger(
    then: impl Fn() -> Option<crate::InfraiError> + Clone + Send + Sync + 'static,
) -> (crate::Result<crate::VideoJob>, crate::Result<crate::VideoJob>) {
    let respond = |n| ok(&job(if n < 6 { "running" } else { "succeeded" }));
    older_and_younger_with(respond, then).await
}

async fn older_and_younger_with(
    respond: impl Fn(usize) -> MockResponse + Send + Sync + 'static,
    then: impl Fn() -> Option<crate::InfraiError> + Clone + Send + Sync + 'static,
) -> (crate::Result<crate::VideoJob>, crate::Result<crate::VideoJob>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let provider = KeyProvider::new(move || {
        let (asked, then) = (Arc::clone(&asked), then.clone());
        async move {
            let tenant = Tenant::current();
            let again = asked.lock().unwrap().contains(&tenant);
            asked.lock().unwrap().push(tenant.clone());
            if again && tenant == "older" {
                match then() {
                    Some(error) => return Err(error),
                    None => std::future::pending::<()>().await,
                }
            }
            ApiKey::new("one-key-for-all")
        }
    });
    let builder =
        InfraiClient::builder().base_url("http://localhost:1").timeout(5 * SECOND).api_key_provider(provider);
    let (client, _) = script::client(builder, move |n, _| respond(n));
    let wait = |tenant: &str| {
        Tenant::context(tenant).scope(client.video().wait("vid_1").timeout(300 * SECOND).send())
    };
    join(wait("older"), wait("younger")).await
}

#[tokio::test(start_paused = true)]
async fn a_key_function_that_is_busy_ends_no_wait() {
    let (older, younger) = older_and_younger(|| None).await;
    assert!(younger.unwrap().is_success());
    assert!(older.unwrap().is_success(), "it shares the younger's poll");
}

#[tokio::test(start_paused = true)]
async fn a_key_function_that_raises_ends_its_own_wait() {
    let refused = || Some(crate::InfraiError::configuration("CONFIGURATION_INVALID", "no token"));
    let (older, younger) = older_and_younger(refused).await;
    assert_eq!(older.unwrap_err().message(), "no token");
    assert!(younger.unwrap().is_success());
}

#[tokio::test(start_paused = true)]
async fn a_key_function_that_raises_after_a_401_ends_its_own_wait() {
    let refused = || Some(crate::InfraiError::configuration("CONFIGURATION_INVALID", "no token"));
    let respond = |n| match n {
        0 => answer(401, &serde_json::json!(null)),
        _ => ok(&job(if n < 6 { "running" } else { "succeeded" })),
    };
    let (older, younger) = older_and_younger_with(respond, refused).await;
    assert_eq!(older.unwrap_err().message(), "no token");
    assert!(younger.unwrap().is_success());
}
