//! Plays one scenario: makes its calls in order and collects what came of them.

use std::sync::Arc;

use infrai::{CallContext, InfraiClient, InfraiError, VideoJob};
use serde_json::{Value, json};

use crate::calls::{self, Outcome};
use crate::settings::{self, Context};

/// What came of each of a scenario's calls, in order. A call that never ends is one more outcome.
pub(crate) async fn play(start: &Value) -> Value {
    let limit = settings::seconds(&start["limit"]);
    let mut outcomes: Vec<Value> = Vec::new();
    if tokio::time::timeout(limit, steps(start, &mut outcomes)).await.is_err() {
        outcomes.push(json!({"error": {"kind": "hung", "message": format!("no outcome within {limit:?}")}}));
    }
    Value::Array(outcomes)
}

async fn steps(start: &Value, outcomes: &mut Vec<Value>) {
    let mut client = settings::client(&start["client"]).map(Arc::new);
    let mut jobs: Vec<Option<VideoJob>> = Vec::new();
    for step in start["calls"].as_array().into_iter().flatten() {
        let together: Vec<&Value> = match step["together"].as_array() {
            Some(calls) => calls.iter().collect(),
            None => vec![step],
        };
        if together.iter().any(|call| call["new_client"] == true) {
            client = settings::client(&start["client"]).map(Arc::new);
        }
        let made = together.iter().map(|call| one(&client, call, &jobs));
        for outcome in futures_util::future::join_all(made).await {
            outcomes.push(outcome.report);
            jobs.push(outcome.job);
        }
    }
}

/// Makes one call, and abandons it where the scenario says so: in Rust, by dropping it.
async fn one(
    client: &Result<Arc<InfraiClient>, InfraiError>,
    call: &Value,
    jobs: &[Option<VideoJob>],
) -> Outcome {
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            let mut outcome = Outcome::from(error.clone());
            outcome.report["error"]["from_constructor"] = true.into();
            return outcome;
        }
    };
    let client = match client.with_options(settings::options(&call["options"])) {
        Ok(client) => client,
        Err(error) => return error.into(),
    };
    tokio::time::sleep(settings::seconds(&call["after"])).await;
    let abort_after = (!call["abort_after"].is_null()).then(|| settings::seconds(&call["abort_after"]));
    let name = call["call"].as_str().unwrap_or_default();
    let context = call["context"].as_str().map(Context::new);
    let made = calls::make(&client, name, &call["args"], abort_after, jobs);
    let made = async {
        let Some(context) = context else { return made.await };
        let mut outcome = CallContext::new(context.clone()).scope(made).await;
        outcome.report["hooks"] = json!(context.hooks());
        outcome
    };
    // A wait that is to cancel its job hears of it; every other call is dropped.
    let Some(abort_after) = abort_after.filter(|_| call["args"]["cancel_on_abort"] != true) else {
        return made.await;
    };
    match tokio::time::timeout(abort_after, made).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome { report: json!({"error": {"kind": "aborted"}}), job: None },
    }
}
