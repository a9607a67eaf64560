//! One call and all that is said of it: in this process, or in one of its own with another environment.

use std::{io, path::PathBuf, process::Stdio, time::Duration};

use infrai::{ClientBuilder, InfraiClient};
use serde::{Deserialize, Serialize};
use tokio::{io::AsyncWriteExt as _, process::Command};

use super::{KEY, LONG};

/// The client of a call, and the call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) base_url: String,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) proxy: Option<String>,
    /// The variable that names authorities to trust beside the others.
    pub(super) added: bool,
    pub(super) retries: Option<u32>,
    pub(super) connect_timeout_ms: Option<u64>,
    /// `generate` instead of `status`.
    pub(super) generate: bool,
}

/// What a caller is told.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Told {
    /// The job's id.
    pub(super) value: Option<String>,
    pub(super) kind: String,
    pub(super) code: String,
    pub(super) attempts: u32,
    pub(super) may_have_been_processed: bool,
    pub(super) retryable: bool,
    /// The error in all its forms, and in another process everything that was logged.
    pub(super) text: String,
}

impl Told {
    pub(super) fn is_ok(&self) -> bool {
        self.value.is_some()
    }

    /// In a few words.
    pub(super) fn short(&self) -> String {
        if self.is_ok() {
            return "ok".to_owned();
        }
        let Self { kind, code, attempts, may_have_been_processed: open, .. } = self;
        format!("{kind} `{code}` at {attempts}{}", if *open { ", open" } else { "" })
    }
}

impl Spec {
    fn builder(&self) -> ClientBuilder {
        let mut builder = InfraiClient::builder()
            .api_key(KEY)
            .base_url(&self.base_url)
            .allow_insecure_http(true)
            .retry_base(Duration::from_millis(2))
            .timeout(LONG)
            .attempt_timeout(LONG)
            .connect_timeout(self.connect_timeout_ms.map_or(LONG, Duration::from_millis));
        if let Some(path) = &self.ca_file {
            builder = builder.ca_file(path);
        }
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy);
        }
        if self.added {
            builder = builder.additional_ca_env(&["NODE_EXTRA_CA_CERTS"]);
        }
        if let Some(retries) = self.retries {
            builder = builder.max_retries(retries);
        }
        builder
    }

    /// Makes the call here.
    pub(super) async fn call(&self) -> Told {
        let client = match self.builder().build() {
            Ok(client) => client,
            Err(error) => return told(&error, ""),
        };
        let shown = format!("{client:?}");
        let made = if self.generate {
            client.video().generate("a kite").idempotency_key("vid_1").send().await
        } else {
            client.video().status("vid_1").await
        };
        match made {
            Ok(job) => Told { value: Some(job.job_id.as_str().to_owned()), text: shown, ..Told::default() },
            Err(error) => told(&error, &shown),
        }
    }

    /// Makes the call in a process of its own, with these variables.
    pub(super) async fn call_with(&self, variables: &[(&str, String)]) -> io::Result<Told> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("call").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        for name in
            ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "INFRAI_API_KEY", "INFRAI_BASE_URL"]
        {
            command.env_remove(name);
        }
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(&serde_json::to_vec(self)?).await?;
        }
        let done = child.wait_with_output().await?;
        let mut told: Told = serde_json::from_slice(&done.stdout).map_err(|error| {
            io::Error::other(format!("{error}: {}", String::from_utf8_lossy(&done.stderr)))
        })?;
        told.text.push_str(&String::from_utf8_lossy(&done.stderr));
        Ok(told)
    }
}

fn told(error: &infrai::InfraiError, client: &str) -> Told {
    let source = std::error::Error::source(error).map(|source| format!("{source:?} {source}"));
    Told {
        value: None,
        kind: error.kind().to_string(),
        code: error.code().to_owned(),
        attempts: error.attempts(),
        may_have_been_processed: error.may_have_been_processed(),
        retryable: error.is_retryable(),
        text: format!("{error}\n{error:?}\n{}\n{source:?}\n{client}\n", error.hint()),
    }
}

/// The process of [`Spec::call_with`]: a spec comes in, what was told goes out, what was logged goes to standard error.
pub(crate) async fn call() -> io::Result<bool> {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(io::stderr)
        .init();
    let spec: Spec = serde_json::from_reader(io::stdin())?;
    println!("{}", serde_json::to_string(&spec.call().await)?);
    Ok(true)
}
