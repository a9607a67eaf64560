//! Accounts, their keys, and the sandbox's own signing key.

use rusqlite::{Connection, OptionalExtension, Transaction};

use crate::{error::ApiError, pricing, store::ledger, time, tokens};

/// An account, found by its key or its checkout page.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) checkout_token: String,
}

/// The result of an activation.
#[derive(Debug)]
pub(crate) struct Activation {
    pub(crate) account: Account,
    pub(crate) project_id: String,
    pub(crate) key: String,
}

/// Returns the account of a device fingerprint, with a further key. Creates it with its trial credit the first time.
pub(crate) fn activate(
    transaction: &Transaction<'_>,
    fingerprint: &str,
    region: &str,
) -> Result<Activation, ApiError> {
    let now = time::unix_millis();
    let fingerprint_hash = tokens::hash_token(fingerprint);
    let known = transaction
        .query_row(
            "SELECT id, checkout_token, project_id FROM accounts WHERE fingerprint_hash = ?1",
            [fingerprint_hash],
            |row| Ok((Account { id: row.get(0)?, checkout_token: row.get(1)? }, row.get::<_, String>(2)?)),
        )
        .optional()?;
    let (account, project_id) = if let Some(known) = known {
        known
    } else {
        let account = Account {
            id: format!("acc_{}", tokens::random_string(16)),
            checkout_token: tokens::random_string(tokens::TOKEN_LENGTH),
        };
        let project_id = format!("proj_{}", tokens::random_string(16));
        transaction.execute(
            "INSERT INTO accounts VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (&account.id, &project_id, fingerprint_hash, region, &account.checkout_token, now),
        )?;
        ledger::append(transaction, &account.id, "trial", &account.id, pricing::TRIAL_MICROS)?;
        (account, project_id)
    };
    let key = add_key(transaction, &account.id)?;
    Ok(Activation { account, project_id, key })
}

/// Creates a further key of an account.
pub(crate) fn add_key(transaction: &Transaction<'_>, account: &str) -> Result<String, ApiError> {
    let key = tokens::project_key();
    let values = (tokens::hash_token(&key), account, time::unix_millis());
    transaction.execute("INSERT INTO api_keys VALUES (?1, ?2, ?3)", values)?;
    Ok(key)
}

/// Returns the account of a key.
pub(crate) fn by_key(connection: &Connection, key_hash: [u8; 32]) -> Result<Option<Account>, ApiError> {
    find(
        connection,
        "SELECT accounts.id, checkout_token FROM api_keys JOIN accounts ON accounts.id = account_id WHERE hash = ?1",
        key_hash,
    )
}

/// Returns the account of a checkout page.
pub(crate) fn by_checkout(connection: &Connection, token: &str) -> Result<Option<Account>, ApiError> {
    find(connection, "SELECT id, checkout_token FROM accounts WHERE checkout_token = ?1", token)
}

/// An account with counts, for the dashboard.
#[derive(Debug)]
pub(crate) struct AccountSummary {
    pub(crate) account: Account,
    pub(crate) created_at: i64,
    pub(crate) keys: i64,
    pub(crate) jobs: i64,
}

/// Returns the accounts, the one with the latest ledger entry first.
pub(crate) fn latest(connection: &Connection, count: i64) -> Result<Vec<AccountSummary>, ApiError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, checkout_token, created_at,
            (SELECT COUNT(*) FROM api_keys WHERE api_keys.account_id = id),
            (SELECT COUNT(*) FROM jobs WHERE jobs.account_id = accounts.id)
         FROM accounts JOIN (SELECT account_id, MAX(seq) AS last FROM ledger GROUP BY account_id) ON account_id = id
         ORDER BY last DESC LIMIT ?1",
    )?;
    let summaries = statement
        .query_map([count], |row| {
            Ok(AccountSummary {
                account: Account { id: row.get(0)?, checkout_token: row.get(1)? },
                created_at: row.get(2)?,
                keys: row.get(3)?,
                jobs: row.get(4)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(summaries)
}

fn find(connection: &Connection, sql: &str, by: impl rusqlite::ToSql) -> Result<Option<Account>, ApiError> {
    let account = connection
        .prepare_cached(sql)?
        .query_row([by], |row| Ok(Account { id: row.get(0)?, checkout_token: row.get(1)? }))
        .optional()?;
    Ok(account)
}

/// Returns the key that signs file URLs, created once per data folder.
pub(crate) fn file_signing_key(transaction: &Transaction<'_>) -> Result<[u8; 32], ApiError> {
    transaction.execute(
        "INSERT INTO meta VALUES ('file_signing_key', ?1) ON CONFLICT DO NOTHING",
        [tokens::signing_key()],
    )?;
    Ok(transaction
        .query_row("SELECT value FROM meta WHERE name = 'file_signing_key'", [], |row| row.get(0))?)
}
