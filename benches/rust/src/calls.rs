//! `status` calls through the core or through bare reqwest, one after another or many at once.

use std::time::{Duration, Instant};

use infrai::InfraiClient;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{KEY, Result, cpu};

/// The job of every call: its account's key, its id and the state that each answer must hold.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) key: String,
    pub(crate) id: String,
    pub(crate) state: String,
}

impl Default for Asked {
    fn default() -> Self {
        let id = "video_0190b3c45d6e7f809a1b2c3d4e5f6071".to_owned();
        Self { key: KEY.to_owned(), id, state: "running".to_owned() }
    }
}

/// A measured client. A clone shares its connections.
#[derive(Clone)]
pub(crate) struct Peer {
    client: Http,
    asked: Asked,
}

#[derive(Clone)]
enum Http {
    Core(InfraiClient),
    Reqwest(reqwest::Client, String),
}

/// The answer in the structs that an application over bare reqwest would declare.
#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed as an application would, although a call checks two fields alone")]
struct Envelope {
    ok: bool,
    data: Status,
    metadata: Metadata,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "see `Envelope`")]
struct Status {
    job_id: String,
    state: String,
    progress: Option<f64>,
    created_at: Option<String>,
    resolution: Option<String>,
    duration_seconds: Option<f64>,
    model: Option<String>,
    video_url: Option<String>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "see `Envelope`")]
struct Metadata {
    cost_usd: Option<f64>,
    latency_ms: Option<f64>,
    vendor: Option<String>,
    cache_hit: Option<bool>,
    request_id: Option<String>,
}

fn bare_reqwest() -> Result<reqwest::Client> {
    // reqwest wants a TLS provider even for plain http. An error means that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().no_proxy().build()?)
}

impl Peer {
    pub(crate) fn new(name: &str, url: &str, asked: Asked) -> Result<Self> {
        let client = match name {
            "core" => Http::Core(crate::client(url).api_key(&asked.key).build()?),
            "reqwest" => Http::Reqwest(bare_reqwest()?, format!("{url}/v1/video/jobs/{}", asked.id)),
            _ => return Err(format!("there is no client {name}").into()),
        };
        Ok(Self { client, asked })
    }

    /// Makes one call, reads its answer and checks it.
    pub(crate) async fn call(&self) -> Result<()> {
        let Asked { key, id, state } = &self.asked;
        let right = match &self.client {
            Http::Core(client) => {
                let job = client.video().status(id.as_str()).await?;
                job.job_id.as_str() == id && job.state.as_str() == state
            }
            Http::Reqwest(client, url) => {
                let bytes = client.get(url).bearer_auth(key).send().await?.bytes().await?;
                let Envelope { data, .. } = serde_json::from_slice(&bytes)?;
                data.job_id == *id && data.state == *state
            }
        };
        if right { Ok(()) } else { Err(format!("the answer is not job {id}, {state}").into()) }
    }
}

/// Calls for `length` with `concurrency` calls at once; returns the counts and latencies as JSON.
pub(crate) async fn run(peer: &Peer, length: Duration, concurrency: usize) -> Result<Value> {
    let (begun, cpu_before) = (Instant::now(), cpu());
    let mut latencies = if concurrency == 1 {
        until(peer, begun + length).await?
    } else {
        let tasks: Vec<_> = (0..concurrency)
            .map(|_| {
                let peer = peer.clone();
                tokio::spawn(
                    async move { until(&peer, begun + length).await.map_err(|error| error.to_string()) },
                )
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.append(&mut task.await??);
        }
        all
    };
    let (seconds, cpu_seconds) =
        (begun.elapsed().as_secs_f64(), cpu().saturating_sub(cpu_before).as_secs_f64());
    latencies.sort_unstable();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    Ok(
        json!({"calls": latencies.len(), "seconds": seconds, "cpu": cpu_seconds, "p50": at(50), "p99": at(99)}),
    )
}

async fn until(peer: &Peer, end: Instant) -> Result<Vec<Duration>> {
    let mut latencies = Vec::with_capacity(4096);
    let mut begun = Instant::now();
    loop {
        peer.call().await?;
        let now = Instant::now();
        latencies.push(now - begun);
        begun = now;
        if now >= end {
            return Ok(latencies);
        }
    }
}
