//! `infrai doctor`: checks of the settings, the network, the server and the account.

mod checks;
mod report;
mod routes;

use std::time::Duration;

use infrai::{CallOptions, InfraiClient, Result, Settings};

use self::report::{Line, Report};
use crate::{args::GlobalArgs, exit, session::Session};

/// Time of each check.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the checks and returns the exit code of the first one that is not ok.
pub(super) async fn run(session: &Session, global: &GlobalArgs) -> Result<u8> {
    let timeout = global.timeout.unwrap_or(TIMEOUT);
    let client = session.client.with_options(CallOptions::new().timeout(timeout).max_retries(0))?;
    let mut report = Report::default();
    match settings(client.clone(), timeout).await {
        Some(settings) => {
            let has_key = checks::settings(&settings, &mut report);
            let reached = checks::network(&client, &settings, timeout, &mut report).await;
            if reached {
                routes::check(&client, &settings.routes, &mut report).await;
            }
            checks::account(session, &client, has_key, reached, &mut report).await;
        }
        None => report.push(Line::problem(
            "settings",
            exit::LOCAL,
            format!("the credentials file was not read within {timeout:?}"),
            "Check the file system that holds it, or name another file with INFRAI_CREDENTIALS_FILE.",
        )),
    }
    session.out.result(&report.to_json(), &report.lines())?;
    Ok(report.exit_code())
}

/// Reads the settings on its own thread: a disk that does not respond must not hold up the command.
async fn settings(client: InfraiClient, timeout: Duration) -> Option<Settings> {
    tokio::time::timeout(timeout, tokio::task::spawn_blocking(move || client.settings())).await.ok()?.ok()
}
