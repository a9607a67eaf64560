//! Forks with a client that has called, and lets parent and children call at the same time.
//!
//! A runtime does not survive a fork: a child makes its own, as everyone does who forks with Tokio. The client goes along.

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use infrai::{InfraiClient, Result};

use crate::Given;

pub(crate) fn run(children: usize, calls: usize, given: &Given) -> ExitCode {
    let polled = Arc::new(AtomicBool::new(false));
    let polls = Arc::clone(&polled);
    let client = InfraiClient::builder()
        .api_key(&given.key)
        .base_url(&given.url)
        .on_request(move |event| polls.store(event.method == "GET", Ordering::Relaxed))
        .build()
        .expect("settings");
    // On one thread: another thread might hold a lock at the fork, which no child could ever take.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // So that there are connections, a pool and a budget to inherit, and a poll that is under way.
    runtime.block_on(generate(&client, 1)).expect("a call of the parent's before the fork");
    let waiting = runtime.spawn({
        let client = client.clone();
        async move { client.video().wait("vid_1").await }
    });
    runtime.block_on(async {
        while !polled.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let forked: Vec<_> = (0..children).map(|number| fork(number, calls, &client)).collect();
    let own = runtime.block_on(generate(&client, calls));
    let ended = forked.into_iter().map(|child| child.and_then(status)).collect::<Vec<_>>();
    waiting.abort();
    own.expect("a call of the parent's after the fork");
    for (number, code) in ended.iter().enumerate() {
        assert_eq!(*code, Some(40 + i32::try_from(number % 8).unwrap_or_default()), "child {number}");
    }
    ExitCode::SUCCESS
}

async fn generate(client: &InfraiClient, calls: usize) -> Result<()> {
    for number in 0..calls {
        // Another body for each call: two calls with one key are seen by it.
        client.video().generate(format!("{} {number}", std::process::id())).await?;
    }
    Ok(())
}

/// A child that calls and exits with a code of its own.
#[allow(unsafe_code, reason = "fork and _exit are functions of C")]
fn fork(number: usize, calls: usize, client: &InfraiClient) -> Option<libc::pid_t> {
    // SAFETY: the child uses no lock and no thread of the parent's: it makes a runtime of its own, and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child != 0 {
        return (child > 0).then_some(child);
    }
    let done = crate::runtime().block_on(generate(client, calls));
    if let Err(error) = &done {
        eprintln!("child {number}: {error}");
    }
    let code = if done.is_ok() { 40 + i32::try_from(number % 8).unwrap_or_default() } else { 1 };
    // SAFETY: it does not return, and runs no handler of the parent's.
    unsafe { libc::_exit(code) }
}

/// How a child exited; none where a signal ended it.
#[allow(unsafe_code, reason = "waitpid is a function of C")]
fn status(child: libc::pid_t) -> Option<i32> {
    let mut status = 0;
    // SAFETY: the pointer is to a local.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    (waited == child && libc::WIFEXITED(status)).then(|| libc::WEXITSTATUS(status))
}
