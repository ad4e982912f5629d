//! One connection to PostgreSQL: several statements may be under way on it, one behind the other.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{CancelToken, Client, Statement};

use super::fault::from_postgres;
use super::target::Target;
use crate::db::error::DbError;
use crate::db::rows::{Column, Rows};
use crate::db::wire::Decoder;
use crate::reactor;

/// How long a courtesy to the server may take: a question whether it is there, a request to stop.
const COURTESY: Duration = Duration::from_secs(5);

/// A statement that the server has prepared, and how its values are written and read.
pub struct Prepared {
    pub statement: Statement,
    pub places: Vec<Decoder>,
    empty: Rows,
}

impl Prepared {
    fn new(statement: Statement) -> Self {
        let columns: Vec<Column> = statement
            .columns()
            .iter()
            .map(|column| Column { name: column.name().into(), kind: column.type_().name().into() })
            .collect();
        let decoders: Vec<Decoder> = statement.columns().iter().map(|column| Decoder::of(column.type_())).collect();
        let places = statement.params().iter().map(Decoder::of).collect();
        Self { statement, places, empty: Rows::wire(columns.into(), decoders.into()) }
    }

    /// Returns a result without rows.
    pub fn rows(&self) -> Rows {
        self.empty.clone()
    }
}

/// The bytes of a value as the server sent them.
pub struct Raw<'a>(pub Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Copies a row into `rows`.
#[inline]
pub fn keep(row: &tokio_postgres::Row, rows: &mut Rows) -> Result<(), tokio_postgres::Error> {
    let count = row.len();
    let buffer = rows.begin();
    for index in 0..count {
        match row.try_get::<usize, Raw<'_>>(index)?.0 {
            None => buffer.extend_from_slice(&(-1_i32).to_be_bytes()),
            Some(bytes) => {
                // A value in a message of the server is shorter than 2 GiB.
                buffer.extend_from_slice(&i32::try_from(bytes.len()).unwrap_or(0).to_be_bytes());
                buffer.extend_from_slice(bytes);
            }
        }
    }
    Ok(())
}

#[derive(Default)]
struct Kept {
    by_text: HashMap<Arc<str>, Arc<Prepared>>,
    order: VecDeque<Arc<str>>,
}

/// A connection and the statements that it has prepared.
pub struct Connection {
    pub client: Client,
    pub target: Arc<Target>,
    kept: Mutex<Kept>,
    capacity: usize,
}

impl Connection {
    /// Connects and logs in.
    ///
    /// # Errors
    ///
    /// If nobody answers, or the login is refused.
    pub async fn open(target: &Arc<Target>, capacity: usize) -> Result<Self, DbError> {
        let connecting = target.config.connect(target.tls.clone());
        let (client, driver) = connecting.await.map_err(|error| from_postgres(&error, &target.name, true))?;
        // It ends when the client is dropped, or with the connection; whoever waits for an answer is told then.
        drop(reactor::spawn(driver));
        Ok(Self { client, target: Arc::clone(target), kept: Mutex::default(), capacity })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns an error of a statement into ours.
    #[must_use]
    pub fn fault(&self, error: &tokio_postgres::Error) -> DbError {
        from_postgres(error, &self.target.name, false)
    }

    /// Returns the prepared form of a statement.
    ///
    /// # Errors
    ///
    /// If the server refuses it.
    pub async fn prepare(&self, sql: &Arc<str>) -> Result<Arc<Prepared>, DbError> {
        if let Some(prepared) = self.kept().by_text.get(sql) {
            return Ok(Arc::clone(prepared));
        }
        let prepared = Arc::new(self.prepare_anew(sql).await?);
        if self.capacity > 0 {
            let mut kept = self.kept();
            if kept.by_text.insert(Arc::clone(sql), Arc::clone(&prepared)).is_none() {
                kept.order.push_back(Arc::clone(sql));
            }
            if kept.order.len() > self.capacity
                && let Some(oldest) = kept.order.pop_front()
            {
                kept.by_text.remove(&oldest);
            }
        }
        Ok(prepared)
    }

    /// Prepares a statement that is not kept.
    ///
    /// # Errors
    ///
    /// If the server refuses it.
    pub async fn prepare_anew(&self, sql: &str) -> Result<Prepared, DbError> {
        self.client.prepare(sql).await.map(Prepared::new).map_err(|error| self.fault(&error))
    }

    /// Forgets what was prepared: the schema has changed.
    pub fn forget(&self) {
        *self.kept() = Kept::default();
    }

    /// Whether the server still answers.
    pub async fn answers(&self) -> bool {
        matches!(tokio::time::timeout(COURTESY, self.client.check_connection()).await, Ok(Ok(())))
    }

    /// Asks the server to stop what this connection is doing.
    pub async fn interrupt(target: Arc<Target>, token: CancelToken) {
        // The server gives no answer, and the connection is given up in any case.
        let _ = tokio::time::timeout(COURTESY, token.cancel_query(target.tls.clone())).await;
    }
}
