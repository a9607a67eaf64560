//! `infrai`: turn a sentence into a video from a shell.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod error;
mod exit;
mod interrupt;
mod next_command;
mod output;
mod sandbox;
mod session;
mod terminal;

use clap::Parser as _;
use infrai::{ErrorKind, InfraiError, Result};

use self::{
    args::{Cli, Command},
    interrupt::{InterruptNotice, Signal},
    terminal::{logs, progress::Progress},
};

fn main() {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => std::process::exit(i32::from(not_parsed(&error))),
    };
    logs::start(cli.global.verbose);
    let json = cli.global.json;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let code = match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(run(cli));
            // Does not wait for threads that read standard input or a disk: such a read may never return.
            runtime.shutdown_background();
            code
        }
        Err(error) => ended(
            Err(InfraiError::resource_limit(format!("the operating system provides no threads: {error}"))),
            json,
        ),
    };
    std::process::exit(i32::from(code));
}

/// Runs the command until it ends or a signal stops it, and prints its error.
async fn run(cli: Cli) -> u8 {
    let Cli { global, command } = cli;
    let json = global.json;
    if let Command::Sandbox(args) = &command {
        let result = if global.sandbox {
            Err(error::usage("`infrai sandbox` does not support --sandbox"))
        } else {
            sandbox::serve(args, &global).await
        };
        return ended(result, json);
    }
    if let Command::Mcp(args) = &command {
        return ended(commands::mcp::serve(args, &global).await, json);
    }
    let notice = InterruptNotice::default();
    // The command is dropped before the message: its half-written file goes, and the bar leaves the screen.
    let mut requested = None;
    let stopped = {
        let mut running = std::pin::pin!(commands::run(&global, command, &notice));
        loop {
            tokio::select! {
                biased;
                signal = Signal::next() => {
                    if !notice.request_stop() {
                        break signal;
                    }
                    requested = Some(signal);
                }
                result = &mut running => {
                    let stopped = requested.filter(|_| result.as_ref().is_err_and(is_interrupt));
                    let code = ended(result, json);
                    return stopped.map_or(code, Signal::exit_code);
                }
            }
        }
    };
    Progress::clear();
    error::print_error(notice.into_error(), json);
    stopped.exit_code()
}

fn is_interrupt(error: &InfraiError) -> bool {
    error.kind() == ErrorKind::Aborted
}

fn ended(result: Result<u8>, json: bool) -> u8 {
    Progress::clear();
    match result {
        Ok(code) => code,
        Err(error) if output::is_closed(&error) => exit::OK,
        Err(error) => {
            let code = exit::code(error.kind());
            error::print_error(error, json);
            code
        }
    }
}

/// Prints help and version to standard output, and any other parse error like all errors.
fn not_parsed(error: &clap::Error) -> u8 {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    match error.kind() {
        DisplayHelp | DisplayVersion => {
            let _ = error.print();
            exit::OK
        }
        DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            exit::USAGE
        }
        _ => {
            let json = std::env::args_os().any(|word| word == "--json");
            error::print_error(error::from_clap(error), json);
            exit::USAGE
        }
    }
}
