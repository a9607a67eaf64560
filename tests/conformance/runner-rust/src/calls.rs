//! The neutral vocabulary: each call by its name, and what came of it as JSON.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use infrai::{GenerateRequest, InfraiClient, InfraiError, VideoJob, webhooks};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What came of a call, and the job that later calls may refer to.
pub(crate) struct Outcome {
    /// As it is reported.
    pub(crate) report: Value,
    /// The job, where there is one.
    pub(crate) job: Option<VideoJob>,
}

impl From<InfraiError> for Outcome {
    fn from(error: InfraiError) -> Self {
        Self { report: json!({"error": error.to_json()}), job: None }
    }
}

fn value(value: impl Into<Value>) -> Outcome {
    let value: Value = value.into();
    Outcome { report: json!({"value": value}), job: None }
}

fn job(job: VideoJob) -> Outcome {
    Outcome { report: json!({"value": job.to_json()}), job: Some(job) }
}

/// Makes a call; an error is an outcome like any other.
pub(crate) async fn make(
    client: &InfraiClient,
    name: &str,
    args: &Value,
    abort_after: Option<Duration>,
    jobs: &[Option<VideoJob>],
) -> Outcome {
    let args = decode(args);
    let args = Args(args.as_object().cloned().unwrap_or_default());
    match name {
        "video.wait" => wait(client, &args, abort_after, jobs).await,
        _ => attempt(client, name, &args, jobs).await.unwrap_or_else(Outcome::from),
    }
}

async fn attempt(
    client: &InfraiClient,
    name: &str,
    args: &Args,
    jobs: &[Option<VideoJob>],
) -> Result<Outcome, InfraiError> {
    let video = client.video();
    Ok(match name {
        "video.generate" => job(video.generate_from(generate_request(args)?).await?),
        "video.status" => job(video.status(args.text("id")).await?),
        "video.cancel" => value(video.cancel(args.text("id")).await?.to_json()),
        "video.watch" => watch(client, args).await,
        "video.download" => download(client, args, jobs).await?,
        "video.generate_many" => generate_many(client, args).await?,
        "account.balance" => value(client.account().balance().await?.to_json()),
        "account.topup" => {
            let topup = client.account().topup(args.number("amount_usd"));
            value(topup.options(args.options(&["amount_usd"])?).await?.to_json())
        }
        "account.wait_for_credit" => {
            let wait = client.account().wait_for_credit(args.number("min_usd"));
            value(wait.options(args.options(&["min_usd"])?).await?.to_json())
        }
        "client.spent_usd" => value(client.spent_usd()),
        "activate" => activate(client, args).await?,
        "discover" => match args.given("capability") {
            Some(id) => value(client.discover_capability(id).await?.to_json()),
            None => value(client.discover().await?.to_json()),
        },
        "request" => request(client, args).await?,
        "webhooks.verify" => verify(args)?,
        "webhooks.seen" => seen(args)?,
        unknown => panic!("a call that this runner does not know: {unknown}"),
    })
}

fn generate_request(args: &Args) -> Result<GenerateRequest, InfraiError> {
    let mut given = args.0.clone();
    given.retain(|_, value| !value.is_null());
    given.entry("prompt").or_insert_with(|| "".into());
    let request: GenerateRequest = Args(given).options(&["duration_seconds"])?;
    // JSON cannot write every number that a caller can give.
    Ok(match args.0.get("duration_seconds").filter(|value| !value.is_null()) {
        Some(seconds) => request.duration_seconds(number(seconds)),
        None => request,
    })
}

async fn wait(
    client: &InfraiClient,
    args: &Args,
    abort_after: Option<Duration>,
    jobs: &[Option<VideoJob>],
) -> Outcome {
    let options = match args.options(&["id", "on_update", "from_call"]) {
        Ok(options) => options,
        Err(error) => return error.into(),
    };
    let mut wait = match earlier(args, jobs) {
        Some(job) => client.video().wait(VideoJob::from_json(job.to_json()).expect("a job's own JSON")),
        None => client.video().wait(args.text("id")),
    }
    .options(options);
    if let Some(after) = abort_after {
        wait = wait.abort_when(tokio::time::sleep(after));
    }
    let updates = Arc::new(Mutex::new(Vec::new()));
    if args.flag("on_update") == Some(true) {
        let updates = Arc::clone(&updates);
        wait = wait.on_update(move |job| updates.lock().expect("no one panics here").push(job.to_json()));
    }
    let mut outcome = wait.await.map_or_else(Outcome::from, job);
    if args.flag("on_update") == Some(true) {
        outcome.report["updates"] = json!(*updates.lock().expect("no one panics here"));
    }
    outcome
}

async fn watch(client: &InfraiClient, args: &Args) -> Outcome {
    let mut watch = client.video().watch(args.text("id"));
    let mut states = Vec::new();
    while let Some(state) = watch.next().await {
        match state {
            Ok(job) => states.push(job.to_json()),
            Err(error) => {
                return Outcome { report: json!({"value": states, "error": error.to_json()}), job: None };
            }
        }
    }
    value(json!(states))
}

/// Returns the job of an earlier call.
fn earlier<'a>(args: &Args, jobs: &'a [Option<VideoJob>]) -> Option<&'a VideoJob> {
    let number = args.0.get("from_call").and_then(Value::as_u64)?;
    jobs.get(usize::try_from(number).ok()?)?.as_ref()
}

async fn download(
    client: &InfraiClient,
    args: &Args,
    jobs: &[Option<VideoJob>],
) -> Result<Outcome, InfraiError> {
    let path = args.text("path");
    let download = match earlier(args, jobs) {
        Some(job) => client.video().download(job, path),
        None => client.video().download(args.text("id"), path),
    };
    let done = download.options(args.options(&["id", "path", "from_call"])?).await?;
    Ok(value(json!({"path": done.path, "bytes": done.bytes})))
}

async fn generate_many(client: &InfraiClient, args: &Args) -> Result<Outcome, InfraiError> {
    let items = args.0.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let requests = items.into_iter().map(|item| match item {
        Value::Object(item) => generate_request(&Args(item)),
        prompt => Ok(GenerateRequest::new(prompt.as_str().unwrap_or_default())),
    });
    let requests = requests.collect::<Result<Vec<_>, _>>()?;
    let mut many = client.video().generate_many(requests).options(args.options(&["items"])?);
    let keyed = args.0.contains_key("checkpoint");
    let mut results = Vec::new();
    while let Some(item) = many.next().await.transpose()? {
        let result = item.result.map_or_else(|e| json!({"error": e.to_json()}), |job| job.to_json());
        let shown = if keyed { json!([item.index, result, item.key]) } else { json!([item.index, result]) };
        results.push((item.index, shown));
    }
    results.sort_by_key(|(index, _)| *index);
    Ok(value(results.into_iter().map(|(_, shown)| shown).collect::<Vec<_>>()))
}

async fn activate(client: &InfraiClient, args: &Args) -> Result<Outcome, InfraiError> {
    Ok(value(client.activate().options(args.options(&[])?).await?.to_json()))
}

async fn request(client: &InfraiClient, args: &Args) -> Result<Outcome, InfraiError> {
    let request = client.request(args.text("method"), args.text("path"));
    let request = request.options(args.options(&["method", "path"])?);
    let answer = request.send().await?;
    let report = json!({"value": answer.data, "metadata": answer.metadata.as_map(), "status": answer.status});
    Ok(Outcome { report, job: None })
}

fn verify(args: &Args) -> Result<Outcome, InfraiError> {
    let body = match args.given("body_base64") {
        Some(body) => BASE64_STANDARD.decode(body).expect("the scenario has base64"),
        None => args.text("body").as_bytes().to_vec(),
    };
    let event = webhooks::verify(&body, args.given("header"), args.text("secret"))?;
    Ok(value(serde_json::to_value(event).expect("an event is JSON")))
}

fn seen(args: &Args) -> Result<Outcome, InfraiError> {
    let number = |name: &str| args.0.get(name).and_then(Value::as_f64);
    let seen = webhooks::SeenEvents::from_numbers(number("capacity"), number("ttl"))?;
    let mut added = Vec::new();
    for step in args.0["steps"].as_array().into_iter().flatten() {
        let id = step[1].as_str().expect("a step has an id");
        if step[0] == "add" { added.push(seen.add(id)) } else { seen.remove(id) }
    }
    Ok(value(json!(added)))
}

/// A call's arguments.
struct Args(Map<String, Value>);

impl Args {
    fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn text(&self, name: &str) -> &str {
        self.given(name).unwrap_or_default()
    }

    fn number(&self, name: &str) -> f64 {
        self.0.get(name).map(number).unwrap_or_default()
    }

    /// Reads the options among the arguments: all but these.
    fn options<T: for<'de> Deserialize<'de>>(&self, others: &[&str]) -> Result<T, InfraiError> {
        let mut options = self.0.clone();
        options.retain(|name, _| !others.contains(&name.as_str()));
        infrai::options::parse(Value::Object(options))
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }
}

/// A number, or one that JSON cannot write.
fn number(value: &Value) -> f64 {
    match value.get("$number").and_then(Value::as_str) {
        Some(name) => name.parse().unwrap_or_default(),
        None => value.as_f64().unwrap_or_default(),
    }
}

/// The arguments with `$integer` read exactly.
fn decode(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(decode).collect()),
        Value::Object(object) => match object.get("$integer").and_then(Value::as_str) {
            Some(digits) => serde_json::from_str(digits).unwrap_or_default(),
            None => Value::Object(object.iter().map(|(name, value)| (name.clone(), decode(value))).collect()),
        },
        other => other.clone(),
    }
}
