//! Resources: jobs, and pages of the documentation.

use std::sync::Arc;

use infrai::escape_text;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rmcp::{
    ErrorData,
    model::{ReadResourceResult, Resource, ResourceContents, ResourceTemplate},
};

use super::{app::App, tasks};

const JOBS: &str = "infrai://jobs/";
const DOCS: &str = "infrai://docs/";

/// Pages: name, title, text.
const PAGES: [(&str, &str, &str); 3] = [
    ("mcp", "MCP server: tools, money, files", include_str!("docs/mcp.md")),
    ("error-codes", "Error codes and what to do", include_str!("docs/error-codes.md")),
    ("cli", "The command infrai", include_str!("docs/cli.md")),
];

/// Lists the pages, and the jobs of the journal.
pub(super) async fn list(app: &App) -> Vec<Resource> {
    let pages = PAGES.iter().map(|(name, title, text)| {
        Resource::new(format!("{DOCS}{name}"), *name)
            .with_title(*title)
            .with_mime_type("text/markdown")
            .with_size(text.len() as u64)
    });
    let jobs = app.journal.list().await.unwrap_or_default();
    let jobs = jobs.into_iter().take(100).filter_map(|entry| entry.job_id).map(|id| {
        let encoded = utf8_percent_encode(&id, NON_ALPHANUMERIC).to_string().replace("%5F", "_");
        Resource::new(format!("{JOBS}{encoded}"), escape_text(&id).into_owned())
            .with_title(format!("Job {}", escape_text(&id)))
            .with_mime_type("application/json")
    });
    pages.chain(jobs).collect()
}

pub(super) fn templates() -> Vec<ResourceTemplate> {
    let job = ResourceTemplate::new(format!("{JOBS}{{id}}"), "job")
        .with_title("A job")
        .with_description("State, progress, cost and video of a job by its id")
        .with_mime_type("application/json");
    vec![job]
}

pub(super) async fn read(app: &Arc<App>, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    if let Some(name) = uri.strip_prefix(DOCS)
        && let Some((_, _, text)) = PAGES.iter().find(|(page, ..)| *page == name)
    {
        let page = ResourceContents::text(*text, uri).with_mime_type("text/markdown");
        return Ok(ReadResourceResult::new(vec![page]));
    }
    if let Some(id) = uri.strip_prefix(JOBS)
        && let Ok(id) = percent_decode_str(id).decode_utf8()
    {
        let job = app.status(&id).await.map_err(|error| match error.kind() {
            infrai::ErrorKind::NotFound | infrai::ErrorKind::InvalidRequest => not_found(uri),
            _ => tasks::protocol_error(&id, &error),
        })?;
        let text = serde_json::to_string(&app.describe(&job).await).unwrap_or_default();
        let job = ResourceContents::text(text, uri).with_mime_type("application/json");
        return Ok(ReadResourceResult::new(vec![job]));
    }
    Err(not_found(uri))
}

fn not_found(uri: &str) -> ErrorData {
    ErrorData::resource_not_found(format!("there is no resource {}", escape_text(uri)), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_those_of_the_documentation() {
        for (name, _, text) in PAGES {
            // A checkout without symbolic links has their targets' names instead.
            assert!(text.starts_with("# "), "{name} is no page; check out with symbolic links");
        }
    }
}
