//! Downloads of a job's file through the core.

use std::time::Instant;

use infrai::InfraiClient;
use serde_json::{Value, json};

use crate::{Result, count, cpu};

pub(crate) async fn run(client: &InfraiClient, command: &Value) -> Result<Value> {
    let job = format!("file-{}", count(command, "bytes")?);
    let path = command["path"].as_str().ok_or("a command without path")?;
    let (begun, cpu_before) = (Instant::now(), cpu());
    let saved = client.video().download(job.as_str(), path).overwrite(true).await?;
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu().saturating_sub(cpu_before).as_secs_f64());
    Ok(json!({"bytes": saved.bytes, "seconds": seconds, "cpu": cpu}))
}
