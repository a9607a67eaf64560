//! Answers kept by idempotency key, so that a request that comes again is answered, not processed, again.

use rusqlite::{OptionalExtension, Transaction};
use serde_json::{Value, json};

use crate::{error::ApiError, time};

/// An idempotency key with what it is bound to: the route, and the body it came with first.
#[derive(Debug, Clone)]
pub(crate) struct IdempotencyKey {
    pub(crate) route: &'static str,
    pub(crate) key: String,
    pub(crate) body_hash: [u8; 32],
}

/// Does `work` once a key: its answer is kept in the same transaction, so both are there or neither.
///
/// The second value tells whether the answer is a kept one.
pub(crate) fn execute_once(
    transaction: &Transaction<'_>,
    account: &str,
    key: Option<&IdempotencyKey>,
    work: impl FnOnce() -> Result<Value, ApiError>,
) -> Result<(Value, bool), ApiError> {
    let Some(IdempotencyKey { route, key, body_hash }) = key else { return Ok((work()?, false)) };
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
                "this Idempotency-Key was used with another body: send the same body, or a fresh key",
            )
            .with("idempotency_key", json!(key)));
        }
        let answer =
            serde_json::from_str(&answer).map_err(|_| ApiError::internal("a kept answer cannot be read"))?;
        return Ok((answer, true));
    }
    let answer = work()?;
    // Unique: were there ever a second writer, one of two equal keys would fail here and undo its work.
    transaction.prepare_cached("INSERT INTO idempotency VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute((
        account,
        route,
        key,
        body_hash,
        answer.to_string(),
        time::unix_millis(),
    ))?;
    Ok((answer, false))
}
