//! Breaks servers and networks around the Rust client, and counts what is lost or charged twice: `infrai-torture money`,
//! `infrai-torture network`, and the processes that these start.

mod money;
mod network;
mod report;
mod wire;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use report::Checks;

#[derive(Parser)]
#[command(about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Many calls, many faults, a server that is killed: what does the ledger say?
    Money(Run),
    /// Every fault at every stage of a request, proxies, certificates, names.
    Network(Run),
    /// A sandbox that serves until its standard input ends or it is killed.
    #[command(hide = true)]
    Serve(money::server::Options),
    /// A process that makes calls, as its standard input says.
    #[command(hide = true)]
    Worker,
    /// One call in an environment of its own.
    #[command(hide = true)]
    Call,
}

/// How a section is run.
#[derive(Args, Debug, Clone)]
pub(crate) struct Run {
    /// A little of everything.
    #[arg(long, conflicts_with = "long")]
    short: bool,
    /// All of it.
    #[arg(long)]
    long: bool,
    /// What chance starts from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long it takes, about.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// One part of the network section alone: matrix, answers, idle, proxies, tls or names.
    #[arg(long, default_value = "")]
    part: String,
    /// A Python that has the package, for two more workers of the money section with the next one.
    #[arg(long)]
    python: Option<std::path::PathBuf>,
    /// A folder with the npm package.
    #[arg(long)]
    node: Option<std::path::PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        let checks = Checks::default();
        match cli.command {
            Command::Money(run) => money::run(&run, &checks).await,
            Command::Network(run) => network::run(&run, &checks).await,
            Command::Serve(options) => return money::server::serve(options).await,
            Command::Worker => return money::worker::work().await,
            Command::Call => return network::child::call().await,
        }
        .map(|()| checks.total())
    });
    // Without waiting for what a broken connection may still hold up.
    runtime.shutdown_background();
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("it could not go on: {error}");
            ExitCode::FAILURE
        }
    }
}
