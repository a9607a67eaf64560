//! `infrai sandbox`: its words, one for each setting of the sandbox.

use std::time::Duration;

use clap::Args;
use infrai_sandbox::{Fault, RateLimit};

use super::values;

#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// Where to listen: a host, or host:port
    #[arg(long, value_name = "HOST[:PORT]", default_value = "127.0.0.1")]
    pub(crate) addr: String,
    /// The port to listen on; 0 lets the system choose
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Keep nothing: the state lies in a temporary folder that is removed at the end
    #[arg(long, conflicts_with = "data_dir")]
    pub(crate) temporary: bool,
    /// End when standard input closes: a program that gives it a pipe takes the sandbox along when it ends
    #[arg(long)]
    pub(crate) exit_with_parent: bool,
    /// Go wrong on demand, such as 'POST /v1/video/generate: status=503 retry-after=1 times=2'; may be given several times
    #[arg(long, value_name = "WORDS")]
    pub(crate) fault: Vec<Fault>,
    /// A host to answer to besides loopback; may be given several times
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) allow_host: Vec<String>,
    /// How many requests an account may make: 20/s, 100/min, '20/s burst 40' [default: any number]
    #[arg(long, value_name = "RATE")]
    pub(crate) rate_limit: Option<RateLimit>,
    /// How long the URL of a file is good for [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) file_url_ttl: Option<Duration>,
    /// How many jobs are rendered at once [default: 2]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) render_workers: Option<usize>,
    /// How long a job of the model sandbox/slow takes beyond its rendering [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) slow: Option<Duration>,
    /// The seed behind a fault's probability [default: 0]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Send Retry-After of so many seconds with the status of a job that has not ended [default: none]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) status_retry_after: Option<u64>,
    /// How many connections are served at once [default: 1024]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_connections: Option<usize>,
    /// How long a request's head may take to arrive, and a connection may be idle [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) header_timeout: Option<Duration>,
    /// How long a request's body may take to arrive [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    pub(crate) body_timeout: Option<Duration>,
}

impl SandboxArgs {
    /// Where to listen, `host:port`.
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
            (Some(_), Some(_)) => Err("the port is given twice, by --addr and by --port".to_owned()),
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
