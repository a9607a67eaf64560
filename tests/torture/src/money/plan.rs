//! What each call of each worker asks for: the same for a seed however often and by whomever it is made.

use infrai::{InfraiClient, Result, VideoJob};
use infrai_sandbox::pricing::PRICES;
use serde::{Deserialize, Serialize};

/// Jobs of this model run until they are cancelled: they cost money and no rendering.
pub(super) const STUCK: &str = "sandbox/stuck";
/// Jobs of this model fail, and give their money back.
pub(super) const FAIL: &str = "sandbox/fail";
/// Jobs of this model are rendered.
pub(super) const RENDER: &str = "sandbox/default";

/// One call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Planned {
    pub(super) prompt: String,
    pub(super) model: String,
    resolution: String,
    prefer: String,
    duration_ms: u32,
    /// A key that the caller wrote down before; else the client makes one.
    pub(super) key: Option<String>,
    /// Whether the job is cancelled as soon as it is there.
    pub(super) cancel: bool,
}

/// Call `number` of `worker`. Of every few hundred one is rendered.
pub(super) fn call(seed: u64, worker: usize, number: usize, named: bool) -> Planned {
    let mut random = fastrand::Rng::with_seed(seed ^ ((worker as u64) << 48) ^ ((number as u64) << 8));
    let model = match random.u32(..1000) {
        _ if number % 397 == 96 => RENDER,
        0..200 => FAIL,
        _ => STUCK,
    };
    let price = PRICES[random.usize(..PRICES.len())];
    let rendered = model == RENDER;
    let key = (named || random.bool()).then(|| format!("torture-{seed}-{worker}-{number}"));
    Planned {
        prompt: prompt(seed, worker, number),
        model: model.to_owned(),
        resolution: if rendered { "720p" } else { price.resolution }.to_owned(),
        prefer: price.prefer.to_owned(),
        duration_ms: if rendered { 1000 } else { random.u32(1000..3000) },
        key,
        // A killed worker would not know whether it had cancelled.
        cancel: !named && model == STUCK && random.u32(..100) < 15,
    }
}

/// By its prompt a job is known for the call's.
fn prompt(seed: u64, worker: usize, number: usize) -> String {
    format!("torture {seed} {worker} {number}")
}

/// The worker and number of the call that a prompt belongs to.
pub(super) fn of_prompt(prompt: &str) -> Option<(usize, usize)> {
    let mut words = prompt.split(' ').skip(2);
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

impl Planned {
    /// What it costs, by the price list: whole micro-dollars, rounded up.
    pub(super) fn cost_micros(&self) -> i64 {
        let price =
            PRICES.iter().find(|price| price.resolution == self.resolution && price.prefer == self.prefer);
        let thousandths = price.map_or(0, |price| price.micros_per_second) * i64::from(self.duration_ms);
        (thousandths + 999) / 1000
    }

    /// Makes the call, with this key or its own.
    pub(super) async fn make(&self, client: &InfraiClient, key: Option<&str>) -> Result<VideoJob> {
        let mut generate = client
            .video()
            .generate(&self.prompt)
            .model(&self.model)
            .resolution(&self.resolution)
            .prefer(&self.prefer)
            .duration_seconds(f64::from(self.duration_ms) / 1000.0);
        if let Some(key) = key.or(self.key.as_deref()) {
            generate = generate.idempotency_key(key);
        }
        generate.send().await
    }
}
