//! A transaction on the writing thread; what is dropped without a commit is rolled back before anybody else writes.

use std::sync::{Arc, Mutex, PoisonError};

use raveler_sync::Flag;
use rusqlite::Connection;
use tokio::sync::OwnedRwLockWriteGuard;

use super::stream::SqliteStream;
use super::{Lanes, statement};
use crate::db::batch::Batch;
use crate::db::error::DbError;
use crate::db::feed::Feed;
use crate::db::rows::Rows;

/// An open transaction.
pub struct SqliteTransaction {
    lanes: Arc<Lanes>,
    /// `None` once it has ended.
    turn: Mutex<Option<OwnedRwLockWriteGuard<()>>>,
    /// Written and read by the writing thread alone: what is queued behind the end must not run there.
    has_ended: Arc<Flag>,
}

fn ended() -> DbError {
    DbError::Shape(String::from("the transaction has ended; begin another one"))
}

impl SqliteTransaction {
    pub(super) fn new(lanes: Arc<Lanes>, turn: OwnedRwLockWriteGuard<()>) -> Self {
        Self { lanes, turn: Mutex::new(Some(turn)), has_ended: Arc::new(Flag::new(false)) }
    }

    fn is_open(&self) -> bool {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    async fn call<T, F>(&self, work: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, DbError> + Send + 'static,
    {
        if !self.is_open() {
            return Err(ended());
        }
        let has_ended = Arc::clone(&self.has_ended);
        self.lanes.writer.call(move |connection| if has_ended.get() { Err(ended()) } else { work(connection) }).await
    }

    /// Runs the last work of the transaction.
    async fn end<F>(&self, work: F) -> Result<(), DbError>
    where
        F: FnOnce(&Connection) -> Result<(), DbError> + Send + 'static,
    {
        let has_ended = Arc::clone(&self.has_ended);
        self.call(move |connection| {
            work(connection)?;
            has_ended.set(true);
            Ok(())
        })
        .await?;
        self.turn.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(())
    }

    /// Runs a statement that controls the transaction.
    pub(super) async fn script(&self, sql: &'static str) -> Result<(), DbError> {
        self.call(move |connection| statement::script(connection, sql)).await
    }

    /// As [`Sqlite::fetch`](super::Sqlite::fetch).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn fetch(&self, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Result<Rows, DbError> {
        self.call(move |connection| statement::fetch(connection, &sql, &params, most)).await
    }

    /// As [`Sqlite::fetch_many`](super::Sqlite::fetch_many).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn fetch_many(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<Vec<Rows>, DbError> {
        self.call(move |connection| statement::fetch_many(connection, &sql, &params)).await
    }

    /// As [`Sqlite::execute`](super::Sqlite::execute).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn execute(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<u64, DbError> {
        self.call(move |connection| statement::execute(connection, &sql, &params)).await
    }

    /// As [`Sqlite::execute_many`](super::Sqlite::execute_many).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn execute_many(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<u64, DbError> {
        self.call(move |connection| statement::execute_many(connection, &sql, &params)).await
    }

    /// As [`Sqlite::insert`](super::Sqlite::insert).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn insert(&self, table: &str, columns: &[Arc<str>], rows: &Feed) -> Result<u64, DbError> {
        let rows = rows.whole().await?;
        self.execute_many(statement::insertion(table, columns).into(), rows).await
    }

    /// Reads the rows of a query and hands them out in batches: the transaction goes on between them.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn stream(&self, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Result<SqliteStream, DbError> {
        Ok(SqliteStream::of_rows(self.fetch(sql, params, usize::MAX).await?, most))
    }

    /// Runs a statement about a savepoint.
    ///
    /// # Errors
    ///
    /// If there is no such savepoint, or the transaction has ended.
    pub async fn control(&self, sql: String) -> Result<(), DbError> {
        self.call(move |connection| statement::script(connection, &sql)).await
    }

    /// Makes the changes permanent.
    ///
    /// # Errors
    ///
    /// If SQLite can't; the transaction is open then, and is rolled back when it is dropped.
    pub async fn commit(&self) -> Result<(), DbError> {
        self.end(|connection| statement::script(connection, "COMMIT")).await
    }

    /// Undoes the changes.
    ///
    /// # Errors
    ///
    /// If the transaction has ended.
    pub async fn rollback(&self) -> Result<(), DbError> {
        self.end(|connection| {
            statement::roll_back(connection);
            Ok(())
        })
        .await
    }
}

impl Drop for SqliteTransaction {
    fn drop(&mut self) {
        let Some(turn) = self.turn.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        self.lanes.writer.post(move |connection| {
            statement::roll_back(connection);
            drop(turn);
        });
    }
}
