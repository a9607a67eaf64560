//! `status`, one call after another or many at once: the core's, and the same by hand over what it is built on.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use infrai::InfraiClient;
use serde_json::{Value, json};

use crate::{KEY, Result, cpu};

/// What is asked about: a job, whose key, and the state that it is in.
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

/// A client to be measured. A clone shares its connections.
#[derive(Clone)]
pub(crate) struct Peer {
    client: Http,
    asked: Asked,
}

#[derive(Clone)]
enum Http {
    Core(InfraiClient),
    Reqwest(reqwest::Client, String),
    Hyper(Client<HttpConnector, Empty<Bytes>>, http::Uri),
}

/// Plain http needs no TLS, but reqwest's client wants a provider of it.
fn raw_reqwest() -> Result<reqwest::Client> {
    // An error says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().no_proxy().build()?)
}

impl Peer {
    pub(crate) fn new(name: &str, url: &str, asked: Asked) -> Result<Self> {
        let job = format!("{url}/v1/video/jobs/{}", asked.id);
        let client = match name {
            "core" => Http::Core(crate::client(url).api_key(&asked.key).build()?),
            "reqwest" => Http::Reqwest(raw_reqwest()?, job),
            "hyper" => {
                let mut connector = HttpConnector::new();
                connector.set_nodelay(true);
                Http::Hyper(Client::builder(TokioExecutor::new()).build(connector), job.parse()?)
            }
            _ => return Err(format!("there is no client {name}").into()),
        };
        Ok(Self { client, asked })
    }

    /// One call, its answer read and checked.
    pub(crate) async fn call(&self) -> Result<()> {
        let Asked { key, id, state } = &self.asked;
        let bytes = match &self.client {
            Http::Core(client) => {
                let job = client.video().status(id.as_str()).await?;
                let right = job.job_id.as_str() == id && job.state.as_str() == state;
                return if right { Ok(()) } else { Err(format!("a wrong answer: {job:?}").into()) };
            }
            Http::Reqwest(client, url) => client.get(url).bearer_auth(key).send().await?.bytes().await?,
            Http::Hyper(client, uri) => {
                let request = http::Request::get(uri).header("authorization", format!("Bearer {key}"));
                client.request(request.body(Empty::new())?).await?.into_body().collect().await?.to_bytes()
            }
        };
        let value: Value = serde_json::from_slice(&bytes)?;
        let data = &value["data"];
        let right = data["job_id"] == id.as_str() && data["state"] == state.as_str();
        if right { Ok(()) } else { Err(format!("a wrong answer: {value}").into()) }
    }
}

/// Calls until the time is over.
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
