//! Top-ups: records that a page completes.

use rusqlite::{Connection, OptionalExtension, Params, Row, Transaction};

use crate::{error::ApiError, store::ledger, time, tokens};

/// A topup.
#[derive(Debug, Clone)]
pub(crate) struct Topup {
    pub(crate) id: String,
    pub(crate) account_id: String,
    pub(crate) amount_micros: i64,
    pub(crate) state: String,
    pub(crate) token: String,
    pub(crate) return_url: Option<String>,
}

impl Topup {
    /// Returns the path of the page that completes it.
    pub(crate) fn page(&self) -> String {
        format!("/topup/{}", self.token)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Topup> {
    Ok(Topup {
        id: row.get(0)?,
        account_id: row.get(1)?,
        amount_micros: row.get(2)?,
        state: row.get(3)?,
        token: row.get(4)?,
        return_url: row.get(5)?,
    })
}

/// Creates a pending top-up. No money moves yet.
pub(crate) fn create(
    transaction: &Transaction<'_>,
    account: &str,
    amount_micros: i64,
    return_url: Option<String>,
) -> Result<Topup, ApiError> {
    let topup = Topup {
        id: format!("top_{}", tokens::random_string(24)),
        account_id: account.to_owned(),
        amount_micros,
        state: "pending".to_owned(),
        token: tokens::random_string(tokens::TOKEN_LENGTH),
        return_url,
    };
    transaction.execute(
        "INSERT INTO topups VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)",
        (
            &topup.id,
            account,
            amount_micros,
            &topup.state,
            &topup.token,
            &topup.return_url,
            time::unix_millis(),
        ),
    )?;
    Ok(topup)
}

/// Returns the top-up of a page.
pub(crate) fn by_token(connection: &Connection, token: &str) -> Result<Topup, ApiError> {
    find(connection, "WHERE token = ?1", [token])
}

/// Returns a top-up of an account.
pub(crate) fn of_account(connection: &Connection, account: &str, id: &str) -> Result<Topup, ApiError> {
    find(connection, "WHERE id = ?1 AND account_id = ?2", [id, account])
}

fn find(connection: &Connection, clause: &str, by: impl Params) -> Result<Topup, ApiError> {
    let select = "SELECT id, account_id, amount_micros, state, token, return_url FROM topups";
    connection
        .query_row(&format!("{select} {clause}"), by, read)
        .optional()?
        .ok_or_else(|| ApiError::not_found("no such top-up"))
}

/// Credits the wallet once, however often it is called.
pub(crate) fn complete(transaction: &Transaction<'_>, topup: &Topup) -> Result<(), ApiError> {
    let changed = transaction.execute(
        "UPDATE topups SET state = 'succeeded', completed_at = ?2 WHERE id = ?1 AND state = 'pending'",
        (&topup.id, time::unix_millis()),
    )?;
    if changed == 1 {
        ledger::append(transaction, &topup.account_id, "topup", &topup.id, topup.amount_micros)?;
    }
    Ok(())
}
