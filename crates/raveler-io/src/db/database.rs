//! A database of any kind, its transactions and its streams: each call goes to the driver that the address chose.

use std::sync::Arc;

use super::address::Address;
use super::batch::Batch;
use super::error::DbError;
use super::feed::Feed;
use super::mysql::{Mysql, MysqlStream, MysqlTransaction};
use super::options::Options;
use super::postgres::{Postgres, PostgresStream, PostgresTransaction};
use super::rows::Rows;
use super::sqlite::{Sqlite, SqliteStream, SqliteTransaction};

/// A database. It connects when it is first used.
pub enum Database {
    /// A file, or memory.
    Sqlite(Sqlite),
    /// A PostgreSQL server.
    Postgres(Postgres),
    /// A MySQL or MariaDB server.
    Mysql(Mysql),
}

/// A transaction. Dropping it without a commit rolls it back.
pub enum Transaction {
    /// Of an SQLite database.
    Sqlite(SqliteTransaction),
    /// Of a PostgreSQL server.
    Postgres(PostgresTransaction),
    /// Of a MySQL or MariaDB server.
    Mysql(MysqlTransaction),
}

/// The rows of a query, read in batches.
pub enum RowStream {
    /// Of an SQLite database.
    Sqlite(SqliteStream),
    /// Of a PostgreSQL server.
    Postgres(PostgresStream),
    /// Of a MySQL or MariaDB server.
    Mysql(MysqlStream),
}

/// Calls the same method of whichever driver there is.
macro_rules! each {
    ($kind:ident, $this:expr, $driver:ident => $call:expr) => {
        match $this {
            $kind::Sqlite($driver) => $call,
            $kind::Postgres($driver) => $call,
            $kind::Mysql($driver) => $call,
        }
    };
}

/// Runs the same method of whichever driver there is, in a box: the largest driver would give every statement its size.
macro_rules! run {
    ($kind:ident, $this:expr, $driver:ident => $call:expr) => {
        each!($kind, $this, $driver => Box::pin($call).await)
    };
}

/// Refuses text that holds no statement, which some servers would take.
fn there(sql: &str) -> Result<(), DbError> {
    if sql.trim().is_empty() {
        return Err(DbError::Shape(String::from("the text holds no statement; write one")));
    }
    Ok(())
}

/// The verbs that a database and a transaction share.
macro_rules! verbs {
    ($kind:ident) => {
        impl $kind {
            /// Returns the rows of a query.
            ///
            /// # Errors
            ///
            /// If there is no connection, or the database refuses the statement.
            pub async fn fetch(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<Rows, DbError> {
                there(&sql)?;
                run!($kind, self, driver => driver.fetch(sql, params, usize::MAX))
            }

            /// Hands over the rows of a query in parts of about `most` rows, as they come where the driver can.
            ///
            /// # Errors
            ///
            /// As [`fetch`](Self::fetch); parts may have been handed over then.
            pub async fn fetch_parts(
                &self,
                sql: Arc<str>,
                params: Arc<Batch>,
                most: usize,
                mut take: impl FnMut(Rows) + Send,
            ) -> Result<(), DbError> {
                there(&sql)?;
                if let Self::Postgres(driver) = self {
                    return Box::pin(driver.fetch_parts(sql, params, most, take)).await;
                }
                take(self.fetch(sql, params).await?);
                Ok(())
            }

            /// Returns the first row of a query, or no row.
            ///
            /// # Errors
            ///
            /// As [`fetch`](Self::fetch).
            pub async fn fetch_one(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<Rows, DbError> {
                there(&sql)?;
                run!($kind, self, driver => driver.fetch(sql, params, 1))
            }

            /// Returns the rows of a query for each row of parameters, in their order.
            ///
            /// # Errors
            ///
            /// As [`fetch`](Self::fetch).
            pub async fn fetch_many(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<Vec<Rows>, DbError> {
                if params.is_empty() {
                    return Ok(Vec::new());
                }
                run!($kind, self, driver => driver.fetch_many(sql, params))
            }

            /// Runs a statement and returns how many rows it changed.
            ///
            /// # Errors
            ///
            /// As [`fetch`](Self::fetch).
            pub async fn execute(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<u64, DbError> {
                run!($kind, self, driver => driver.execute(sql, params))
            }

            /// Runs a statement for each row of parameters and returns how many rows were changed: all or none.
            ///
            /// # Errors
            ///
            /// As [`fetch`](Self::fetch); nothing is changed then.
            pub async fn execute_many(&self, sql: Arc<str>, params: Arc<Batch>) -> Result<u64, DbError> {
                if params.is_empty() {
                    return Ok(0);
                }
                run!($kind, self, driver => driver.execute_many(sql, params))
            }

            /// Inserts rows into `columns` of a table the fastest way that the database has: all or none.
            ///
            /// # Errors
            ///
            /// As [`fetch`](Self::fetch); nothing is inserted then.
            pub async fn insert(&self, table: &str, columns: &[Arc<str>], rows: &Feed) -> Result<u64, DbError> {
                let Some(first) = rows.batch(0).await?.filter(|batch| !batch.is_empty()) else { return Ok(0) };
                if first.width() != columns.len() {
                    return Err(DbError::Shape(format!(
                        "rows of {} values do not fit {} columns of {table}; name as many columns as there are values",
                        first.width(),
                        columns.len()
                    )));
                }
                run!($kind, self, driver => driver.insert(table, columns, rows))
            }

            /// Begins to read a query, `most` rows at a time.
            ///
            /// # Errors
            ///
            /// As [`fetch`](Self::fetch).
            pub async fn stream(&self, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Result<RowStream, DbError> {
                Ok(match self {
                    Self::Sqlite(driver) => RowStream::Sqlite(driver.stream(sql, params, most).await?),
                    Self::Postgres(driver) => RowStream::Postgres(driver.stream(sql, params, most).await?),
                    Self::Mysql(driver) => RowStream::Mysql(driver.stream(sql, params, most).await?),
                })
            }
        }
    };
}

verbs!(Database);
verbs!(Transaction);

impl Database {
    /// Makes the database object of a URL: `sqlite:`, `postgresql:` or `mysql:`. Nothing is opened yet.
    ///
    /// # Errors
    ///
    /// If there is no driver for the URL, or it takes no option of that name.
    pub fn connect(url: &str, options: Options) -> Result<Self, DbError> {
        match Address::parse(url)? {
            Address::Sqlite(address) => Ok(Self::Sqlite(Sqlite::new(address, options))),
            Address::Postgres(url) => Ok(Self::Postgres(Postgres::new(&url, options)?)),
            Address::Mysql(url) => Ok(Self::Mysql(Mysql::new(&url, options)?)),
        }
    }

    /// Returns the address without its credentials and options.
    #[must_use]
    pub fn describe(&self) -> String {
        each!(Self, self, driver => driver.describe())
    }

    /// Begins a transaction, which has a connection for itself.
    ///
    /// # Errors
    ///
    /// If none becomes free in time.
    pub async fn begin(&self) -> Result<Transaction, DbError> {
        Ok(match self {
            Self::Sqlite(driver) => Transaction::Sqlite(driver.begin().await?),
            Self::Postgres(driver) => Transaction::Postgres(driver.begin().await?),
            Self::Mysql(driver) => Transaction::Mysql(driver.begin().await?),
        })
    }

    /// Ends what is under way, then closes the connections.
    pub async fn close(&self) {
        run!(Self, self, driver => driver.close());
    }
}

impl Transaction {
    /// Begins a transaction within this one.
    ///
    /// # Errors
    ///
    /// If the connection was lost, or the transaction has ended.
    pub async fn savepoint(&self, name: &str) -> Result<(), DbError> {
        self.control("SAVEPOINT", name).await
    }

    /// Keeps what was done since the savepoint, as part of the transaction around it.
    ///
    /// # Errors
    ///
    /// As [`savepoint`](Self::savepoint), and if there is none of that name.
    pub async fn release(&self, name: &str) -> Result<(), DbError> {
        self.control("RELEASE SAVEPOINT", name).await
    }

    /// Undoes what was done since the savepoint.
    ///
    /// # Errors
    ///
    /// As [`release`](Self::release).
    pub async fn rollback_to(&self, name: &str) -> Result<(), DbError> {
        self.control("ROLLBACK TO SAVEPOINT", name).await
    }

    async fn control(&self, verb: &str, name: &str) -> Result<(), DbError> {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(DbError::Value(format!("{name:?} is no name for a savepoint; take letters, digits and _")));
        }
        // The prefix keeps the name apart from the words of SQL.
        let sql = format!("{verb} raveler_{name}");
        run!(Self, self, driver => driver.control(sql))
    }

    /// Makes the changes permanent.
    ///
    /// # Errors
    ///
    /// If the database can't, or the connection was lost.
    pub async fn commit(&self) -> Result<(), DbError> {
        run!(Self, self, driver => driver.commit())
    }

    /// Undoes the changes.
    ///
    /// # Errors
    ///
    /// If the transaction has ended.
    pub async fn rollback(&self) -> Result<(), DbError> {
        run!(Self, self, driver => driver.rollback())
    }
}

impl RowStream {
    /// Returns the next rows, or nothing at the end.
    ///
    /// # Errors
    ///
    /// If the database refuses the query, or the connection was lost.
    pub async fn next_batch(&mut self) -> Result<Option<Rows>, DbError> {
        run!(Self, self, stream => stream.next_batch())
    }
}
