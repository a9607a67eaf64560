//! What one waiter has not read yet: in order, and never more than a little of it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use super::hub::Event;

/// So many events wait for a waiter that does not read; of what comes after, it finds the latest state.
const UNREAD: usize = 64;

#[derive(Default)]
struct Mailbox {
    events: VecDeque<Event>,
    reader: Option<Waker>,
    closed: bool,
}

type Shared = Arc<Mutex<Mailbox>>;

/// Where events are put. Its drop closes the mailbox: what is in it can still be read.
pub(super) struct Sender(Shared);

/// Where they are read.
pub(super) struct Receiver(Shared);

/// A mailbox with nothing in it.
pub(super) fn mailbox() -> (Sender, Receiver) {
    let shared = Shared::default();
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

fn lock(shared: &Shared) -> MutexGuard<'_, Mailbox> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sender {
    /// Puts an event in. When many wait there, a new state takes the place of the latest that was not read.
    pub(super) fn send(&self, event: Event) {
        let mut mailbox = lock(&self.0);
        let full = mailbox.events.len() >= UNREAD;
        match mailbox.events.back_mut() {
            Some(last @ Event::Seen(..)) if full && matches!(event, Event::Seen(..)) => *last = event,
            _ => mailbox.events.push_back(event),
        }
        let reader = mailbox.reader.take();
        drop(mailbox);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut mailbox = lock(&self.0);
        mailbox.closed = true;
        let reader = mailbox.reader.take();
        drop(mailbox);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Receiver {
    /// The oldest event that was not read, if there is one.
    pub(super) fn try_next(&self) -> Option<Event> {
        lock(&self.0).events.pop_front()
    }

    /// The next event; `None` when it is closed and empty.
    pub(super) async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|context| {
            let mut mailbox = lock(&self.0);
            match mailbox.events.pop_front() {
                Some(event) => Poll::Ready(Some(event)),
                None if mailbox.closed => Poll::Ready(None),
                None => {
                    mailbox.reader = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}
