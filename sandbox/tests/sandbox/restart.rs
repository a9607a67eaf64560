//! Killed with SIGKILL at any moment and started again: no job, charge or key is lost, none is doubled.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use infrai_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::client::{Api, QUICK_MICROS, assert_whole_mp4, micros, path_of, quick, reopen};

const FOLDER: &str = "INFRAI_SANDBOX_TEST_FOLDER";

/// The server that is killed: this program again, as [`serve_until_killed`] alone.
struct Victim {
    child: Child,
    addr: SocketAddr,
}

impl Victim {
    fn start(folder: &Path) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["--exact", "restart::serve_until_killed", "--nocapture"])
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let serving = lines
            .map_while(Result::ok)
            .find_map(|line| line.split_once("serving ").and_then(|(_, rest)| rest.trim().parse().ok()));
        Self { addr: serving.expect("its address"), child }
    }

    /// SIGKILL, and the wait that makes it certain.
    fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}

/// Not a test of its own: the process that [`Victim`] starts and kills. It ends when its parent does.
#[tokio::test]
async fn serve_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let sandbox = Sandbox::builder().data_dir(folder).slow(Duration::from_millis(50)).start().await;
    let sandbox = sandbox.expect("a sandbox");
    println!("serving {}", sandbox.addr());
    // Ends with the parent, whose end of the pipe closes however it dies.
    let parent = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = tokio::time::timeout(Duration::from_secs(120), parent).await;
    std::process::exit(0);
}

/// Responses that a client received before the server died.
struct Told {
    model: &'static str,
    /// The job, if an answer came.
    id: Option<String>,
    /// Its end, if the client saw it.
    end: Option<String>,
}

/// Responses that all clients received, by idempotency key.
type Known = BTreeMap<String, Told>;

/// A request whose answer may never come, the server being killed.
async fn post(api: &Api, path: &str, body: &Value, key: &str) -> Option<Value> {
    let headers = [("Idempotency-Key", key)];
    let reply = api.try_call("POST", path, &headers, body.to_string().as_bytes()).await.ok()??;
    // A head without its whole body is no answer either.
    (reply.length() == Some(reply.body.len())).then(|| reply.data())
}

async fn use_it(api: Api, requests: Vec<(String, &'static str, bool)>) -> Known {
    let each = requests.into_iter().map(async |(key, model, cancel)| {
        let job = post(&api, "/v1/video/generate", &quick(model), &key).await;
        let id = job.map(|job| job["job_id"].as_str().expect("an id").to_owned());
        let mut end = None;
        if let (Some(id), true) = (&id, cancel) {
            let answer = post(&api, &format!("/v1/video/jobs/{id}/cancel"), &json!({}), &key).await;
            end = answer.filter(|answer| answer["ok"] == true).map(|_| "cancelled".to_owned());
        } else if let Some(id) = &id {
            end = watch(&api, id).await;
        }
        (key, Told { model, id, end })
    });
    futures_util::future::join_all(each).await.into_iter().collect()
}

/// The end of a job, or nothing if the server dies before it.
async fn watch(api: &Api, id: &str) -> Option<String> {
    loop {
        let reply = api.try_call("GET", &format!("/v1/video/jobs/{id}"), &[], b"").await.ok()??;
        if reply.length() != Some(reply.body.len()) {
            return None;
        }
        let job = reply.data();
        if job["ended_at"].is_string() {
            return job["state"].as_str().map(str::to_owned);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_loses_and_doubles_nothing() {
    const FINGERPRINT: &str = "the-device-of-the-killed";
    let folder = tempfile::tempdir().expect("a folder");
    let mut random = fastrand::Rng::with_seed(2);
    let mut known = Known::new();
    let mut keys = Vec::new();
    for round in 0..10 {
        let victim = Victim::start(folder.path());
        let api = Api::activate(victim.addr, FINGERPRINT).await;
        keys.push(api.key.clone());
        let models = ["sandbox/default", "sandbox/default", "sandbox/fail", "sandbox/slow", "sandbox/stuck"];
        let requests = (0..8)
            .map(|index| {
                (format!("{round}-{index}"), models[random.usize(..models.len())], random.u8(..4) == 0)
            })
            .collect();
        let using = tokio::spawn(use_it(api, requests));
        // Every other time while the requests come in, else while their jobs run.
        let latest = if round % 2 == 0 { 40 } else { 500 };
        tokio::time::sleep(Duration::from_millis(random.u64(..latest))).await;
        victim.kill();
        known.extend(using.await.expect("the clients"));
    }
    assert!(known.values().any(|told| told.id.is_some()), "something was accepted");

    let sandbox =
        Sandbox::builder().data_dir(folder.path()).slow(Duration::ZERO).start().await.expect("a sandbox");
    for key in keys {
        let api = Api { addr: sandbox.addr(), key };
        assert!(api.balance().await >= 0.0, "every key that was given out is still good");
    }
    let api = Api::activate(sandbox.addr(), FINGERPRINT).await;
    let mut ends = BTreeMap::new();
    for (key, told) in &known {
        let Told { model, id: before, end } = told;
        // Asked again, an accepted request is the same job, and one that was lost is accepted now.
        let job = post(&api, "/v1/video/generate", &quick(model), key).await.expect("an answer");
        let id = job["job_id"].as_str().expect("an id").to_owned();
        assert!(before.as_ref().is_none_or(|before| *before == id), "{key}: {before:?} became {id}");
        if *model == "sandbox/stuck" {
            api.cancel(&id).await.data();
        }
        ends.insert(id, (*model, end));
    }
    assert_eq!(ends.len(), known.len(), "a job each");

    let mut expected = 2_000_000;
    for (id, (model, end)) in &ends {
        let job = api.ended(id).await;
        assert!(end.as_ref().is_none_or(|end| job["state"] == **end), "{id} was {end:?} and is {job}");
        let amounts: Vec<_> =
            api.ledger().await.iter().filter(|entry| entry["reference"] == **id).map(micros).collect();
        match job["state"].as_str() {
            Some("succeeded") => {
                assert!(matches!(*model, "sandbox/default" | "sandbox/slow"));
                assert_whole_mp4(&api.get(path_of(&job["video_url"], api.addr)).await.body);
                assert_eq!(amounts, [-QUICK_MICROS], "{model}");
                expected -= QUICK_MICROS;
            }
            Some("failed") if *model == "sandbox/fail" => {
                assert_eq!(amounts, [-QUICK_MICROS, QUICK_MICROS]);
            }
            Some("cancelled") => assert_eq!(amounts, [-QUICK_MICROS, QUICK_MICROS]),
            other => panic!("{model} ended {other:?}"),
        }
    }
    let ledger = api.ledger().await;
    assert_eq!(
        ledger.iter().filter(|entry| entry["kind"] == "charge").count(),
        known.len(),
        "no other charge"
    );
    assert_eq!(ledger.iter().map(micros).sum::<i64>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rendering_that_was_killed_starts_over_and_leaves_no_half_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let victim = Victim::start(folder.path());
    let api = Api::activate(victim.addr, "a-device-of-the-tests").await;
    let body = json!({"prompt": "x", "duration_seconds": 10, "prefer": "cheapest"});
    let id = api.generate(&body).await.data()["job_id"].as_str().expect("an id").to_owned();
    api.until(&id, |job| job["progress"].as_f64().is_some_and(|done| done > 0.0)).await;
    victim.kill();
    let files = folder.path().join("files").join(&id);
    assert!(!files.join("video.mp4").exists(), "it was not whole");
    // Leftovers of a kill during a write.
    std::fs::create_dir_all(&files).expect("a folder");
    std::fs::write(files.join("video.mp4"), "half").expect("a file");
    std::fs::write(files.join(".video.mp4.0123.part"), "half").expect("a file");

    let (_sandbox, api) = reopen(folder.path()).await;
    let job = api.ended(&id).await;
    assert_eq!(job["state"], "succeeded");
    assert_whole_mp4(&api.get(path_of(&job["video_url"], api.addr)).await.body);
    let mut names: Vec<_> = std::fs::read_dir(&files)
        .expect("the job's folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    assert_eq!(names, ["thumbnail.jpg", "video.mp4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_by_another_process_is_refused_until_that_dies() {
    let folder = tempfile::tempdir().expect("a folder");
    let victim = Victim::start(folder.path());
    let error = Sandbox::builder().data_dir(folder.path()).start().await.expect_err("in use");
    assert!(error.to_string().contains("another sandbox serves the data folder"), "{error}");
    victim.kill();
    Sandbox::builder().data_dir(folder.path()).start().await.expect("free").stop().await;
}
