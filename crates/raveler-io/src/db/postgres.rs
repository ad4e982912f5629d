//! PostgreSQL: a pool of connections, each of which carries several statements at once.

mod connection;
mod copy;
mod encode;
mod fault;
mod pool;
mod session;
mod stream;
mod target;
mod tls;
mod transaction;

use std::future::Future;
use std::sync::Arc;

use super::batch::Batch;
use super::error::DbError;
use super::feed::Feed;
use super::options::Options;
use super::rows::Rows;
use pool::{Lease, Pool};
use session::Parts;
pub use stream::PostgresStream;
use target::Target;
pub use transaction::PostgresTransaction;

/// A server. Nothing is connected before the first statement.
pub struct Postgres {
    pool: Arc<Pool>,
}

/// Runs statements on a lease; dropped in its middle, the lease gives them up.
async fn underway<T>(lease: &Lease, statement: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    lease.begin();
    let done = statement.await;
    lease.finish();
    done
}

impl Postgres {
    /// Makes the database object of an address.
    ///
    /// # Errors
    ///
    /// If the address has an option that there is not.
    pub fn new(address: &str, options: Options) -> Result<Self, DbError> {
        Ok(Self { pool: Arc::new(Pool::new(Target::new(address, options)?, options)) })
    }

    /// Returns the address without its credentials and options.
    #[must_use]
    pub fn describe(&self) -> String {
        self.pool.describe()
    }

    /// Returns the rows of a query, `most` of them.
    ///
    /// # Errors
    ///
    /// If there is no connection, or the server refuses the statement.
    pub async fn fetch(&self, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Result<Rows, DbError> {
        let lease = self.pool.share().await?;
        let run = session::run_text(&lease.connection, &sql, &params, most, false);
        underway(&lease, run).await.map(|given| given.rows)
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
        let lease = self.pool.share().await?;
        let mut take = |rows| {
            take(rows);
            true
        };
        let parts = Parts { most, take: &mut take };
        let run = session::run_parts(&lease.connection, &sql, &params, parts, false);
        underway(&lease, run).await.map(|_| ())
    }

    /// Returns the rows of a query for each row of parameters.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn fetch_many(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<Vec<Rows>, DbError> {
        let lease = self.pool.share().await?;
        underway(&lease, session::fetch_many(&lease.connection, &sql, &params)).await
    }

    /// Runs a statement and returns how many rows it changed.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn execute(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<u64, DbError> {
        let lease = self.pool.share().await?;
        underway(&lease, session::execute(&lease.connection, &sql, &params, false)).await
    }

    /// Runs a statement for each row of parameters, in one transaction.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch); nothing is changed then.
    pub async fn execute_many(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<u64, DbError> {
        let lease = self.pool.take().await?;
        let all = async {
            session::control(&lease.connection, "BEGIN").await?;
            let done = session::execute_many(&lease.connection, &sql, &params).await;
            let ended = session::control(&lease.connection, if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).await;
            done.and_then(|count| ended.map(|()| count))
        };
        underway(&lease, all).await
    }

    /// Copies rows into a table.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch); nothing is inserted then.
    pub async fn insert(&self, table: &str, columns: &[Arc<str>], rows: &Feed) -> Result<u64, DbError> {
        let lease = self.pool.take().await?;
        underway(&lease, copy::copy_in(&lease.connection, table, columns, rows, false)).await
    }

    /// Begins to read a query on a connection of its own, `most` rows at a time.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn stream(&self, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Result<PostgresStream, DbError> {
        PostgresStream::alone(self.pool.take().await?, &sql, &params, most).await
    }

    /// Begins a transaction on a connection of its own.
    ///
    /// # Errors
    ///
    /// If none becomes free in time, or the connection was lost.
    pub async fn begin(&self) -> Result<PostgresTransaction, DbError> {
        PostgresTransaction::begin(self.pool.take().await?).await
    }

    /// Ends what is under way, then closes the connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
