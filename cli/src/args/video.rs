//! Arguments of `infrai video …`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum};
use infrai::GenerateRequest;
use serde_json::{Map, Value};

use super::values;

#[derive(Debug, Subcommand)]
pub(crate) enum VideoCommand {
    /// Generate a video from a prompt; with -o, wait for it and save it
    Generate(GenerateArgs),
    /// Generate a video for each prompt of a file, and go on after an interruption
    Batch(BatchArgs),
    /// Print a job's current state
    Status(JobArgs),
    /// Wait until a job has ended; with -o, save its video
    Wait(WaitArgs),
    /// Print a job's state and every change of it, until the job has ended
    Watch(JobArgs),
    /// Cancel a job
    Cancel(JobArgs),
    /// Save the video of a job that has succeeded
    Download(DownloadArgs),
    /// List resolutions, aspects, models, vendors and prices
    Options,
}

#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// The job's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

/// Options for saving a video.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SaveArgs {
    /// Save the video to this file when it is finished; - writes it to standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    pub(crate) overwrite: bool,
    /// Total time of the download: 90s, 10m, 2h [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = values::duration, requires = "output")]
    pub(crate) download_timeout: Option<Duration>,
}

/// Options for waiting.
#[derive(Debug, Clone, Args)]
pub(crate) struct TimeoutArgs {
    /// Time to wait for the job's end: 90s, 10m, 2h, or never for no limit
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = values::wait_timeout)]
    pub(crate) wait_timeout: values::WaitTimeout,
    /// Cancel the job when the wait times out
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
    /// The prompt; - reads it from standard input
    pub(crate) prompt: String,
    #[command(flatten)]
    pub(crate) save: SaveArgs,
    /// Wait for the job's end even without -o
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) timeout: TimeoutArgs,
    /// 720p, 1080p or 4k, if the vendor supports it
    #[arg(long, default_value = "720p", help_heading = "Video")]
    pub(crate) resolution: String,
    /// 16:9, 9:16 or 1:1
    #[arg(long, help_heading = "Video")]
    pub(crate) aspect: Option<String>,
    /// Length of the video, in seconds
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, help_heading = "Video")]
    pub(crate) duration: Option<f64>,
    /// balanced, cheapest or smartest
    #[arg(long, default_value = "balanced", help_heading = "Video")]
    pub(crate) prefer: String,
    /// Name of the model
    #[arg(long, help_heading = "Video")]
    pub(crate) model: Option<String>,
    /// Name of the vendor
    #[arg(long, help_heading = "Video")]
    pub(crate) vendor: Option<String>,
    /// URL of a reference image
    #[arg(long, value_name = "URL", help_heading = "Video")]
    pub(crate) reference_image_url: Option<String>,
    /// Idempotency key: the same key and options give the same job, charged once, for 24 hours by default [default: a new key]
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

impl GenerateArgs {
    /// Returns the request that these arguments describe.
    pub(crate) fn request(&self, idempotency_key: String) -> GenerateRequest {
        let mut request = GenerateRequest::new(&self.prompt)
            .resolution(&self.resolution)
            .prefer(&self.prefer)
            .idempotency_key(idempotency_key);
        if let Some(seconds) = self.duration {
            request = request.duration_seconds(seconds);
        }
        let mut option = |value: &Option<String>, set: fn(GenerateRequest, String) -> GenerateRequest| {
            if let Some(value) = value {
                request = set(request.clone(), value.clone());
            }
        };
        option(&self.aspect, GenerateRequest::aspect);
        option(&self.model, GenerateRequest::model);
        option(&self.vendor, GenerateRequest::vendor);
        option(&self.reference_image_url, GenerateRequest::reference_image_url);
        request
    }
}

/// Format of a file of prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PromptFormat {
    /// One prompt per line
    Text,
    /// One JSON object of options per line
    Jsonl,
    /// A table with a header of options
    Csv,
}

/// Default of `--concurrency`.
pub(crate) const BATCH_CONCURRENCY: u32 = 8;

#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    /// The file of prompts: one per line; .jsonl: an object of options per line; .csv: a table with a header of options; - reads standard input
    #[arg(value_name = "PROMPTS")]
    pub(crate) prompts: PathBuf,
    /// Folder of the videos and of the checkpoint [default: the file's name and -videos; videos for -]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Format of the prompts [default: by the file's extension, else text]
    #[arg(long, value_enum)]
    pub(crate) format: Option<PromptFormat>,
    /// Number of jobs at a time
    #[arg(long, value_name = "N", default_value_t = BATCH_CONCURRENCY)]
    pub(crate) concurrency: u32,
    /// Most that the batch may cost, in US dollars, earlier runs included [default: no limit]
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    pub(crate) max_cost_usd: Option<f64>,
    /// Generate items again whose jobs failed in an earlier run
    #[arg(long)]
    pub(crate) retry_failed: bool,
    /// Submit items again that may have been processed longer ago than the API remembers; they may be paid twice
    #[arg(long)]
    pub(crate) retry_ambiguous: bool,
    /// Print what would be submitted, kept and downloaded, and what it may cost; send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Time to wait for each job's end: 90s, 10m, 2h, or never for no limit
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = values::wait_timeout)]
    pub(crate) wait_timeout: values::WaitTimeout,
    #[command(flatten)]
    pub(crate) video: VideoDefaults,
}

/// Options of the items that do not set them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Video, unless an item sets it")]
pub(crate) struct VideoDefaults {
    /// 720p, 1080p or 4k, if the vendor supports it [default: 720p]
    #[arg(long)]
    resolution: Option<String>,
    /// 16:9, 9:16 or 1:1
    #[arg(long)]
    aspect: Option<String>,
    /// Length of the video, in seconds
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    duration: Option<f64>,
    /// balanced, cheapest or smartest [default: balanced]
    #[arg(long)]
    prefer: Option<String>,
    /// Name of the model
    #[arg(long)]
    model: Option<String>,
    /// Name of the vendor
    #[arg(long)]
    vendor: Option<String>,
}

impl VideoDefaults {
    /// Returns the options by the core's names.
    pub(crate) fn options(&self) -> Map<String, Value> {
        let texts = [
            ("resolution", &self.resolution),
            ("aspect", &self.aspect),
            ("prefer", &self.prefer),
            ("model", &self.model),
            ("vendor", &self.vendor),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?.into())));
        let seconds = self.duration.map(|seconds| ("duration_seconds", seconds.into()));
        texts.chain(seconds).map(|(name, value)| (name.to_owned(), value)).collect()
    }
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
    /// Save the video here; - writes it to standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Total time of the download: 90s, 10m, 2h [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) download_timeout: Option<Duration>,
}
