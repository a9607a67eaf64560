//! The tools: their descriptions for models, and their dispatch.

use std::sync::{Arc, LazyLock};

use infrai::{GenerateRequest, Result, options};
use rmcp::{
    RoleServer,
    model::{CallToolResult, JsonObject, Tool, ToolAnnotations},
    schemars::JsonSchema,
    service::RequestContext,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    account::{self, BalanceResult, NoArguments, OptionsResult, TopUpArguments, TopUpResult},
    app::App,
    download::{self, DownloadArguments, DownloadResult},
    generate::{self, OwnArguments},
    jobs::{self, CancelResult, JobArguments, ListArguments, ListResult},
    result::{self, JobResult},
    schema,
    wait::{self, WaitArguments},
};

/// Name of the tool that a task may stand for.
pub(super) const GENERATE: &str = "generate_video";

/// Effects of a tool, as hosts show them.
#[derive(Debug, Clone, Copy)]
enum Effect {
    /// Reads only.
    Reads,
    /// Adds something, at most once for the same arguments.
    AddsOnce,
    /// Adds something at each call.
    Adds,
    /// May end or replace something, at most once for the same arguments.
    Replaces,
}

/// Returns all tools.
pub(super) fn all() -> &'static [Tool] {
    static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
        vec![
            tool::<JobResult>(
                GENERATE,
                "Generate a video",
                "Submits a video job and returns at once with job_id, state, cost_usd and idempotency_key. It costs money. The same \
                 arguments within 24 hours return the same job (replayed: true) and cost nothing more, so repeat the call after a \
                 time-out or an error; add take: 2 for another video of the same arguments. Then call wait_for_video and \
                 download_video. Call video_options for values and prices.",
                schema::merge(schema::input::<GenerateRequest>(), &schema::input::<OwnArguments>()),
                Effect::AddsOnce,
            ),
            tool::<JobResult>(
                "wait_for_video",
                "Wait for a video",
                "Waits until a job has ended, at most timeout_seconds (default 50), and sends progress. If ended is false the job is \
                 still running: call again. The job continues on the server whatever happens to this call.",
                schema::input::<WaitArguments>(),
                Effect::Reads,
            ),
            tool::<JobResult>(
                "video_status",
                "Status of a video",
                "Returns a job's current state at once. To wait, use wait_for_video rather than repeated calls of this tool.",
                schema::input::<JobArguments>(),
                Effect::Reads,
            ),
            tool::<CancelResult>(
                "cancel_video",
                "Cancel a video",
                "Cancels a job that has not ended. cancelled is false if the job had ended before.",
                schema::input::<JobArguments>(),
                Effect::Replaces,
            ),
            tool::<DownloadResult>(
                "download_video",
                "Save a video",
                "Saves the video of a job that has succeeded to a file in this server's output folder, completely or not at all, and \
                 returns its path, size and MIME type with a link. No path leads out of the folder.",
                schema::input::<DownloadArguments>(),
                Effect::Replaces,
            ),
            tool::<ListResult>(
                "list_videos",
                "List videos",
                "Lists the jobs that were submitted with this output folder, the newest first, with prompt, state and cost. Use it to \
                 find a job again after a restart.",
                schema::input::<ListArguments>(),
                Effect::Reads,
            ),
            tool::<BalanceResult>(
                "account_balance",
                "Account balance",
                "Returns the account's balance in US dollars, and what this server has spent since its start.",
                schema::input::<NoArguments>(),
                Effect::Reads,
            ),
            tool::<TopUpResult>(
                "top_up",
                "Add credit",
                "Creates a payment page for adding credit and returns its URL. It never pays: give the URL to the user.",
                schema::input::<TopUpArguments>(),
                Effect::Adds,
            ),
            tool::<OptionsResult>(
                "video_options",
                "Options and prices",
                "Lists the resolutions, aspects, preferences, models and vendors that generate_video takes, prices where the API \
                 declares them, and this server's spending limits. Costs nothing.",
                schema::input::<NoArguments>(),
                Effect::Reads,
            ),
        ]
    });
    &TOOLS
}

fn tool<R: JsonSchema>(
    name: &'static str,
    title: &'static str,
    description: &'static str,
    input: JsonObject,
    effect: Effect,
) -> Tool {
    let (reads, replaces, once) = match effect {
        Effect::Reads => (true, false, true),
        Effect::AddsOnce => (false, false, true),
        Effect::Adds => (false, false, false),
        Effect::Replaces => (false, true, true),
    };
    let annotations = ToolAnnotations::with_title(title)
        .read_only(reads)
        .destructive(replaces)
        .idempotent(once)
        .open_world(true);
    Tool::new(name, description, input)
        .with_title(title)
        .with_raw_output_schema(Arc::new(schema::output::<R>()))
        .with_annotations(annotations)
}

/// Result of a call.
#[derive(Debug)]
pub(super) enum Called {
    Result(CallToolResult),
    /// A submitted job that has not ended.
    Submitted(Box<generate::Submitted>),
}

/// Calls a tool. `None` if there is no such tool.
pub(super) async fn call(
    app: &Arc<App>,
    name: &str,
    arguments: Option<JsonObject>,
    context: &RequestContext<RoleServer>,
) -> Option<Called> {
    // Models send null for what they leave out.
    let mut arguments = arguments.unwrap_or_default();
    arguments.retain(|_, value| !value.is_null());
    let result = match name {
        GENERATE => match generate::run(app, arguments, context).await {
            Ok(submitted) if submitted.job.is_terminal() => Ok(result::success(&submitted.result)),
            Ok(submitted) => return Some(Called::Submitted(Box::new(submitted))),
            Err(error) => Err(error),
        },
        "wait_for_video" => {
            with(arguments, async |arguments: WaitArguments| {
                let job = wait::run(app, arguments, context).await?;
                Ok(described(app.describe(&job).await))
            })
            .await
        }
        "video_status" => {
            with(arguments, async |arguments| Ok(result::success(&jobs::status(app, arguments).await?))).await
        }
        "cancel_video" => {
            with(arguments, async |arguments| Ok(result::success(&jobs::cancel(app, arguments).await?))).await
        }
        "download_video" => {
            with(arguments, async |arguments: DownloadArguments| download::run(app, arguments, context).await)
                .await
        }
        "list_videos" => {
            with(arguments, async |arguments| Ok(result::success(&jobs::list(app, arguments).await?))).await
        }
        "account_balance" => {
            with(arguments, async |_: NoArguments| Ok(result::success(&account::balance(app).await?))).await
        }
        "top_up" => {
            with(arguments, async |arguments| Ok(result::success(&account::top_up(app, arguments).await?)))
                .await
        }
        "video_options" => {
            with(arguments, async |_: NoArguments| Ok(result::success(&account::options(app).await?))).await
        }
        _ => return None,
    };
    Some(Called::Result(result.unwrap_or_else(|error| result::failure(&error))))
}

/// Returns the result of a wait: one that ended without a video is an error.
pub(super) fn described(mut job: JobResult) -> CallToolResult {
    if job.error.is_some() {
        return result::ended_badly(job);
    }
    if !job.ended {
        job.next = format!("Still running. Call wait_for_video again with job_id {}.", job.job_id);
    }
    result::success(&job)
}

/// Parses arguments and runs the tool with them.
async fn with<T: for<'de> Deserialize<'de>>(
    arguments: JsonObject,
    run: impl AsyncFnOnce(T) -> Result<CallToolResult>,
) -> Result<CallToolResult> {
    run(options::parse(Value::Object(arguments))?).await
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_option_of_the_core_is_an_argument() {
        let generate = &all()[0].input_schema;
        let properties = generate["properties"].as_object().unwrap();
        for name in options::names::<GenerateRequest>() {
            let property = properties.get(*name).unwrap_or_else(|| panic!("no {name}"));
            assert!(
                property["description"].is_string() && property["type"].is_string(),
                "{name}: {property}"
            );
        }
        assert_eq!(generate["required"], serde_json::json!(["prompt"]));
        assert_eq!(properties["resolution"]["default"], "720p");
    }

    #[test]
    fn schemas_are_plain_objects() {
        let mut names = HashSet::new();
        for tool in all() {
            assert!(names.insert(tool.name.clone()));
            let output = tool.output_schema.as_ref().unwrap();
            for schema in [&tool.input_schema, output] {
                let text = serde_json::to_string(schema).unwrap();
                assert_eq!(schema["type"], "object", "{text}");
                for unwanted in ["$ref", "$defs", "\"null\"", "\"format\"", "null"] {
                    assert!(!text.contains(unwanted), "{}: {text}", tool.name);
                }
            }
            let annotations = tool.annotations.as_ref().unwrap();
            assert!(annotations.read_only_hint.is_some() && annotations.open_world_hint == Some(true));
        }
    }
}
