//! Ctrl-C and SIGTERM: the command stops at once, and says what continues.

use std::sync::{Arc, Mutex, PoisonError};

use infrai::{ErrorKind, InfraiError};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{exit, next_command::shell_quote};

/// A signal that stops the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
}

impl Signal {
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => exit::INTERRUPTED,
            Self::Terminate => exit::TERMINATED,
        }
    }

    /// Waits for a signal. Never returns if the system provides none.
    pub(crate) async fn next() -> Self {
        let interrupted = async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = interrupted => Self::Interrupt,
            () = terminated() => Self::Terminate,
        }
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}

/// The message if the command were stopped now.
#[derive(Debug, Clone, Default)]
pub(crate) struct InterruptNotice {
    message: Arc<Mutex<Option<Message>>>,
    /// Ends a command that has something to do before it ends.
    stop: Arc<Mutex<Option<oneshot::Sender<()>>>>,
}

#[derive(Debug, Clone)]
struct Message {
    text: String,
    hint: String,
    details: Value,
}

impl InterruptNotice {
    fn set(&self, message: Message) {
        *self.message.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
    }

    /// Sets the message during a request that costs: repeated with its key, it takes effect once.
    pub(crate) fn set_submitting(&self, idempotency_key: &str) {
        self.set(Message {
            text: "the request was in flight and may have been processed".into(),
            hint: format!(
                "Repeat the command with --idempotency-key {}: it takes effect once.",
                shell_quote(idempotency_key)
            ),
            details: json!({ "idempotency_key": idempotency_key }),
        });
    }

    /// Sets the message after a job was submitted.
    pub(crate) fn set_job(&self, id: &str, message: String, hint: String) {
        self.set(Message { text: message, hint, details: json!({ "job_id": id }) });
    }

    /// Lets the command end by itself at the first signal, for which the future waits. A second signal stops it at once.
    pub(crate) fn stop_requested(&self) -> impl Future<Output = ()> + Send + 'static {
        let (sender, requested) = oneshot::channel();
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        async move {
            if requested.await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Asks the command to end by itself. Returns false if it cannot or was asked before.
    pub(crate) fn request_stop(&self) -> bool {
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner).take();
        stop.is_some_and(|stop| stop.send(()).is_ok())
    }

    /// Removes the message.
    pub(crate) fn clear(&self) {
        *self.message.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Converts the message to an error.
    pub(crate) fn into_error(self) -> InfraiError {
        let message = self.message.lock().unwrap_or_else(PoisonError::into_inner).take();
        let message = message.unwrap_or_else(|| Message {
            text: "the command was interrupted".into(),
            hint: "Run it again.".into(),
            details: json!({}),
        });
        InfraiError::new(ErrorKind::Aborted, "INTERRUPTED", message.text)
            .with_hint(message.hint)
            .with_details(message.details)
    }
}
