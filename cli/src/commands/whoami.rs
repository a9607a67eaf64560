//! `infrai whoami`: the account, the source of its key, and its balance.

use std::time::Duration;

use infrai::{CallOptions, ErrorKind, Identity, InfraiClient, InfraiError, KeySource, Result};
use serde_json::json;

use crate::{
    args::GlobalArgs,
    exit,
    output::{dollars, table},
    session::Session,
};

/// Time for the balance to arrive, so that it does not delay the rest.
const BALANCE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn run(session: &Session, global: &GlobalArgs) -> Result<u8> {
    let timeout = global.timeout.unwrap_or(BALANCE_TIMEOUT);
    let identity = identity(session.client.clone(), timeout).await?;
    let hurried = CallOptions::new().timeout(timeout).max_retries(0);
    // Without a key this fails with a remedy, and sends nothing.
    let balance = session.client.with_options(hurried)?.account().balance().await;
    let file = identity.credentials_file.as_ref().map(|file| file.display().to_string());
    let json = json!({
        "profile": identity.profile,
        "base_url": identity.base_url,
        "key_hint": identity.key_hint,
        "key_source": identity.key_source.as_str(),
        "account_id": identity.account_id,
        "project_id": identity.project_id,
        "credentials_file": file,
        "balance": balance.as_ref().ok().map(infrai::Balance::to_json),
        "balance_error": balance.as_ref().err().map(InfraiError::to_json),
    });
    let source = match identity.key_source {
        KeySource::Environment => " (from INFRAI_API_KEY)",
        KeySource::Profile => " (from the profile)",
        _ => "",
    };
    let left = match &balance {
        Ok(balance) => Some(dollars(balance.balance_usd)),
        Err(_) if identity.key_source == KeySource::Missing => None,
        Err(error) => Some(format!("not known: {error}")),
    };
    let lines = table([
        ("profile", Some(identity.profile)),
        ("base URL", Some(identity.base_url)),
        ("key", Some(identity.key_hint.map_or("none".to_owned(), |hint| format!("{hint}{source}")))),
        ("account", identity.account_id),
        ("project", identity.project_id),
        ("credentials", file),
        ("balance", left),
    ]);
    session.out.result(&json, &lines)?;
    match balance {
        // A missing or refused key answers the question; an unreachable network does not.
        Err(error) if matches!(error.kind(), ErrorKind::Authentication | ErrorKind::Permission) => Err(error),
        _ => Ok(exit::OK),
    }
}

/// Reads the identity on its own thread: a disk that does not respond delays neither Ctrl-C nor the command beyond
/// its timeout.
async fn identity(client: InfraiClient, timeout: Duration) -> Result<Identity> {
    match tokio::time::timeout(timeout, tokio::task::spawn_blocking(move || client.identity())).await {
        Ok(Ok(identity)) => identity,
        Ok(Err(error)) => Err(InfraiError::internal(error.to_string())),
        Err(_) => Err(InfraiError::new(
            ErrorKind::Timeout,
            "DEADLINE_EXCEEDED",
            format!("the credentials file was not read within {timeout:?}"),
        )
        .with_hint("Check the file system that holds it.")),
    }
}
