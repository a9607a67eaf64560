//! `generate_video`: one submission per set of arguments.

use std::sync::Arc;

use infrai::{ErrorKind, GenerateRequest, InfraiError, Result, VideoJob, options};
use rmcp::{RoleServer, model::JsonObject, schemars::JsonSchema, service::RequestContext};
use serde::Deserialize;
use serde_json::Value;

use super::{app::App, journal::Submission, result::JobResult, schema};

/// Arguments beside the options of the API.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub(super) struct OwnArguments {
    /// Number of the take, for another video of the same arguments, charged again. Without it, a repeated call returns
    /// the first video's job for 24 hours and is free
    #[serde(default)]
    #[schemars(range(min = 1))]
    take: Option<u32>,
    /// Price in US dollars that the user has agreed to, after an error `CONFIRMATION_REQUIRED`
    #[serde(default)]
    #[schemars(range(min = 0))]
    confirmed_cost_usd: Option<f64>,
}

/// A submitted job.
#[derive(Debug)]
pub(super) struct Submitted {
    pub(super) job: VideoJob,
    pub(super) result: JobResult,
}

/// Submits a job, or returns that of an earlier call with the same arguments. A submission continues if its caller
/// goes away, so that its job is recorded.
pub(super) async fn run(
    app: &Arc<App>,
    mut arguments: JsonObject,
    context: &RequestContext<RoleServer>,
) -> Result<Submitted> {
    let own = OwnArguments {
        take: take_argument(&mut arguments, "take", "a whole number from 1", |value| {
            u32::try_from(value.as_u64()?).ok().filter(|take| *take > 0)
        })?,
        confirmed_cost_usd: take_argument(&mut arguments, "confirmed_cost_usd", "a number", Value::as_f64)?,
    };
    let request: GenerateRequest = options::parse(Value::Object(arguments.clone()))?;
    add_defaults(&mut arguments);
    let mut identity = arguments.clone();
    if let Some(take) = own.take.filter(|take| *take > 1) {
        identity.insert("take".into(), take.into());
    }
    let guard = app.submissions.clone().read_owned().await;
    let app = Arc::clone(app);
    let submission = tokio::spawn(async move {
        let _guard = guard;
        submit(&app, request, &arguments, identity, own.confirmed_cost_usd).await
    });
    tokio::select! {
        biased;
        () = context.ct.cancelled() => {
            Err(InfraiError::new(ErrorKind::Aborted, "ABORTED", "the client cancelled the call"))
        }
        submitted = submission => submitted
            .map_err(|error| InfraiError::internal(format!("a submission ended in a panic: {error}")))?,
    }
}

async fn submit(
    app: &App,
    request: GenerateRequest,
    arguments: &JsonObject,
    identity: JsonObject,
    confirmed_cost_usd: Option<f64>,
) -> Result<Submitted> {
    let claimed = app.journal.claim(identity.clone()).await?;
    let key = claimed.idempotency_key;
    let _turn = app.turn(&key).await;
    // A call before this one may have submitted it.
    let known = app.journal.claim(identity).await?;
    if let Some(id) = &known.job_id {
        match app.status(id).await {
            Ok(job) => return Ok(describe(job, &known, true)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    if app.budget.is_limited() {
        let price = app.prices.price(&app.client, arguments).await?;
        app.budget.reserve(&key, price, confirmed_cost_usd)?;
    }
    let submitted = app.client.video().generate_from(request.idempotency_key(&key)).await;
    let job = submitted.inspect_err(|error| {
        if !error.may_have_been_processed() {
            app.budget.release(&key);
        }
    })?;
    let replayed = job.metadata.cache_hit() == Some(true);
    let mut submission = known;
    if !replayed {
        app.budget.charge(&key, job.cost_usd);
    }
    // The job exists and is paid for: a journal that cannot be written is no reason to hide it.
    let _ = app.journal.record(&key, &job).await;
    submission.job_id = Some(job.job_id.to_string());
    submission.cost_usd = submission.cost_usd.or(job.cost_usd);
    Ok(describe(job, &submission, replayed))
}

fn describe(job: VideoJob, submission: &Submission, replayed: bool) -> Submitted {
    let mut result = JobResult::new(&job, Some(submission));
    result.replayed = Some(replayed);
    if replayed {
        let take = submission.arguments.get("take").and_then(Value::as_u64).unwrap_or(1) + 1;
        result.next = format!(
            "{} These arguments were submitted before: this is that job, and nothing was charged again. For another take, \
             charged again, add the argument take: {take}.",
            result.next
        );
    }
    Submitted { job, result }
}

/// Adds the declared defaults, so that naming one of them changes nothing.
fn add_defaults(arguments: &mut JsonObject) {
    let schema = schema::input::<GenerateRequest>();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(default) = property.get("default") {
            arguments.entry(name).or_insert_with(|| default.clone());
        }
    }
}

/// Takes an argument that the API does not know.
fn take_argument<T>(
    arguments: &mut JsonObject,
    name: &str,
    expected: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<Option<T>> {
    let Some(value) = arguments.remove(name) else { return Ok(None) };
    match read(&value) {
        Some(value) => Ok(Some(value)),
        None => Err(InfraiError::invalid_argument(name, value, expected)),
    }
}
