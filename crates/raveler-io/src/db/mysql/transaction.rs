//! A transaction on a connection that nobody else uses meanwhile; what is dropped without a commit is rolled back.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use super::lease::{Failure, Lease};
use super::session;
use super::stream::MysqlStream;
use crate::db::batch::Batch;
use crate::db::error::DbError;
use crate::db::feed::Feed;
use crate::db::rows::Rows;
use crate::reactor;

/// An open transaction.
pub struct MysqlTransaction {
    /// `None` once it has ended.
    lease: Mutex<Option<Lease>>,
}

/// Takes the lease out of its guard while a statement runs: dropped in the middle, the lease gives up the connection.
struct Underway<'a> {
    home: MutexGuard<'a, Option<Lease>>,
    lease: Lease,
}

impl Underway<'_> {
    fn end<T>(mut self, done: Result<T, Failure>) -> Result<T, DbError> {
        let done = self.lease.finish(done);
        self.leave();
        done
    }

    /// Puts the lease back: the transaction goes on.
    fn leave(mut self) {
        *self.home = Some(self.lease);
    }

    async fn control(&mut self, sql: &str) -> Result<(), DbError> {
        let done = session::control(self.lease.begin(), sql).await;
        self.lease.finish(done)
    }

    async fn end_savepoint<T>(&mut self, done: Result<T, DbError>) -> Result<T, DbError> {
        let end = if done.is_ok() { "RELEASE SAVEPOINT raveler_many" } else { "ROLLBACK TO SAVEPOINT raveler_many" };
        let ended = self.control(end).await;
        done.and_then(|value| ended.map(|()| value))
    }
}

impl MysqlTransaction {
    /// Begins a transaction on a connection.
    pub(super) async fn begin(mut lease: Lease) -> Result<Self, DbError> {
        let begun = session::control(lease.begin(), "START TRANSACTION").await;
        lease.finish(begun)?;
        Ok(Self { lease: Mutex::new(Some(lease)) })
    }

    async fn underway(&self) -> Result<Underway<'_>, DbError> {
        let mut home = self.lease.lock().await;
        let ended = || DbError::Shape(String::from("the transaction has ended; begin another one"));
        let lease = home.take().ok_or_else(ended)?;
        Ok(Underway { home, lease })
    }

    /// Returns the rows of a query, `most` of them.
    ///
    /// # Errors
    ///
    /// If the server refuses it, the transaction has ended or the connection was lost.
    pub async fn fetch(&self, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Result<Rows, DbError> {
        let mut underway = self.underway().await?;
        let done = session::fetch(underway.lease.begin(), &sql, &params, most).await;
        underway.end(done)
    }

    /// Returns the rows of a query for each row of parameters.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn fetch_many(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<Vec<Rows>, DbError> {
        let mut underway = self.underway().await?;
        let done = session::fetch_many(underway.lease.begin(), &sql, &params).await;
        underway.end(done)
    }

    /// Runs a statement and returns how many rows it changed.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn execute(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<u64, DbError> {
        let mut underway = self.underway().await?;
        let done = session::execute(underway.lease.begin(), &sql, &params).await;
        underway.end(done)
    }

    /// Runs a statement for each row of parameters: all or none.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn execute_many(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<u64, DbError> {
        let mut underway = self.underway().await?;
        let mut done = underway.control("SAVEPOINT raveler_many").await.map(|()| 0);
        if done.is_ok() {
            let changed = session::execute_many(underway.lease.begin(), &sql, &params).await;
            let changed = underway.lease.finish(changed);
            done = underway.end_savepoint(changed).await;
        }
        underway.leave();
        done
    }

    /// Inserts rows: all or none.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn insert(&self, table: &str, columns: &[Arc<str>], rows: &Feed) -> Result<u64, DbError> {
        let rows = rows.whole().await?;
        let mut underway = self.underway().await?;
        let mut done = underway.control("SAVEPOINT raveler_many").await.map(|()| 0);
        if done.is_ok() {
            let inserted = session::insert(underway.lease.begin(), table, columns, &rows).await;
            let inserted = underway.lease.finish(inserted);
            done = underway.end_savepoint(inserted).await;
        }
        underway.leave();
        done
    }

    /// Reads the rows of a query and hands them out in batches: the transaction goes on between them.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn stream(&self, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Result<MysqlStream, DbError> {
        Ok(MysqlStream::of_rows(self.fetch(sql, params, usize::MAX).await?, most))
    }

    /// Runs a statement about a savepoint.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn control(&self, sql: String) -> Result<(), DbError> {
        let mut underway = self.underway().await?;
        let done = underway.control(&sql).await;
        underway.leave();
        done
    }

    /// Makes the changes permanent.
    ///
    /// # Errors
    ///
    /// If the server can't, or the connection was lost.
    pub async fn commit(&self) -> Result<(), DbError> {
        self.finish("COMMIT").await
    }

    /// Undoes the changes.
    ///
    /// # Errors
    ///
    /// If the transaction has ended or the connection was lost.
    pub async fn rollback(&self) -> Result<(), DbError> {
        self.finish("ROLLBACK").await
    }

    /// Runs the last statement; one that waits for its turn behind it must not become a transaction of its own.
    async fn finish(&self, sql: &str) -> Result<(), DbError> {
        let mut underway = self.underway().await?;
        let done = underway.control(sql).await;
        if done.is_err() {
            underway.leave();
        }
        done
    }
}

impl Drop for MysqlTransaction {
    fn drop(&mut self) {
        let Some(mut lease) = self.lease.get_mut().take() else { return };
        drop(reactor::spawn(async move {
            if session::control(lease.begin(), "ROLLBACK").await.is_ok() {
                // Otherwise the unfinished lease closes the connection, which rolls back too.
                let _ = lease.finish(Ok(()));
            }
        }));
    }
}
