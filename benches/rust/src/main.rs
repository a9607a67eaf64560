//! Worker of the benchmarks: one client in a process of its own, which answers each line of its input with one line.
//! `benches/README.md` describes the lines.

mod calls;
mod download;
mod many;

use std::{
    io::{BufRead as _, Write as _},
    process::ExitCode,
    time::Duration,
};

use infrai::InfraiClient;
use serde_json::{Value, json};

const USAGE: &str = "usage: infrai-bench-rust calls core|reqwest URL [KEY ID STATE]\n\
    \x20      infrai-bench-rust many core URL RATE CONCURRENCY\n\
    \x20      infrai-bench-rust download core URL";

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// A well-formed key. The server does not check it.
const KEY: &str = "ifr_pk_proj_bench_0000000000000000";

fn client(url: &str) -> infrai::ClientBuilder {
    InfraiClient::builder().api_key(KEY).base_url(url)
}

/// Returns the processor time of this process so far, user and system.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn say(line: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

fn number(command: &Value, name: &str) -> Result<f64> {
    command[name].as_f64().ok_or_else(|| format!("a command without {name}: {command}").into())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small counts")]
fn count(command: &Value, name: &str) -> Result<usize> {
    Ok(number(command, name)? as usize)
}

/// Answers each line of the input. An error is an answer too.
fn serve(mut answer: impl FnMut(&Value) -> Result<Value>) -> Result<()> {
    say(&json!({"ready": true}))?;
    for line in std::io::stdin().lock().lines() {
        let command: Value = serde_json::from_str(&line?)?;
        say(&answer(&command).unwrap_or_else(|error| json!({"failed": error.to_string()})))?;
    }
    Ok(())
}

fn run(arguments: &[&str]) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match arguments {
        ["calls", peer, url, asked @ ..] => {
            let asked = match asked {
                [key, id, state] => {
                    calls::Asked { key: (*key).into(), id: (*id).into(), state: (*state).into() }
                }
                _ => calls::Asked::default(),
            };
            let peer = calls::Peer::new(peer, url, asked)?;
            runtime.block_on(peer.call())?;
            serve(|command| {
                let seconds = Duration::from_secs_f64(number(command, "seconds")?);
                runtime.block_on(calls::run(&peer, seconds, count(command, "concurrency")?))
            })
        }
        ["many", "core", url, rate, concurrency] => {
            let client = many::open(url, rate.parse()?, concurrency.parse()?)?;
            runtime.block_on(many::wait(&client, ["job-0".into()]))?;
            serve(|command| {
                let ids = (0..count(command, "jobs")?).map(|number| format!("job-{number}"));
                runtime.block_on(many::wait(&client, ids))
            })
        }
        ["download", "core", url] => {
            let client = client(url).build()?;
            runtime.block_on(async { client.video().status("video_7").await })?;
            serve(|command| runtime.block_on(download::run(&client, command)))
        }
        _ => Err(USAGE.into()),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = say(&json!({"failed": error.to_string()}));
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
