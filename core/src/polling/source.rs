//! Interface between the poller and the resource that it polls.

use std::{hash::Hash, sync::Arc, time::Duration};

use crate::{
    error::{InfraiError, Result},
    runtime::BoxFuture,
};

/// One subscriber's access to a resource.
pub(crate) trait PollSource: Send + 'static {
    /// Identifies the resource.
    type Id: Clone + Eq + Hash + Send + Sync + 'static;
    /// Identifies the subscriber's access rights. Subscribers share polls where both id and scope are equal.
    type Scope: Clone + Eq + Hash + Send + Sync + 'static;
    /// State that a poll returns.
    type State: PollState;

    /// Requests the state once.
    fn poll(&mut self) -> BoxFuture<'static, Result<Polled<Self::State>, PollError>>;

    /// Returns the resource's id as a log may show it.
    fn display_id(&self) -> String;
}

/// State of a polled resource.
pub(crate) trait PollState: Send + Sync + Sized + 'static {
    /// Form in which a subscriber keeps the last state while it waits.
    type Compact: Clone + Send + Sync + 'static;

    /// Whether no later poll can bring another state.
    fn is_terminal(&self) -> bool;
    /// Whether the resource ended in success.
    fn is_success(&self) -> bool;
    /// Progress from 0 to 1, where the server reports it.
    fn progress(&self) -> Option<f64>;
    /// Returns the compact form.
    fn compact(&self) -> Self::Compact;
    /// Returns the state of a compact form.
    fn restore(compact: &Self::Compact) -> Result<Self>;
    /// Whether this state has the given compact form.
    fn matches(&self, compact: &Self::Compact) -> bool;
}

/// Result of a poll.
pub(crate) struct Polled<S> {
    pub(crate) state: Arc<S>,
    pub(crate) retry_after: Option<Duration>,
}

/// Failure of a poll.
pub(crate) enum PollError {
    /// A callback of the polling subscriber failed, such as its key function. It says nothing about other subscribers.
    Subscriber(InfraiError),
    /// The request failed, for every subscriber.
    Request(InfraiError),
    /// The response is about another resource.
    Mismatch(InfraiError),
}

/// Event of a subscription.
pub(crate) enum PollEvent<S: PollState> {
    /// The resource's first state or a change of it, and its compact form.
    Updated(Arc<S>, S::Compact),
    /// The poll that the subscriber asked for finished without a change, or failed.
    PollFinished(Option<InfraiError>),
    /// The resource cannot be polled. No further event follows.
    Failed(InfraiError),
}

impl<S: PollState> Clone for PollEvent<S> {
    fn clone(&self) -> Self {
        match self {
            Self::Updated(state, compact) => Self::Updated(Arc::clone(state), compact.clone()),
            Self::PollFinished(error) => Self::PollFinished(error.clone()),
            Self::Failed(error) => Self::Failed(error.clone()),
        }
    }
}
