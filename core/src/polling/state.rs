//! Poller state behind its lock: jobs, subscribers, and the poll task.

use std::collections::{HashMap, VecDeque};

use futures_util::future::AbortHandle as PollAbort;

use super::{
    channel,
    scheduler::{JobKey, Scheduler},
    source::{PollEvent, PollSource, PollState},
};
use crate::{
    context::CallContext,
    error::InfraiError,
    runtime::{AbortHandle, RuntimeId},
};

/// Number of submitted jobs whose submission time is kept for a later wait.
const MAX_CACHED_JOBS: usize = 20_000;

/// State of the poll that a subscriber asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PollRequest {
    /// No poll was asked for, or its end has been reported.
    Idle,
    /// No poll has begun since it was asked for.
    Queued,
    /// The poll in flight began after it was asked for.
    InFlight,
}

/// A resource as polled for one scope. Subscribers of another scope must not learn of it by these polls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SharedId<I, C> {
    pub(super) id: I,
    pub(super) scope: C,
}

pub(super) type SharedIdOf<S> = SharedId<<S as PollSource>::Id, <S as PollSource>::Scope>;
type CompactOf<S> = <<S as PollSource>::State as PollState>::Compact;

pub(super) struct Subscriber<S: PollSource> {
    pub(super) number: u64,
    /// Order in which subscribers poll: the lowest does. It is the oldest one, unless its key function timed out.
    pub(super) turn: u64,
    pub(super) source: S,
    pub(super) context: Option<CallContext>,
    pub(super) runtime: RuntimeId,
    pub(super) events: channel::Sender<S::State>,
    pub(super) request: PollRequest,
    /// Whether it reports progress, so that the job is polled at least every `refresh` seconds.
    pub(super) observes: bool,
}

pub(super) struct JobEntry<S: PollSource> {
    pub(super) key: JobKey,
    pub(super) last: Option<CompactOf<S>>,
    pub(super) subscribers: Vec<Subscriber<S>>,
    pub(super) poll: Option<PollInFlight>,
    /// Doubtful responses in a row.
    pub(super) doubtful: u32,
}

pub(super) struct PollInFlight {
    pub(super) abort: PollAbort,
    /// The subscriber whose source and context it has.
    pub(super) subscriber: u64,
    pub(super) context: Option<CallContext>,
}

/// The task that polls, in the runtime of one of the subscribers.
pub(super) struct PollTask {
    pub(super) number: u64,
    pub(super) runtime: RuntimeId,
    /// Time of its latest activity, or of its appointment.
    pub(super) last_active: f64,
    /// `None` between its appointment and its start.
    pub(super) abort: Option<AbortHandle>,
}

pub(super) struct State<S: PollSource> {
    pub(super) scheduler: Scheduler,
    pub(super) entries: HashMap<SharedIdOf<S>, JobEntry<S>>,
    pub(super) by_key: HashMap<JobKey, SharedIdOf<S>>,
    /// Submission time and class per job.
    submissions: HashMap<S::Id, (f64, String)>,
    submission_order: VecDeque<S::Id>,
    pub(super) task: Option<PollTask>,
    /// Subscribers per runtime.
    pub(super) subscribers: HashMap<RuntimeId, usize>,
    last_number: u64,
    /// Number of polls begun.
    pub(super) polls_begun: u64,
}

impl<S: PollSource> JobEntry<S> {
    /// Returns the job's id as a log may show it.
    pub(super) fn display_id(&self) -> String {
        self.subscribers.first().map(|subscriber| subscriber.source.display_id()).unwrap_or_default()
    }

    pub(super) fn notify(&self, event: &PollEvent<S::State>) {
        for subscriber in &self.subscribers {
            subscriber.events.send(event.clone());
        }
    }

    pub(super) fn subscriber(&mut self, number: u64) -> Option<&mut Subscriber<S>> {
        self.subscribers.iter_mut().find(|subscriber| subscriber.number == number)
    }

    fn is_observed(&self) -> bool {
        self.subscribers.iter().any(|subscriber| subscriber.observes)
    }

    /// Cancels the poll in flight. Returns whether a subscriber that asked for it waits for another.
    fn cancel_poll(&mut self) -> bool {
        if let Some(poll) = self.poll.take() {
            poll.abort.abort();
        }
        let mut requested = false;
        for subscriber in &mut self.subscribers {
            if subscriber.request == PollRequest::InFlight {
                subscriber.request = PollRequest::Queued;
                requested = true;
            }
        }
        requested
    }
}

impl<S: PollSource> State<S> {
    pub(super) fn new(scheduler: Scheduler) -> Self {
        Self {
            scheduler,
            entries: HashMap::new(),
            by_key: HashMap::new(),
            submissions: HashMap::new(),
            submission_order: VecDeque::new(),
            task: None,
            subscribers: HashMap::new(),
            last_number: 0,
            polls_begun: 0,
        }
    }

    /// Returns a number that no subscriber and no task had before.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn record_submission(&mut self, id: S::Id, time: f64, class: String) {
        if self.submissions.insert(id.clone(), (time, class)).is_none() {
            self.submission_order.push_back(id);
        }
        if self.submission_order.len() > MAX_CACHED_JOBS
            && let Some(oldest) = self.submission_order.pop_front()
        {
            self.submissions.remove(&oldest);
        }
    }

    /// Returns whether this client submitted the job.
    pub(super) fn has_submitted(&self, id: &S::Id) -> bool {
        self.submissions.contains_key(id)
    }

    /// Adds a subscriber to its job, which is scheduled if it is new.
    pub(super) fn subscribe(&mut self, job: &SharedIdOf<S>, subscriber: Subscriber<S>, now: f64) {
        *self.subscribers.entry(subscriber.runtime).or_default() += 1;
        let entry = self.entries.entry(job.clone()).or_insert_with(|| {
            let submission = self.submissions.get(&job.id).map(|(time, class)| (*time, class.as_str()));
            let key = self.scheduler.add(now, submission);
            self.by_key.insert(key, job.clone());
            JobEntry { key, last: None, subscribers: Vec::new(), poll: None, doubtful: 0 }
        });
        entry.subscribers.push(subscriber);
        self.scheduler.set_observed(entry.key, entry.is_observed());
    }

    /// Removes a subscriber whose subscription was dropped. Returns whether another one has to poll in its place.
    pub(super) fn unsubscribe(&mut self, job: &SharedIdOf<S>, number: u64, now: f64) -> bool {
        let Some(entry) = self.entries.get_mut(job) else { return false };
        let Some(at) = entry.subscribers.iter().position(|subscriber| subscriber.number == number) else {
            return false;
        };
        let gone = entry.subscribers.swap_remove(at);
        let (last, observed) = (entry.subscribers.is_empty(), entry.is_observed());
        self.scheduler.set_observed(entry.key, observed);
        self.unsubscribe_runtime(gone.runtime);
        if last {
            self.remove(job);
            return false;
        }
        self.hand_over_poll(job, number, now)
    }

    /// Removes a job that has ended, and the record of its submission.
    pub(super) fn evict(&mut self, job: &SharedIdOf<S>) {
        for subscriber in self.remove(job) {
            self.unsubscribe_runtime(subscriber.runtime);
        }
        if self.submissions.remove(&job.id).is_some()
            && self.submission_order.len() > 2 * self.submissions.len() + 16
        {
            let submissions = &self.submissions;
            self.submission_order.retain(|id| submissions.contains_key(id));
        }
    }

    /// Removes a job and cancels its poll. Returns its subscribers.
    fn remove(&mut self, job: &SharedIdOf<S>) -> Vec<Subscriber<S>> {
        let Some(entry) = self.entries.remove(job) else { return Vec::new() };
        if let Some(poll) = entry.poll {
            poll.abort.abort();
        }
        self.scheduler.remove(entry.key);
        self.by_key.remove(&entry.key);
        entry.subscribers
    }

    pub(super) fn fail_all(&mut self, error: &InfraiError) {
        for job in self.entries.keys().cloned().collect::<Vec<_>>() {
            if let Some(entry) = self.entries.get(&job) {
                entry.notify(&PollEvent::Failed(error.clone()));
            }
            self.evict(&job);
        }
    }

    pub(super) fn unsubscribe_runtime(&mut self, runtime: RuntimeId) {
        if let Some(count) = self.subscribers.get_mut(&runtime) {
            *count -= 1;
            if *count == 0 {
                self.subscribers.remove(&runtime);
            }
        }
    }

    /// Retires the task when its runtime has no subscriber left and may never run again. Returns whether other runtimes
    /// have subscribers.
    pub(super) fn stop_if_idle(&mut self, now: f64) -> bool {
        let idle = |task: &PollTask| !self.subscribers.contains_key(&task.runtime);
        if !self.task.as_ref().is_some_and(idle) {
            return false;
        }
        self.retire_task(now);
        !self.subscribers.is_empty()
    }

    /// Retires the task. Returns whether there was one.
    pub(super) fn retire_task(&mut self, now: f64) -> bool {
        let Some(task) = self.task.take() else { return false };
        if let Some(abort) = task.abort {
            abort.abort();
        }
        self.cancel_polls(now);
        true
    }

    /// Cancels the polls in flight. A subscriber that asked for one gets another.
    pub(super) fn cancel_polls(&mut self, now: f64) {
        self.scheduler.cancel_all_in_flight(now);
        for entry in self.entries.values_mut() {
            if entry.cancel_poll() {
                self.scheduler.expedite(entry.key);
            }
        }
    }

    /// Handles a failed callback of a polling subscriber. An error of the callback ends only that subscription. After a
    /// timeout its thread or event loop may be busy, so the next oldest subscriber polls meanwhile.
    pub(super) fn on_subscriber_error(&mut self, job: &SharedIdOf<S>, number: u64, error: InfraiError) {
        let Some(entry) = self.entries.get_mut(job) else { return };
        entry.cancel_poll();
        let Some(at) = entry.subscribers.iter().position(|subscriber| subscriber.number == number) else {
            return;
        };
        if error.is_timeout() {
            self.last_number += 1;
            let subscriber = &mut entry.subscribers[at];
            subscriber.turn = self.last_number;
            if std::mem::replace(&mut subscriber.request, PollRequest::Idle) != PollRequest::Idle {
                subscriber.events.send(PollEvent::PollFinished(Some(error)));
            }
        } else {
            let failed = entry.subscribers.remove(at);
            failed.events.send(PollEvent::Failed(error));
            let observed = entry.is_observed();
            self.scheduler.set_observed(entry.key, observed);
            self.unsubscribe_runtime(failed.runtime);
        }
        let Some(entry) = self.entries.get(job) else { return };
        if entry.subscribers.is_empty() {
            self.evict(job);
        } else if entry.subscribers.iter().any(|subscriber| subscriber.request == PollRequest::Queued) {
            self.scheduler.expedite(entry.key);
        }
    }

    /// Cancels a poll that runs in the context of a subscriber that has left, as a callback there may never return. The
    /// next oldest subscriber polls instead. Returns whether there was such a poll.
    fn hand_over_poll(&mut self, job: &SharedIdOf<S>, gone: u64, now: f64) -> bool {
        let Some(entry) = self.entries.get_mut(job) else { return false };
        let in_its_context = |poll: &PollInFlight| poll.subscriber == gone && poll.context.is_some();
        if !entry.poll.as_ref().is_some_and(in_its_context) {
            return false;
        }
        let key = entry.key;
        let requested = entry.cancel_poll();
        self.scheduler.cancel_in_flight(key, now);
        if requested {
            self.scheduler.expedite(key);
        }
        true
    }
}
