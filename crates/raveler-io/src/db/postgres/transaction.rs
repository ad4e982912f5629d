//! A transaction on a connection that nobody else uses meanwhile; what is dropped without a commit is rolled back.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use raveler_sync::{Counter, Flag};
use tokio::sync::RwLock;

use super::pool::Lease;
use super::session::Parts;
use super::stream::PostgresStream;
use super::{copy, session};
use crate::db::batch::Batch;
use crate::db::error::DbError;
use crate::db::feed::Feed;
use crate::db::rows::Rows;
use crate::reactor;

/// An open transaction.
pub struct PostgresTransaction {
    /// `None` once it has ended.
    lease: Mutex<Option<Arc<Lease>>>,
    /// Shared by statements that run at once; held alone by what takes several statements and by the end, behind which a
    /// statement that is still under way would be a transaction of its own.
    turns: RwLock<()>,
    cursors: Counter,
    /// Whether a statement was given up in its middle: the connection is then given up too.
    is_broken: Flag,
}

/// Notes a statement that is dropped in its middle.
struct Underway<'a> {
    is_broken: &'a Flag,
    is_over: bool,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.is_broken.set(true);
        }
    }
}

impl PostgresTransaction {
    /// Begins a transaction on a connection.
    pub(super) async fn begin(lease: Lease) -> Result<Self, DbError> {
        lease.begin();
        let this = Self {
            lease: Mutex::new(Some(Arc::new(lease))),
            turns: RwLock::new(()),
            cursors: Counter::new(0),
            is_broken: Flag::new(false),
        };
        let lease = this.lease()?;
        this.underway(session::control(&lease.connection, "BEGIN")).await?;
        Ok(this)
    }

    fn lease(&self) -> Result<Arc<Lease>, DbError> {
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner).clone();
        lease.ok_or_else(|| DbError::Shape(String::from("the transaction has ended; begin another one")))
    }

    async fn underway<T>(&self, statement: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
        let mut underway = Underway { is_broken: &self.is_broken, is_over: false };
        let done = statement.await;
        underway.is_over = true;
        done
    }

    /// Returns the rows of a query, `most` of them.
    ///
    /// # Errors
    ///
    /// If the server refuses it, the transaction has ended or the connection was lost.
    pub async fn fetch(&self, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Result<Rows, DbError> {
        let _turn = self.turns.read().await;
        let lease = self.lease()?;
        let run = session::run_text(&lease.connection, &sql, &params, most, true);
        self.underway(run).await.map(|given| given.rows)
    }

    /// Hands over the rows of a query in parts of about `most` rows, as they come.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn fetch_parts(
        &self,
        sql: Arc<str>,
        params: Arc<Batch>,
        most: usize,
        mut take: impl FnMut(Rows) + Send,
    ) -> Result<(), DbError> {
        let _turn = self.turns.read().await;
        let lease = self.lease()?;
        let mut take = |rows| {
            take(rows);
            true
        };
        let parts = Parts { most, take: &mut take };
        let run = session::run_parts(&lease.connection, &sql, &params, parts, true);
        self.underway(run).await.map(|_| ())
    }

    /// Returns the rows of a query for each row of parameters.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn fetch_many(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<Vec<Rows>, DbError> {
        let _turn = self.turns.read().await;
        let lease = self.lease()?;
        self.underway(session::fetch_many(&lease.connection, &sql, &params)).await
    }

    /// Runs a statement and returns how many rows it changed.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn execute(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<u64, DbError> {
        let _turn = self.turns.read().await;
        let lease = self.lease()?;
        self.underway(session::execute(&lease.connection, &sql, &params, true)).await
    }

    /// Runs a statement for each row of parameters: all or none.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn execute_many(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<u64, DbError> {
        let _turn = self.turns.write().await;
        let lease = self.lease()?;
        let many = session::execute_many(&lease.connection, &sql, &params);
        self.underway(within_savepoint(&lease, many)).await
    }

    /// Copies rows into a table: all or none.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn insert(&self, table: &str, columns: &[Arc<str>], rows: &Feed) -> Result<u64, DbError> {
        let _turn = self.turns.write().await;
        let lease = self.lease()?;
        let copy = copy::copy_in(&lease.connection, table, columns, rows, true);
        self.underway(within_savepoint(&lease, copy)).await
    }

    /// Begins to read a query by a cursor, `most` rows at a time.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn stream(&self, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Result<PostgresStream, DbError> {
        let word: String = sql.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
        if !["SELECT", "WITH", "VALUES"].iter().any(|verb| word.eq_ignore_ascii_case(verb)) {
            return Ok(PostgresStream::of_rows(self.fetch(sql, params, usize::MAX).await?, most));
        }
        let _turn = self.turns.read().await;
        let lease = self.lease()?;
        let name = format!("raveler_{}", self.cursors.add(1));
        let begin = async {
            let declare = format!("DECLARE {name} NO SCROLL CURSOR FOR {sql}");
            let declare = lease.connection.prepare_anew(&declare).await?;
            session::run_prepared(&lease.connection, &declare, &params).await?;
            lease.connection.prepare_anew(&format!("FETCH FORWARD {} FROM {name}", most.max(1))).await
        };
        let fetch = self.underway(begin).await?;
        Ok(PostgresStream::of_cursor(lease, fetch))
    }

    /// Runs a statement about a savepoint.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn control(&self, sql: String) -> Result<(), DbError> {
        let _turn = self.turns.write().await;
        let lease = self.lease()?;
        self.underway(session::control(&lease.connection, &sql)).await
    }

    /// Makes the changes permanent.
    ///
    /// # Errors
    ///
    /// If the server can't, or the connection was lost.
    pub async fn commit(&self) -> Result<(), DbError> {
        self.end("COMMIT").await
    }

    /// Undoes the changes.
    ///
    /// # Errors
    ///
    /// If the transaction has ended or the connection was lost.
    pub async fn rollback(&self) -> Result<(), DbError> {
        self.end("ROLLBACK").await
    }

    async fn end(&self, sql: &str) -> Result<(), DbError> {
        let _turn = self.turns.write().await;
        let lease = self.lease()?;
        if self.is_broken.get() {
            self.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
            return if sql == "ROLLBACK" { Ok(()) } else { Err(DbError::Interrupted) };
        }
        self.underway(session::control(&lease.connection, sql)).await?;
        self.lease.lock().unwrap_or_else(PoisonError::into_inner).take();
        lease.finish();
        Ok(())
    }
}

/// Runs work that must be done wholly or not at all, without ending the transaction around it.
async fn within_savepoint<T>(lease: &Lease, work: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    let connection = &lease.connection;
    session::control(connection, "SAVEPOINT raveler_many").await?;
    let done = work.await;
    let end = if done.is_ok() {
        "RELEASE SAVEPOINT raveler_many"
    } else {
        "ROLLBACK TO SAVEPOINT raveler_many; RELEASE SAVEPOINT raveler_many"
    };
    let ended = session::control(connection, end).await;
    done.and_then(|value| ended.map(|()| value))
}

impl Drop for PostgresTransaction {
    fn drop(&mut self) {
        let Some(lease) = self.lease.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        if self.is_broken.get() {
            // Dropping the unfinished lease stops the statement and closes the connection.
            return;
        }
        drop(reactor::spawn(async move {
            if session::control(&lease.connection, "ROLLBACK").await.is_ok() {
                lease.finish();
            }
        }));
    }
}
