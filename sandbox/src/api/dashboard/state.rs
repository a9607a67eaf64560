//! The dashboard's state in one response, with an entity tag: polled once a second, and empty while nothing changes.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{super::video, guard};
use crate::{
    app::{App, RequestContext},
    envelope::ApiSuccess,
    error::ApiError,
    pricing::dollars,
    store::{
        accounts::{self, AccountSummary},
        jobs::{self, Job},
        ledger,
    },
    time, tokens,
};

/// Maximum numbers of shown entries.
const ACCOUNTS: i64 = 50;
const JOBS: i64 = 48;
const ENTRIES: i64 = 50;
const REQUESTS: usize = 100;
/// Maximum number of an account's keys for the dashboard to create another.
const KEYS: i64 = 20;
/// Maximum length of a shown prompt, in characters.
const PROMPT: usize = 500;

/// Header with the token from the dashboard's URL. No form and no page of another origin can send it.
const TOKEN: &str = "x-sandbox-page";

/// Query of the state.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct DashboardQuery {
    /// The account to show. Default: the one used last.
    account: Option<String>,
    /// True to list the dashboard's requests too.
    #[serde(default)]
    own: bool,
}

/// Data that otherwise needs an account's key.
#[derive(Debug, Default)]
struct Accounts {
    all: Vec<Value>,
    shown: Option<String>,
    jobs: Vec<Job>,
    ledger: Vec<Value>,
}

/// `GET /sandbox/page/state`: faults and requests. With the dashboard's token also accounts, jobs and ledgers, which
/// otherwise need the account's key.
pub(in crate::api) async fn state(
    State(app): State<Arc<App>>,
    context: RequestContext,
    headers: HeaderMap,
    query: Result<Query<DashboardQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let query = parse(query)?;
    let unlocked = has_token(&app, &headers);
    let accounts = if unlocked {
        app.db.read(move |connection| read(connection, query.account)).await?
    } else {
        Accounts::default()
    };
    let jobs = accounts.jobs.iter().map(|job| {
        let mut shown = video::show_now(&app, &context.host, job);
        if let Some(prompt) =
            shown.get_mut("prompt").and_then(|prompt| Some((prompt.as_str()?.to_owned(), prompt)))
        {
            *prompt.1 = Value::from(clip(&prompt.0));
        }
        shown
    });
    let mut data = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "unlocked": unlocked,
        "data_dir": app.files.parent().filter(|_| unlocked),
        "accounts": accounts.all,
        "account": accounts.shown,
        "jobs": jobs.collect::<Vec<_>>(),
        "ledger": accounts.ledger,
        "faults": app.faults.list(),
        "requests": app.log.latest(REQUESTS, query.own),
    });
    redact(&mut data);
    Ok(tagged(data, &headers))
}

/// `POST /sandbox/page/key`, with the dashboard's token: a further key of the named account, by default the
/// latest one, or that of a new account if there is none.
pub(in crate::api) async fn new_key(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    query: Result<Query<DashboardQuery>, QueryRejection>,
) -> Result<ApiSuccess, ApiError> {
    let query = parse(query)?;
    if !has_token(&app, &headers) {
        return Err(ApiError::unauthorized("the dashboard's token is missing: open it at its full address"));
    }
    let create = move |transaction: &rusqlite::Transaction<'_>| {
        let accounts = accounts::latest(transaction, ACCOUNTS)?;
        let account = match &query.account {
            Some(id) => accounts.iter().find(|summary| summary.account.id == *id),
            None => accounts.first(),
        };
        match account {
            Some(summary) if summary.keys >= KEYS => {
                let message = format!("the account has {KEYS} keys: use one of them, or another account");
                Err(ApiError::new(StatusCode::CONFLICT, "KEY_LIMIT", message))
            }
            Some(summary) => accounts::add_key(transaction, &summary.account.id),
            None if query.account.is_some() => Err(ApiError::not_found("no such account")),
            None => Ok(accounts::activate(transaction, &tokens::random_string(32), "auto")?.key),
        }
    };
    Ok(ApiSuccess::new(json!({"api_key": app.db.write(create, |_| ()).await?})))
}

fn parse(query: Result<Query<DashboardQuery>, QueryRejection>) -> Result<DashboardQuery, ApiError> {
    let invalid = |_| ApiError::invalid("invalid query: expected account, and own as true or false");
    query.map(|Query(query)| query).map_err(invalid)
}

fn has_token(app: &App, headers: &HeaderMap) -> bool {
    let token = headers.get(TOKEN).and_then(|token| token.to_str().ok());
    token.is_some_and(|token| tokens::verify_page(&app.file_signing_key, token))
}

/// Returns the account to show: the chosen one if it is among them, else the latest.
fn shown(accounts: &[AccountSummary], chosen: Option<String>) -> Option<String> {
    let known = |id: &String| accounts.iter().any(|summary| summary.account.id == *id);
    chosen.filter(known).or_else(|| accounts.first().map(|summary| summary.account.id.clone()))
}

fn read(connection: &rusqlite::Connection, chosen: Option<String>) -> Result<Accounts, ApiError> {
    let summaries = accounts::latest(connection, ACCOUNTS)?;
    let shown = shown(&summaries, chosen);
    let all = summaries.iter().map(|summary| show(connection, summary)).collect::<Result<_, _>>()?;
    let (jobs, ledger) = match &shown {
        Some(id) => (jobs::latest(connection, id, JOBS)?, ledger::latest(connection, id, ENTRIES)?),
        None => Default::default(),
    };
    Ok(Accounts { all, shown, jobs, ledger })
}

fn show(connection: &rusqlite::Connection, summary: &AccountSummary) -> Result<Value, ApiError> {
    let account = &summary.account;
    Ok(json!({
        "account_id": account.id,
        "created_at": time::rfc3339(summary.created_at),
        "keys": summary.keys,
        "jobs": summary.jobs,
        "balance_usd": dollars(ledger::balance(connection, &account.id)?),
        "checkout": format!("/checkout/{}", account.checkout_token),
    }))
}

fn clip(prompt: &str) -> String {
    match prompt.char_indices().nth(PROMPT) {
        Some((end, _)) => format!("{}…", &prompt[..end]),
        None => prompt.to_owned(),
    }
}

/// Redacts keys in every text: someone may have pasted one.
fn redact(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let std::borrow::Cow::Owned(redacted) = tokens::redact_keys(text) {
                *text = redacted;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(members) => members.values_mut().for_each(redact),
        _ => {}
    }
}

/// Returns the data with its entity tag, or 304 if the client has it already.
fn tagged(data: Value, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", &tokens::hex(&Sha256::digest(data.to_string().as_bytes()))[..32]);
    let has_it = headers.get(header::IF_NONE_MATCH).is_some_and(|given| given.as_bytes() == tag.as_bytes());
    let mut response =
        if has_it { Response::new(Body::empty()) } else { ApiSuccess::new(data).into_response() };
    if has_it {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    guard(&mut response);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_cut_down_wherever_it_stands() {
        let key = tokens::project_key();
        let mut data = json!({"a": [{"prompt": format!("use {key} please")}, 1, null], "b": key});
        redact(&mut data);
        let text = data.to_string();
        assert!(!text.contains(&key[..key.len() - 4]), "{text}");
        assert!(text.contains("please"), "{text}");
    }

    #[test]
    fn a_long_prompt_is_clipped_between_two_characters() {
        assert_eq!(clip("short é"), "short é");
        assert_eq!(clip(&"é".repeat(PROMPT)), "é".repeat(PROMPT));
        assert_eq!(clip(&"é".repeat(PROMPT + 1)), format!("{}…", "é".repeat(PROMPT)));
    }
}
