//! Blocking calls: the caller's own thread runs the call, in slices that let Python's signal handlers run.

use std::{pin::Pin, sync::Arc, time::Duration};

use infrai::{ErrorKind, InfraiError};
use pyo3::prelude::*;
use tokio::{
    runtime::{Handle, Runtime},
    sync::oneshot,
    task::yield_now,
};

use crate::{
    convert, deliver,
    engine::{self, Engine},
    errors,
    mailbox::{Callback, Letter, Mailbox},
    owned::Owned,
    python,
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

/// Whom a blocking call talks to while it is under way.
#[derive(Default)]
pub(crate) struct Company<'a> {
    /// The client's hooks and key function.
    pub(crate) client: Option<&'a Arc<Mailbox>>,
    /// Who is told how the call gets on.
    pub(crate) updates: Option<&'a Updates>,
    /// Tells the call to end itself, where giving it up leaves something to do.
    pub(crate) abort: Option<oneshot::Sender<()>>,
}

/// Runs a future to its end on this thread and gives its value.
///
/// Signal handlers run at least every 50 ms, hooks and key functions as they are due, updates as they come. What a handler
/// or an update's callback raises ends the call: its future is dropped, and the request with it.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    place: Place,
    mut company: Company<'_>,
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
            // Between calls nobody noticed which connections the server has closed. After a turn of the runtime they are told,
            // and one that is closed gives a request that was meant for it back unsent.
            yield_now().await;
        }
        future.await
    }));
    let reading = company.client.map(|mailbox| mailbox.read());
    let mut given_up = None;
    let outcome = loop {
        let step = py.detach(|| runner.slice(future.as_mut(), &company));
        if let Err(raised) = attend(py, engine, &company) {
            // A call that ends itself gets the time to; being told twice ends it at once.
            let abort = company.abort.take().filter(|_| engine.is_ours());
            if abort.is_none_or(|abort| abort.send(()).is_err()) {
                return Err(given_up.unwrap_or(raised));
            }
            given_up = Some(raised);
        }
        if let Step::Done(outcome) = step {
            break outcome;
        }
    };
    drop(reading);
    if let Some(mailbox) = company.client {
        given_up = given_up.or(deliver::all(py, mailbox).err());
    }
    match given_up {
        Some(raised) => Err(raised),
        None => outcome.map_err(|error| errors::raise(py, &error)),
    }
}

impl Runner<'_> {
    /// Stays in the runtime until the future is ready, a letter has come, or the slice is over.
    fn slice<T>(
        &self,
        mut future: Pin<&mut (impl Future<Output = T> + Send)>,
        company: &Company<'_>,
    ) -> Step<T> {
        let slice = async {
            tokio::select! {
                biased;
                value = future.as_mut() => Step::Done(value),
                () = letter(company.client) => Step::Look,
                () = letter(company.updates.map(|updates| &updates.mailbox)) => Step::Look,
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
fn attend(py: Python<'_>, engine: &Engine, company: &Company<'_>) -> PyResult<()> {
    if let Some(mailbox) = company.client {
        deliver::all(py, mailbox)?;
    }
    if let Some(Updates { mailbox, callback }) = company.updates {
        while let Some(letter) = mailbox.take() {
            let told = match letter {
                Letter::Update(job) => convert::job(py, &job)?,
                Letter::Progress(progress) => convert::progress(py, progress)?,
                _ => continue,
            };
            python::call(callback.bind(py), (told,))?;
            if !engine.is_ours() {
                break;
            }
        }
    }
    engine.journal.deliver(py)?;
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
