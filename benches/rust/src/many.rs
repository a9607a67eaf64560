//! Many concurrent waits of one client.

use std::time::Instant;

use infrai::{InfraiClient, PollingOptions};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{Result, cpu};

pub(crate) fn open(url: &str, rate: f64, concurrency: usize) -> Result<InfraiClient> {
    let mut polling = PollingOptions::default();
    polling.max_requests_per_second = rate;
    polling.concurrency = concurrency;
    Ok(crate::client(url).polling(polling).build()?)
}

/// Waits for all jobs concurrently; returns the counts as JSON.
pub(crate) async fn wait(client: &InfraiClient, ids: impl IntoIterator<Item = String>) -> Result<Value> {
    let (begun, cpu_before) = (Instant::now(), cpu());
    let mut waits = JoinSet::new();
    for id in ids {
        let client = client.clone();
        waits.spawn(async move {
            let job =
                client.video().wait(id.as_str()).no_timeout().await.map_err(|error| error.to_string())?;
            Ok::<_, String>(job.job_id.as_str() == id && job.video_url.is_some())
        });
    }
    let (mut found, mut wrong) = (0, Vec::new());
    while let Some(ended) = waits.join_next().await {
        match ended? {
            Ok(true) => found += 1,
            Ok(false) => wrong.push("the answer is another job".into()),
            Err(error) => wrong.push(error),
        }
    }
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu().saturating_sub(cpu_before).as_secs_f64());
    Ok(
        json!({"found": found, "wrong": wrong.len(), "first_wrong": wrong.first(), "seconds": seconds, "cpu": cpu}),
    )
}
