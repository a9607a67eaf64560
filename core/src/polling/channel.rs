//! Bounded channel from the poller to one subscriber that coalesces unread states.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use super::source::{PollEvent, PollState};

/// Number of unread events at which a new state replaces the latest unread one.
const CAPACITY: usize = 64;

struct Buffer<S: PollState> {
    events: VecDeque<PollEvent<S>>,
    reader: Option<Waker>,
    closed: bool,
}

type Shared<S> = Arc<Mutex<Buffer<S>>>;

/// Sending half. When it is dropped, the channel closes after its unread events.
pub(super) struct Sender<S: PollState>(Shared<S>);

/// Receiving half.
pub(super) struct Receiver<S: PollState>(Shared<S>);

/// Returns both halves of an empty channel.
pub(super) fn channel<S: PollState>() -> (Sender<S>, Receiver<S>) {
    let shared = Arc::new(Mutex::new(Buffer { events: VecDeque::new(), reader: None, closed: false }));
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

fn lock<S: PollState>(shared: &Shared<S>) -> MutexGuard<'_, Buffer<S>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: PollState> Sender<S> {
    /// Sends an event. In a full channel a new state replaces the latest unread one.
    pub(super) fn send(&self, event: PollEvent<S>) {
        let mut buffer = lock(&self.0);
        let full = buffer.events.len() >= CAPACITY;
        match buffer.events.back_mut() {
            Some(last @ PollEvent::Updated(..)) if full && matches!(event, PollEvent::Updated(..)) => {
                *last = event;
            }
            _ => buffer.events.push_back(event),
        }
        let reader = buffer.reader.take();
        drop(buffer);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl<S: PollState> Drop for Sender<S> {
    fn drop(&mut self) {
        let mut buffer = lock(&self.0);
        buffer.closed = true;
        let reader = buffer.reader.take();
        drop(buffer);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl<S: PollState> Receiver<S> {
    /// Returns the oldest unread event, if there is one.
    pub(super) fn try_next(&self) -> Option<PollEvent<S>> {
        lock(&self.0).events.pop_front()
    }

    /// Returns the next event; `None` once the channel is closed and empty.
    pub(super) async fn next(&mut self) -> Option<PollEvent<S>> {
        std::future::poll_fn(|context| {
            let mut buffer = lock(&self.0);
            match buffer.events.pop_front() {
                Some(event) => Poll::Ready(Some(event)),
                None if buffer.closed => Poll::Ready(None),
                None => {
                    buffer.reader = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}
