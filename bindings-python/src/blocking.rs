//! Blocking calls: the caller's own thread runs the call, in slices that let Python's signal handlers run.

use std::{pin::Pin, sync::Arc, time::Duration};

use infrai::{ErrorKind, InfraiError};
use pyo3::prelude::*;
use tokio::{
    runtime::{Handle, Runtime},
    task::yield_now,
};

use crate::{
    convert, deliver,
    engine::{self, Engine},
    errors,
    mailbox::{Callback, Letter, Mailbox},
    owned::Owned,
};

/// How long a caller stays in the runtime before it looks for signals.
const SLICE: Duration = Duration::from_millis(50);

/// What a call tells while it is under way, and to whom.
pub(crate) struct Updates {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) callback: Callback,
}

/// Where a blocking call runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the caller's thread alone: nothing moves between calls.
    Foreground,
    /// On the caller's thread, what it spawned on the thread that goes on between calls.
    Background,
}

enum Runner<'e> {
    Lent(&'e Runtime),
    Own(&'e Handle),
}

enum Step<T> {
    Done(T),
    Look,
}

/// Runs a future to its end on this thread and gives its value.
///
/// Signal handlers run at least every 50 ms, hooks and key functions as they are due, `updates` as they come. What a
/// handler or an update's callback raises ends the call: its future is dropped, and the request with it.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    place: Place,
    client: Option<&Arc<Mailbox>>,
    updates: Option<&Updates>,
    future: impl Future<Output = Result<T, InfraiError>> + Send,
) -> PyResult<T> {
    let engine = engine::engine(py)?;
    engine.journal.look_at_level(py);
    let runner = match place {
        Place::Foreground => Runner::Lent(engine.foreground()),
        Place::Background => Runner::Own(engine.background().map_err(|error| errors::raise(py, &error))?),
    };
    let mut future = Owned::new(Box::pin(async move {
        if place == Place::Foreground {
            // Between calls nobody noticed which connections the server has closed: two turns of the runtime do.
            yield_now().await;
            yield_now().await;
        }
        future.await
    }));
    let reading = client.map(|mailbox| mailbox.read());
    let outcome = loop {
        let step = py.detach(|| runner.slice(future.as_mut(), client, updates));
        attend(py, engine, client, updates)?;
        if let Step::Done(outcome) = step {
            break outcome;
        }
    };
    drop(reading);
    if let Some(mailbox) = client {
        deliver::all(py, mailbox);
    }
    outcome.map_err(|error| errors::raise(py, &error))
}

impl Runner<'_> {
    /// Stays in the runtime until the future is ready, a letter has come, or the slice is over.
    fn slice<T>(
        &self,
        mut future: Pin<&mut (impl Future<Output = T> + Send)>,
        client: Option<&Arc<Mailbox>>,
        updates: Option<&Updates>,
    ) -> Step<T> {
        let slice = async {
            tokio::select! {
                biased;
                value = future.as_mut() => Step::Done(value),
                () = letter(client) => Step::Look,
                () = letter(updates.map(|updates| &updates.mailbox)) => Step::Look,
                () = tokio::time::sleep(SLICE) => Step::Look,
            }
        };
        match self {
            Self::Lent(runtime) => runtime.block_on(slice),
            Self::Own(handle) => handle.block_on(slice),
        }
    }
}

async fn letter(mailbox: Option<&Arc<Mailbox>>) {
    match mailbox {
        Some(mailbox) => mailbox.arrived().await,
        None => std::future::pending().await,
    }
}

/// What is due between slices, on the caller's thread, attached.
fn attend(
    py: Python<'_>,
    engine: &Engine,
    client: Option<&Arc<Mailbox>>,
    updates: Option<&Updates>,
) -> PyResult<()> {
    if let Some(mailbox) = client {
        deliver::all(py, mailbox);
    }
    if let Some(Updates { mailbox, callback }) = updates {
        while let Some(letter) = mailbox.take() {
            let told = match letter {
                Letter::Update(job) => convert::job(py, &job)?,
                Letter::Progress(progress) => convert::progress(py, progress)?,
                _ => continue,
            };
            callback.bind(py).call1((told,))?;
            if !engine.is_ours() {
                break;
            }
        }
    }
    engine.journal.deliver(py);
    py.check_signals()?;
    if engine.is_ours() { Ok(()) } else { Err(errors::raise(py, &forked())) }
}

/// The error of a call that a child of `fork()` finds itself in.
pub(crate) fn forked() -> InfraiError {
    InfraiError::new(
        ErrorKind::Aborted,
        "ABORTED",
        "the process forked while this call was under way; the call goes on in the parent alone",
    )
    .with_hint("Make the call anew in the child.")
}
