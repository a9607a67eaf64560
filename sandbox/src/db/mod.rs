//! The database, and the two threads that own its connections: one writes, one reads.

mod schema;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use crate::{error::ApiError, private};
pub(crate) use schema::OpenError;

type Task = Box<dyn FnOnce(&mut Connection) + Send>;

enum Message {
    Run(Task),
    Close,
}

/// A connection on its own thread, so that no request blocks the async runtime.
#[derive(Debug)]
struct DbThread {
    tasks: mpsc::Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl DbThread {
    fn start(name: &str, mut connection: Connection) -> std::io::Result<Self> {
        let (tasks, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Ok(Message::Run(task)) = inbox.recv() {
                task(&mut connection);
            }
        })?;
        Ok(Self { tasks, thread: Mutex::new(Some(thread)) })
    }

    fn send<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, ApiError> + Send + 'static,
    ) -> oneshot::Receiver<Result<T, ApiError>> {
        let (reply, answer) = oneshot::channel();
        let task: Task = Box::new(move |connection| {
            // A panic rolls its transaction back and costs this request only, not the thread.
            let result = catch_unwind(AssertUnwindSafe(|| work(connection)))
                .unwrap_or_else(|_| Err(ApiError::internal("the sandbox failed; see its log")));
            // The client may be gone; its request takes effect all the same.
            let _ = reply.send(result);
        });
        // After a close, the dropped sender tells the receiver.
        let _ = self.tasks.send(Message::Run(task));
        answer
    }

    fn close(&self) {
        let _ = self.tasks.send(Message::Close);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// The database of a data folder.
#[derive(Debug)]
pub(crate) struct Db {
    writer: DbThread,
    reader: DbThread,
}

impl Db {
    /// Opens or creates the database, and migrates its schema.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        // Readable for this user alone in any folder: it holds prompts and the key that signs file URLs. SQLite gives
        // its journal the same mode.
        drop(private::open(path)?);
        let mut writer = Connection::open(path)?;
        writer.busy_timeout(BUSY_TIMEOUT)?;
        if !schema::is_empty(&writer)? && !schema::has_sandbox_tables(&writer)? {
            return Err(OpenError::ForeignDatabase);
        }
        configure(&writer)?;
        schema::migrate(&mut writer)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(path, flags)?;
        reader.busy_timeout(BUSY_TIMEOUT)?;
        Ok(Self {
            writer: DbThread::start("sandbox-write", writer)?,
            reader: DbThread::start("sandbox-read", reader)?,
        })
    }

    /// Reads committed data. All queries in `work` see the same snapshot.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let answer = self.reader.send(move |connection| {
            // A write between two queries must not separate a sum from its rows.
            let snapshot = connection.transaction()?;
            work(&snapshot)
        });
        answer.await.unwrap_or_else(|_| Err(ApiError::stopping()))
    }

    /// Runs one transaction. Calls `committed` once it is on disk, even if the caller is gone by then.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, ApiError> + Send + 'static,
        committed: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, ApiError> {
        let answer = self.writer.send(move |connection| transact(connection, work, committed));
        answer.await.unwrap_or_else(|_| Err(ApiError::stopping()))
    }

    /// Runs one transaction, for threads outside the runtime.
    pub(crate) fn write_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let answer = self.writer.send(move |connection| transact(connection, work, |_| ()));
        answer.blocking_recv().unwrap_or_else(|_| Err(ApiError::stopping()))
    }

    /// Finishes pending work, closes both connections, and refuses further work.
    pub(crate) fn close(&self) {
        self.reader.close();
        self.writer.close();
    }
}

/// Returns true if a file is the database of a sandbox. Changes nothing in it.
pub(crate) fn has_sandbox_tables(path: &Path) -> bool {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
        .and_then(|connection| schema::has_sandbox_tables(&connection))
        .unwrap_or(false)
}

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // An accepted job or charge is on disk before its response leaves.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")
}

fn transact<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, ApiError>,
    committed: impl FnOnce(&T),
) -> Result<T, ApiError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(&transaction)?;
    transaction.commit()?;
    committed(&value);
    Ok(value)
}
