//! Progress notifications of a long call.

use std::time::Duration;

use infrai::escape_text;
use rmcp::{
    RoleServer,
    model::{ProgressNotificationParam, ProgressToken},
    service::{Peer, RequestContext},
};
use tokio::time::{Instant, timeout};

/// Longest pause between two notifications: many clients give up after a minute without one.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);
/// Time for a client to take a notification.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Least increase between two notifications, which the protocol requires.
const STEP: f64 = 0.01;

/// Reports the progress of one call, if its client sent a token.
#[derive(Debug)]
pub(super) struct Reporter {
    peer: Peer<RoleServer>,
    token: ProgressToken,
    /// Percentage of the last notification.
    last: f64,
    started: Instant,
}

impl Reporter {
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Option<Self> {
        let token = context.meta.get_progress_token()?;
        Some(Self { peer: context.peer.clone(), token, last: 0.0, started: Instant::now() })
    }

    /// Sends a notification. A client that does not take it misses it.
    pub(super) async fn report(&mut self, share: Option<f64>, message: &str) {
        let percent = share.unwrap_or_default().clamp(0.0, 1.0) * 100.0;
        self.last = percent.max(self.last + STEP);
        let message = format!("{}, {} s elapsed", escape_text(message), self.started.elapsed().as_secs());
        let notification = ProgressNotificationParam::new(self.token.clone(), self.last)
            .with_total(100.0_f64.max(self.last))
            .with_message(message);
        let _ = timeout(SEND_TIMEOUT, self.peer.notify_progress(notification)).await;
    }
}
