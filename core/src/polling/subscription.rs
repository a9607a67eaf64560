//! One waiter's share in the hub: it is told of its job, and its drop takes it out.

use std::{sync::Arc, time::Duration};

use futures_util::future::OptionFuture;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::runtime::{self, Handle};

use super::{
    hub::{Entry, Event, Hub, STALLED, SharedJob, Subscriber, Wish},
    mailbox::{self, mailbox},
};
use crate::{
    client::{CallContext, InfraiClient},
    error::{InfraiError, Result},
    video::{JobRef, Snapshot},
    wire::path,
};

/// Somebody waiting for a job. Its drop ends the waiting, and the looking if nobody else waits.
pub(crate) struct Subscription {
    hub: Arc<Hub>,
    job: SharedJob,
    number: u64,
    /// The runtime that it was last read in.
    runtime: runtime::Id,
    events: mailbox::Receiver,
    /// An event that came before any look: the job was known to have ended, or its id cannot be used.
    settled: bool,
}

/// Where a look that was asked for stands. As long as it differs from what it was, the look comes nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It waits for the budget; so many looks of the client's have begun.
    Queued(u64),
    /// It has begun, or has ended.
    Begun,
}

impl Subscription {
    /// Joins those who wait for this job, with the same key.
    pub(crate) async fn open(client: &InfraiClient, job: JobRef) -> Result<Self> {
        let runtime = handle()?.id();
        path::segment("id", job.id.as_str())?;
        let hub = Arc::clone(&client.inner.hub);
        let (sender, events) = mailbox();
        let JobRef { id, known } = job;
        let settled = known.as_ref().is_some_and(|job| job.is_terminal());
        if let (true, Some(known)) = (settled, &known) {
            sender.send(Event::Seen(Arc::clone(known), Snapshot::of(known)));
            let job = SharedJob { id, key: None, headers: Vec::new() };
            return Ok(Self { hub, job, number: 0, runtime, events, settled });
        }
        let key = client.wait_key().await?;
        let job = SharedJob { id, key: key.clone(), headers: sorted(&client.option_headers) };
        let now = hub.now();
        let mut state = hub.lock();
        state.numbers += 1;
        let number = state.numbers;
        if !state.entries.contains_key(&job) {
            let submitted = state.submitted.get(&job.id).cloned();
            let token =
                state.scheduler.add(now, submitted.as_ref().map(|(time, shape)| (*time, shape.as_str())));
            state.by_token.insert(token, job.clone());
            let entry = Entry { token, last: None, subscribers: Vec::new(), poll: None };
            state.entries.insert(job.clone(), entry);
        }
        if let Some(entry) = state.entries.get_mut(&job) {
            // What this client saw itself is no older than what the caller has.
            let seen = entry.last.clone().and_then(|last| Some((Arc::new(last.job().ok()?), last)));
            let first = seen.or_else(|| known.map(|job| (Arc::clone(&job), Snapshot::of(&job))));
            if let Some((job, snapshot)) = first {
                entry.last = Some(snapshot.clone());
                sender.send(Event::Seen(job, snapshot));
            }
            let (client, context) = (client.clone(), CallContext::current());
            let wish = Wish::None;
            entry.subscribers.push(Subscriber {
                number,
                turn: number,
                client,
                context,
                key,
                runtime,
                events: sender,
                wish,
            });
        }
        *state.waiters.entry(runtime).or_default() += 1;
        drop(state);
        hub.changed.notify_one();
        Ok(Self { hub, job, number, runtime, events, settled })
    }

    /// The next event; `None` after the last.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if self.settled {
                return self.events.next().await;
            }
            let hub = Arc::clone(&self.hub);
            let orphaned = hub.orphaned.notified();
            tokio::pin!(orphaned);
            orphaned.as_mut().enable();
            let elsewhere = match self.follow().and_then(|()| hub.ensure_driver()) {
                Ok(elsewhere) => elsewhere,
                Err(error) => return Some(self.events.try_next().unwrap_or(Event::Failed(error))),
            };
            // Boxed: hardly any wait needs this timer, and ten thousand would carry the room for it.
            let stalled = elsewhere.then(|| Box::pin(tokio::time::sleep(Duration::from_secs_f64(STALLED))));
            tokio::select! {
                biased;
                event = self.events.next() => return event,
                () = orphaned => {}
                Some(()) = OptionFuture::from(stalled) => {}
            }
        }
    }

    /// Counts this waiter where it waits now: it may have been read in another runtime before, which need not run any more.
    fn follow(&mut self) -> Result<()> {
        let here = handle()?.id();
        if here == self.runtime {
            return Ok(());
        }
        let mut state = self.hub.lock();
        let state = &mut *state;
        self.runtime = here;
        let subscriber = state.entries.get_mut(&self.job).and_then(|entry| {
            entry.subscribers.iter_mut().find(|subscriber| subscriber.number == self.number)
        });
        if let Some(subscriber) = subscriber {
            let before = std::mem::replace(&mut subscriber.runtime, here);
            *state.waiters.entry(here).or_default() += 1;
            state.left(before);
        }
        if state.stop_if_unneeded(self.hub.now()) {
            self.hub.orphaned.notify_waiters();
        }
        Ok(())
    }

    /// Asks for one more look, whatever the policy says; its end is told as [`Event::Looked`] unless it changes something.
    pub(crate) fn look(&self) {
        let mut state = self.hub.lock();
        let Some(entry) = state.entries.get_mut(&self.job) else { return };
        let token = entry.token;
        if let Some(subscriber) =
            entry.subscribers.iter_mut().find(|subscriber| subscriber.number == self.number)
        {
            subscriber.wish = Wish::Queued;
        }
        state.scheduler.hurry(token);
        drop(state);
        self.hub.changed.notify_one();
    }

    /// Where the look that was asked for stands.
    pub(crate) fn standing(&self) -> Standing {
        let state = self.hub.lock();
        let subscriber = state
            .entries
            .get(&self.job)
            .and_then(|entry| entry.subscribers.iter().find(|subscriber| subscriber.number == self.number));
        match subscriber {
            Some(Subscriber { wish: Wish::Queued, .. }) => Standing::Queued(state.begun),
            _ => Standing::Begun,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let mut state = self.hub.lock();
        let state = &mut *state;
        let now = self.hub.now();
        if let Some(entry) = state.entries.get_mut(&self.job)
            && let Some(at) = entry.subscribers.iter().position(|subscriber| subscriber.number == self.number)
        {
            let gone = entry.subscribers.swap_remove(at);
            let deserted = entry.subscribers.is_empty();
            state.left(gone.runtime);
            if deserted {
                state.take_out(&self.job);
            } else if state.hand_over_poll(&self.job, gone.number, now) {
                self.hub.changed.notify_one();
            }
        }
        if state.stop_if_unneeded(now) {
            self.hub.orphaned.notify_waiters();
        }
    }
}

/// Returns headers in an order of their own, so that equal ones compare as equal.
fn sorted(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let mut sorted: Vec<_> = headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    sorted.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
    sorted
}

/// The runtime that the caller is in.
pub(crate) fn handle() -> Result<Handle> {
    Handle::try_current().map_err(|_| {
        InfraiError::configuration("CONFIGURATION_INVALID", "this call was awaited outside a Tokio runtime")
            .with_hint("Await it inside a Tokio runtime with time and I/O enabled, such as #[tokio::main].")
    })
}
