//! The state of one call: client, embedded sandbox and output.

use infrai::{ErrorKind, InfraiClient, InfraiError, Result, VideoRoutes};

use crate::{
    args::GlobalArgs,
    error,
    interrupt::InterruptNotice,
    next_command::{NextCommand, shell_quote},
    output::{OutputFormat, dollars},
    sandbox::{self, EmbeddedSandbox},
    terminal::progress::{self, Style},
};

/// One call of the command.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: InfraiClient,
    pub(crate) out: OutputFormat,
    pub(crate) style: Style,
    pub(crate) next: NextCommand,
    pub(crate) notice: InterruptNotice,
    pub(crate) sandbox: Option<EmbeddedSandbox>,
}

impl Session {
    /// Creates the client, and with `--sandbox` its sandbox.
    pub(crate) async fn open(global: &GlobalArgs, notice: &InterruptNotice) -> Result<Self> {
        let mut builder =
            InfraiClient::builder().user_agent_suffix(concat!("infrai-cli/", env!("CARGO_PKG_VERSION")));
        if let Some(timeout) = global.timeout {
            builder = builder.timeout(timeout);
        }
        builder = builder.routes(match global.routes.as_deref() {
            Some("jobs") => VideoRoutes::Jobs,
            Some("status") => VideoRoutes::Status,
            _ => VideoRoutes::Auto,
        });
        let sandbox = if global.sandbox {
            let sandbox = EmbeddedSandbox::open(global.data_dir.as_deref()).await?;
            builder = builder
                .base_url(sandbox.url())
                .credentials_file(sandbox.credentials())
                .profile(sandbox::PROFILE);
            Some(sandbox)
        } else {
            if global.data_dir.is_some() {
                return Err(error::usage("--data-dir goes with --sandbox or `infrai sandbox`"));
            }
            builder = builder
                .base_url(global.base_url.clone().unwrap_or_default())
                .profile(global.profile.clone().unwrap_or_default());
            None
        };
        Ok(Self {
            client: builder.build()?,
            out: OutputFormat::new(global.json),
            style: Style::fitting(global.json, global.verbose > 0),
            next: NextCommand::new(global),
            notice: notice.clone(),
            sandbox,
        })
    }

    /// Returns true at the first call of a sandbox.
    pub(crate) fn lacks_sandbox_account(&self) -> bool {
        self.sandbox.as_ref().is_some_and(|sandbox| !sandbox.has_account())
    }

    /// Creates the sandbox's account, which further calls find.
    pub(crate) async fn activate_in_sandbox(&self) -> Result<()> {
        let activated = self.client.activate().await?;
        let credit = activated
            .trial_credit_usd
            .map(|usd| format!(" with {} of trial credit", dollars(usd)))
            .unwrap_or_default();
        self.note(&format!(
            "Activated the anonymous account {}{credit}.",
            activated.account_id.unwrap_or_default()
        ));
        Ok(())
    }

    /// Prints that a sandbox replaces the API.
    pub(crate) fn print_sandbox_notice(&self) {
        if let Some(sandbox) = &self.sandbox {
            let folder = sandbox.data_dir().display();
            self.note(&format!("Sandbox in {folder}: a stand-in, no model runs and no real money moves."));
        }
    }

    /// Prints a line on standard error; not with `--json`.
    pub(crate) fn note(&self, line: &str) {
        if !self.out.is_json() {
            progress::print_line(line);
        }
    }

    /// Returns true if the jobs pause after this call.
    pub(crate) fn jobs_are_paused(&self) -> bool {
        self.sandbox.as_ref().is_some_and(EmbeddedSandbox::is_temporary)
    }

    /// Adds a remedy in the words of the command to an error.
    pub(crate) fn add_hint(&self, error: InfraiError) -> InfraiError {
        let advice = match (error.kind(), &self.sandbox) {
            (ErrorKind::Authentication, Some(sandbox)) => sandbox.unknown_key_hint(),
            (ErrorKind::Authentication, None) if error.code() != "API_KEY_MISSING" => {
                "Check INFRAI_API_KEY or the credentials file, or get a new key: `infrai activate --force`."
                    .to_owned()
            }
            (ErrorKind::PaymentRequired, Some(_)) => {
                let topup = self.next.command(&["account", "topup", "20"]);
                format!("Add play money with `{topup}` and run the command again.")
            }
            (ErrorKind::PaymentRequired, None) => match error.checkout_url() {
                Some(url) => format!("Add credit at {url} and run the command again."),
                None => "Add credit with `infrai account topup` and run the command again.".to_owned(),
            },
            _ => return error,
        };
        error.with_hint(advice)
    }

    /// Adds the remedy for a command with `--idempotency-key`: an ambiguous request can be repeated safely.
    pub(crate) fn add_retry_hint(&self, error: InfraiError) -> InfraiError {
        let error = self.add_hint(error);
        match error.idempotency_key() {
            Some(key) if error.may_have_been_processed() => {
                let advice = format!(
                    "It may have been processed: repeat the command with --idempotency-key {}, and it takes effect once.",
                    shell_quote(key)
                );
                error.with_hint(advice)
            }
            _ => error,
        }
    }

    /// Stops the sandbox.
    pub(crate) async fn close(self) {
        if let Some(sandbox) = self.sandbox {
            sandbox.close().await;
        }
    }
}
