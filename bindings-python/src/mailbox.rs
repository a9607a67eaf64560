//! What the core has to tell Python while a call is under way: left in a mailbox by whichever thread is in the core,
//! taken out by a thread that is attached to Python and not inside a runtime.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use infrai::{ApiKey, InfraiError, RequestEvent, ResponseEvent, VideoJob, video::DownloadProgress};
use pyo3::prelude::*;
use tokio::sync::{Notify, oneshot};

use crate::channel;

/// A Python callable that threads which are not attached may hold.
pub(crate) type Callback = Arc<Py<PyAny>>;

/// One thing to tell.
pub(crate) enum Letter {
    /// A job's first state, or a change of it.
    Update(Box<VideoJob>),
    /// How far a download is.
    Progress(DownloadProgress),
    /// For the `on_request` hook.
    Request { hook: Callback, method: String, path: String, attempt: u32 },
    /// For the `on_response` hook.
    Response {
        hook: Callback,
        method: String,
        path: String,
        attempt: u32,
        status: Option<u16>,
        latency: Duration,
        request_id: Option<String>,
    },
    /// A key is wanted.
    Key(KeyQuestion),
}

/// A key function to be asked, and where its answer goes.
pub(crate) struct KeyQuestion {
    pub(crate) function: Callback,
    pub(crate) answer: oneshot::Sender<Result<ApiKey, InfraiError>>,
}

impl Letter {
    pub(crate) fn request(hook: &Callback, event: &RequestEvent<'_>) -> Self {
        Self::Request {
            hook: Arc::clone(hook),
            method: event.method.to_owned(),
            path: event.path.to_owned(),
            attempt: event.attempt,
        }
    }

    pub(crate) fn response(hook: &Callback, event: &ResponseEvent<'_>) -> Self {
        Self::Response {
            hook: Arc::clone(hook),
            method: event.method.to_owned(),
            path: event.path.to_owned(),
            attempt: event.attempt,
            status: event.status,
            latency: event.latency,
            request_id: event.request_id.map(str::to_owned),
        }
    }
}

/// A queue of letters, and everyone who can deliver them.
#[derive(Default)]
pub(crate) struct Mailbox {
    letters: Mutex<VecDeque<Letter>>,
    arrived: Notify,
    /// Blocking calls that look in now and again.
    readers: AtomicUsize,
    /// Event loops that are woken.
    channels: Mutex<Vec<Weak<channel::Shared>>>,
}

/// A blocking call that delivers what arrives, for as long as this lives.
pub(crate) struct Reading<'a>(&'a Mailbox);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.readers.fetch_sub(1, Ordering::AcqRel);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mailbox {
    /// Leaves a letter and wakes whoever can deliver it. Touches nothing of Python's.
    pub(crate) fn post(self: &Arc<Self>, letter: Letter) {
        let asks_for_key = matches!(letter, Letter::Key(_));
        {
            let mut letters = lock(&self.letters);
            match (letters.back_mut(), &letter) {
                // Of several unread reports only the last one says how far it is.
                (Some(Letter::Progress(last)), Letter::Progress(next)) => *last = *next,
                _ => letters.push_back(letter),
            }
        }
        self.arrived.notify_waiters();
        // Waking may have to wait for Python, and whoever runs Python may be waiting for this lock.
        let channels: Vec<_> = {
            let mut channels = lock(&self.channels);
            channels.retain(|channel| channel.strong_count() > 0);
            channels.iter().filter_map(Weak::upgrade).collect()
        };
        for channel in &channels {
            channel.post_mail(Arc::clone(self));
        }
        if asks_for_key && channels.is_empty() && self.readers.load(Ordering::Acquire) == 0 {
            // A stream goes on while its reader is elsewhere: the key function is asked on a thread of its own.
            let mailbox = Arc::clone(self);
            tokio::task::spawn_blocking(move || {
                Python::try_attach(|py| {
                    if let Err(error) = crate::deliver::all(py, &mailbox) {
                        error.write_unraisable(py, None);
                    }
                })
            });
        }
    }

    /// Says that a blocking call looks in from now on.
    pub(crate) fn read(&self) -> Reading<'_> {
        self.readers.fetch_add(1, Ordering::AcqRel);
        Reading(self)
    }

    /// Has an event loop woken for every letter from now on.
    pub(crate) fn join(&self, channel: &Arc<channel::Shared>) {
        let mut channels = lock(&self.channels);
        if !channels.iter().any(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(channel))) {
            channels.push(Arc::downgrade(channel));
        }
    }

    /// Ready as soon as there is a letter.
    pub(crate) async fn arrived(&self) {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if !lock(&self.letters).is_empty() {
                return;
            }
            arrived.await;
        }
    }

    /// The oldest letter.
    pub(crate) fn take(&self) -> Option<Letter> {
        lock(&self.letters).pop_front()
    }
}
