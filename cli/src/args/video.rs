//! `infrai video …`: its words.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use super::values;

#[derive(Debug, Subcommand)]
pub(crate) enum VideoCommand {
    /// Start a video from a prompt; with -o, wait for it and save it
    Generate(GenerateArgs),
    /// Look at a job once
    Status(JobArgs),
    /// Wait until a job has ended; with -o, save its video
    Wait(WaitArgs),
    /// Print a job's state and every change of it, until it has ended
    Watch(JobArgs),
    /// Cancel a job
    Cancel(JobArgs),
    /// Save the video of a job that has succeeded
    Download(DownloadArgs),
}

#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// The job's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

/// Where a video is to be saved.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SaveArgs {
    /// Save the video here, once it is made
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    pub(crate) overwrite: bool,
    /// How long the download may take in all: 90s, 10m, 2h [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = values::duration, requires = "output")]
    pub(crate) download_timeout: Option<Duration>,
}

/// How long to wait for a job.
#[derive(Debug, Clone, Args)]
pub(crate) struct TimeoutArgs {
    /// How long to wait for the job's end: 90s, 10m, 2h, or never to wait for ever
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = values::wait_timeout)]
    pub(crate) wait_timeout: values::WaitTimeout,
    /// Cancel the job when that time is over
    #[arg(long)]
    pub(crate) cancel_on_timeout: bool,
}

impl TimeoutArgs {
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.wait_timeout.0
    }
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// What to show; - reads it from standard input
    pub(crate) prompt: String,
    #[command(flatten)]
    pub(crate) save: SaveArgs,
    /// Wait for the job's end even without -o
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) timeout: TimeoutArgs,
    /// 720p, 1080p or 4k, as far as the vendor can
    #[arg(long, default_value = "720p", help_heading = "Video")]
    pub(crate) resolution: String,
    /// 16:9, 9:16 or 1:1
    #[arg(long, help_heading = "Video")]
    pub(crate) aspect: Option<String>,
    /// How long the video should be, in seconds
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, help_heading = "Video")]
    pub(crate) duration: Option<f64>,
    /// balanced, cheapest or smartest
    #[arg(long, default_value = "balanced", help_heading = "Video")]
    pub(crate) prefer: String,
    /// A model by name
    #[arg(long, help_heading = "Video")]
    pub(crate) model: Option<String>,
    /// A vendor by name
    #[arg(long, help_heading = "Video")]
    pub(crate) vendor: Option<String>,
    /// An image to go by
    #[arg(long, value_name = "URL", help_heading = "Video")]
    pub(crate) reference_image_url: Option<String>,
    /// The same key and options give the same job, charged once [default: a fresh one]
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// The job's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) save: SaveArgs,
    #[command(flatten)]
    pub(crate) timeout: TimeoutArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DownloadArgs {
    /// The job's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Save the video here
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// How long the download may take in all: 90s, 10m, 2h [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) download_timeout: Option<Duration>,
}
