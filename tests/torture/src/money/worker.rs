//! A process that makes calls and says what came of each.

use std::{io, time::Duration};

use futures_util::{StreamExt as _, stream};
use infrai::{InfraiClient, InfraiError};
use serde::{Deserialize, Serialize};

use super::{plan::Planned, server::ATTEMPT};

/// What a worker does. It comes over standard input, since it holds a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) url: String,
    pub(super) key: String,
    pub(super) retries: u32,
    /// How long an attempt may take, in milliseconds.
    pub(super) attempt_ms: u128,
    pub(super) planned: Vec<Planned>,
}

/// How many calls a worker has under way.
const AT_ONCE: usize = 8;

/// What came of a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Made {
    pub(super) number: usize,
    pub(super) job: Option<String>,
    pub(super) error: Option<Failure>,
    /// What `cancel` said, where the job was cancelled.
    pub(super) cancelled: Option<Result<bool, Failure>>,
}

/// What an error says of its call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) kind: String,
    pub(super) code: String,
    pub(super) attempts: u32,
    pub(super) key: Option<String>,
    pub(super) may_have_been_processed: bool,
}

impl Failure {
    pub(super) fn of(error: &InfraiError) -> Self {
        Self {
            kind: error.kind().to_string(),
            code: error.code().to_owned(),
            attempts: error.attempts(),
            key: error.idempotency_key().map(str::to_owned),
            may_have_been_processed: error.may_have_been_processed(),
        }
    }
}

/// A client whose patience is short, so that faults are met often.
pub(super) fn client(url: &str, key: &str, retries: u32) -> infrai::Result<InfraiClient> {
    InfraiClient::builder()
        .api_key(key)
        .base_url(url)
        .max_retries(retries)
        .attempt_timeout(ATTEMPT)
        .timeout(Duration::from_secs(8))
        .retry_base(Duration::from_millis(20))
        .retry_cap(Duration::from_millis(200))
        .build()
}

/// The worker's process: a line of JSON for each call, as it ends.
pub(crate) async fn work() -> io::Result<bool> {
    let spec: Spec = serde_json::from_reader(io::stdin())?;
    let client = client(&spec.url, &spec.key, spec.retries).map_err(io::Error::other)?;
    let planned = spec.planned.iter().enumerate();
    let mut calls = stream::iter(planned)
        .map(|(number, planned)| call(&client, number, planned))
        .buffer_unordered(AT_ONCE);
    while let Some(made) = calls.next().await {
        println!("{}", serde_json::to_string(&made)?);
    }
    Ok(true)
}

async fn call(client: &InfraiClient, number: usize, planned: &Planned) -> Made {
    let mut made = Made { number, job: None, error: None, cancelled: None };
    match planned.make(client, None).await {
        Ok(job) => {
            if planned.cancel {
                let cancelled = client.video().cancel(&job).await;
                made.cancelled = Some(cancelled.map(|result| result.ok).map_err(|error| Failure::of(&error)));
            }
            made.job = Some(job.job_id.as_str().to_owned());
        }
        Err(error) => {
            made.error = Some(Failure::of(&error));
            // While nobody serves, not all calls are to be used up.
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }
    made
}
