//! `download_video`: a finished video as a file of the output folder.

use std::{future::IntoFuture as _, io};

use infrai::{
    ErrorKind, InfraiError, JobId, Result, new_idempotency_key,
    video::{Download, DownloadRequest},
};
use rmcp::{
    RoleServer,
    model::{CallToolResult, ContentBlock, Resource},
    schemars::JsonSchema,
    service::RequestContext,
};
use serde::{Deserialize, Serialize};
use tempfile::TempPath;
use tokio::{sync::watch, time};
use url::Url;

use super::{
    app::App,
    folder::{VideoFile, default_name},
    progress::{HEARTBEAT, Reporter},
    result,
};
use crate::output;

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub(super) struct DownloadArguments {
    /// Id of the job, which has succeeded
    job_id: String,
    /// File to save to, below this server's output folder, such as `boat.mp4` or `boats/red.mp4`. Default: the job's id
    #[serde(default)]
    path: Option<String>,
    /// Whether to replace an existing file. Default: false
    #[serde(default)]
    overwrite: bool,
}

/// A saved video.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct DownloadResult {
    /// Id of the job
    job_id: String,
    /// State of the job
    state: String,
    /// Absolute path of the file
    path: String,
    /// The file as a URI
    uri: String,
    /// Length of the file in bytes
    bytes: u64,
    /// MIME type of the file
    mime_type: String,
    /// Cost of the job in US dollars
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
    /// Idempotency key of the submission
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    /// The next step
    next: String,
}

pub(super) async fn run(
    app: &App,
    arguments: DownloadArguments,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult> {
    let DownloadArguments { job_id, path, overwrite } = arguments;
    let folder = app.folder.clone();
    let name = path.unwrap_or_else(|| default_name(&job_id));
    let file = tokio::task::spawn_blocking(move || folder.file(&name))
        .await
        .map_err(|error| InfraiError::internal(format!("the check of a path ended in a panic: {error}")))??;
    let saved = save(app, &job_id, &file, overwrite, context).await?;
    let job = app.describe(&saved.job).await;
    let title = format!("Video of job {}", job.job_id);
    let uri = Url::from_file_path(&file.path).map(String::from).unwrap_or_default();
    let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let result = DownloadResult {
        job_id: job.job_id,
        state: job.state,
        path: file.path.to_string_lossy().into_owned(),
        uri: uri.clone(),
        bytes: saved.bytes,
        mime_type: file.mime_type.into(),
        cost_usd: job.cost_usd,
        idempotency_key: job.idempotency_key,
        next: "Tell the user the path of the file.".into(),
    };
    let link =
        Resource::new(uri, name).with_title(title).with_mime_type(file.mime_type).with_size(saved.bytes);
    let mut result = result::success(&result);
    result.content.push(ContentBlock::resource_link(link));
    Ok(result)
}

async fn save(
    app: &App,
    job_id: &str,
    file: &VideoFile,
    overwrite: bool,
    context: &RequestContext<RoleServer>,
) -> Result<Download> {
    let mut reporter = Reporter::of(context);
    DownloadRequest::check_target(&file.path, overwrite)?;
    // A download follows a link. One that is made meanwhile must not lead out of the folder: a rename under a new random
    // name follows none.
    let part = file.path.with_file_name(format!(".{}.part", new_idempotency_key()?));
    let (sender, received) = watch::channel((0, None));
    let download = app
        .client
        .video()
        .download(JobId::new(job_id), &part)
        .on_progress(move |progress| {
            sender.send_replace((progress.received, progress.total));
        })
        .into_future();
    tokio::pin!(download);
    let mut heartbeat = time::interval(HEARTBEAT);
    loop {
        tokio::select! {
            biased;
            () = context.ct.cancelled() => {
                return Err(InfraiError::new(ErrorKind::Aborted, "ABORTED", "the client cancelled the download"));
            }
            saved = &mut download => {
                let mut saved = saved?;
                let part = TempPath::try_from_path(part).map_err(|error| unsaved(file, &error))?;
                let placed = if overwrite { part.persist(&file.path) } else { part.persist_noclobber(&file.path) };
                placed.map_err(|error| unsaved(file, &error.error))?;
                saved.path.clone_from(&file.path);
                return Ok(saved);
            }
            // The first tick is at once.
            _ = heartbeat.tick() => {
                if let Some(reporter) = &mut reporter {
                    let (bytes, total) = *received.borrow();
                    #[allow(clippy::cast_precision_loss, reason = "a fraction to show")]
                    let share = total.filter(|total| *total > 0).map(|total: u64| bytes as f64 / total as f64);
                    reporter.report(share, &format!("saving, {}", output::bytes(bytes))).await;
                }
            }
        }
    }
}

fn unsaved(file: &VideoFile, error: &io::Error) -> InfraiError {
    let message = format!("{} cannot be created: {error}", file.path.display());
    InfraiError::new(ErrorKind::Configuration, "FILE_ERROR", message)
        .with_hint("Choose another path, or ask the user to check the output folder.")
}
