//! `infrai video batch`: a file of prompts in, a folder of videos out. A run goes on where an earlier one ended.

mod prompts;
mod report;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use infrai::{ErrorKind, InfraiError, Result, video::GenerateMany};

use self::report::Report;
use crate::{
    args::{BATCH_CONCURRENCY, BatchArgs},
    exit,
    session::Session,
    terminal::{batch::BatchProgress, progress::Progress},
};

/// Name of the checkpoint in the folder.
const CHECKPOINT: &str = "batch.jsonl";

pub(super) async fn run(session: &Session, args: BatchArgs) -> Result<u8> {
    let requests = prompts::read(&args).await?;
    let folder = args.output.clone().unwrap_or_else(|| default_folder(&args.prompts));
    let prompts: Vec<_> = requests.iter().map(|request| request.prompt().to_owned()).collect();
    let mut many = session
        .client
        .video()
        .generate_many(requests)
        .concurrency(args.concurrency as usize)
        .checkpoint(folder.join(CHECKPOINT))
        .output_dir(&folder)
        .retry_failed(args.retry_failed)
        .retry_ambiguous(args.retry_ambiguous);
    many = match args.wait_timeout.0 {
        Some(timeout) => many.timeout(timeout),
        None => many.no_timeout(),
    };
    if let Some(usd) = args.max_cost_usd {
        many = many.max_cost_usd(usd);
    }
    if args.dry_run {
        let (json, lines) = report::plan(&many.plan()?, &prompts, &folder);
        session.out.result(&json, &lines)?;
        return Ok(exit::OK);
    }
    create(&folder)?;
    generate(session, many, &args, prompts, &folder).await
}

async fn generate(
    session: &Session,
    many: GenerateMany,
    args: &BatchArgs,
    prompts: Vec<String>,
    folder: &Path,
) -> Result<u8> {
    let progress = BatchProgress::new(session.style, prompts.len());
    let (submitted, updated) = (progress.clone(), progress.clone());
    let mut many = many
        .abort_when(session.notice.stop_requested())
        .on_submit(move |update| submitted.submitted(update))
        .on_update(move |update| updated.updated(update));
    let mut report = Report::new(prompts, folder);
    while let Some(item) = many.next().await {
        match item {
            Ok(item) => {
                progress.ended(&item);
                report.add(item);
            }
            Err(error) if error.kind() == ErrorKind::Aborted => {
                return Err(interrupted(session, &error, args));
            }
            Err(error) => return Err(error),
        }
    }
    Progress::clear();
    let (json, lines) = report.finish();
    session.out.result(&json, &lines)?;
    if report.has_failed_jobs() && !args.retry_failed {
        session.note(&format!(
            "Generate the failed ones again, with new jobs: {}",
            resume(session, args, &["--retry-failed"])
        ));
    }
    Ok(report.exit_code())
}

/// Returns the error of a batch that a signal stopped: the jobs that continue, and the command that returns to them.
fn interrupted(session: &Session, error: &InfraiError, args: &BatchArgs) -> InfraiError {
    let resume = resume(session, args, &[]);
    InfraiError::new(ErrorKind::Aborted, "INTERRUPTED", error.message())
        .with_hint(format!("Go on with the same command: `{resume}`. What exists is not paid again."))
        .with_details(error.details().cloned().unwrap_or_default())
}

/// Returns the command that continues the batch.
fn resume(session: &Session, args: &BatchArgs, more: &[&str]) -> String {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let (prompts, folder) = (text(&args.prompts), args.output.as_deref().map(text));
    // The options are part of the items' keys: without one, each item would be another, and paid again.
    let mut options = Vec::new();
    let mut option = |name: &str, value: String| options.extend([format!("--{name}"), value]);
    for (name, value) in args.video.options() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        option(name.trim_end_matches("_seconds"), text);
    }
    if let Some(format) = args.format.as_ref().and_then(ValueEnum::to_possible_value) {
        option("format", format.get_name().to_owned());
    }
    if let Some(usd) = args.max_cost_usd {
        option("max-cost-usd", usd.to_string());
    }
    if args.concurrency != BATCH_CONCURRENCY {
        option("concurrency", args.concurrency.to_string());
    }
    let mut words = vec!["video", "batch"];
    if let Some(folder) = &folder {
        words.extend(["-o", folder]);
    }
    words.extend(options.iter().map(String::as_str));
    words.extend(more);
    words.push(&prompts);
    session.next.command(&words)
}

/// Returns `<name>-videos` beside the file of prompts, or `videos` for standard input.
fn default_folder(prompts: &Path) -> PathBuf {
    if prompts == Path::new("-") {
        return "videos".into();
    }
    let mut name = prompts.file_stem().unwrap_or_default().to_owned();
    name.push("-videos");
    prompts.with_file_name(name)
}

/// Creates the folder, in which the checkpoint lies too.
fn create(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        let message = format!("the folder {} cannot be created: {error}", folder.display());
        InfraiError::new(ErrorKind::Configuration, "FILE_ERROR", message)
            .with_hint("Name another folder with -o.")
            .with_source(error)
    })
}
