//! `infrai mcp` over standard input and output, against the embedded sandbox and a sandbox with faults.

mod common;

use std::{collections::HashSet, path::Path, time::Instant};

use common::{
    Home, Server,
    agent::{Agent, Protocol},
    is_mp4,
};
use serde_json::{Value, json};

/// Arguments of a short video.
fn short(prompt: &str) -> Value {
    json!({"prompt": prompt, "duration_seconds": 1, "aspect": "1:1"})
}

/// Returns arguments with one more.
fn with(mut arguments: Value, name: &str, value: impl Into<Value>) -> Value {
    arguments[name] = value.into();
    arguments
}

/// A home whose server is a sandbox with an account.
fn activated(server: &Server) -> Home {
    let home = Home::at(server);
    home.run(&["activate"]).expect(0);
    home
}

fn agent(home: &Home, words: &[&str]) -> Agent {
    Agent::start(home, &[&["mcp"], words].concat(), Protocol::Handshake)
}

#[test]
fn a_job_lives_from_prompt_to_file() {
    let home = Home::new();
    let mut agent = Agent::in_sandbox(&home, &[]);
    let tools = agent.request("tools/list", json!({}));
    assert_eq!(tools["tools"].as_array().map(Vec::len), Some(9));
    let job = agent.ok("generate_video", short("a paper boat"));
    let id = job["job_id"].as_str().expect("an id").to_owned();
    assert_eq!(
        (&job["ended"], &job["replayed"], &job["cost_usd"]),
        (&json!(false), &json!(false), &json!(0.02))
    );
    assert!(job["idempotency_key"].is_string());
    let waited = agent.request(
        "tools/call",
        json!({"name": "wait_for_video", "arguments": {"job_id": id}, "_meta": {"progressToken": "p"}}),
    );
    let ended = &waited["structuredContent"];
    assert_eq!((&ended["state"], &ended["ended"]), (&json!("succeeded"), &json!(true)));
    assert_eq!((&ended["cost_usd"], &ended["idempotency_key"]), (&json!(0.02), &job["idempotency_key"]));
    let progress: Vec<_> = agent
        .notifications
        .iter()
        .map(|notification| {
            assert_eq!(notification["params"]["progressToken"], "p");
            notification["params"]["progress"].as_f64().expect("a number")
        })
        .collect();
    assert!(!progress.is_empty() && progress.is_sorted_by(|one, next| one < next), "{progress:?}");
    let saved = agent.call("download_video", json!({"job_id": id, "path": "boats/red.mp4"}));
    let path = saved["structuredContent"]["path"].as_str().expect("a path");
    assert!(is_mp4(Path::new(path)) && Path::new(path).ends_with("videos/boats/red.mp4"));
    let link = &saved["content"][1];
    assert_eq!((&link["type"], &link["mimeType"]), (&json!("resource_link"), &json!("video/mp4")));
    assert_eq!(link["size"], std::fs::metadata(path).expect("a file").len());
    assert!(link["uri"].as_str().is_some_and(|uri| uri.starts_with("file:///")));
    assert_eq!(
        agent.fails("download_video", json!({"job_id": id, "path": "boats/red.mp4"}))["code"],
        "FILE_EXISTS"
    );
    let listed = agent.ok("list_videos", json!({}));
    assert_eq!(
        (&listed["jobs"][0]["job_id"], &listed["jobs"][0]["state"]),
        (&json!(id), &json!("succeeded"))
    );
    let ended = agent.close();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn a_repeated_call_is_free_also_after_a_restart() {
    let home = Home::new();
    let mut agent = Agent::in_sandbox(&home, &[]);
    let first = agent.ok("generate_video", short("a kite"));
    let cents = agent.cents();
    // A default that is named is the default, and a number has one value.
    let other_spelling = with(short("a kite"), "duration_seconds", 1.0);
    assert_eq!(agent.ok("generate_video", other_spelling)["job_id"], first["job_id"]);
    let shown = with(short("a kite"), "idempotency_key", first["idempotency_key"].clone());
    assert_eq!(agent.ok("generate_video", shown)["job_id"], first["job_id"]);
    let again = agent.ok("generate_video", with(short("a kite"), "resolution", "720p"));
    assert_eq!((&again["job_id"], &again["replayed"]), (&first["job_id"], &json!(true)));
    assert_eq!(again["idempotency_key"], first["idempotency_key"]);
    assert!(again["next"].as_str().is_some_and(|next| next.contains("take: 2")), "{again}");
    assert_eq!(agent.cents(), cents);
    agent.close();
    let mut agent = Agent::in_sandbox(&home, &[]);
    let again = agent.ok("generate_video", short("a kite"));
    assert_eq!((&again["job_id"], &again["replayed"]), (&first["job_id"], &json!(true)));
    assert_eq!(agent.cents(), cents);
    let other = agent.ok("generate_video", with(short("a kite"), "take", 2));
    assert_ne!(other["job_id"], first["job_id"]);
    assert_eq!((&other["replayed"], agent.cents()), (&json!(false), cents - 2));
}

#[test]
fn a_lost_response_is_not_charged_twice() {
    let server = Server::with(&["--temporary", "--fault", "POST /v1/video/generate: drop=after times=3"]);
    let home = activated(&server);
    let mut agent = agent(&home, &["--max-cost-usd", "0.03"]);
    let cents = agent.cents();
    let error = agent.fails("generate_video", short("a kite"));
    assert_eq!((&error["money_may_have_moved"], agent.cents()), (&json!(true), cents - 2));
    assert!(error["next"].as_str().is_some_and(|next| next.contains("same arguments")), "{error}");
    let job = agent.ok("generate_video", short("a kite"));
    assert_eq!((&job["replayed"], agent.cents()), (&json!(true), cents - 2));
    assert_eq!(job["idempotency_key"], error["idempotency_key"]);
}

#[test]
fn a_refused_repeat_gives_no_money_back() {
    let server = Server::with(&[
        "--temporary",
        "--fault",
        "POST /v1/video/generate: drop=after times=3",
        "--fault",
        "POST /v1/video/generate: status=402 times=1",
    ]);
    let home = activated(&server);
    let mut agent = agent(&home, &["--max-cost-usd", "0.03"]);
    let cents = agent.cents();
    assert_eq!(agent.fails("generate_video", short("a kite"))["money_may_have_moved"], true);
    agent.fails("generate_video", short("a kite"));
    assert_eq!(agent.fails("generate_video", short("a boat"))["code"], "SPENDING_LIMIT");
    let job = agent.ok("generate_video", short("a kite"));
    assert_eq!((&job["replayed"], agent.cents()), (&json!(true), cents - 2));
    assert_eq!(agent.fails("generate_video", short("a boat"))["code"], "SPENDING_LIMIT");
}

#[test]
fn a_key_is_of_one_set_of_arguments() {
    let server = Server::with(&["--temporary", "--fault", "POST /v1/video/generate: drop=before times=3"]);
    let home = activated(&server);
    let mut agent = agent(&home, &["--max-cost-usd", "0.05", "--confirm-above-usd", "0.05"]);
    let cents = agent.cents();
    let keyed = with(short("a kite"), "idempotency_key", "k1");
    agent.fails("generate_video", keyed.clone());
    let dear = with(keyed.clone(), "duration_seconds", 20);
    let refused = agent.fails("generate_video", dear);
    assert_eq!(
        (&refused["code"], &refused["money_may_have_moved"]),
        (&json!("IDEMPOTENCY_CONFLICT"), &json!(false))
    );
    assert_eq!(agent.cents(), cents);
    agent.ok("generate_video", keyed);
    assert_eq!(agent.cents(), cents - 2);
}

#[test]
fn refused_calls_push_no_paid_one_out() {
    let home = Home::new();
    let mut agent = Agent::in_sandbox(&home, &["--max-cost-usd", "0.02"]);
    let first = agent.ok("generate_video", short("paid"));
    let journal = home.path("videos").join(".infrai-mcp.json");
    let before = std::fs::read_to_string(&journal).expect("the journal");
    for number in 0..20 {
        let refused = agent.fails("generate_video", short(&format!("refused {number}")));
        assert_eq!(refused["code"], "SPENDING_LIMIT");
    }
    agent.close();
    let mut agent = Agent::in_sandbox(&home, &[]);
    assert_eq!(agent.fails("generate_video", json!({"prompt": " "}))["code"], "INVALID_ARGUMENT");
    assert_eq!(std::fs::read_to_string(&journal).expect("the journal"), before);
    let again = agent.ok("generate_video", short("paid"));
    assert_eq!((&again["job_id"], &again["replayed"]), (&first["job_id"], &json!(true)));
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_the_journal_or_of_a_video_is_not_followed() {
    use std::os::unix::fs::symlink;

    let home = Home::new();
    let mut agent = Agent::in_sandbox(&home, &[]);
    let job = agent.ok("generate_video", short("a kite"));
    let id = &job["job_id"];
    agent.call("wait_for_video", json!({"job_id": id}));
    let (outside, videos) = (home.path("outside.mp4"), home.path("videos"));
    std::fs::write(&outside, "mine").expect("a file");
    symlink(&outside, videos.join("b.mp4")).expect("a link");
    let refused = agent.fails("download_video", json!({"job_id": id, "path": "b.mp4", "overwrite": true}));
    assert_eq!(refused["code"], "INVALID_ARGUMENT");
    agent.ok("download_video", json!({"job_id": id, "path": "c.mp4"}));
    agent.ok("download_video", json!({"job_id": id, "path": "c.mp4", "overwrite": true}));
    assert_eq!(std::fs::read_to_string(&outside).expect("a file"), "mine");
    let names = std::fs::read_dir(&videos).expect("the folder");
    assert!(names.flatten().all(|entry| !entry.file_name().to_string_lossy().ends_with(".part")));
    agent.close();
    let journal = videos.join(".infrai-mcp.json");
    std::fs::remove_file(&journal).expect("the journal");
    std::fs::write(home.path("secret.json"), "\"secret-value\"").expect("a file");
    symlink(home.path("secret.json"), &journal).expect("a link");
    let ran = home.run(&["--sandbox", "mcp", "--output-dir", "videos"]).expect(5);
    assert!(ran.stderr.contains("FILE_ERROR") && !ran.stderr.contains("secret-value"), "{ran:?}");
}

#[test]
fn twenty_calls_at_once_are_answered() {
    let home = Home::new();
    let mut agent = Agent::in_sandbox(&home, &[]);
    let cents = agent.cents();
    let begin = |agent: &mut Agent, prompt: &str| {
        agent.begin("tools/call", json!({"name": "generate_video", "arguments": short(prompt)}))
    };
    let mut waiting: HashSet<_> =
        (0..10).map(|number| begin(&mut agent, &format!("kite {number}"))).collect();
    waiting.extend((0..10).map(|_| begin(&mut agent, "the same kite")));
    let mut jobs = HashSet::new();
    let mut replayed = 0;
    while let Some(id) = waiting.iter().min().copied() {
        waiting.remove(&id);
        let response = agent.any_response(id);
        let job = &response["result"]["structuredContent"];
        jobs.insert(job["job_id"].as_str().unwrap_or_else(|| panic!("{response}")).to_owned());
        replayed += i32::from(job["replayed"] == true);
    }
    assert_eq!((jobs.len(), replayed), (11, 9));
    assert_eq!(agent.cents(), cents - 22);
}

#[test]
fn a_cancelled_wait_leaves_the_job_alone() {
    let home = Home::new();
    let mut agent = Agent::in_sandbox(&home, &[]);
    let job = agent.ok("generate_video", with(short("a kite"), "model", "sandbox/stuck"));
    let started = Instant::now();
    let wait =
        json!({"name": "wait_for_video", "arguments": {"job_id": job["job_id"], "timeout_seconds": 600}});
    let id = agent.begin("tools/call", wait);
    agent.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
    let status = agent.ok("video_status", json!({"job_id": job["job_id"]}));
    assert_eq!(status["ended"], false);
    let wait = json!({"job_id": job["job_id"], "timeout_seconds": 0.2});
    let waited = agent.ok("wait_for_video", wait);
    assert_eq!(waited["ended"], false);
    assert!(
        waited["next"]
            .as_str()
            .is_some_and(|next| next.starts_with("Still running. Call wait_for_video again"))
    );
    let cancelled = agent.ok("cancel_video", json!({"job_id": job["job_id"]}));
    assert_eq!((&cancelled["cancelled"], &cancelled["state"]), (&json!(true), &json!("cancelled")));
    let ended = agent.fails("wait_for_video", json!({"job_id": job["job_id"]}));
    assert_eq!(ended["code"], "JOB_CANCELLED");
    agent.close();
    assert!(started.elapsed().as_secs() < 300);
}

#[test]
fn a_client_that_goes_away_loses_no_job() {
    let server = Server::with(&["--temporary", "--fault", "POST /v1/video/generate: delay=1s times=1"]);
    let home = activated(&server);
    let mut first = agent(&home, &[]);
    first.begin("tools/call", json!({"name": "generate_video", "arguments": short("a kite")}));
    assert_eq!(first.close().code, Some(0));
    let mut second = agent(&home, &[]);
    let listed = second.ok("list_videos", json!({}));
    let again = second.ok("generate_video", short("a kite"));
    assert_eq!((&again["job_id"], &again["replayed"]), (&listed["jobs"][0]["job_id"], &json!(true)));
}

#[cfg(unix)]
#[test]
fn a_termination_signal_ends_the_server_well() {
    let home = Home::new();
    let mut agent = Agent::in_sandbox(&home, &[]);
    agent.ok("video_options", json!({}));
    common::signal("TERM", agent.pid());
    let ended = agent.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn a_spending_limit_refuses_before_sending() {
    let server = Server::start();
    let home = activated(&server);
    let mut agent = agent(&home, &["--max-cost-usd", "0.05", "--confirm-above-usd", "0.03"]);
    let cents = agent.cents();
    for prompt in ["one", "two", "two"] {
        agent.ok("generate_video", short(prompt));
    }
    let refused = agent.fails("generate_video", short("three"));
    assert_eq!(
        (&refused["code"], &refused["money_may_have_moved"]),
        (&json!("SPENDING_LIMIT"), &json!(false))
    );
    let dear = with(short("four"), "duration_seconds", 2);
    let refused = agent.fails("generate_video", dear.clone());
    assert_eq!(refused["code"], "CONFIRMATION_REQUIRED");
    assert!(
        refused["next"].as_str().is_some_and(|next| next.ends_with("confirmed_cost_usd 0.04.")),
        "{refused}"
    );
    assert_eq!(
        agent.fails("generate_video", with(dear, "confirmed_cost_usd", 0.04))["code"],
        "SPENDING_LIMIT"
    );
    assert_eq!(agent.cents(), cents - 4);
    let options = agent.ok("video_options", json!({}));
    assert_eq!((&options["spent_usd"], &options["max_cost_usd"]), (&json!(0.04), &json!(0.05)));
}

#[test]
fn errors_say_what_to_do() {
    let server = Server::with(&["--temporary", "--fault", "POST /v1/video/generate: job=fail times=1"]);
    let home = Home::at(&server);
    let mut agent = agent(&home, &[]);
    let error = agent.fails("account_balance", json!({}));
    assert_eq!(error["code"], "API_KEY_MISSING");
    assert!(error["next"].as_str().is_some_and(|next| next.contains("infrai activate")));
    // The next call finds the key.
    home.run(&["activate"]).expect(0);
    let failing = agent.ok("generate_video", short("a kite"));
    let failed = agent.call("wait_for_video", json!({"job_id": failing["job_id"]}));
    assert_eq!(failed["isError"], true);
    let failed = &failed["structuredContent"];
    assert_eq!((&failed["state"], &failed["error"]["code"]), (&json!("failed"), &json!("JOB_FAILED")));
    assert_eq!(
        (&failed["cost_usd"], &failed["error"]["money_may_have_moved"]),
        (&json!(0.02), &json!(false))
    );
    assert_eq!(failed["refunded_usd"], 0.02);
    assert_eq!(agent.fails("video_status", json!({"job_id": "vid_unknown"}))["code"], "NOT_FOUND");
    let unknown = agent.fails("generate_video", json!({"prompt": "a", "duration": 1}));
    assert!(
        unknown["message"].as_str().is_some_and(|text| text.contains("did you mean `duration_seconds`?"))
    );
    let dear = agent.fails(
        "generate_video",
        json!({"prompt": "a", "resolution": "4k", "prefer": "smartest", "duration_seconds": 10}),
    );
    assert_eq!(
        (&dear["code"], &dear["money_may_have_moved"]),
        (&json!("INSUFFICIENT_CREDIT"), &json!(false))
    );
    assert!(dear["next"].as_str().is_some_and(|next| next.contains("top_up")), "{dear}");
    let page = agent.ok("top_up", json!({"amount_usd": 5}));
    assert!(page["payment_url"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")), "{page}");
    assert_eq!(page["state"], "pending");
    for path in ["../a.mp4", "/tmp/a.mp4", ".git/a.mp4", "a.sh"] {
        let refused = agent.fails("download_video", json!({"job_id": failing["job_id"], "path": path}));
        assert_eq!(refused["code"], "INVALID_ARGUMENT", "{path}");
    }
}

#[test]
fn the_current_protocol_has_tasks() {
    let home = Home::new();
    let words = ["--sandbox", "mcp"];
    let mut agent = Agent::start(&home, &words, Protocol::Tasks);
    let discovered = agent.request("server/discover", json!({}));
    assert!(
        discovered["supportedVersions"].as_array().is_some_and(|all| all.contains(&json!("2026-07-28"))),
        "{discovered}"
    );
    let task = agent.call("generate_video", short("a kite"));
    let id = task["taskId"].as_str().unwrap_or_else(|| panic!("{task}")).to_owned();
    assert_eq!(
        (&task["resultType"], &task["status"], &task["pollIntervalMs"]),
        (&json!("task"), &json!("working"), &json!(3000))
    );
    agent.close();
    // The task is the job, so another server knows it.
    let mut agent = Agent::start(&home, &words, Protocol::Tasks);
    let mut current = agent.request("tasks/get", json!({"taskId": id}));
    while current["status"] == "working" {
        std::thread::sleep(std::time::Duration::from_millis(100));
        current = agent.request("tasks/get", json!({"taskId": id}));
    }
    assert_eq!(current["status"], "completed", "{current}");
    assert_eq!(current["result"]["structuredContent"]["job_id"], json!(id));
    let stuck = agent.call("generate_video", with(short("a kite"), "model", "sandbox/stuck"));
    agent.request("tasks/cancel", json!({"taskId": stuck["taskId"]}));
    assert_eq!(agent.request("tasks/get", json!({"taskId": stuck["taskId"]}))["status"], "cancelled");
    let unknown = agent.begin("tasks/get", json!({"taskId": "vid_unknown"}));
    assert_eq!(agent.response(unknown)["error"]["code"], -32602);
    agent.close();
    let mut agent = Agent::start(&home, &words, Protocol::Inline);
    assert_eq!(agent.ok("generate_video", short("a kite"))["job_id"], json!(id));
}

#[test]
fn jobs_and_pages_are_resources() {
    let home = Home::new();
    let mut agent = Agent::in_sandbox(&home, &[]);
    let job = agent.ok("generate_video", short("a kite"));
    let listed = agent.request("resources/list", json!({}));
    let uris: Vec<_> =
        listed["resources"].as_array().expect("a list").iter().map(|each| each["uri"].clone()).collect();
    assert_eq!(uris.len(), 4, "{listed}");
    for uri in uris {
        let read = agent.request("resources/read", json!({"uri": uri}));
        assert!(read["contents"][0]["text"].as_str().is_some_and(|text| text.len() > 50), "{read}");
    }
    let uri = format!("infrai://jobs/{}", job["job_id"].as_str().expect("an id"));
    let read = agent.request("resources/read", json!({"uri": uri}));
    assert!(read["contents"][0]["text"].as_str().is_some_and(|text| text.contains("\"state\"")), "{read}");
    let unknown = agent.begin("resources/read", json!({"uri": "infrai://jobs/vid_unknown"}));
    assert!(agent.response(unknown)["error"]["message"].is_string());
    let prompt =
        agent.request("prompts/get", json!({"name": "video_prompt", "arguments": {"idea": "a paper boat"}}));
    assert!(
        prompt["messages"][0]["content"]["text"].as_str().is_some_and(|text| text.contains("a paper boat"))
    );
}

#[test]
fn no_output_has_the_key() {
    let server = Server::start();
    let home = activated(&server);
    let stored = std::fs::read_to_string(home.credentials()).expect("a file");
    let key =
        stored.split('"').find(|part| part.len() > 20 && !part.contains("://")).expect("a key").to_owned();
    let mut agent = agent(&home, &["-vv"]);
    agent.ok("generate_video", short("a kite"));
    agent.ok("account_balance", json!({}));
    agent.fails("video_status", json!({"job_id": key}));
    let journal = std::fs::read_to_string(home.path(".infrai-mcp.json")).expect("a journal");
    let received = agent.received.clone();
    let stderr = agent.close().stderr;
    assert!(stderr.contains("/v1/video/generate"), "{stderr}");
    for text in [journal, received, stderr] {
        assert!(!text.contains(&key), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn the_journal_is_private() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = Home::new();
    let mut agent = Agent::in_sandbox(&home, &[]);
    agent.ok("generate_video", short("a kite"));
    for entry in std::fs::read_dir(home.path("videos")).expect("a folder") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{entry:?}");
    }
}
