//! MySQL and MariaDB: a pool of connections, each of which carries one statement at a time.

mod fault;
mod lease;
mod session;
mod stream;
mod target;
mod transaction;
mod value;

use std::sync::Arc;

use super::batch::Batch;
use super::error::DbError;
use super::feed::Feed;
use super::options::Options;
use super::rows::Rows;
use lease::Leases;
pub use stream::MysqlStream;
use target::Target;
pub use transaction::MysqlTransaction;

/// A server. Nothing is connected before the first statement.
pub struct Mysql {
    leases: Leases,
}

impl Mysql {
    /// Makes the database object of an address.
    ///
    /// # Errors
    ///
    /// If the address has an option that there is not.
    pub fn new(address: &str, options: Options) -> Result<Self, DbError> {
        Ok(Self { leases: Leases::new(Target::new(address, options)?, options) })
    }

    /// Returns the address without its credentials and options.
    #[must_use]
    pub fn describe(&self) -> String {
        self.leases.target.name.clone()
    }

    /// Returns the rows of a query, `most` of them.
    ///
    /// # Errors
    ///
    /// If there is no connection, or the server refuses the statement.
    pub async fn fetch(&self, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Result<Rows, DbError> {
        let mut lease = self.leases.take().await?;
        let done = session::fetch(lease.begin(), &sql, &params, most).await;
        lease.finish(done)
    }

    /// Returns the rows of a query for each row of parameters.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn fetch_many(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<Vec<Rows>, DbError> {
        let mut lease = self.leases.take().await?;
        let done = session::fetch_many(lease.begin(), &sql, &params).await;
        lease.finish(done)
    }

    /// Runs a statement and returns how many rows it changed.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn execute(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<u64, DbError> {
        let mut lease = self.leases.take().await?;
        let done = session::execute(lease.begin(), &sql, &params).await;
        lease.finish(done)
    }

    /// Runs a statement for each row of parameters, in one transaction.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch); nothing is changed then.
    pub async fn execute_many(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<u64, DbError> {
        let transaction = self.begin().await?;
        let changed = transaction.execute_many(sql, params).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// Inserts rows, in one transaction.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch); nothing is inserted then.
    pub async fn insert(&self, table: &str, columns: &[Arc<str>], rows: &Feed) -> Result<u64, DbError> {
        let transaction = self.begin().await?;
        let inserted = transaction.insert(table, columns, rows).await?;
        transaction.commit().await?;
        Ok(inserted)
    }

    /// Begins to read a query on a connection of its own, `most` rows at a time.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub async fn stream(&self, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Result<MysqlStream, DbError> {
        Ok(MysqlStream::alone(self.leases.take().await?, sql, params, most))
    }

    /// Begins a transaction on a connection of its own.
    ///
    /// # Errors
    ///
    /// If none becomes free in time, or the connection was lost.
    pub async fn begin(&self) -> Result<MysqlTransaction, DbError> {
        MysqlTransaction::begin(self.leases.take().await?).await
    }

    /// Ends what is under way, then closes the connections.
    pub async fn close(&self) {
        self.leases.close().await;
    }
}
