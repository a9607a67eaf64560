//! Requests and lateness of the SDK's polling: the core's own scheduler and policy on a simulated clock.

mod alone;
mod jobs;
mod numbers;
mod plot;
mod report;
mod scale;
mod shared;
mod table;

use std::process::ExitCode;

use report::Settings;

const USAGE: &str = "\
usage: infrai-bench-polling [simulate] [--markdown] [--check] [--long] [--jobs N] [--seeds N] [--plot FILE.svg]
       infrai-bench-polling scale [--markdown] [--check] [--jobs N] [--rate N] [--concurrency N]

  simulate     with a simulated clock (the default)
  scale        many waits at once, over HTTP on loopback
  --markdown   tables as Markdown (default: aligned for a terminal)
  --check      exit with 1 if a goal is missed
  --long       ten seeds instead of three
  --jobs N     jobs per cell, or waits at once (default: 10000)
  --plot FILE  draw requests against lateness
  --rate N     requests per second (default: 1000)
  --concurrency N  requests at once (default: 64)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        // The server process of `scale`.
        Some("serve") => serve(&arguments[1..]),
        _ => run(arguments),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn serve(arguments: &[String]) -> Result<bool, String> {
    let [jobs, median] = arguments else {
        return Err("serve takes a number of jobs and a median".to_owned());
    };
    let (jobs, median) =
        (jobs.parse().map_err(|_| jobs.clone())?, median.parse().map_err(|_| median.clone())?);
    scale::server::serve(jobs, median).map_err(|error| error.to_string())?;
    Ok(true)
}

fn run(arguments: Vec<String>) -> Result<bool, String> {
    let mut settings = Settings { jobs: 10_000, seeds: 3 };
    let mut plan = scale::Plan { jobs: 10_000, rate: 1000, concurrency: 64 };
    let (mut scaled, mut markdown, mut check, mut picture) = (false, false, false, None);
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let mut number = |name: &str| {
            let value = arguments.next().ok_or(format!("{name} takes a number"))?;
            let number = value.parse::<u32>().ok().filter(|number| *number > 0);
            number.ok_or(format!("{name} takes a positive number; it got {value:?}"))
        };
        match argument.as_str() {
            "simulate" => scaled = false,
            "scale" => scaled = true,
            "--markdown" => markdown = true,
            "--check" => check = true,
            "--long" => settings.seeds = 10,
            "--jobs" => {
                settings.jobs = number("--jobs")? as usize;
                plan.jobs = settings.jobs;
            }
            "--seeds" => settings.seeds = number("--seeds")?.into(),
            "--rate" => plan.rate = number("--rate")?,
            "--concurrency" => plan.concurrency = number("--concurrency")? as usize,
            "--plot" => picture = Some(arguments.next().ok_or("--plot takes a file")?),
            "--help" => {
                println!("{USAGE}");
                return Ok(true);
            }
            other => return Err(format!("there is no {other:?}")),
        }
    }
    let (text, missed) = if scaled {
        let (table, missed) = scale::run(plan).map_err(|error| error.to_string())?;
        (table.text(markdown), missed)
    } else {
        if let Some(file) = picture {
            let problem = |error| format!("{file} cannot be written: {error}");
            std::fs::write(&file, plot::draw(settings)).map_err(problem)?;
        }
        let report = report::make(settings);
        (report.text(markdown), report.missed)
    };
    println!("{text}");
    for missed in &missed {
        eprintln!("missed: {missed}");
    }
    Ok(!check || missed.is_empty())
}
