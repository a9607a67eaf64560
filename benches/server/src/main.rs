//! Program of the benchmarks' server. It prints its address and serves until its standard input closes or its time is up.

use std::{io::Read as _, process::ExitCode, rc::Rc, time::Duration};

use infrai_bench_server::{http, routes::State};
use tokio::net::TcpListener;

const USAGE: &str = "usage: infrai-bench-server [--limit SECONDS] [--port PORT]\n\
    Prints its address as its first line. Ends when its standard input closes, or after the limit (3600 s).";

struct Options {
    limit: Duration,
    port: u16,
}

fn options() -> Option<Options> {
    let mut options = Options { limit: Duration::from_secs(3600), port: 0 };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next()?;
        match argument.as_str() {
            "--limit" => options.limit = Duration::from_secs(value.parse().ok()?),
            "--port" => options.port = value.parse().ok()?,
            _ => return None,
        }
    }
    Some(options)
}

/// Resolves when standard input closes, because the parent process is gone.
async fn input_closed() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut rest = [0; 256];
        while input.read(&mut rest).is_ok_and(|n| n > 0) {}
        let _ = sender.send(());
    });
    let _ = receiver.await;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(Options { limit, port }) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let bound = async {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        Ok::<_, std::io::Error>((listener, address))
    };
    let (listener, address) = match bound.await {
        Ok(bound) => bound,
        Err(error) => {
            eprintln!("cannot listen on 127.0.0.1:{port}: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("http://{address}");
    let state = Rc::new(State::new(&format!("http://{address}")));
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            tokio::select! {
                () = http::accept(listener, state) => {}
                () = input_closed() => {}
                () = tokio::time::sleep(limit) => {}
            }
        })
        .await;
    ExitCode::SUCCESS
}
