//! Tests of batches: checkpoint, content keys, retries of failed items, cost limit, files, abort.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    ErrorKind, GenerateRequest, InfraiClient,
    script::{self, MockResponse, Script, failure, ok, reset},
    video::{GenerateMany, GenerateManyItem, PlannedAction},
};

/// Server that keeps one job per idempotency key.
#[derive(Default)]
struct Server {
    /// Number of the job of each key.
    jobs: HashMap<String, usize>,
    /// State of each job, else `succeeded`.
    states: HashMap<usize, &'static str>,
    /// Whether the responses to submissions get lost.
    loses: bool,
    /// Credit for further jobs.
    credit: Option<usize>,
    price: f64,
    /// Price in the declaration of `generate`.
    declared: Option<f64>,
    /// Whether only a job's status names its cost.
    late_cost: bool,
    forgotten: bool,
}

type Shared = Arc<Mutex<Server>>;

fn client(server: &Shared) -> (InfraiClient, Arc<Script>) {
    let server = Arc::clone(server);
    let builder = InfraiClient::builder()
        .base_url("http://localhost:1")
        .routes(crate::VideoRoutes::Jobs)
        .max_retries(0);
    script::client(builder, move |_, request| -> MockResponse {
        let mut server = server.lock().unwrap();
        let path = request.url.path();
        let job = |server: &Server, number: usize| {
            let state = server.states.get(&number).copied().unwrap_or("succeeded");
            let url = format!("http://localhost:1/files/{number}");
            json!({"job_id": format!("vid_{number}"), "state": state, "cost_usd": server.price, "video_url": url})
        };
        if let Some(number) = path.strip_prefix("/files/") {
            return MockResponse::default().bytes(format!("video {number}").as_bytes()).status(200);
        }
        if let Some(id) = path.strip_prefix("/v1/video/jobs/vid_") {
            let number = id.split('/').next().unwrap().parse().unwrap();
            if id.ends_with("/cancel") {
                server.states.insert(number, "cancelled");
                return ok(&json!({"ok": true}));
            }
            return if server.forgotten { failure(404, "JOB_UNKNOWN") } else { ok(&job(&server, number)) };
        }
        if path.starts_with("/v1/discovery/") {
            return match server.declared {
                Some(price) => {
                    ok(&json!({"id": "video.generate", "billing": {"unit": "video", "price_usd": price}}))
                }
                None => failure(404, "NOT_FOUND"),
            };
        }
        let key = request.headers["idempotency-key"].to_str().unwrap().to_owned();
        if !server.jobs.contains_key(&key) {
            if server.credit == Some(server.jobs.len()) {
                return failure(402, "INSUFFICIENT_CREDIT");
            }
            let number = server.jobs.len();
            server.jobs.insert(key.clone(), number);
        }
        if server.loses {
            return reset();
        }
        let mut accepted = job(&server, server.jobs[&key]);
        accepted["state"] = "queued".into();
        if server.late_cost {
            accepted.as_object_mut().unwrap().remove("cost_usd");
        }
        ok(&accepted)
    })
}

fn sends(script: &Script, what: &str) -> usize {
    script.requests().iter().filter(|received| received.path().contains(what)).count()
}

type Outcomes = BTreeMap<usize, (String, Result<String, String>)>;

async fn read(mut many: GenerateMany) -> Result<Outcomes, crate::InfraiError> {
    let mut outcomes = BTreeMap::new();
    while let Some(item) = many.next().await {
        let GenerateManyItem { index, key, result, .. } = item?;
        let result = result.map(|job| job.job_id.to_string()).map_err(|error| {
            assert!(error.idempotency_key().unwrap().starts_with(&key), "{error:?}");
            error.code().to_owned()
        });
        outcomes.insert(index, (key, result));
    }
    Ok(outcomes)
}

struct Fixture {
    server: Shared,
    _folder: tempfile::TempDir,
    checkpoint: PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = folder.path().join("batch.jsonl");
        let server = Shared::default();
        server.lock().unwrap().price = 0.25;
        Self { server, _folder: folder, checkpoint }
    }

    fn many(&self, prompts: &[&str]) -> (GenerateMany, Arc<Script>) {
        let (client, script) = client(&self.server);
        let many = client.video().generate_many(prompts.iter().copied());
        (many.checkpoint(&self.checkpoint).key_prefix("p"), script)
    }

    async fn run(&self, prompts: &[&str]) -> (Outcomes, Arc<Script>) {
        let (many, script) = self.many(prompts);
        (read(many).await.unwrap(), script)
    }

    fn records(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.checkpoint).unwrap();
        assert!(text.ends_with('\n'));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn append(&self, record: &Value) {
        let text = std::fs::read_to_string(&self.checkpoint).unwrap_or_default();
        std::fs::write(&self.checkpoint, format!("{text}{record}\n")).unwrap();
    }

    fn jobs(&self) -> usize {
        self.server.lock().unwrap().jobs.len()
    }
}

fn results(outcomes: &Outcomes) -> Vec<Result<&str, &str>> {
    outcomes.values().map(|(_, result)| result.as_deref().map_err(String::as_str)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_rerun_asks_for_nothing_that_has_ended() {
    let fixture = Fixture::new();
    let (first, script) = fixture.run(&["a", "b"]).await;
    assert_eq!(sends(&script, "/generate"), 2);
    let events: Vec<_> = fixture.records().iter().map(|record| record["event"].clone()).collect();
    assert_eq!(events.iter().filter(|event| **event == "intent").count(), 2);
    assert_eq!(events[0], "batch");
    let (second, script) = fixture.run(&["new", "b", "a"]).await;
    assert_eq!((&second[&1], &second[&2]), (&first[&1], &first[&0]));
    assert_eq!((sends(&script, "/generate"), fixture.jobs()), (1, 3));
    assert_eq!(sends(&script, "/jobs/"), 1, "only the new job is polled");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fixture.checkpoint.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stored_job_is_waited_for_however_old() {
    let fixture = Fixture::new();
    let (first, _) = fixture.run(&["a"]).await;
    let kept: Vec<_> = fixture.records().into_iter().take(3).collect();
    std::fs::remove_file(&fixture.checkpoint).unwrap();
    for mut record in kept {
        record["time"] = json!(1.0);
        fixture.append(&record);
    }
    let (second, script) = fixture.run(&["a"]).await;
    assert_eq!(second, first);
    assert_eq!((sends(&script, "/generate"), sends(&script, "/jobs/vid_0")), (0, 1));
    // A job that the API no longer knows is an error, and no reason to pay again.
    let fixture = Fixture::new();
    fixture.run(&["a"]).await;
    let kept: Vec<_> = fixture.records().into_iter().take(3).collect();
    std::fs::remove_file(&fixture.checkpoint).unwrap();
    for record in &kept {
        fixture.append(record);
    }
    fixture.server.lock().unwrap().forgotten = true;
    for _ in 0..2 {
        let (third, script) = fixture.run(&["a"]).await;
        assert_eq!(results(&third), [Err("JOB_UNKNOWN")]);
        assert_eq!(sends(&script, "/generate"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_torn_line_is_dropped() {
    let fixture = Fixture::new();
    let (first, _) = fixture.run(&["a"]).await;
    let text = std::fs::read_to_string(&fixture.checkpoint).unwrap();
    for torn in ["{\"event\":\"sub", "{", "{\"event\":\"saved\",\"key\":\"x\""] {
        std::fs::write(&fixture.checkpoint, format!("{text}{torn}")).unwrap();
        let (again, script) = fixture.run(&["a"]).await;
        assert_eq!((&again, script.count()), (&first, 0));
        assert_eq!(std::fs::read_to_string(&fixture.checkpoint).unwrap(), text);
    }
    // Each prefix of the file is a checkpoint, and the server's keys keep the rerun free.
    for cut in 0..text.len() {
        std::fs::write(&fixture.checkpoint, &text[..cut]).unwrap();
        assert_eq!(fixture.run(&["a"]).await.0, first, "cut at {cut}");
        fixture.records();
    }
    assert_eq!(fixture.jobs(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_file_is_refused_and_stays() {
    let fixture = Fixture::new();
    for (text, line) in [
        ("{\"prompt\":\"a\"}", 1),
        ("a red kite\n", 1),
        ("{\"event\":\"batch\",\"version\":2,\"key_prefix\":\"p\",\"time\":1}\n", 1),
        ("{\"event\":\"batch\",\"version\":1,\"key_prefix\":\"p\",\"time\":1}\nnonsense\n", 2),
    ] {
        std::fs::write(&fixture.checkpoint, text).unwrap();
        let error = read(fixture.many(&["a"]).0).await.unwrap_err();
        assert_eq!(error.code(), "CHECKPOINT_INVALID", "{text}");
        assert!(error.message().starts_with(&format!("line {line} ")), "{error}");
        assert_eq!(std::fs::read_to_string(&fixture.checkpoint).unwrap(), text);
    }
    std::fs::remove_file(&fixture.checkpoint).unwrap();
    fixture.run(&["a"]).await;
    let error = read(fixture.many(&["a"]).0.key_prefix("q")).await.unwrap_err();
    assert!(error.message().starts_with("invalid `key_prefix`: "), "{error}");
    let error = read(fixture.many(&["a"]).0.checkpoint(Path::new("/nowhere/batch.jsonl"))).await.unwrap_err();
    assert_eq!(error.code(), "CHECKPOINT_UNWRITABLE");
    // Events of a later version are skipped.
    fixture.append(&json!({"event": "starred", "key": "x"}));
    assert_eq!(fixture.run(&["a"]).await.1.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_has_one_writer() {
    let fixture = Fixture::new();
    fixture.server.lock().unwrap().states.insert(1, "running");
    let (mut running, _) = fixture.many(&["a", "b"]);
    running.next().await.unwrap().unwrap();
    let error = read(fixture.many(&["a"]).0).await.unwrap_err();
    assert_eq!((error.code(), error.kind()), ("CHECKPOINT_LOCKED", ErrorKind::Configuration));
    drop(running);
    fixture.server.lock().unwrap().states.clear();
    fixture.run(&["a", "b"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_without_a_prefix_keeps_its_own() {
    let fixture = Fixture::new();
    let mut keys = Vec::new();
    for _ in 0..2 {
        let (client, _) = client(&fixture.server);
        let outcomes =
            read(client.video().generate_many(["a"]).checkpoint(&fixture.checkpoint)).await.unwrap();
        keys.push(outcomes[&0].0.clone());
    }
    assert_eq!((&keys[0], fixture.jobs()), (&keys[1], 1));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_repeated_within_the_window_alone() {
    let fixture = Fixture::new();
    fixture.server.lock().unwrap().loses = true;
    let (first, _) = fixture.run(&["a"]).await;
    assert_eq!(results(&first), [Err("CONNECTION_FAILED")]);
    fixture.server.lock().unwrap().loses = false;
    let open = fixture.records();
    let rewrite = |age: f64| {
        std::fs::remove_file(&fixture.checkpoint).unwrap();
        for mut record in open.clone() {
            record["time"] = json!(record["time"].as_f64().unwrap() - age);
            fixture.append(&record);
        }
    };
    rewrite(24.1 * 3600.0);
    let (outcomes, script) = fixture.run(&["a"]).await;
    assert_eq!((results(&outcomes), script.count()), (vec![Err("SUBMIT_AMBIGUOUS")], 0));
    let (many, _) = fixture.many(&["a"]);
    assert_eq!(read(many.retry_ambiguous(true)).await.unwrap()[&0].1.as_deref(), Ok("vid_0"));
    rewrite(23.0 * 3600.0);
    assert_eq!(results(&fixture.run(&["a"]).await.0), [Ok("vid_0")]);
    rewrite(3600.0);
    let (many, script) = fixture.many(&["a"]);
    let outcomes = read(many.idempotency_window(Duration::from_secs(60))).await.unwrap();
    assert_eq!((results(&outcomes), script.count()), (vec![Err("SUBMIT_AMBIGUOUS")], 0));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_leaves_nothing_ambiguous() {
    let fixture = Fixture::new();
    fixture.server.lock().unwrap().credit = Some(1);
    let (many, _) = fixture.many(&["a", "b", "c"]);
    let first = read(many.concurrency(1)).await.unwrap();
    assert_eq!(results(&first), [Ok("vid_0"), Err("INSUFFICIENT_CREDIT"), Err("INSUFFICIENT_CREDIT")]);
    fixture.server.lock().unwrap().credit = None;
    let old: Vec<_> = fixture.records();
    std::fs::remove_file(&fixture.checkpoint).unwrap();
    for mut record in old {
        record["time"] = json!(1.0);
        fixture.append(&record);
    }
    let (many, _) = fixture.many(&["a", "b", "c"]);
    assert_eq!(results(&read(many.concurrency(1)).await.unwrap()), [Ok("vid_0"), Ok("vid_1"), Ok("vid_2")]);
}

#[tokio::test(start_paused = true)]
async fn failed_items_get_a_key_per_retry() {
    let fixture = Fixture::new();
    fixture.server.lock().unwrap().states.extend([(0, "failed"), (1, "failed")]);
    let retry = async |expected: &str| {
        let (many, script) = fixture.many(&["a"]);
        let outcomes = read(many.retry_failed(true)).await.unwrap();
        let result = outcomes[&0].1.clone();
        assert_eq!(result.unwrap_or_else(|code| code), expected);
        let requests = script.requests();
        requests.iter().find_map(|sent| sent.header("idempotency-key").map(str::to_owned))
    };
    let (first, _) = fixture.run(&["a"]).await;
    assert_eq!(results(&first), [Err("JOB_FAILED")]);
    let (again, script) = fixture.run(&["a"]).await;
    assert_eq!((again, script.count()), (first.clone(), 0), "a failed job stays failed");
    let key = &first[&0].0;
    assert_eq!(retry("JOB_FAILED").await, Some(format!("{key}-r1")));
    assert_eq!(retry("vid_2").await, Some(format!("{key}-r2")));
    assert_eq!(retry("vid_2").await, None);
    assert_eq!(fixture.run(&["a"]).await.0[&0], (key.clone(), Ok("vid_2".to_owned())));
    let (client, _) = client(&fixture.server);
    let error = read(client.video().generate_many(["a"]).retry_failed(true)).await.unwrap_err();
    assert!(error.message().starts_with("invalid `retry_failed`: "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_cost_limit_is_never_passed() {
    for concurrency in [1, 8] {
        let fixture = Fixture::new();
        let prompts = ["a", "b", "c", "d", "e", "f"];
        let limited = async |usd: f64| {
            let (many, script) = fixture.many(&prompts);
            let outcomes = read(many.concurrency(concurrency).max_cost_usd(usd)).await.unwrap();
            let limited = results(&outcomes).iter().filter(|result| **result == Err("COST_LIMIT")).count();
            (fixture.jobs(), limited, sends(&script, "/generate"))
        };
        assert_eq!(limited(0.0).await, (0, 6, 0));
        assert_eq!(limited(0.8).await, (3, 3, 3));
        assert_eq!(limited(0.9).await, (3, 3, 0), "earlier runs count");
        assert_eq!(limited(1.0).await, (4, 2, 1));
        assert_eq!(limited(1.5).await, (6, 0, 2));
    }
    let fixture = Fixture::new();
    for usd in [-1.0, f64::NAN] {
        let error = read(fixture.many(&["a"]).0.max_cost_usd(usd)).await.unwrap_err();
        assert!(error.message().starts_with("invalid `max_cost_usd`: "), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_declared_price_is_checked_before_the_first_job() {
    let fixture = Fixture::new();
    fixture.server.lock().unwrap().declared = Some(0.25);
    let (many, script) = fixture.many(&["a", "b", "c"]);
    let outcomes = read(many.max_cost_usd(0.2)).await.unwrap();
    assert_eq!(results(&outcomes), [Err("COST_LIMIT"); 3]);
    assert_eq!((sends(&script, "/generate"), sends(&script, "/discovery/")), (0, 1));
    let (many, script) = fixture.many(&["a", "b", "c"]);
    let outcomes = read(many.max_cost_usd(0.5)).await.unwrap();
    assert_eq!(results(&outcomes).iter().filter(|result| **result == Err("COST_LIMIT")).count(), 1);
    assert_eq!(sends(&script, "/generate"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cost_that_only_the_status_names_counts() {
    let fixture = Fixture::new();
    fixture.server.lock().unwrap().late_cost = true;
    let (many, _) = fixture.many(&["a", "b", "c", "d"]);
    let outcomes = read(many.concurrency(1).max_cost_usd(0.6)).await.unwrap();
    assert_eq!(results(&outcomes), [Ok("vid_0"), Ok("vid_1"), Err("COST_LIMIT"), Err("COST_LIMIT")]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_counts_at_the_known_price() {
    let fixture = Fixture::new();
    fixture.run(&["a"]).await;
    fixture.server.lock().unwrap().loses = true;
    let (many, _) = fixture.many(&["a", "b", "c"]);
    let outcomes = read(many.concurrency(1).max_cost_usd(0.6)).await.unwrap();
    assert_eq!(results(&outcomes), [Ok("vid_0"), Err("CONNECTION_FAILED"), Err("COST_LIMIT")]);
}

#[tokio::test(start_paused = true)]
async fn a_key_stands_for_one_request() {
    let fixture = Fixture::new();
    let run = async |items: &[(&str, &str)]| {
        let (client, script) = client(&fixture.server);
        let requests: Vec<_> =
            items.iter().map(|(prompt, key)| GenerateRequest::new(*prompt).idempotency_key(*key)).collect();
        let many = client.video().generate_many(requests).checkpoint(&fixture.checkpoint).concurrency(1);
        (read(many).await, script.count())
    };
    // A key that looks like that of a retry is of its own item.
    let (outcomes, _) = run(&[("second", "shot-r1"), ("first", "shot")]).await;
    assert_eq!(results(&outcomes.unwrap()), [Ok("vid_0"), Ok("vid_1")]);
    let (outcomes, sent) = run(&[("changed", "shot"), ("second", "shot-r1")]).await;
    assert_eq!((results(&outcomes.unwrap()), sent), (vec![Err("IDEMPOTENCY_CONFLICT"), Ok("vid_0")], 0));
    let (outcomes, sent) = run(&[("x", "twice"), ("y", "twice")]).await;
    assert_eq!((outcomes.unwrap_err().code(), sent), ("INVALID_ARGUMENT", 0));
}

#[tokio::test(start_paused = true)]
async fn a_file_of_another_is_neither_taken_nor_replaced() {
    let fixture = Fixture::new();
    let output = fixture.checkpoint.with_file_name("videos");
    std::fs::create_dir(&output).unwrap();
    std::fs::write(output.join("title.mp4"), "mine").unwrap();
    let (client, script) = client(&fixture.server);
    let requests = [GenerateRequest::new("a").idempotency_key("title")];
    let many = client.video().generate_many(requests).checkpoint(&fixture.checkpoint).output_dir(&output);
    assert_eq!(results(&read(many).await.unwrap()), [Err("FILE_EXISTS")]);
    assert_eq!(script.count(), 0);
    assert_eq!(std::fs::read_to_string(output.join("title.mp4")).unwrap(), "mine");
}

#[cfg(unix)]
#[test]
fn a_fifo_is_no_checkpoint() {
    let fixture = Fixture::new();
    let made = std::process::Command::new("mkfifo").arg(&fixture.checkpoint).status().unwrap();
    assert!(made.success());
    let error = fixture.many(&["a"]).0.plan().unwrap_err();
    assert_eq!(error.code(), "CHECKPOINT_UNWRITABLE");
}

#[tokio::test(start_paused = true)]
async fn files_are_named_by_key_and_kept_if_complete() {
    let fixture = Fixture::new();
    let output = fixture.checkpoint.with_file_name("videos").join("deep");
    let run = async || {
        let (many, script) = fixture.many(&["a", "b"]);
        let mut many = many.output_dir(&output);
        let mut files = BTreeMap::new();
        while let Some(item) = many.next().await {
            let item = item.unwrap();
            let file = item.file.unwrap();
            assert_eq!(file.path, output.join(format!("{}.mp4", item.key)));
            let content = std::fs::read_to_string(&file.path).unwrap();
            assert_eq!(content.len() as u64, file.bytes);
            files.insert(item.index, (file.path, file.downloaded));
        }
        (files, script)
    };
    let (first, _) = run().await;
    assert!(first.values().all(|(_, downloaded)| *downloaded));
    let (second, script) = run().await;
    assert!(second.values().all(|(_, downloaded)| !*downloaded));
    assert_eq!(script.count(), 0);
    std::fs::write(&first[&0].0, "half").unwrap();
    std::fs::remove_file(&first[&1].0).unwrap();
    let plan = fixture.many(&["a", "b", "c"]).0.output_dir(&output).plan().unwrap();
    let actions: Vec<_> = plan.iter().map(|item| (item.action, item.price_usd)).collect();
    let download = (PlannedAction::Download, None);
    assert_eq!(actions, [download, download, (PlannedAction::Submit, Some(0.25))]);
    let (third, script) = run().await;
    assert_eq!(third, first);
    assert_eq!((sends(&script, "/files/"), sends(&script, "/v1/")), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_aborted_batch_names_its_jobs() {
    let fixture = Fixture::new();
    fixture.server.lock().unwrap().states.extend([(0, "running"), (1, "running")]);
    for cancel in [false, true] {
        let (many, _) = fixture.many(&["a", "b", "c", "d"]);
        let seconds = Duration::from_secs(60);
        let many = many.concurrency(2).cancel_on_abort(cancel).abort_when(tokio::time::sleep(seconds));
        let error = read(many).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Aborted, "ABORTED"));
        let details = error.details().unwrap();
        assert_eq!(details["not_submitted"], 2);
        let mut jobs: Vec<_> =
            details["jobs"].as_array().unwrap().iter().map(|job| job["job_id"].as_str().unwrap()).collect();
        jobs.sort_unstable();
        assert_eq!(jobs, ["vid_0", "vid_1"]);
        assert!(details["jobs"].as_array().unwrap().iter().all(|job| job["cancelled"] == cancel));
    }
    let (many, _) = fixture.many(&["a", "b", "c", "d"]);
    let outcomes = read(many.retry_failed(true)).await.unwrap();
    assert_eq!(results(&outcomes)[..2], [Err("JOB_CANCELLED"); 2]);
    assert_eq!(fixture.jobs(), 4);
}

#[tokio::test(start_paused = true)]
async fn callbacks_see_submissions_and_states() {
    let fixture = Fixture::new();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = |what: &'static str| {
        let seen = Arc::clone(&seen);
        move |update: &crate::video::BatchUpdate| {
            seen.lock().unwrap().push(format!("{what} {} {}", update.index, update.job.state));
        }
    };
    let (many, _) = fixture.many(&["a"]);
    read(many.on_submit(note("submit")).on_update(note("update"))).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["submit 0 queued", "update 0 queued", "update 0 succeeded"]);
    seen.lock().unwrap().clear();
    let (many, _) = fixture.many(&["a"]);
    read(many.on_submit(note("submit"))).await.unwrap();
    assert!(seen.lock().unwrap().is_empty(), "nothing was submitted");
}

#[tokio::test(start_paused = true)]
async fn an_invalid_item_is_recorded_nowhere() {
    let fixture = Fixture::new();
    let (client, script) = client(&fixture.server);
    let requests = [GenerateRequest::new(" "), GenerateRequest::new("a").idempotency_key("ä")];
    let outcomes =
        read(client.video().generate_many(requests).checkpoint(&fixture.checkpoint)).await.unwrap();
    assert_eq!(results(&outcomes), [Err("INVALID_ARGUMENT"); 2]);
    assert_eq!((script.count(), fixture.records().len()), (0, 1));
}
