//! The scripted server: prints its control address, and serves until its input closes or its time is up.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use infrai_conformance_server::control::Control;
use infrai_conformance_server::load::load;
use tokio::net::TcpListener;

const USAGE: &str = "usage: infrai-conformance-server [--scenarios FOLDER] [--limit SECONDS]\n\
    Prints the control address as its first line. Ends when its standard input closes, or after the limit (300 s).";

struct Options {
    scenarios: PathBuf,
    limit: Duration,
}

fn options() -> Option<Options> {
    let scenarios = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut options = Options { scenarios, limit: Duration::from_secs(300) };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next()?;
        match argument.as_str() {
            "--scenarios" => options.scenarios = PathBuf::from(value),
            "--limit" => options.limit = Duration::from_secs(value.parse().ok()?),
            _ => return None,
        }
    }
    Some(options)
}

/// Resolves when standard input closes: the runner is gone.
async fn input_closed() {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut rest = [0; 256];
        while input.read(&mut rest).is_ok_and(|n| n > 0) {}
        let _ = tell.send(());
    });
    let _ = told.await;
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let scenarios = match load(&options.scenarios) {
        Ok(scenarios) => scenarios,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let listener = match TcpListener::bind("127.0.0.1:0").await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("no address to listen on: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Ok(address) = listener.local_addr() {
        println!("http://{address}");
    }
    tokio::select! {
        () = Control::new(scenarios).serve(listener) => {}
        () = input_closed() => {}
        () = tokio::time::sleep(options.limit) => eprintln!("the server's time is up"),
    }
    ExitCode::SUCCESS
}
