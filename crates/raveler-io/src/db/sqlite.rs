//! SQLite: one thread that writes and some that read, each with a connection of its own, for each database file.

mod column;
mod fault;
mod lane;
mod statement;
mod stream;
mod transaction;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use raveler_sync::Flag;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::address::SqliteAddress;
use super::batch::Batch;
use super::error::DbError;
use super::feed::Feed;
use super::options::Options;
use super::rows::Rows;
use fault::from_sqlite;
use lane::{Lane, Opener};
pub use stream::SqliteStream;
pub use transaction::SqliteTransaction;

/// The most threads that read one file: two-core machines lose with more.
const MOST_READERS: usize = 2;

/// A database file, or one in memory. Nothing is opened before the first statement.
pub struct Sqlite {
    address: SqliteAddress,
    options: Options,
    lanes: Mutex<Option<Arc<Lanes>>>,
    is_closed: Flag,
}

/// The threads of one process: a forked child makes its own.
struct Lanes {
    process: u32,
    writer: Lane,
    readers: Option<Lane>,
    /// Held shared by a single statement, alone by a transaction.
    turn: Arc<RwLock<()>>,
    timeout: Duration,
}

impl Lanes {
    async fn share(&self) -> Result<OwnedRwLockReadGuard<()>, DbError> {
        tokio::time::timeout(self.timeout, Arc::clone(&self.turn).read_owned()).await.map_err(|_| self.exhausted())
    }

    async fn own(&self) -> Result<OwnedRwLockWriteGuard<()>, DbError> {
        tokio::time::timeout(self.timeout, Arc::clone(&self.turn).write_owned()).await.map_err(|_| self.exhausted())
    }

    fn exhausted(&self) -> DbError {
        DbError::Exhausted { size: 1, waited: self.timeout }
    }
}

fn open(address: &SqliteAddress, options: Options, is_reader: bool) -> Result<Connection, DbError> {
    let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags |= if address.is_writable { OpenFlags::SQLITE_OPEN_READ_WRITE } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
    if address.is_created && !is_reader {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let path = address.path.as_deref().unwrap_or(":memory:");
    let connection = Connection::open_with_flags(path, flags).map_err(|error| match from_sqlite(&error) {
        DbError::Connect { reason, transient, .. } => {
            DbError::Connect { server: format!("sqlite:{path}"), reason, transient }
        }
        other => other,
    })?;
    let prepare = || {
        connection.busy_timeout(options.timeout)?;
        connection.set_prepared_statement_cache_capacity(options.statement_cache);
        connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;")?;
        if address.path.is_some() && address.is_writable {
            connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
        }
        if is_reader {
            connection.execute_batch("PRAGMA query_only = ON;")?;
        }
        Ok(())
    };
    prepare().map_err(|error: rusqlite::Error| from_sqlite(&error))?;
    Ok(connection)
}

/// Whether the text looks like a query; the reader looks again before it runs it.
fn seems_to_read(sql: &str) -> bool {
    let word: String = sql.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    ["SELECT", "WITH", "VALUES"].iter().any(|verb| word.eq_ignore_ascii_case(verb))
}

impl Sqlite {
    /// Makes the database object of an address.
    #[must_use]
    pub fn new(address: SqliteAddress, options: Options) -> Self {
        Self { address, options, lanes: Mutex::new(None), is_closed: Flag::new(false) }
    }

    /// Returns the address.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("sqlite:{}", self.address.path.as_deref().unwrap_or(":memory:"))
    }

    fn lanes(&self) -> Result<Arc<Lanes>, DbError> {
        if self.is_closed.get() {
            return Err(DbError::Closed);
        }
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if let Some(made) = &*lanes
            && made.process == process
        {
            return Ok(Arc::clone(made));
        }
        let (address, options) = (self.address.clone(), self.options);
        let writer = {
            let opener: Opener = Arc::new(move || open(&address, options, false));
            Lane::start("raveler-write", 1, &opener)?
        };
        let readers = self.readers(options.pool_size.clamp(1, MOST_READERS), "raveler-read")?;
        let turn = Arc::new(RwLock::new(()));
        let made = Arc::new(Lanes { process, writer, readers, turn, timeout: self.options.timeout });
        // A forked child's connections are its parent's: closing them here would release locks that the parent holds.
        std::mem::forget(lanes.replace(Arc::clone(&made)));
        Ok(made)
    }

    fn readers(&self, count: usize, name: &str) -> Result<Option<Lane>, DbError> {
        let (address, options) = (self.address.clone(), self.options);
        if address.path.is_none() {
            return Ok(None);
        }
        let opener: Opener = Arc::new(move || open(&address, options, true));
        Lane::start(name, count, &opener).map(Some)
    }

    /// Returns the rows of a query, `most` of them.
    ///
    /// # Errors
    ///
    /// If the database can't be opened, refuses the statement, or is closed.
    pub async fn fetch(&self, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Result<Rows, DbError> {
        let lanes = self.lanes()?;
        if let Some(readers) = lanes.readers.as_ref().filter(|_| seems_to_read(&sql)) {
            let (sql, params) = (Arc::clone(&sql), Arc::clone(&params));
            let read = readers
                .call(move |connection| {
                    // What the reader can't prepare may be there for the writer: a temporary or attached table.
                    let is_read = statement::is_read(connection, &sql);
                    is_read.then(|| statement::fetch(connection, &sql, &params, most)).transpose()
                })
                .await;
            match read {
                Ok(Some(rows)) => return Ok(rows),
                // A file that is not there yet is made by the writer.
                Ok(None) | Err(DbError::Connect { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.alone(&lanes, move |connection| statement::fetch(connection, &sql, &params, most)).await
    }

    /// Runs work on the writing thread while no transaction is open, and leaves none open behind it.
    async fn alone<T, F>(&self, lanes: &Lanes, work: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, DbError> + Send + 'static,
    {
        let _turn = lanes.share().await?;
        lanes
            .writer
            .call(move |connection| {
                let done = work(connection);
                if connection.is_autocommit() {
                    return done;
                }
                statement::roll_back(connection);
                done.and(Err(DbError::Shape(String::from(
                    "the statement left a transaction open, which was rolled back; use db.transaction()",
                ))))
            })
            .await
    }

    /// Returns the rows of a query for each row of parameters.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn fetch_many(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<Vec<Rows>, DbError> {
        let lanes = self.lanes()?;
        if let Some(readers) = lanes.readers.as_ref().filter(|_| seems_to_read(&sql)) {
            let (sql, params) = (Arc::clone(&sql), Arc::clone(&params));
            let read = readers
                .call(move |connection| {
                    let is_read = statement::is_read(connection, &sql);
                    is_read.then(|| statement::fetch_many(connection, &sql, &params)).transpose()
                })
                .await;
            match read {
                Ok(Some(rows)) => return Ok(rows),
                Ok(None) | Err(DbError::Connect { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.alone(&lanes, move |connection| statement::fetch_many(connection, &sql, &params)).await
    }

    /// Runs a statement and returns how many rows it changed.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn execute(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<u64, DbError> {
        let lanes = self.lanes()?;
        self.alone(&lanes, move |connection| statement::execute(connection, &sql, &params)).await
    }

    /// Runs a statement for each row of parameters, in one transaction.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch); nothing is changed then.
    pub async fn execute_many(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<u64, DbError> {
        let lanes = self.lanes()?;
        self.alone(&lanes, move |connection| statement::execute_many(connection, &sql, &params)).await
    }

    /// Inserts rows, in one transaction.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch); nothing is inserted then.
    pub async fn insert(&self, table: &str, columns: &[Arc<str>], rows: &Feed) -> Result<u64, DbError> {
        let rows = rows.whole().await?;
        self.execute_many(statement::insertion(table, columns).into(), rows).await
    }

    /// Begins to read a query, `most` rows at a time: on a connection of its own where there is a file.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn stream(&self, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Result<SqliteStream, DbError> {
        let lanes = self.lanes()?;
        if seems_to_read(&sql)
            && let Some(lane) = self.readers(1, "raveler-stream")?
        {
            let text = Arc::clone(&sql);
            let is_read = lane.call(move |connection| Ok(statement::is_read(connection, &text))).await;
            if matches!(is_read, Ok(true)) {
                return Ok(SqliteStream::of_lane(lane, sql, params, most));
            }
        }
        let rows =
            self.alone(&lanes, move |connection| statement::fetch(connection, &sql, &params, usize::MAX)).await?;
        Ok(SqliteStream::of_rows(rows, most))
    }

    /// Begins a transaction, which has the writing thread for itself.
    ///
    /// # Errors
    ///
    /// If another transaction does not end in time, or the file is locked by another process.
    pub async fn begin(&self) -> Result<SqliteTransaction, DbError> {
        let lanes = self.lanes()?;
        let turn = lanes.own().await?;
        let transaction = SqliteTransaction::new(lanes, turn);
        transaction.script("BEGIN IMMEDIATE").await?;
        Ok(transaction)
    }

    /// Ends what is queued, then closes the connections.
    pub async fn close(&self) {
        self.is_closed.set(true);
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(lanes) = lanes.filter(|lanes| lanes.process == std::process::id()) else { return };
        if let Some(readers) = &lanes.readers {
            readers.close().await;
        }
        lanes.writer.close().await;
    }
}
