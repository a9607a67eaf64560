//! `infrai video …`.

mod batch;
mod generate;
mod options;
mod save;
mod status;
mod target;

use infrai::{InfraiClient, Result};
use serde_json::{Map, Value};

use crate::{args::VideoCommand, session::Session};

/// Checks a command before anything is sent.
pub(super) fn check(command: &VideoCommand) -> Result<()> {
    match command {
        VideoCommand::Generate(args) => save::check(args.save.output.as_deref(), args.save.overwrite),
        VideoCommand::Wait(args) => save::check(args.save.output.as_deref(), args.save.overwrite),
        VideoCommand::Download(args) => save::check(Some(&args.output), args.overwrite),
        VideoCommand::Batch(_)
        | VideoCommand::Status(_)
        | VideoCommand::Watch(_)
        | VideoCommand::Cancel(_)
        | VideoCommand::Options => Ok(()),
    }
}

/// Returns the values that `generate` takes, and prices.
pub(super) async fn options(client: &InfraiClient) -> Result<Map<String, Value>> {
    options::describe(client).await
}

pub(super) async fn run(session: &Session, command: VideoCommand) -> Result<u8> {
    match command {
        VideoCommand::Generate(args) => generate::run(session, args).await,
        VideoCommand::Batch(args) => batch::run(session, args).await,
        VideoCommand::Status(args) => status::status(session, &args.id).await,
        VideoCommand::Wait(args) => save::wait(session, args).await,
        VideoCommand::Watch(args) => status::watch(session, &args.id).await,
        VideoCommand::Cancel(args) => status::cancel(session, &args.id).await,
        VideoCommand::Download(args) => save::download(session, args).await,
        VideoCommand::Options => options::run(session).await,
    }
}
