//! The command line: commands, arguments and their help.

#![allow(clippy::doc_markdown, reason = "these comments are the help texts, read in a terminal")]

mod mcp;
mod sandbox;
mod values;
mod video;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

pub(crate) use self::{
    mcp::McpArgs,
    sandbox::SandboxArgs,
    video::{
        BATCH_CONCURRENCY, BatchArgs, DownloadArgs, GenerateArgs, PromptFormat, SaveArgs, TimeoutArgs,
        VideoCommand, WaitArgs,
    },
};
use crate::exit;

/// Turn a sentence into a video from a shell.
#[derive(Debug, Parser)]
#[command(name = "infrai", version, max_term_width = 100, arg_required_else_help = true)]
#[command(long_about = "Turn a sentence into a video from a shell.\n\n  \
    infrai activate                                    an anonymous account with a trial credit\n  \
    infrai video generate \"a paper boat\" -o boat.mp4   a video, waited for and saved\n  \
    infrai --sandbox video generate \"a paper boat\" -o boat.mp4\n                                                     \
    the same on this machine: no account, no network, no model")]
#[command(after_help = exit::AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Print the result as one line of JSON on standard output, and an error as one line of JSON on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Profile of the credentials file [env: INFRAI_PROFILE]
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "sandbox")]
    pub(crate) profile: Option<String>,

    /// Base URL of the API [env: INFRAI_BASE_URL] [default: the profile's, else https://api.infrai.cc]
    #[arg(long, global = true, value_name = "URL", conflicts_with = "sandbox")]
    pub(crate) base_url: Option<String>,

    /// Routes of a job's status and cancel: auto finds those that the server has [default: auto]
    #[arg(long, global = true, value_name = "FAMILY", value_parser = ["auto", "jobs", "status"])]
    pub(crate) routes: Option<String>,

    /// Total time of a call, retries included: 500ms, 30s, 2m [default: 60s]
    #[arg(long, global = true, value_name = "TIME", value_parser = values::duration)]
    pub(crate) timeout: Option<Duration>,

    /// Use a sandbox inside this process instead of the API: real calls and a real MP4, but no model and no money
    ///
    /// The sandbox stores its account and jobs in its own folder, where the next call with --sandbox finds them. It
    /// neither reads nor writes your credentials file.
    #[arg(long, global = true)]
    pub(crate) sandbox: bool,

    /// Data folder of the sandbox [env: INFRAI_SANDBOX_DIR] [default: infrai/sandbox in the user's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Log requests and responses to standard error; repeat for more detail. API keys are redacted
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create an anonymous account with a trial credit for this device, and store its key
    Activate(ActivateArgs),
    /// Show the account, the source of its key, and its balance
    Whoami,
    /// Check settings, network, clock, key and routes, and say what to do
    Doctor,
    /// Generate, follow and save videos
    #[command(subcommand)]
    Video(VideoCommand),
    /// Show the balance, and add credit
    #[command(subcommand)]
    Account(AccountCommand),
    /// Call any route of the API with the same key, retries and errors
    Request(RequestArgs),
    /// Serve tools for coding agents: the Model Context Protocol over standard input and output, or over HTTP
    Mcp(McpArgs),
    /// Serve the API on this machine, for tests and experiments
    #[command(after_long_help = infrai_sandbox::manual())]
    Sandbox(SandboxArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ActivateArgs {
    /// Region of the account: auto, western or china
    #[arg(long, default_value = "auto")]
    pub(crate) region: String,
    /// Request a new key even if the profile has one; the old key stays under another name
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Show the balance
    Balance,
    /// Start a payment and wait for its credit; a person pays at the page that it opens
    Topup(TopupArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TopupArgs {
    /// Amount in US dollars
    #[arg(value_name = "USD", allow_negative_numbers = true)]
    pub(crate) amount_usd: f64,
    /// URL to return to after the payment
    #[arg(long, value_name = "URL")]
    pub(crate) return_url: Option<String>,
    /// Idempotency key: the same key and amount give one top-up [default: a new key]
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// Print the URL of the payment page without opening it; only a terminal opens it
    #[arg(long)]
    pub(crate) no_open: bool,
    /// Do not wait until the payment has arrived; only a terminal waits, for 30 minutes
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// GET, HEAD, POST, PUT, PATCH or DELETE
    pub(crate) method: String,
    /// A path below the base URL, such as /v1/account/balance
    pub(crate) path: String,
    /// A query parameter; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::pair)]
    pub(crate) query: Vec<(String, String)>,
    /// The body: JSON text, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-")]
    pub(crate) body: Option<String>,
    /// Idempotency key: the same key and body take effect once [default: a new key]
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
