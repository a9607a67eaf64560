//! `generate_video`: one submission per set of arguments.

use std::{sync::Arc, time::Duration};

use infrai::{ErrorKind, GenerateRequest, InfraiError, Result, VideoJob, options};
use rmcp::{RoleServer, model::JsonObject, schemars::JsonSchema, service::RequestContext};
use serde::Deserialize;
use serde_json::Value;
use tokio::time;

use super::{
    app::App,
    journal::Submission,
    progress::{HEARTBEAT, Reporter},
    result::JobResult,
};

/// Time for the API to answer: less than the minute after which many clients give up a call.
const PATIENCE: Duration = Duration::from_secs(45);

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
            // To JSON, 2.0 is a whole number.
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "its range is checked"
            )]
            let whole = value.as_f64().filter(|take| take.fract() == 0.0).map(|take| take as u32);
            whole.filter(|take| value.as_f64() == Some((*take).into()) && *take > 0)
        })?,
        confirmed_cost_usd: take_argument(
            &mut arguments,
            "confirmed_cost_usd",
            "a number from 0",
            |value| value.as_f64().filter(|usd| *usd >= 0.0),
        )?,
    };
    let key = arguments.get("idempotency_key").and_then(Value::as_str).map(str::to_owned);
    let request: GenerateRequest = options::parse(Value::Object(arguments))?;
    let Value::Object(mut identity) = request.to_json() else { unreachable!("a body is an object") };
    if let Some(take) = own.take.filter(|take| *take > 1) {
        identity.insert("take".into(), take.into());
    }
    let guard = app.submissions.clone().read_owned().await;
    let app = Arc::clone(app);
    let mut submission = tokio::spawn(async move {
        let _guard = guard;
        submit(&app, request, identity, key, own.confirmed_cost_usd).await
    });
    let mut reporter = Reporter::of(context);
    let mut heartbeat = time::interval(HEARTBEAT);
    let deadline = time::sleep(PATIENCE);
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            biased;
            () = context.ct.cancelled() => {
                return Err(InfraiError::new(ErrorKind::Aborted, "ABORTED", "the client cancelled the call"));
            }
            submitted = &mut submission => return submitted
                .map_err(|error| InfraiError::internal(format!("a submission ended in a panic: {error}")))?,
            () = &mut deadline => {
                let message = format!("the API has not answered within {} s; the submission continues", PATIENCE.as_secs());
                return Err(InfraiError::new(ErrorKind::Timeout, "TIMEOUT", message).with_call(1, None, true));
            }
            // The first tick is at once.
            _ = heartbeat.tick() => {
                if let Some(reporter) = &mut reporter {
                    reporter.report(None, "submitting").await;
                }
            }
        }
    }
}

async fn submit(
    app: &App,
    request: GenerateRequest,
    identity: JsonObject,
    key: Option<String>,
    confirmed_cost_usd: Option<f64>,
) -> Result<Submitted> {
    let (claimed, is_first) = app.journal.claim(identity.clone(), key).await?;
    let key = claimed.idempotency_key;
    let _turn = app.turn(&key).await;
    // A call before this one may have submitted it, or given up its claim.
    let (known, is_again) = app.journal.claim(identity, Some(key)).await?;
    let is_new = is_first || is_again;
    if let Some(id) = &known.job_id {
        match app.status(id).await {
            Ok(job) => return Ok(describe(job, &known, true)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let sent = send(app, request, &known, confirmed_cost_usd).await;
    let (job, replayed) = match sent {
        Ok(sent) => sent,
        Err(error) => {
            // A refused call must not take the place of a paid one.
            if is_new && !error.may_have_been_processed() {
                app.journal.forget(&known.idempotency_key).await?;
            }
            return Err(error);
        }
    };
    let mut submission = known;
    // The job exists and is paid for: a journal that cannot be written is no reason to hide it.
    let _ = app.journal.record(&submission.idempotency_key, &job).await;
    submission.job_id = Some(job.job_id.to_string());
    submission.cost_usd = submission.cost_usd.or(job.cost_usd);
    Ok(describe(job, &submission, replayed))
}

/// Sends a submission within the limits. Returns the job, and whether it existed before.
async fn send(
    app: &App,
    request: GenerateRequest,
    submission: &Submission,
    confirmed_cost_usd: Option<f64>,
) -> Result<(VideoJob, bool)> {
    let key = &submission.idempotency_key;
    let arguments = Value::Object(submission.arguments.clone());
    let id = format!("{key} {arguments}");
    let mut is_reserved_now = true;
    if app.budget.is_limited() {
        let price = app.prices.price(&app.client, &arguments).await?;
        is_reserved_now = app.budget.reserve(&id, price, confirmed_cost_usd)?;
    }
    let job = match app.client.video().generate_from(request.idempotency_key(key)).await {
        Ok(job) => job,
        Err(error) => {
            // An earlier call that may have been charged keeps its reservation.
            if is_reserved_now && !error.may_have_been_processed() {
                app.budget.release(&id);
            }
            return Err(error);
        }
    };
    let replayed = job.metadata.cache_hit() == Some(true);
    // A replay of a call whose response this process lost was charged by this process.
    if replayed && is_reserved_now {
        app.budget.release(&id);
    } else {
        app.budget.charge(&id, job.cost_usd);
    }
    Ok((job, replayed))
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
