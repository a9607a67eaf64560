//! Jobs: requests, states, and the transitions between states with their ledger entries.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use crate::{
    catalog::{SLOW, STUCK},
    error::ApiError,
    store::ledger,
    time, tokens,
};

/// A validated request of `generate`, with defaults filled in.
#[derive(Debug, Clone)]
pub(crate) struct JobRequest {
    pub(crate) prompt: String,
    pub(crate) reference_image_url: Option<String>,
    pub(crate) duration_ms: i64,
    pub(crate) aspect: String,
    pub(crate) resolution: String,
    pub(crate) prefer: String,
    pub(crate) model: String,
    pub(crate) vendor: String,
    pub(crate) cost_micros: i64,
    /// The error code with which the job fails instead of rendering, set by a fault.
    pub(crate) injected_error_code: Option<String>,
}

/// A job.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) account_id: String,
    pub(crate) state: String,
    /// Stage within the state: `hold` and `stuck` need no worker, `render` waits for one, `rendering` has one.
    pub(crate) stage: String,
    pub(crate) request: JobRequest,
    pub(crate) file_id: String,
    pub(crate) video_etag: Option<String>,
    pub(crate) thumbnail_etag: Option<String>,
    pub(crate) warnings: Option<String>,
    pub(crate) error: Option<(String, String)>,
    pub(crate) created_at: i64,
    pub(crate) ready_at: i64,
    pub(crate) started_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
}

const SELECT: &str = "SELECT id, account_id, state, stage, prompt, reference_image_url, duration_ms, aspect,
    resolution, prefer, model, vendor, cost_micros, file_id, video_etag, thumbnail_etag, warnings, error_code,
    error_message, created_at, ready_at, started_at, ended_at, injected_error_code FROM jobs ";

fn read(row: &Row<'_>) -> rusqlite::Result<Job> {
    let code: Option<String> = row.get(17)?;
    let message: Option<String> = row.get(18)?;
    Ok(Job {
        id: row.get(0)?,
        account_id: row.get(1)?,
        state: row.get(2)?,
        stage: row.get(3)?,
        request: JobRequest {
            prompt: row.get(4)?,
            reference_image_url: row.get(5)?,
            duration_ms: row.get(6)?,
            aspect: row.get(7)?,
            resolution: row.get(8)?,
            prefer: row.get(9)?,
            model: row.get(10)?,
            vendor: row.get(11)?,
            cost_micros: row.get(12)?,
            injected_error_code: row.get(23)?,
        },
        file_id: row.get(13)?,
        video_etag: row.get(14)?,
        thumbnail_etag: row.get(15)?,
        warnings: row.get(16)?,
        error: code.zip(message),
        created_at: row.get(19)?,
        ready_at: row.get(20)?,
        started_at: row.get(21)?,
        ended_at: row.get(22)?,
    })
}

fn find(connection: &Connection, clause: &str, by: impl rusqlite::Params) -> Result<Option<Job>, ApiError> {
    Ok(connection.prepare_cached(&format!("{SELECT}{clause}"))?.query_row(by, read).optional()?)
}

fn first_stage(model: &str) -> &'static str {
    if model == SLOW || model == STUCK { "hold" } else { "render" }
}

const ID_PREFIX: &str = "vid_";
/// Number of random letters and digits after the prefix.
const ID_LENGTH: usize = 24;

/// Returns true for ids that the sandbox generates. A database from elsewhere may hold others.
pub(crate) fn is_job_id(text: &str) -> bool {
    text.strip_prefix(ID_PREFIX)
        .is_some_and(|rest| rest.len() == ID_LENGTH && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Debits the wallet and queues the job, in one transaction.
pub(crate) fn create(
    transaction: &Transaction<'_>,
    account: &str,
    request: JobRequest,
) -> Result<Job, ApiError> {
    let now = time::unix_millis();
    let job = Job {
        id: format!("{ID_PREFIX}{}", tokens::random_string(ID_LENGTH)),
        account_id: account.to_owned(),
        state: "queued".to_owned(),
        stage: first_stage(&request.model).to_owned(),
        request,
        file_id: tokens::random_string(tokens::TOKEN_LENGTH),
        video_etag: None,
        thumbnail_etag: None,
        warnings: None,
        error: None,
        created_at: now,
        ready_at: now,
        started_at: None,
        ended_at: None,
    };
    let JobRequest { prompt, reference_image_url, duration_ms, aspect, resolution, prefer, .. } =
        &job.request;
    transaction
        .prepare_cached(
            "INSERT INTO jobs (id, account_id, state, stage, prompt, reference_image_url, duration_ms, aspect,
                resolution, prefer, model, vendor, cost_micros, file_id, created_at, ready_at, injected_error_code)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?15, ?16)",
        )?
        .execute(rusqlite::params![
            job.id,
            account,
            job.state,
            job.stage,
            prompt,
            reference_image_url,
            duration_ms,
            aspect,
            resolution,
            prefer,
            job.request.model,
            job.request.vendor,
            job.request.cost_micros,
            job.file_id,
            now,
            job.request.injected_error_code,
        ])?;
    ledger::append(transaction, account, "charge", &job.id, -job.request.cost_micros)?;
    Ok(job)
}

/// Returns a job of an account. Another account's job is as unknown as none.
pub(crate) fn of_account(connection: &Connection, account: &str, id: &str) -> Result<Job, ApiError> {
    find(connection, "WHERE id = ?1 AND account_id = ?2", (id, account))?
        .ok_or_else(|| ApiError::not_found("no such job in this account"))
}

/// Returns an account's latest jobs, the last one first.
pub(crate) fn latest(connection: &Connection, account: &str, count: i64) -> Result<Vec<Job>, ApiError> {
    let clause = "WHERE account_id = ?1 ORDER BY seq DESC LIMIT ?2";
    let mut statement = connection.prepare_cached(&format!("{SELECT}{clause}"))?;
    let jobs = statement.query_map((account, count), read)?.collect::<Result<_, _>>()?;
    Ok(jobs)
}

/// Returns the succeeded job with this file id.
pub(crate) fn by_file(connection: &Connection, file_id: &str) -> Result<Option<Job>, ApiError> {
    find(connection, "WHERE file_id = ?1 AND state = 'succeeded'", [file_id])
}

impl Job {
    /// Returns the part of its cost that was refunded: all of it, once it has failed or was cancelled.
    pub(crate) fn refunded_micros(&self) -> Option<i64> {
        matches!(self.state.as_str(), "failed" | "cancelled").then_some(self.request.cost_micros)
    }
}

/// Cancels a job and refunds it. Returns false if it had ended otherwise.
pub(crate) fn cancel(transaction: &Transaction<'_>, account: &str, id: &str) -> Result<bool, ApiError> {
    let job = of_account(transaction, account, id)?;
    let changed = transaction.execute(
        "UPDATE jobs SET state = 'cancelled', stage = 'ended', ended_at = ?2
         WHERE id = ?1 AND state IN ('queued', 'running')",
        (id, time::unix_millis()),
    )?;
    if changed == 1 {
        ledger::append(transaction, account, "refund", id, job.request.cost_micros)?;
    }
    Ok(changed == 1 || job.state == "cancelled")
}

/// Starts the jobs that need no worker: `sandbox/slow` waits until it may render, `sandbox/stuck` for ever.
pub(crate) fn start_held(transaction: &Transaction<'_>, slow_ms: i64) -> Result<usize, ApiError> {
    let now = time::unix_millis();
    Ok(transaction.execute(
        "UPDATE jobs SET state = 'running', started_at = ?1, ready_at = ?1 + ?2,
            stage = CASE model WHEN ?3 THEN 'stuck' ELSE 'render' END
         WHERE stage = 'hold'",
        (now, slow_ms, STUCK),
    )?)
}

/// The next work of a worker.
#[derive(Debug)]
pub(crate) enum Next {
    /// A job, claimed for this worker.
    Job(Box<Job>),
    /// No job before this time (Unix milliseconds).
    At(i64),
    Nothing,
}

/// Claims the longest-waiting job.
pub(crate) fn claim(transaction: &Transaction<'_>) -> Result<Next, ApiError> {
    let Some(mut job) = find(transaction, "WHERE stage = 'render' ORDER BY ready_at, seq LIMIT 1", [])?
    else {
        return Ok(Next::Nothing);
    };
    let now = time::unix_millis();
    if job.ready_at > now {
        return Ok(Next::At(job.ready_at));
    }
    transaction
        .prepare_cached(
            "UPDATE jobs SET state = 'running', stage = 'rendering', started_at = COALESCE(started_at, ?2)
             WHERE id = ?1",
        )?
        .execute((&job.id, now))?;
    "running".clone_into(&mut job.state);
    "rendering".clone_into(&mut job.stage);
    Ok(Next::Job(Box::new(job)))
}

/// Marks a job as succeeded. Returns false if it was cancelled meanwhile.
pub(crate) fn succeed(
    transaction: &Transaction<'_>,
    id: &str,
    video_etag: &str,
    thumbnail_etag: &str,
    warnings: &str,
) -> Result<bool, ApiError> {
    let changed = transaction.execute(
        "UPDATE jobs SET state = 'succeeded', stage = 'ended', video_etag = ?2, thumbnail_etag = ?3,
            warnings = ?4, ended_at = ?5
         WHERE id = ?1 AND stage = 'rendering'",
        (id, video_etag, thumbnail_etag, warnings, time::unix_millis()),
    )?;
    Ok(changed == 1)
}

/// Marks a job as failed and refunds it, in one transaction. Returns false if it was cancelled meanwhile.
pub(crate) fn fail(
    transaction: &Transaction<'_>,
    job: &Job,
    code: &str,
    message: &str,
) -> Result<bool, ApiError> {
    let changed = transaction.execute(
        "UPDATE jobs SET state = 'failed', stage = 'ended', error_code = ?2, error_message = ?3, ended_at = ?4
         WHERE id = ?1 AND stage = 'rendering'",
        (&job.id, code, message, time::unix_millis()),
    )?;
    if changed == 1 {
        ledger::append(transaction, &job.account_id, "refund", &job.id, job.request.cost_micros)?;
    }
    Ok(changed == 1)
}

/// Queues the unfinished jobs of an earlier process again, and returns their ids.
pub(crate) fn requeue(transaction: &Transaction<'_>) -> Result<Vec<String>, ApiError> {
    let ids = transaction
        .prepare("SELECT id FROM jobs WHERE state IN ('queued', 'running') ORDER BY seq")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    transaction.execute(
        "UPDATE jobs SET state = 'queued', started_at = NULL, ready_at = created_at,
            stage = CASE WHEN model IN (?1, ?2) THEN 'hold' ELSE 'render' END
         WHERE state IN ('queued', 'running')",
        (SLOW, STUCK),
    )?;
    Ok(ids)
}

/// Returns the ids of the jobs without complete files.
pub(crate) fn without_files(connection: &Connection) -> Result<HashSet<String>, ApiError> {
    let mut statement = connection.prepare("SELECT id FROM jobs WHERE state <> 'succeeded'")?;
    let ids = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(ids)
}
