//! A connection to MySQL for one statement or transaction at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};
use raveler_sync::Flag;

use super::fault::from_mysql;
use super::target::Target;
use crate::db::error::DbError;
use crate::db::options::Options;
use crate::reactor;

/// How long the server may take to stop a statement.
const COURTESY: Duration = Duration::from_secs(5);

struct Made {
    process: u32,
    pool: mysql_async::Pool,
}

/// The driver's pool of this process: a forked child makes its own.
pub struct Leases {
    pub target: Arc<Target>,
    options: Options,
    made: Mutex<Option<Made>>,
    is_closed: Flag,
}

impl Leases {
    /// Makes a pool without connections.
    #[must_use]
    pub fn new(target: Target, options: Options) -> Self {
        Self { target: Arc::new(target), options, made: Mutex::new(None), is_closed: Flag::new(false) }
    }

    fn pool(&self) -> Result<mysql_async::Pool, DbError> {
        if self.is_closed.get() {
            return Err(DbError::Closed);
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if let Some(made) = made.as_ref().filter(|made| made.process == process) {
            return Ok(made.pool.clone());
        }
        let pool = mysql_async::Pool::new(self.target.opts.clone());
        // A forked child shares its parent's sockets: to close them properly would end the parent's sessions.
        std::mem::forget(made.replace(Made { process, pool: pool.clone() }));
        Ok(pool)
    }

    /// Returns a connection that nobody else uses.
    ///
    /// # Errors
    ///
    /// If none can be opened, or none becomes free until the timeout.
    pub async fn take(&self) -> Result<Lease, DbError> {
        let pool = self.pool()?;
        let waited = self.options.timeout;
        let connection = tokio::time::timeout(waited, pool.get_conn())
            .await
            .map_err(|_| DbError::Exhausted { size: self.options.pool_size, waited })?
            .map_err(|error| from_mysql(&error, &self.target.name, true))?;
        Ok(Lease { connection: Some(connection), target: Arc::clone(&self.target), is_finished: true })
    }

    /// Closes the connections; what is under way ends first.
    pub async fn close(&self) {
        self.is_closed.set(true);
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(made) = made.filter(|made| made.process == std::process::id()) {
            let _ = tokio::time::timeout(self.options.timeout, made.pool.disconnect()).await;
        }
    }
}

/// A connection. To drop it between [`begin`](Self::begin) and [`finish`](Self::finish) stops the statement and closes it.
pub struct Lease {
    connection: Option<Conn>,
    target: Arc<Target>,
    is_finished: bool,
}

impl Lease {
    /// Says that a statement begins, and returns the connection for it.
    ///
    /// # Panics
    ///
    /// Never: the connection leaves only with the lease itself.
    pub fn begin(&mut self) -> &mut Conn {
        self.is_finished = false;
        self.connection.as_mut().expect("a lease has its connection as long as it lives")
    }

    /// Says that nothing is under way, and turns the driver's error into ours.
    ///
    /// # Errors
    ///
    /// If the statement failed.
    pub fn finish<T>(&mut self, done: Result<T, Failure>) -> Result<T, DbError> {
        self.is_finished = true;
        done.map_err(|failure| match failure {
            Failure::Driver(error) => from_mysql(&error, &self.target.name, false),
            Failure::Ours(error) => error,
        })
    }
}

/// What can go wrong with a statement: at the driver, or before it.
pub enum Failure {
    Driver(mysql_async::Error),
    Ours(DbError),
}

impl From<mysql_async::Error> for Failure {
    fn from(error: mysql_async::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        Self::Ours(error)
    }
}

/// Stops what the connection of this number is doing.
async fn interrupt(opts: Opts, number: u32) {
    let stop = async {
        let mut other = Conn::new(mysql_async::OptsBuilder::from_opts(opts).pool_opts(None)).await?;
        other.query_drop(format!("KILL QUERY {number}")).await?;
        other.disconnect().await
    };
    // The server may have gone; then there is nothing to stop.
    let _ = tokio::time::timeout(COURTESY, stop).await;
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take().filter(|_| !self.is_finished) else { return };
        let opts = self.target.opts.clone();
        drop(reactor::spawn(async move {
            interrupt(opts, connection.id()).await;
            let _ = tokio::time::timeout(COURTESY, connection.disconnect()).await;
        }));
    }
}
