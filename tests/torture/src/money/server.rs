//! The sandbox as a process that is killed and started again on the same folder and port.

use std::{
    io::{self, Read as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use clap::Args;
use infrai_sandbox::Sandbox;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// What the process serves.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    addr: String,
    #[arg(long)]
    seed: u64,
    #[arg(long)]
    fault: Vec<String>,
}

/// Serves until standard input ends, as it does when the parent is gone.
pub(crate) async fn serve(options: Options) -> io::Result<bool> {
    let mut builder =
        Sandbox::builder().data_dir(options.data).addr(options.addr).seed(options.seed).render_workers(1);
    for fault in &options.fault {
        builder = builder.fault(fault).map_err(io::Error::other)?;
    }
    let sandbox = builder.start().await.map_err(io::Error::other)?;
    println!("serving {}", sandbox.addr());
    let _ = tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new())).await;
    sandbox.stop().await;
    Ok(true)
}

/// Three answers in ten are none, or bad ones. Chances are of what the faults before let through.
pub(super) const FAULTS: [&str; 9] = [
    "POST /v1/*: status=503 code=VENDOR_DOWN probability=0.05",
    "POST /v1/*: status=429 code=RATE_LIMIT_USER probability=0.04",
    "POST /v1/*: status=429 code=RATE_LIMIT_USER retry-after=1 probability=0.01",
    "POST /v1/*: drop=before probability=0.055",
    "POST /v1/*: drop=after probability=0.07",
    "POST /v1/*: cut=20 probability=0.065",
    "POST /v1/*: delay=500ms probability=0.02",
    "POST /v1/*: delay=490ms probability=0.02",
    "POST /v1/*: delay=2s probability=0.01",
];

/// So much of an attempt's time the delays of [`FAULTS`] are about.
pub(super) const ATTEMPT: Duration = Duration::from_millis(500);

/// The process.
pub(super) struct Served {
    data: PathBuf,
    pub(super) addr: SocketAddr,
    child: Child,
    starts: u64,
    seed: u64,
}

impl Served {
    /// Starts it on a port of the system's choice.
    pub(super) async fn start(data: &Path, seed: u64) -> io::Result<Self> {
        let (child, addr) = spawn(data, "127.0.0.1:0", seed, &[]).await?;
        Ok(Self { data: data.to_owned(), addr, child, starts: 0, seed })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Kills it, at once and for certain, and starts it again.
    pub(super) async fn kill_and_start(&mut self, faults: &[&str]) -> io::Result<()> {
        self.child.kill().await?;
        self.starts += 1;
        let mut last = io::Error::other("never tried");
        // Somebody's outgoing connection may hold the port for a moment.
        for _ in 0..100 {
            match spawn(&self.data, &self.addr.to_string(), self.seed.wrapping_add(self.starts), faults).await
            {
                Ok((child, _)) => {
                    self.child = child;
                    return Ok(());
                }
                Err(error) => last = error,
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(last)
    }
}

async fn spawn(data: &Path, addr: &str, seed: u64, faults: &[&str]) -> io::Result<(Child, SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("serve").arg("--data").arg(data).args(["--addr", addr, "--seed", &seed.to_string()]);
    for fault in faults {
        command.args(["--fault", fault]);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let output = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
    let line = BufReader::new(output).lines().next_line().await?.unwrap_or_default();
    match line.strip_prefix("serving ").and_then(|addr| addr.parse().ok()) {
        Some(addr) => Ok((child, addr)),
        None => Err(io::Error::other("the sandbox did not start")),
    }
}
