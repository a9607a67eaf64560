//! Results stored per idempotency key, so that a repeated request is not processed twice.

use std::time::Duration;

use rusqlite::{OptionalExtension, Transaction};
use serde_json::{Value, json};

use crate::{error::ApiError, time};

/// An idempotency key, bound to its route and the first body it came with.
#[derive(Debug, Clone)]
pub(crate) struct IdempotencyKey {
    pub(crate) route: &'static str,
    pub(crate) key: String,
    pub(crate) body_hash: [u8; 32],
}

/// Executes `work` once per key and window. A key that is older counts as new. The result is stored in the same transaction, so either both exist or neither.
///
/// The second value is true for a stored result.
pub(crate) fn execute_once(
    transaction: &Transaction<'_>,
    account: &str,
    key: Option<&IdempotencyKey>,
    window: Duration,
    work: impl FnOnce() -> Result<Value, ApiError>,
) -> Result<(Value, bool), ApiError> {
    let Some(IdempotencyKey { route, key, body_hash }) = key else { return Ok((work()?, false)) };
    let now = time::unix_millis();
    let oldest = now.saturating_sub(i64::try_from(window.as_millis()).unwrap_or(i64::MAX));
    transaction
        .prepare_cached(
            "DELETE FROM idempotency WHERE account_id = ?1 AND route = ?2 AND key = ?3 AND created_at < ?4",
        )?
        .execute((account, route, key, oldest))?;
    let kept: Option<([u8; 32], String)> = transaction
        .prepare_cached(
            "SELECT body_hash, answer FROM idempotency WHERE account_id = ?1 AND route = ?2 AND key = ?3",
        )?
        .query_row((account, route, key), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((kept_hash, answer)) = kept {
        if kept_hash != *body_hash {
            return Err(ApiError::new(
                http::StatusCode::CONFLICT,
                "IDEMPOTENCY_CONFLICT",
                "this Idempotency-Key was used with another body: send the same body, or a new key",
            )
            .with("idempotency_key", json!(key)));
        }
        let answer = serde_json::from_str(&answer)
            .map_err(|_| ApiError::internal("a stored result cannot be read"))?;
        return Ok((answer, true));
    }
    let answer = work()?;
    // Unique: with a second writer, one of two equal keys would fail here and roll back.
    transaction.prepare_cached("INSERT INTO idempotency VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute((
        account,
        route,
        key,
        body_hash,
        answer.to_string(),
        now,
    ))?;
    Ok((answer, false))
}
