//! Webhooks, and the deliveries of their events. The schema's triggers add one delivery per change of a job's state.

use rusqlite::{Connection, OptionalExtension, Transaction};
use serde_json::Value;

use crate::{error::ApiError, time, tokens};

/// Most webhooks of an account.
pub(crate) const LIMIT: i64 = 10;

/// A webhook as its owner registers it.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) url: String,
    pub(crate) events: Vec<String>,
    pub(crate) description: Option<String>,
    pub(crate) secret: String,
}

/// Stores a webhook and returns its id and time. One with the same URL is replaced and keeps its id.
pub(crate) fn register(
    transaction: &Transaction<'_>,
    account: &str,
    webhook: &Registration,
) -> Result<Option<(String, i64)>, ApiError> {
    let others: i64 = transaction.query_row(
        "SELECT COUNT(*) FROM webhooks WHERE account_id = ?1 AND url <> ?2",
        (account, &webhook.url),
        |row| row.get(0),
    )?;
    if others >= LIMIT {
        return Ok(None);
    }
    let id = format!("wh_{}", tokens::random_string(24));
    let Registration { url, events, description, secret } = webhook;
    let stored = transaction.query_row(
        "INSERT INTO webhooks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (account_id, url) DO UPDATE
            SET events = excluded.events, description = excluded.description, secret = excluded.secret
         RETURNING id, created_at",
        (id, account, url, Value::from(events.clone()).to_string(), description, secret, time::unix_millis()),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(Some(stored))
}

/// Returns whether there is any webhook.
pub(crate) fn any(connection: &Connection) -> Result<bool, ApiError> {
    Ok(connection.query_row("SELECT EXISTS (SELECT 1 FROM webhooks)", [], |row| row.get(0))?)
}

/// A delivery that is due.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) seq: i64,
    pub(crate) webhook_id: String,
    /// Number of attempts before this one.
    pub(crate) attempts: u32,
    pub(crate) url: String,
    pub(crate) secret: String,
    pub(crate) event_id: String,
    pub(crate) account_id: String,
    pub(crate) job_id: String,
    pub(crate) state: String,
    pub(crate) created_at: i64,
    /// The body of the first attempt, which all others repeat.
    pub(crate) body: Option<String>,
}

/// Returns the first due delivery of each webhook.
pub(crate) fn due(connection: &Connection) -> Result<Vec<Delivery>, ApiError> {
    let mut statement = connection.prepare_cached(
        "SELECT MIN(seq), webhook_id, attempts, url, secret, event_id, account_id, job_id, state,
            webhook_deliveries.created_at, body
         FROM webhook_deliveries JOIN webhooks ON webhooks.id = webhook_id
         WHERE due_at <= ?1 GROUP BY webhook_id",
    )?;
    let rows = statement.query_map([time::unix_millis()], |row| {
        Ok(Delivery {
            seq: row.get(0)?,
            webhook_id: row.get(1)?,
            attempts: row.get(2)?,
            url: row.get(3)?,
            secret: row.get(4)?,
            event_id: row.get(5)?,
            account_id: row.get(6)?,
            job_id: row.get(7)?,
            state: row.get(8)?,
            created_at: row.get(9)?,
            body: row.get(10)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes an attempt that begins, and its body. The next one is due after `pause_ms` unless the outcome says otherwise, so that
/// a killed process repeats the attempt. Returns the body of the first attempt.
pub(crate) fn begin(
    transaction: &Transaction<'_>,
    seq: i64,
    body: &str,
    pause_ms: i64,
) -> Result<Option<String>, ApiError> {
    Ok(transaction
        .query_row(
            "UPDATE webhook_deliveries SET attempts = attempts + 1, body = COALESCE(body, ?2), due_at = ?3
             WHERE seq = ?1 RETURNING body",
            (seq, body, time::unix_millis() + pause_ms),
            |row| row.get(0),
        )
        .optional()?)
}

/// Schedules the next attempt.
pub(crate) fn repeat(transaction: &Transaction<'_>, seq: i64, pause_ms: i64) -> Result<(), ApiError> {
    let due_at = time::unix_millis() + pause_ms;
    transaction.execute("UPDATE webhook_deliveries SET due_at = ?2 WHERE seq = ?1", (seq, due_at))?;
    Ok(())
}

/// Removes a delivery that was accepted or given up.
pub(crate) fn finish(transaction: &Transaction<'_>, seq: i64) -> Result<(), ApiError> {
    transaction.execute("DELETE FROM webhook_deliveries WHERE seq = ?1", [seq])?;
    Ok(())
}
