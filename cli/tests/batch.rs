//! `infrai video batch`: formats, costs, and runs that go on where an earlier one ended.

mod common;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
};

use common::{Home, Server, is_mp4, signal};
use serde_json::Value;

fn activated(server: &Server) -> Home {
    let home = Home::at(server);
    home.run(&["activate"]).expect(0);
    home
}

fn balance(home: &Home) -> f64 {
    home.run(&["--json", "account", "balance"]).expect(0).json()["balance_usd"].as_f64().expect("a number")
}

fn videos(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).expect("the folder").flatten();
    let names = names.map(|entry| entry.file_name().into_string().expect("UTF-8"));
    names
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "mp4"))
        .inspect(|name| assert!(is_mp4(&folder.join(name)), "{name}"))
        .collect()
}

fn records(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("batch.jsonl")).expect("the checkpoint");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_list_becomes_a_folder_and_a_table_of_costs() {
    let server = Server::start();
    let home = activated(&server);
    fs::write(home.path("kites.txt"), "a red kite\n\na blue kite\n").expect("the list");
    let words = ["video", "batch", "kites.txt", "--duration", "1"];
    let plan = home.run(&[&["--json"], &words[..], &["--dry-run"]].concat()).expect(0).json();
    assert_eq!((&plan["submit"], &plan["unknown_prices"]), (&2.into(), &2.into()));
    assert!(!home.path("kites-videos").exists(), "a dry run writes nothing");
    let before = balance(&home);
    let ran = home.run(&words).expect(0);
    let table: Vec<_> = ran.stdout.lines().collect();
    assert!(table[0].starts_with("#  state") && table.len() == 4, "{ran:?}");
    assert!(table[1].contains("$0.02") && table[1].contains("a red kite"), "{ran:?}");
    assert!(table[3].starts_with("2 of 2 succeeded, 2 downloaded, $0.04."), "{ran:?}");
    let folder = home.path("kites-videos");
    assert_eq!(videos(&folder).len(), 2);
    let spent = before - balance(&home);
    assert!((spent - 0.04).abs() < 1e-9, "{spent}");

    // One more prompt in front: one more video, and no other request that costs.
    fs::write(home.path("kites.txt"), "a green kite\na red kite\na blue kite\n").expect("the list");
    let plan = home.run(&[&["--json"], &words[..], &["--dry-run"]].concat()).expect(0).json();
    assert_eq!((&plan["submit"], &plan["keep"]), (&1.into(), &2.into()));
    assert_eq!(plan["cost_usd"], 0.02);
    let report = home.run(&[&["--json"], &words[..]].concat()).expect(0).json();
    assert_eq!((&report["succeeded"], &report["downloaded"]), (&3.into(), &1.into()));
    assert_eq!(videos(&folder).len(), 3);
    let submits = records(&folder).iter().filter(|record| record["event"] == "submitted").count();
    assert_eq!(submits, 3);
}

#[test]
fn lines_of_json_and_tables_are_read() {
    let server = Server::start();
    let home = activated(&server);
    let jsonl = "{\"prompt\":\"a\",\"duration_seconds\":1,\"aspect\":\"1:1\"}\n\"b\"\n";
    fs::write(home.path("list.jsonl"), jsonl).expect("the list");
    fs::write(home.path("list.csv"), "aspect,prompt\n1:1,\"a, wide\"\n,b\n").expect("the list");
    for (list, first) in [("list.jsonl", "a"), ("list.csv", "a, wide")] {
        let words = [
            "--json",
            "video",
            "batch",
            "--duration",
            "1",
            "-o",
            list.strip_prefix("list.").expect("a format"),
            list,
        ];
        let report = home.run(&words).expect(0).json();
        assert_eq!(report["items"][0]["prompt"], first);
        let id = report["items"][0]["job_id"].as_str().expect("an id");
        assert_eq!(home.run(&["--json", "video", "status", id]).expect(0).json()["aspect"], "1:1");
    }
    let fed =
        home.feed(&["--json", "video", "batch", "-", "--format", "jsonl", "--dry-run"], jsonl).expect(0);
    assert_eq!((&fed.json()["submit"], &fed.json()["folder"]), (&2.into(), &"videos".into()));
    let wrong = home.feed(&["video", "batch", "-", "--format", "csv"], "prompt,seconds\na,1\n").expect(2);
    assert!(wrong.error_lines().0.starts_with("error: line 2: unknown option `seconds`"), "{wrong:?}");
    let empty = home.feed(&["video", "batch", "-"], "\n").expect(2);
    assert!(empty.stderr.contains("has no prompt"), "{empty:?}");
    assert!(!home.path("videos").exists());
}

#[test]
fn costs_and_failures_have_exit_codes() {
    let server = Server::start();
    let home = activated(&server);
    fs::write(home.path("list.txt"), "a\nb\nc\n").expect("the list");
    let limited = ["--json", "video", "batch", "list.txt", "--duration", "1", "--max-cost-usd", "0.05"];
    let report = home.run(&limited).expect(5).json();
    assert_eq!((&report["succeeded"], &report["cost_usd"]), (&2.into(), &0.04.into()));
    let code =
        report["items"].as_array().expect("items").iter().find_map(|item| item["error"]["code"].as_str());
    assert_eq!(code, Some("COST_LIMIT"));
    home.run(&["--json", "video", "batch", "list.txt", "--duration", "1"]).expect(0);

    fs::write(
        home.path("bad.jsonl"),
        "{\"prompt\":\"a\",\"model\":\"sandbox/fail\",\"duration_seconds\":1}\n",
    )
    .expect("the list");
    let ran = home.run(&["video", "batch", "bad.jsonl"]).expect(1);
    assert!(ran.stderr.contains("video batch --retry-failed bad.jsonl"), "{ran:?}");
    let jobs =
        || records(&home.path("bad-videos")).iter().filter(|record| record["event"] == "submitted").count();
    home.run(&["video", "batch", "bad.jsonl"]).expect(1);
    assert_eq!(jobs(), 1, "a failed job stays failed");
    home.run(&["video", "batch", "--retry-failed", "bad.jsonl"]).expect(1);
    assert_eq!(jobs(), 2);

    fs::write(home.path("poor.txt"), "a\nb\n").expect("the list");
    let poor = home
        .run(&[
            "--json",
            "video",
            "batch",
            "poor.txt",
            "--duration",
            "30",
            "--resolution",
            "1080p",
            "--prefer",
            "smartest",
        ])
        .expect(3);
    let codes: BTreeSet<_> = poor.json()["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|item| item["error"]["code"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(codes, BTreeSet::from(["INSUFFICIENT_CREDIT".to_owned()]));
}

#[cfg(unix)]
#[test]
fn a_stopped_or_killed_batch_goes_on() {
    let server = Server::with(&["--temporary", "--slow", "4s"]);
    let home = activated(&server);
    fs::write(home.path("list.txt"), "a\nb\nc\nd\n").expect("the list");
    let words =
        ["video", "batch", "list.txt", "--duration", "1", "--model", "sandbox/slow", "--concurrency", "2"];
    for (name, code) in [("INT", Some(130)), ("KILL", None), ("TERM", Some(143))] {
        let mut child = home.command(&words).spawn().expect("it starts");
        let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        while !line.contains("vid_") {
            line.clear();
            assert!(errors.read_line(&mut line).expect("a line") > 0, "it ended");
        }
        signal(name, child.id());
        let mut said = String::new();
        errors.read_to_string(&mut said).expect("text");
        assert_eq!(child.wait().expect("it ends").code(), code, "{said}");
        if code.is_some() {
            assert!(said.contains("jobs continue"), "{said}");
            // Without its options, the command would pay for other items.
            for words in
                ["video batch --", "--duration 1", "--model sandbox/slow", "--concurrency 2", " list.txt`"]
            {
                assert!(said.contains(words), "{said}");
            }
        }
        records(&home.path("list-videos"));
    }
    let report = home
        .run(&["--json", "video", "batch", "list.txt", "--duration", "1", "--model", "sandbox/slow"])
        .expect(0)
        .json();
    assert_eq!(report["succeeded"], 4);
    let jobs: BTreeSet<_> = records(&home.path("list-videos"))
        .iter()
        .filter_map(|record| {
            Some((record["key"].as_str()?.to_owned(), record["job_id"].as_str()?.to_owned()))
        })
        .collect();
    assert_eq!((jobs.len(), videos(&home.path("list-videos")).len()), (4, 4), "one job per item");
}
