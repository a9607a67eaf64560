//! `infrai video status`, `watch` and `cancel`.

use infrai::Result;

use super::save;
use crate::{
    exit,
    output::{self, json_line, one_line},
    session::Session,
};

pub(super) async fn status(session: &Session, id: &str) -> Result<u8> {
    let job = session.client.video().status(id).await?;
    session.out.result(&job.to_json(), &save::describe(session, &job))?;
    Ok(exit::OK)
}

/// Prints one line per change, the end included. A failed job is not an error of `watch`: `wait` reports it.
pub(super) async fn watch(session: &Session, id: &str) -> Result<u8> {
    let again = session.next.job("watch", id, None);
    let cancel = session.next.job("cancel", id, None);
    session.notice.set_job(
        id,
        format!("the job {id} continues"),
        format!("Watch it again: `{again}`. Cancel it: `{cancel}`."),
    );
    let mut watch = session.client.video().watch(id);
    let mut last = String::new();
    while let Some(job) = watch.next().await {
        let job = job?;
        let mut line = job.state.to_string();
        if let Some(progress) = job.progress.filter(|_| !job.is_terminal()) {
            line = format!("{line} {:.0}%", (progress * 100.0).floor());
        }
        if let Some(error) = &job.error {
            line = format!("{line}: {error}");
        }
        if session.out.is_json() {
            output::write(json_line(&job.to_json()).as_bytes())?;
        } else if line != last {
            output::write(one_line(&line).as_bytes())?;
            last = line;
        }
    }
    Ok(exit::OK)
}

/// Cancels a job. A late cancel has its own exit code.
pub(super) async fn cancel(session: &Session, id: &str) -> Result<u8> {
    let result = session.client.video().cancel(id).await?;
    let what = if result.ok { "is cancelled" } else { "had ended already; nothing was cancelled" };
    session.out.result(&result.to_json(), &[format!("The job {id} {what}.")])?;
    Ok(if result.ok { exit::OK } else { exit::JOB })
}
