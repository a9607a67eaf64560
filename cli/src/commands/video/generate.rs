//! `infrai video generate`: a prompt in, a job or a saved video out.

use std::path::Path;

use infrai::{Result, new_idempotency_key};

use super::save::{self, SaveOptions};
use crate::{
    args::GenerateArgs, commands::input, exit, output::dollars, session::Session,
    terminal::progress::Progress,
};

pub(super) async fn run(session: &Session, mut args: GenerateArgs) -> Result<u8> {
    if args.prompt == "-" {
        args.prompt = input::standard_input("prompt").await?;
    }
    let key = match args.idempotency_key.take() {
        Some(key) => key,
        None => new_idempotency_key()?,
    };
    let waits = args.wait || args.save.output.is_some();
    let progress = waits.then(|| Progress::new(session.style, "submitting"));
    session.notice.set_submitting(&key);
    let submitted = session.client.video().generate_from(args.request(key)).await;
    let job = submitted.map_err(|error| session.add_retry_hint(error))?;
    session.notice.clear();
    if let Some(progress) = progress {
        progress.job(&job);
        let saving = SaveOptions { save: args.save, timeout: args.timeout };
        return save::wait_and_save(session, job.job_id.as_str(), (&job).into(), saving, &progress).await;
    }
    session.out.result(&job.to_json(), &save::describe(session, &job))?;
    if let Some(usd) = job.cost_usd {
        session.note(&format!("It costs {}.", dollars(usd)));
    }
    let wait = session.next.job("wait", job.job_id.as_str(), Some(Path::new("FILE")));
    if session.jobs_are_paused() {
        session.note(&format!("The sandbox renders it while a call with --sandbox waits for it: {wait}"));
    } else {
        session.note(&format!("Wait for it and save it: {wait}"));
    }
    Ok(exit::OK)
}
