//! The database and the two threads that own its connections: one writes, one reads.

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

/// A connection on a thread of its own, so that no request blocks the async runtime.
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
                .unwrap_or_else(|_| Err(ApiError::internal("the sandbox failed; its log says why")));
            // The client may be gone; what it asked for is done all the same.
            let _ = reply.send(result);
        });
        // After the lane is closed the receiver learns it from the dropped sender.
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
    /// Opens or creates it, and brings its schema up to date.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        // Prompts and the key that signs file addresses are in it: for this user alone, whatever folder it lies in. SQLite
        // gives its journal the same mode.
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

    /// Reads what is committed; several queries in `work` see the same moment.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let answer = self.reader.send(move |connection| {
            // A sum and the rows it is of must not be torn apart by a write between two queries.
            let snapshot = connection.transaction()?;
            work(&snapshot)
        });
        answer.await.unwrap_or_else(|_| Err(ApiError::stopping()))
    }

    /// Runs one transaction; `committed` is called once it is on disk, even if the caller is gone by then.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, ApiError> + Send + 'static,
        committed: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, ApiError> {
        let answer = self.writer.send(move |connection| transact(connection, work, committed));
        answer.await.unwrap_or_else(|_| Err(ApiError::stopping()))
    }

    /// As [`Db::write`], for threads of our own.
    pub(crate) fn write_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let answer = self.writer.send(move |connection| transact(connection, work, |_| ()));
        answer.blocking_recv().unwrap_or_else(|_| Err(ApiError::stopping()))
    }

    /// Finishes what was asked, closes both connections, and refuses everything from then on.
    pub(crate) fn close(&self) {
        self.reader.close();
        self.writer.close();
    }
}

/// Whether a file is the database of a sandbox. Nothing in it is changed.
pub(crate) fn has_sandbox_tables(path: &Path) -> bool {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
        .and_then(|connection| schema::has_sandbox_tables(&connection))
        .unwrap_or(false)
}

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // An accepted job or charge has reached the disk before its answer leaves.
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
