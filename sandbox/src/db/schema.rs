//! The schema, and its migrations.

use rusqlite::{Connection, TransactionBehavior};

/// The reason why a database could not be opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    Sqlite(rusqlite::Error),
    Io(std::io::Error),
    /// Written by a newer version.
    TooNew(i64),
    /// It holds the tables of another program.
    ForeignDatabase,
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Each migration takes the schema from the version of its index to the next. Migrations are added, never edited.
const MIGRATIONS: &[&str] = &[V1, V2, V3, V4];

/// The ledger keeps a running balance. Its triggers refuse a row that does not add up and any change to an old one,
/// so the last balance is always the sum of all amounts.
const V1: &str = "
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    fingerprint_hash BLOB NOT NULL UNIQUE,
    region TEXT NOT NULL,
    checkout_token TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    hash BLOB PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL CHECK (kind IN ('trial', 'topup', 'charge', 'refund')),
    reference TEXT NOT NULL,
    amount_micros INTEGER NOT NULL,
    balance_micros INTEGER NOT NULL CHECK (balance_micros >= 0),
    created_at INTEGER NOT NULL,
    UNIQUE (kind, reference)
) STRICT;
CREATE INDEX ledger_by_account ON ledger (account_id, seq);
CREATE TRIGGER ledger_adds_up BEFORE INSERT ON ledger
WHEN NEW.balance_micros <> NEW.amount_micros + COALESCE(
    (SELECT balance_micros FROM ledger WHERE account_id = NEW.account_id ORDER BY seq DESC LIMIT 1), 0)
BEGIN SELECT RAISE(ABORT, 'the balance is not the sum of the ledger'); END;
CREATE TRIGGER ledger_keeps BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_stays BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

CREATE TABLE topups (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    amount_micros INTEGER NOT NULL CHECK (amount_micros > 0),
    state TEXT NOT NULL CHECK (state IN ('pending', 'succeeded')),
    token TEXT NOT NULL UNIQUE,
    return_url TEXT,
    created_at INTEGER NOT NULL,
    completed_at INTEGER
) STRICT;

CREATE TABLE idempotency (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    answer TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, route, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    stage TEXT NOT NULL CHECK (stage IN ('hold', 'stuck', 'render', 'rendering', 'ended')),
    prompt TEXT NOT NULL,
    reference_image_url TEXT,
    duration_ms INTEGER NOT NULL,
    aspect TEXT NOT NULL,
    resolution TEXT NOT NULL,
    prefer TEXT NOT NULL,
    model TEXT NOT NULL,
    vendor TEXT NOT NULL,
    cost_micros INTEGER NOT NULL,
    file_id TEXT NOT NULL UNIQUE,
    video_etag TEXT,
    thumbnail_etag TEXT,
    warnings TEXT,
    error_code TEXT,
    error_message TEXT,
    created_at INTEGER NOT NULL,
    ready_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER
) STRICT;
CREATE INDEX jobs_by_stage ON jobs (stage, ready_at, seq);
";

/// The dashboard reads an account's latest jobs once a second.
const V2: &str = "
CREATE INDEX jobs_by_account ON jobs (account_id, seq);
CREATE INDEX keys_by_account ON api_keys (account_id);
";

/// A fault can make an accepted job fail, also after a restart.
const V3: &str = "
ALTER TABLE jobs ADD COLUMN injected_error_code TEXT;
";

/// Each change of a job's state adds an event for the webhooks of its account, in the transaction of the change.
const V4: &str = "
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    description TEXT,
    secret TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (account_id, url)
) STRICT;
CREATE TABLE webhook_deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id),
    job_id TEXT NOT NULL REFERENCES jobs (id),
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,
    body TEXT
) STRICT;
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (due_at, seq);

CREATE TRIGGER job_queued AFTER INSERT ON jobs BEGIN
    INSERT INTO webhook_deliveries (event_id, webhook_id, job_id, state, created_at, due_at)
    SELECT 'evt_' || lower(hex(randomblob(12))), id, new.id, new.state, new.created_at, new.created_at
    FROM webhooks WHERE account_id = new.account_id
        AND EXISTS (SELECT 1 FROM json_each(events) WHERE value IN ('*', 'video.' || new.state));
END;
CREATE TRIGGER job_changed AFTER UPDATE OF state ON jobs WHEN new.state <> old.state BEGIN
    INSERT INTO webhook_deliveries (event_id, webhook_id, job_id, state, created_at, due_at)
    SELECT 'evt_' || lower(hex(randomblob(12))), id, new.id, new.state, now, now
    FROM webhooks, (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now) WHERE account_id = new.account_id
        AND EXISTS (SELECT 1 FROM json_each(events) WHERE value IN ('*', 'video.' || new.state));
END;
";

/// Returns true for an empty database.
pub(crate) fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}

/// Returns true if it has the tables that every version has.
pub(crate) fn has_sandbox_tables(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT COUNT(*) = 7 FROM sqlite_schema WHERE type = 'table' AND name IN
            ('meta', 'accounts', 'api_keys', 'ledger', 'topups', 'idempotency', 'jobs')",
        [],
        |row| row.get(0),
    )
}

/// Applies the missing migrations.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        return Err(OpenError::TooNew(version));
    }
    for step in &MIGRATIONS[done..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX))?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrated() -> Connection {
        let mut connection = Connection::open_in_memory().expect("a database");
        migrate(&mut connection).expect("the schema");
        connection
            .execute("INSERT INTO accounts VALUES ('a', 'p', x'00', 'auto', 't', 0)", [])
            .expect("an account");
        connection
    }

    fn entry(connection: &Connection, kind: &str, reference: &str, amount: i64, balance: i64) -> bool {
        connection
            .execute(
                "INSERT INTO ledger (account_id, kind, reference, amount_micros, balance_micros, created_at)
                 VALUES ('a', ?1, ?2, ?3, ?4, 0)",
                (kind, reference, amount, balance),
            )
            .is_ok()
    }

    #[test]
    fn migrating_twice_changes_nothing_and_a_newer_database_is_refused() {
        let mut connection = migrated();
        migrate(&mut connection).expect("nothing to do");
        connection.pragma_update(None, "user_version", 99).expect("a pragma");
        assert!(matches!(migrate(&mut connection), Err(OpenError::TooNew(99))));
    }

    #[test]
    fn an_older_database_gets_the_steps_that_it_has_not_had_and_keeps_its_rows() {
        let mut connection = Connection::open_in_memory().expect("a database");
        connection.execute_batch(V1).expect("the first schema");
        connection.pragma_update(None, "user_version", 1).expect("a pragma");
        connection
            .execute("INSERT INTO accounts VALUES ('a', 'p', x'00', 'auto', 't', 0)", [])
            .expect("an account");
        migrate(&mut connection).expect("the steps");
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
        assert_eq!(count("SELECT COUNT(*) FROM accounts"), 1);
        assert_eq!(count("SELECT COUNT(*) FROM sqlite_schema WHERE name = 'jobs_by_account'"), 1);
    }

    #[test]
    fn the_ledger_refuses_what_does_not_add_up() {
        let connection = migrated();
        assert!(entry(&connection, "trial", "a", 100, 100));
        assert!(!entry(&connection, "charge", "j", -10, 80), "a wrong sum");
        assert!(!entry(&connection, "charge", "j", -101, -1), "a balance below zero");
        assert!(entry(&connection, "charge", "j", -10, 90));
        assert!(entry(&connection, "refund", "j", 10, 100));
        assert!(!entry(&connection, "refund", "j", 10, 110), "a second refund");
        assert!(connection.execute("UPDATE ledger SET created_at = 1", []).is_err());
        assert!(connection.execute("DELETE FROM ledger", []).is_err());
    }
}
