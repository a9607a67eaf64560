//! The ledger: append-only, and its sum is the wallet's balance.

use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use serde_json::{Value, json};

use crate::{error::ApiError, pricing::dollars, time};

/// Number of entries per page of the ledger.
pub(crate) const PAGE: i64 = 1000;

/// Returns the balance in micro-dollars.
pub(crate) fn balance(connection: &Connection, account: &str) -> Result<i64, ApiError> {
    let last = connection
        .prepare_cached("SELECT balance_micros FROM ledger WHERE account_id = ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row([account], |row| row.get(0))
        .optional()?;
    Ok(last.unwrap_or(0))
}

/// Appends an entry. `reference` is the job, top-up or account it belongs to, at most once per kind.
pub(crate) fn append(
    transaction: &Transaction<'_>,
    account: &str,
    kind: &str,
    reference: &str,
    amount: i64,
) -> Result<i64, ApiError> {
    let after = balance(transaction, account)?
        .checked_add(amount)
        .ok_or_else(|| ApiError::invalid("the balance would exceed its maximum"))?;
    transaction
        .prepare_cached(
            "INSERT INTO ledger (account_id, kind, reference, amount_micros, balance_micros, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((account, kind, reference, amount, after, time::unix_millis()))?;
    Ok(after)
}

fn show(row: &Row<'_>) -> rusqlite::Result<Value> {
    let (amount, balance): (i64, i64) = (row.get(3)?, row.get(4)?);
    Ok(json!({
        "seq": row.get::<_, i64>(0)?,
        "kind": row.get::<_, String>(1)?,
        "reference": row.get::<_, String>(2)?,
        "amount_micros": amount,
        "amount_usd": dollars(amount),
        "balance_micros": balance,
        "created_at": time::rfc3339(row.get(5)?),
    }))
}

/// Returns an account's latest entries, the last one first.
pub(crate) fn latest(connection: &Connection, account: &str, count: i64) -> Result<Vec<Value>, ApiError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, kind, reference, amount_micros, balance_micros, created_at FROM ledger
         WHERE account_id = ?1 ORDER BY seq DESC LIMIT ?2",
    )?;
    let entries = statement.query_map((account, count), show)?.collect::<Result<_, _>>()?;
    Ok(entries)
}

/// Returns the page of an account's ledger after entry `after`, with the sum and count of all entries.
pub(crate) fn page(connection: &Connection, account: &str, after: i64) -> Result<Value, ApiError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, kind, reference, amount_micros, balance_micros, created_at FROM ledger
         WHERE account_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let entries = statement.query_map((account, after, PAGE), show)?.collect::<Result<Vec<_>, _>>()?;
    let (sum, count): (i64, i64) = connection.query_row(
        "SELECT COALESCE(SUM(amount_micros), 0), COUNT(*) FROM ledger WHERE account_id = ?1",
        [account],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let balance = balance(connection, account)?;
    Ok(json!({
        "account_id": account,
        "entries": entries,
        "count": count,
        "sum_micros": sum,
        "balance_micros": balance,
        "balance_usd": dollars(balance),
    }))
}
