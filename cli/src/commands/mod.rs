//! The commands, one file per group.

mod account;
mod activate;
mod doctor;
mod input;
pub(crate) mod mcp;
mod request;
mod video;
mod whoami;

use clap::CommandFactory as _;
use infrai::Result;

use crate::{
    args::{AccountCommand, Cli, Command, GlobalArgs, VideoCommand},
    error, exit,
    interrupt::InterruptNotice,
    output,
    session::Session,
};

/// Runs a command and returns its exit code.
pub(crate) async fn run(global: &GlobalArgs, command: Command, notice: &InterruptNotice) -> Result<u8> {
    if let Command::Completions { shell } = &command {
        return completions(*shell);
    }
    if let Command::Video(command) = &command {
        // Fails before any request if the output file exists.
        video::check(command)?;
    }
    let session = Session::open(global, notice).await?;
    let result = dispatch(&session, global, command).await.map_err(|error| session.add_hint(error));
    notice.clear();
    session.close().await;
    result
}

async fn dispatch(session: &Session, global: &GlobalArgs, command: Command) -> Result<u8> {
    let generates = matches!(command, Command::Video(VideoCommand::Generate(_) | VideoCommand::Batch(_)));
    let activates = session.lacks_sandbox_account() && !matches!(command, Command::Activate(_));
    if generates || activates {
        session.print_sandbox_notice();
    }
    if activates {
        session.activate_in_sandbox().await?;
    }
    match command {
        Command::Activate(args) => activate::run(session, global, &args).await,
        Command::Whoami => whoami::run(session, global).await,
        Command::Doctor => doctor::run(session, global).await,
        Command::Video(command) => video::run(session, command).await,
        Command::Account(AccountCommand::Balance) => account::balance(session).await,
        Command::Account(AccountCommand::Topup(args)) => account::topup(session, args).await,
        Command::Request(args) => request::run(session, args).await,
        Command::Mcp(_) | Command::Sandbox(_) | Command::Completions { .. } => {
            Err(error::usage("this command needs no session"))
        }
    }
}

fn completions(shell: clap_complete::Shell) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "infrai", &mut script);
    output::write(&script)?;
    Ok(exit::OK)
}
