//! The command line: what can be typed, and what each word means.

#![allow(clippy::doc_markdown, reason = "these comments are the help texts, read in a terminal")]

mod sandbox;
mod values;
mod video;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

pub(crate) use self::{
    sandbox::SandboxArgs,
    video::{DownloadArgs, GenerateArgs, SaveArgs, TimeoutArgs, VideoCommand, WaitArgs},
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

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "GlobalArgs options")]
pub(crate) struct GlobalArgs {
    /// Print the result as one line of JSON, and an error as one line of JSON on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// The table of the credentials file to use [env: INFRAI_PROFILE]
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "sandbox")]
    pub(crate) profile: Option<String>,

    /// The API's address [env: INFRAI_BASE_URL] [default: the profile's, else https://api.infrai.cc]
    #[arg(long, global = true, value_name = "URL", conflicts_with = "sandbox")]
    pub(crate) base_url: Option<String>,

    /// How long a call may take in all, its retries included: 500ms, 30s, 2m [default: 60s]
    #[arg(long, global = true, value_name = "TIME", value_parser = values::duration)]
    pub(crate) timeout: Option<Duration>,

    /// Use a sandbox inside this process instead of the API: real calls and a real MP4, but no model and no money
    ///
    /// Its account and jobs are kept in a folder of their own, so that the next call with --sandbox finds them. Your
    /// credentials file is neither read nor written.
    #[arg(long, global = true)]
    pub(crate) sandbox: bool,

    /// Where the sandbox keeps its state [env: INFRAI_SANDBOX_DIR] [default: infrai/sandbox in the user's data folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Tell on standard error what is sent and answered (twice: more of it); never a key
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make this device an anonymous account with a trial credit, and store its key
    Activate(ActivateArgs),
    /// Show the account, where its key comes from, and what is left on it
    Whoami,
    /// Generate videos, look at them, save them
    #[command(subcommand)]
    Video(VideoCommand),
    /// What is left on the account, and adding to it
    #[command(subcommand)]
    Account(AccountCommand),
    /// Call any route of the API with the same key, retries and errors
    Request(RequestArgs),
    /// Serve the API on this machine, for tests and for trying things
    Sandbox(SandboxArgs),
    /// Print a script that completes this command in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ActivateArgs {
    /// Where the account is to be: auto, western or china
    #[arg(long, default_value = "auto")]
    pub(crate) region: String,
    /// Ask for a new key even if the profile has one; the old one is kept under another name
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Show what is left on the account
    Balance,
    /// Add to the account; prints the page to pay at
    Topup(TopupArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TopupArgs {
    /// How much, in US dollars
    #[arg(value_name = "USD", allow_negative_numbers = true)]
    pub(crate) amount_usd: f64,
    /// Where the payment page leads back to
    #[arg(long, value_name = "URL")]
    pub(crate) return_url: Option<String>,
    /// The same key and amount make one top-up, however often they are sent [default: a fresh one]
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// GET, HEAD, POST, PUT, PATCH or DELETE
    pub(crate) method: String,
    /// A path below the base URL, such as /v1/account/balance
    pub(crate) path: String,
    /// A query parameter; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::pair)]
    pub(crate) query: Vec<(String, String)>,
    /// The body: JSON text, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-")]
    pub(crate) body: Option<String>,
    /// The same key and body have one effect, however often they are sent [default: a fresh one]
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
