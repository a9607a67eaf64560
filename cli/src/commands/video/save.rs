//! Waiting for a job and saving its video, for `generate -o`, `wait` and `download`.

use std::path::{Path, PathBuf};

use infrai::{ErrorKind, Result, VideoJob, video::JobRef};
use serde_json::{Value, json};

use super::target::{StreamWriter, Target};
use crate::{
    args::{DownloadArgs, SaveArgs, TimeoutArgs, WaitArgs},
    exit,
    output::{self, table},
    session::Session,
    terminal::progress::Progress,
};

/// Options for waiting and saving.
pub(super) struct SaveOptions {
    pub(super) save: SaveArgs,
    pub(super) timeout: TimeoutArgs,
}

/// A saved video.
struct Saved<'a> {
    target: Target<'a>,
    bytes: u64,
    job: VideoJob,
}

/// Refuses an output that could not be written, before a request that costs.
pub(super) fn check(output: Option<&Path>, overwrite: bool) -> Result<()> {
    output.map_or(Ok(()), |path| Target::of(path).check(overwrite))
}

/// `infrai video wait`.
pub(super) async fn wait(session: &Session, args: WaitArgs) -> Result<u8> {
    let progress = Progress::new(session.style, "checking");
    let saving = SaveOptions { save: args.save, timeout: args.timeout };
    wait_and_save(session, &args.id, args.id.as_str().into(), saving, &progress).await
}

/// `infrai video download`.
pub(super) async fn download(session: &Session, args: DownloadArgs) -> Result<u8> {
    let progress = Progress::new(session.style, "checking");
    let DownloadArgs { id, output, overwrite, download_timeout } = args;
    let save = SaveArgs { output: None, overwrite, download_timeout };
    let saved = download_video(session, id.as_str().into(), &output, &save, &progress).await;
    let saved = saved.map_err(|error| match error.code() {
        "JOB_NOT_READY" => {
            let wait = session.next.job("wait", &id, Some(&output));
            error.with_hint(format!("Wait for it and save it: `{wait}`."))
        }
        _ => error,
    })?;
    print_job(session, &saved.job, Some(&saved))
}

/// Waits until a job has ended, saves its video if `-o` is set, and prints it.
pub(super) async fn wait_and_save(
    session: &Session,
    id: &str,
    job: JobRef,
    saving: SaveOptions,
    progress: &Progress,
) -> Result<u8> {
    let SaveOptions { save, timeout } = saving;
    let resume = session.next.job("wait", id, save.output.as_deref());
    let cancel = session.next.job("cancel", id, None);
    let goes_on = if session.jobs_are_paused() {
        format!("the job {id} is saved and continues with the next call")
    } else {
        format!("the job {id} continues")
    };
    session.notice.set_job(id, goes_on, format!("Return to it: `{resume}`. Cancel it: `{cancel}`."));
    let shown = progress.clone();
    let mut wait = session
        .client
        .video()
        .wait(job)
        .cancel_on_timeout(timeout.cancel_on_timeout)
        .on_update(move |job| shown.job(job));
    wait = match timeout.timeout() {
        Some(timeout) => wait.timeout(timeout),
        None => wait.no_timeout(),
    };
    let job = wait.await.map_err(|error| {
        let cancelled =
            error.details().and_then(|details| details.get("cancelled")) == Some(&Value::Bool(true));
        match error.kind() {
            ErrorKind::WaitTimeout if !cancelled => {
                error.with_hint(format!("The job continues. Wait again: `{resume}`. Cancel it: `{cancel}`."))
            }
            _ => error,
        }
    })?;
    let Some(output) = &save.output else {
        session.notice.clear();
        return print_job(session, &job, None);
    };
    session.notice.set_job(
        id,
        format!("the job {id} has succeeded; its video is not saved yet"),
        format!("Save it: `{resume}`."),
    );
    let saved = download_video(session, (&job).into(), output, &save, progress).await.map_err(|error| {
        let hint = format!("{} The job has succeeded; save its video: `{resume}`.", error.hint());
        error.with_hint(hint)
    })?;
    print_job(session, &job, Some(&saved))
}

async fn download_video<'a>(
    session: &Session,
    job: JobRef,
    output: &'a Path,
    save: &SaveArgs,
    progress: &Progress,
) -> Result<Saved<'a>> {
    progress.download_starts();
    let target = Target::of(output);
    let (saved, rest) = match target {
        Target::File(path) => (save_file(session, job, path, save, progress).await, "nothing was saved"),
        Target::Stdout => (stream(session, job, None, save, progress).await, "the rest was not written"),
        Target::Fifo(path) => {
            (stream(session, job, Some(path), save, progress).await, "the rest was not written")
        }
    };
    match saved {
        Ok((bytes, job)) => Ok(Saved { target, bytes, job }),
        Err(error) if error.code() == "DOWNLOAD_TIMEOUT" => {
            Err(error.with_hint(format!("Allow more time with --download-timeout; {rest}.")))
        }
        Err(error) => Err(error),
    }
}

async fn save_file(
    session: &Session,
    job: JobRef,
    path: &Path,
    save: &SaveArgs,
    progress: &Progress,
) -> Result<(u64, VideoJob)> {
    let video = session.client.video();
    let mut download =
        video.download(job, path).overwrite(save.overwrite).on_progress(progress.on_download());
    if let Some(timeout) = save.download_timeout {
        download = download.timeout(timeout);
    }
    let saved = download.await?;
    Ok((saved.bytes, saved.job))
}

/// Writes the video into a FIFO, or to standard output.
async fn stream(
    session: &Session,
    job: JobRef,
    fifo: Option<&Path>,
    save: &SaveArgs,
    progress: &Progress,
) -> Result<(u64, VideoJob)> {
    let writer = StreamWriter::open(fifo).await?;
    let mut download = session.client.video().download_stream(job);
    if let Some(timeout) = save.download_timeout {
        download = download.timeout(timeout);
    }
    let mut bytes = download.await?;
    let mut on_progress = progress.on_download();
    while let Some(chunk) = bytes.next().await {
        writer.write(chunk?).await?;
        on_progress(bytes.progress());
    }
    Ok((bytes.progress().received, bytes.job().clone()))
}

/// Prints the job, and the path of its saved video.
fn print_job(session: &Session, job: &VideoJob, saved: Option<&Saved<'_>>) -> Result<u8> {
    Progress::clear();
    let mut json = job.to_json();
    let mut lines = describe(session, job);
    if let Some(saved) = saved {
        let absolute = |path| std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
        let path = match saved.target {
            Target::File(path) | Target::Fifo(path) => absolute(path),
            Target::Stdout => PathBuf::from("-"),
        };
        json["download"] = json!({ "path": path.to_string_lossy(), "bytes": saved.bytes });
        let cost = job.cost_usd.map(|usd| format!(", {}", output::dollars(usd))).unwrap_or_default();
        let size = output::bytes(saved.bytes);
        let what = match saved.target {
            Target::File(_) => format!("Saved {}", path.display()),
            Target::Fifo(_) => format!("Wrote {}", path.display()),
            Target::Stdout => "Wrote standard output".to_owned(),
        };
        lines = vec![format!("{what} ({size}, job {}{cost})", job.job_id)];
    }
    for warning in job.fields().get("warnings").and_then(Value::as_array).into_iter().flatten() {
        if let Some(warning) = warning.as_str() {
            session.note(&format!("Note: {warning}"));
        }
    }
    match saved {
        Some(Saved { target: Target::Stdout, .. }) => session.out.result_on_stderr(&json, &lines),
        _ => session.out.result(&json, &lines)?,
    }
    Ok(exit::OK)
}

/// Formats a job as text lines.
pub(super) fn describe(session: &Session, job: &VideoJob) -> Vec<String> {
    let progress = job.progress.filter(|_| !job.is_terminal());
    // The files of a sandbox in this process end with it, so their URLs would lead nowhere.
    let url = |url: &Option<String>| url.clone().filter(|_| !session.jobs_are_paused());
    let download = session.next.job("download", job.job_id.as_str(), Some(Path::new("FILE")));
    table([
        ("job", Some(job.job_id.to_string())),
        ("state", Some(job.state.to_string())),
        ("progress", progress.map(|progress| format!("{:.0}%", (progress * 100.0).floor()))),
        ("error", job.error.as_ref().map(ToString::to_string)),
        ("cost", job.cost_usd.map(output::dollars)),
        ("refunded", job.refunded_usd.map(output::dollars)),
        ("video", url(&job.video_url)),
        ("thumbnail", url(&job.thumbnail_url)),
        ("save with", job.is_success().then_some(download)),
    ])
}
