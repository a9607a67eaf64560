//! Subscription: a stream of events about a job that unsubscribes when it is dropped.

use std::{sync::Arc, time::Duration};

use futures_util::future::OptionFuture;

use super::{
    channel::{self, channel},
    poller::{Poller, STALL_TIMEOUT},
    source::{PollEvent, PollSource, PollState},
    state::{PollRequest, SharedId, SharedIdOf, Subscriber},
};
use crate::{
    context::CallContext,
    error::Result,
    runtime::{self, RuntimeId},
};

/// Subscription to a job. When it is dropped, the polls of the job end unless there is another subscriber.
pub(crate) struct Subscription<S: PollSource> {
    events: channel::Receiver<S::State>,
    /// `None` for a job that is known to have ended, which is not polled.
    polled: Option<PolledJob<S>>,
}

struct PolledJob<S: PollSource> {
    poller: Arc<Poller<S>>,
    job: SharedIdOf<S>,
    number: u64,
    /// Runtime in which it was last read.
    runtime: RuntimeId,
}

/// Stage of a poll that a subscriber asked for. A stage that differs from an earlier one shows that the poll is nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PollStatus {
    /// Waiting for the rate limit; the number of polls that the client has begun.
    Queued(u64),
    /// Begun or finished.
    Begun,
}

impl<S: PollSource> Subscription<S> {
    /// Subscribes to a job that has ended: its state is the only event.
    pub(crate) fn ended(state: Arc<S::State>) -> Self {
        let (sender, events) = channel();
        let compact = state.compact();
        sender.send(PollEvent::Updated(state, compact));
        Self { events, polled: None }
    }

    /// Subscribes to a job. `known` is its state as the caller last saw it; `observes` asks for polls at least every
    /// `refresh` seconds.
    ///
    /// # Errors
    /// `CONFIGURATION_INVALID` outside a Tokio runtime.
    pub(crate) fn open(
        poller: &Arc<Poller<S>>,
        id: S::Id,
        scope: S::Scope,
        source: S,
        known: Option<Arc<S::State>>,
        observes: bool,
    ) -> Result<Self> {
        let runtime = runtime::current()?.id();
        let (sender, events) = channel();
        let job = SharedId { id, scope };
        let now = poller.now();
        let mut state = poller.lock();
        let number = state.next_number();
        // The state that this client saw last is at least as new as the caller's.
        let last = state.entries.get(&job).and_then(|entry| entry.last.clone());
        let seen = last.and_then(|last| Some((Arc::new(S::State::restore(&last).ok()?), last)));
        let first = seen.or_else(|| known.map(|state| (Arc::clone(&state), state.compact())));
        if let Some((state, compact)) = &first {
            sender.send(PollEvent::Updated(Arc::clone(state), compact.clone()));
        }
        let subscriber = Subscriber {
            number,
            turn: number,
            source,
            context: CallContext::current(),
            runtime,
            events: sender,
            request: PollRequest::Idle,
            observes,
        };
        state.subscribe(&job, subscriber, now);
        if let (Some(entry), Some((_, compact))) = (state.entries.get_mut(&job), first) {
            entry.last = Some(compact);
        }
        drop(state);
        poller.changed.notify_one();
        Ok(Self { events, polled: Some(PolledJob { poller: Arc::clone(poller), job, number, runtime }) })
    }

    /// Returns the next event; `None` after the last.
    pub(crate) async fn next(&mut self) -> Option<PollEvent<S::State>> {
        loop {
            let Some(job) = &mut self.polled else { return self.events.next().await };
            let poller = Arc::clone(&job.poller);
            let orphaned = poller.orphaned.notified();
            tokio::pin!(orphaned);
            orphaned.as_mut().enable();
            let elsewhere = match job.migrate_runtime().and_then(|()| poller.ensure_task()) {
                Ok(elsewhere) => elsewhere,
                Err(error) => return Some(self.events.try_next().unwrap_or(PollEvent::Failed(error))),
            };
            // Boxed, as few waits need this timer and its size would count in each of thousands.
            let stalled = elsewhere.then(|| Box::pin(runtime::sleep(Duration::from_secs_f64(STALL_TIMEOUT))));
            tokio::select! {
                biased;
                event = self.events.next() => return event,
                () = orphaned => {}
                Some(()) = OptionFuture::from(stalled) => {}
            }
        }
    }

    /// Asks for a poll before all others. Unless it changes the state, [`PollEvent::PollFinished`] reports its end.
    pub(crate) fn poll_now(&self) {
        let Some(PolledJob { poller, job, number, .. }) = &self.polled else { return };
        let mut state = poller.lock();
        let Some(entry) = state.entries.get_mut(job) else { return };
        let key = entry.key;
        if let Some(subscriber) = entry.subscriber(*number) {
            subscriber.request = PollRequest::Queued;
        }
        state.scheduler.expedite(key);
        drop(state);
        poller.changed.notify_one();
    }

    /// Returns the stage of the poll that [`poll_now`](Self::poll_now) asked for.
    pub(crate) fn poll_status(&self) -> PollStatus {
        let Some(PolledJob { poller, job, number, .. }) = &self.polled else { return PollStatus::Begun };
        let mut state = poller.lock();
        let begun = state.polls_begun;
        match state.entries.get_mut(job).and_then(|entry| entry.subscriber(*number)) {
            Some(Subscriber { request: PollRequest::Queued, .. }) => PollStatus::Queued(begun),
            _ => PollStatus::Begun,
        }
    }
}

impl<S: PollSource> PolledJob<S> {
    /// Counts this subscriber in the runtime that reads it now, as the runtime before may no longer run.
    fn migrate_runtime(&mut self) -> Result<()> {
        let here = runtime::current()?.id();
        if here == self.runtime {
            return Ok(());
        }
        let mut state = self.poller.lock();
        let state = &mut *state;
        self.runtime = here;
        if let Some(subscriber) =
            state.entries.get_mut(&self.job).and_then(|entry| entry.subscriber(self.number))
        {
            let before = std::mem::replace(&mut subscriber.runtime, here);
            *state.subscribers.entry(here).or_default() += 1;
            state.unsubscribe_runtime(before);
        }
        if state.stop_if_idle(self.poller.now()) {
            self.poller.orphaned.notify_waiters();
        }
        Ok(())
    }
}

impl<S: PollSource> Drop for PolledJob<S> {
    fn drop(&mut self) {
        let mut state = self.poller.lock();
        let now = self.poller.now();
        if state.unsubscribe(&self.job, self.number, now) {
            self.poller.changed.notify_one();
        }
        if state.stop_if_idle(now) {
            self.poller.orphaned.notify_waiters();
        }
    }
}
