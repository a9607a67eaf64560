//! Arguments of `infrai sandbox`, one per setting of the sandbox.

use std::time::Duration;

use clap::Args;
use infrai_sandbox::{Fault, RateLimit};

use super::values;

#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// Address to listen on: a host, or host:port
    #[arg(long, value_name = "HOST[:PORT]", default_value = "127.0.0.1")]
    pub(crate) addr: String,
    /// Port to listen on; 0 lets the system choose
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Keep no state: use a temporary folder that is removed at the end
    #[arg(long, conflicts_with = "data_dir")]
    pub(crate) temporary: bool,
    /// End when standard input closes, and so with the program that holds the pipe
    #[arg(long)]
    pub(crate) exit_with_parent: bool,
    /// Fault to inject, such as 'POST /v1/video/generate: status=503 retry-after=1 times=2'; can be repeated
    #[arg(long, value_name = "WORDS")]
    pub(crate) fault: Vec<Fault>,
    /// Accept this Host besides loopback; can be repeated
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) allow_host: Vec<String>,
    /// Maximum rate of requests per account: 20/s, 100/min, '20/s burst 40' [default: no limit]
    #[arg(long, value_name = "RATE")]
    pub(crate) rate_limit: Option<RateLimit>,
    /// Lifetime of a file's URL [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) file_url_ttl: Option<Duration>,
    /// Time in which a repeated idempotency key gives the same result; later, it counts as new [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) idempotency_window: Option<Duration>,
    /// Number of jobs rendered at once [default: 2]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) render_workers: Option<usize>,
    /// Time that a job of the model sandbox/slow takes beyond its rendering [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) slow: Option<Duration>,
    /// Seed of the generator behind a fault's probability [default: 0]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Send Retry-After of this many seconds with the status of a job that has not ended [default: none]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) status_retry_after: Option<u64>,
    /// Number of connections served at once [default: 1024]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_connections: Option<usize>,
    /// Time for a request's head to arrive, and for a connection to be idle [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) header_timeout: Option<Duration>,
    /// Time for a request's body to arrive [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) body_timeout: Option<Duration>,
}

impl SandboxArgs {
    /// Returns the address to listen on, `host:port`.
    pub(crate) fn listen(&self) -> Result<String, String> {
        let bracketed = |host: &str| match host.parse::<std::net::Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => host.to_owned(),
        };
        let named_port = match self.addr.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => Some(port),
            _ => None,
        };
        match (named_port, self.port) {
            (None, port) => Ok(format!("{}:{}", bracketed(&self.addr), port.unwrap_or(0))),
            (Some(_), None) => Ok(self.addr.clone()),
            (Some(_), Some(_)) => Err("--addr and --port both set the port: use one".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::SandboxArgs;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        args: SandboxArgs,
        #[arg(long)]
        data_dir: Option<String>,
    }

    fn listen(words: &[&str]) -> Result<String, String> {
        let all = ["sandbox"].iter().chain(words);
        Only::try_parse_from(all).expect("known words").args.listen()
    }

    #[test]
    fn host_and_port_may_come_together_or_apart() {
        assert_eq!(listen(&[]).unwrap(), "127.0.0.1:0");
        assert_eq!(listen(&["--port", "81"]).unwrap(), "127.0.0.1:81");
        assert_eq!(listen(&["--addr", "localhost:82"]).unwrap(), "localhost:82");
        assert_eq!(listen(&["--addr", "::1", "--port", "83"]).unwrap(), "[::1]:83");
        assert_eq!(listen(&["--addr", "[::1]:84"]).unwrap(), "[::1]:84");
        assert!(listen(&["--addr", "localhost:85", "--port", "86"]).is_err());
    }
}
