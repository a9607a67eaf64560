//! What a reader of a stream is handed, kept until it is known to have it: a read that is given up between the two loses
//! nothing, and the next one gets it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use infrai::{InfraiError, VideoJob, video::GenerateManyItem};
use tokio::sync::Notify;

/// One of a stream; none after the last.
#[derive(Clone)]
pub(crate) enum Piece {
    State(Option<Box<VideoJob>>),
    Item(Option<Box<GenerateManyItem>>),
    Bytes(Option<Bytes>),
}

pub(crate) type Outcome = Result<Piece, InfraiError>;

enum Read {
    /// Under way.
    Begun,
    /// Given up while it was under way.
    GivenUp,
    /// Handed out; whether it arrived is not known yet.
    Handed(Outcome),
}

#[derive(Default)]
struct State {
    numbers: u64,
    reads: HashMap<u64, Read>,
    returned: VecDeque<Outcome>,
}

/// The reads of a stream.
#[derive(Default)]
pub(crate) struct Reads {
    state: Mutex<State>,
    returned: Notify,
}

impl Reads {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Reading {
        let mut state = self.state();
        state.numbers += 1;
        let number = state.numbers;
        state.reads.insert(number, Read::Begun);
        Reading { reads: Arc::clone(self), number }
    }

    /// What an earlier reader did not get.
    pub(crate) async fn returned(&self) -> Outcome {
        loop {
            let news = self.returned.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if let Some(outcome) = self.state().returned.pop_front() {
                return outcome;
            }
            news.await;
        }
    }

    /// Ends a read: what it was handed has arrived, or goes to the next.
    pub(crate) fn end(&self, number: u64, arrived: bool) {
        let mut state = self.state();
        match state.reads.remove(&number) {
            Some(Read::Handed(outcome)) if !arrived => self.give_back(&mut state, outcome),
            Some(Read::Begun) if !arrived => {
                state.reads.insert(number, Read::GivenUp);
            }
            _ => {}
        }
    }

    fn give_back(&self, state: &mut State, outcome: Outcome) {
        state.returned.push_front(outcome);
        self.returned.notify_one();
    }
}

/// A read that is under way.
pub(crate) struct Reading {
    reads: Arc<Reads>,
    number: u64,
}

impl Reading {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Notes what the read is handed.
    pub(crate) fn hand(self, outcome: &Outcome) {
        let mut state = self.reads.state();
        if matches!(state.reads.get(&self.number), Some(Read::Begun)) {
            state.reads.insert(self.number, Read::Handed(outcome.clone()));
        } else {
            self.reads.give_back(&mut state, outcome.clone());
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut state = self.reads.state();
        if !matches!(state.reads.get(&self.number), Some(Read::Handed(_))) {
            state.reads.remove(&self.number);
        }
    }
}
