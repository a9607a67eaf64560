//! Ctrl-C and SIGTERM: the command stops at once and says what goes on without it.

use std::sync::{Arc, Mutex, PoisonError};

use infrai::{ErrorKind, InfraiError};
use serde_json::{Value, json};

use crate::{exit, next_command::shell_quote};

/// What stops a command from outside.
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

    /// Waits for one. Where signals cannot be had, for ever.
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

/// What there would be to say if the command were stopped now.
#[derive(Debug, Clone, Default)]
pub(crate) struct InterruptNotice(Arc<Mutex<Option<Message>>>);

#[derive(Debug, Clone)]
struct Message {
    message: String,
    hint: String,
    details: Value,
}

impl InterruptNotice {
    fn set(&self, words: Message) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
    }

    /// A request that costs is on its way; repeated with its key it has its effect once.
    pub(crate) fn set_submitting(&self, idempotency_key: &str) {
        self.set(Message {
            message: "the request was on its way and may have been carried out".into(),
            hint: format!(
                "Repeat the command with --idempotency-key {}: it has its effect once.",
                shell_quote(idempotency_key)
            ),
            details: json!({ "idempotency_key": idempotency_key }),
        });
    }

    /// A job has been submitted and goes on.
    pub(crate) fn set_job(&self, id: &str, message: String, hint: String) {
        self.set(Message { message, hint, details: json!({ "job_id": id }) });
    }

    /// There is nothing more to say than that it was stopped.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The words, as the error that they are for programs.
    pub(crate) fn into_error(self) -> InfraiError {
        let words = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let words = words.unwrap_or_else(|| Message {
            message: "the command was stopped before its end".into(),
            hint: "Run it again when you like.".into(),
            details: json!({}),
        });
        InfraiError::new(ErrorKind::Aborted, "INTERRUPTED", words.message)
            .with_hint(words.hint)
            .with_details(words.details)
    }
}
