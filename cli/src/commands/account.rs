//! `infrai account …`: balance and top-ups.

use std::{
    io::{self, IsTerminal as _},
    process::{Command, Stdio},
};

use infrai::{Result, TopupRecord, new_idempotency_key};

use crate::{
    args::TopupArgs,
    exit,
    output::{dollars, table},
    session::Session,
};

pub(super) async fn balance(session: &Session) -> Result<u8> {
    let balance = session.client.account().balance().await?;
    let currency = balance.currency.clone().unwrap_or_else(|| "USD".to_owned());
    let lines = format!("{} ({currency})", dollars(balance.balance_usd));
    session.out.result(&balance.to_json(), &[lines])?;
    Ok(exit::OK)
}

pub(super) async fn topup(session: &Session, args: TopupArgs) -> Result<u8> {
    let key = match args.idempotency_key {
        Some(key) => key,
        None => new_idempotency_key()?,
    };
    let attended = !session.out.is_json() && io::stdout().is_terminal() && io::stderr().is_terminal();
    let before = if attended && !args.no_wait {
        Some(session.client.account().balance().await?.balance_usd)
    } else {
        None
    };
    session.notice.set_submitting(&key);
    let mut topup = session.client.account().topup(args.amount_usd).idempotency_key(key);
    if let Some(url) = args.return_url {
        topup = topup.return_url(url);
    }
    let mut record = topup.await.map_err(|error| session.add_retry_hint(error))?;
    session.notice.clear();
    let mut json = record.to_json();
    if complete_sandbox_checkout(session, &record).await? {
        record.state = Some("succeeded".to_owned());
        record.next_action_url = None;
        if let Some(map) = json.as_object_mut() {
            map.insert("state".into(), "succeeded".into());
            map.remove("next_action_url");
        }
    }
    let lines = table([
        ("top-up", Some(record.topup_id)),
        ("amount", record.amount_usd.map(dollars)),
        ("state", record.state),
        ("pay at", record.next_action_url.clone()),
    ]);
    session.out.result(&json, &lines)?;
    let Some(page) = record.next_action_url else { return Ok(exit::OK) };
    if attended && !args.no_open {
        open_page(&page);
    }
    if let Some(before) = before {
        let min_usd = before + record.amount_usd.unwrap_or(args.amount_usd);
        session.note("Waiting for the payment. Ctrl-C ends the wait, not the payment.");
        let balance = session.client.account().wait_for_credit(min_usd).await?;
        session.note(&format!("The payment has arrived; the balance is {}.", dollars(balance.balance_usd)));
    }
    Ok(exit::OK)
}

/// Opens a page in the browser. The command prints the URL too, for a machine without one.
fn open_page(url: &str) {
    // Another scheme could start a program.
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return;
    }
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        let mut command = Command::new("rundll32");
        command.arg("url.dll,FileProtocolHandler");
        command
    } else {
        Command::new("xdg-open")
    };
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = command.spawn();
}

/// Completes the payment in a sandbox that ends with this call, because no browser could reach its payment page.
async fn complete_sandbox_checkout(session: &Session, record: &TopupRecord) -> Result<bool> {
    if session.sandbox.is_none() || record.state.as_deref() != Some("pending") {
        return Ok(false);
    }
    session.client.request("POST", format!("/sandbox/topups/{}/pay", record.topup_id)).await?;
    Ok(true)
}
