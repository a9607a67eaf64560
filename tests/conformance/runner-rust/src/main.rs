//! Plays the conformance scenarios with the Rust client and says how many kept their promise.

mod calls;
mod play;
mod server;
mod settings;

use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::server::{Server, Trouble};

const LANGUAGE: &str = "rust";
const AT_ONCE: usize = 16;
const USAGE: &str = "usage: infrai-conformance-rust [--server PROGRAM] [WORDS]\n\
    Plays the scenarios whose names contain the words, or all. PROGRAM is the scripted server; without it, the one\n\
    beside this program.";

/// Set for the process that makes the calls: its environment is the scenario's alone.
const CLEAN: &str = "INFRAI_CONFORMANCE_CLEAN";
/// The argument that makes a process play one scenario, which it reads from its input.
const PLAY_ONE: &str = "--play-one";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if std::env::var_os(CLEAN).is_none() {
        return run_clean(&arguments);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) if arguments.first().is_some_and(|a| a == PLAY_ONE) => runtime.block_on(play_one()),
        Ok(runtime) => runtime.block_on(run(&arguments)),
        Err(error) => Err(error.to_string()),
    };
    match result {
        Ok(code) => code,
        Err(trouble) => {
            eprintln!("{trouble}");
            ExitCode::from(2)
        }
    }
}

/// Runs this program again without the caller's home, keys, settings and proxies.
fn run_clean(arguments: &[String]) -> ExitCode {
    let home = match tempfile::tempdir() {
        Ok(home) => home,
        Err(error) => {
            eprintln!("no temporary folder: {error}");
            return ExitCode::from(2);
        }
    };
    let Ok(program) = std::env::current_exe() else { return ExitCode::from(2) };
    let kept =
        ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "RUST_LOG", "RUST_BACKTRACE", "SystemRoot", "TEMP", "TMP"];
    let status = std::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(kept.iter().filter_map(|name| std::env::var_os(name).map(|value| (*name, value))))
        .envs([("HOME", home.path()), ("USERPROFILE", home.path())])
        .env(CLEAN, "1")
        .status();
    let code = status.ok().and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(2))
}

/// Plays the one scenario that comes on standard input, and prints what came of its calls.
async fn play_one() -> Result<ExitCode, Trouble> {
    let start: Value = serde_json::from_reader(std::io::stdin().lock()).map_err(|e| e.to_string())?;
    println!("{}", play::play(&start).await);
    Ok(ExitCode::SUCCESS)
}

async fn run(arguments: &[String]) -> Result<ExitCode, Trouble> {
    let (program, words) = match arguments {
        [flag, ..] if flag.starts_with("--") && flag != "--server" => return Err(USAGE.to_owned()),
        [flag, program, words @ ..] if flag == "--server" => (PathBuf::from(program), words.join(" ")),
        words => (beside("infrai-conformance-server")?, words.join(" ")),
    };
    let server = Arc::new(Server::start(&program).await?);
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut playing = Vec::new();
    for scenario in server.scenarios().await? {
        let name = scenario["name"].as_str().unwrap_or_default().to_owned();
        if !name.contains(&words) {
            continue;
        }
        let (server, permits) = (Arc::clone(&server), Arc::clone(&permits));
        playing.push(tokio::spawn(async move {
            let _permit = permits.acquire().await;
            let verdict = scenario_verdict(&server, &scenario).await;
            (name, verdict)
        }));
    }
    let (mut passed, mut failed, mut exempt) = (0, 0, 0);
    for task in playing {
        let (name, verdict) = task.await.map_err(|e| format!("the runner broke down: {e}"))?;
        match verdict {
            Verdict::Passed => passed += 1,
            Verdict::Exempt(reason) => {
                exempt += 1;
                println!("EXEMPT {name}: {reason}");
            }
            Verdict::Failed(difference) => {
                failed += 1;
                println!("FAILED {name}\n{difference}");
            }
        }
    }
    if exempt > 0 {
        println!("{exempt} exempt");
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

enum Verdict {
    Passed,
    Failed(String),
    Exempt(String),
}

async fn scenario_verdict(server: &Server, scenario: &Value) -> Verdict {
    if let Some(reason) = scenario["exempt"][LANGUAGE].as_str() {
        return Verdict::Exempt(reason.to_owned());
    }
    match judged(server, scenario).await {
        Ok(verdict) if verdict["pass"] == true => Verdict::Passed,
        Ok(verdict) => Verdict::Failed(verdict["difference"].as_str().unwrap_or_default().to_owned()),
        Err(trouble) => Verdict::Failed(format!("  {trouble}")),
    }
}

async fn judged(server: &Server, scenario: &Value) -> Result<Value, Trouble> {
    let path = scenario["path"].as_str().unwrap_or_default();
    let start = server.start_scenario(path).await?;
    let outcomes =
        if scenario["own_process"] == true { elsewhere(&start).await? } else { play::play(&start).await };
    server.finish_scenario(path, &json!({"language": LANGUAGE, "outcomes": outcomes})).await
}

/// Plays a scenario in a process of its own, which has the environment that the scenario asks for.
async fn elsewhere(start: &Value) -> Result<Value, Trouble> {
    let variables = start["env"].as_object().into_iter().flatten();
    let mut child = Command::new(std::env::current_exe().map_err(|e| e.to_string())?)
        .arg(PLAY_ONE)
        .envs(variables.map(|(name, value)| (name, value.as_str().unwrap_or_default())))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(start.to_string().as_bytes()).await.map_err(|e| e.to_string())?;
    }
    let output = child.wait_with_output().await.map_err(|e| e.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|e| format!("the process for it reported nothing: {e}"))
}

/// A program in the folder of this one.
fn beside(name: &str) -> Result<PathBuf, Trouble> {
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    let program = own.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if program.exists() { Ok(program) } else { Err(format!("{} is not built\n{USAGE}", program.display())) }
}
