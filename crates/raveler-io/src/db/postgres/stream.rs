//! The rows of a PostgreSQL query in batches; the server is slowed down to the pace of who reads them.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt;

use super::connection::{Prepared, keep};
use super::pool::Lease;
use super::session;
use crate::db::batch::Batch;
use crate::db::error::DbError;
use crate::db::rows::Rows;
use crate::db::slices::Slices;

/// A query that is being read. Dropping it ends the query.
pub struct PostgresStream(Source);

enum Source {
    /// The rest of an answer, on a connection that nobody else uses: what is not read stays with the server.
    Answer(Answer),
    /// A cursor of a transaction, whose other statements may run between two batches.
    Cursor {
        lease: Arc<Lease>,
        fetch: Arc<Prepared>,
    },
    Slices(Slices),
    Ended,
}

struct Answer {
    rows: Pin<Box<tokio_postgres::RowStream>>,
    prepared: Arc<Prepared>,
    lease: Lease,
    most: usize,
    is_over: bool,
}

impl PostgresStream {
    /// Begins a query on a connection of its own.
    pub(super) async fn alone(lease: Lease, sql: &Arc<str>, params: &Batch, most: usize) -> Result<Self, DbError> {
        lease.begin();
        let prepared = lease.connection.prepare(sql).await;
        let prepared = prepared.inspect_err(|_| lease.finish())?;
        let begun = session::begin(&lease.connection, &prepared, params, 0).await;
        let rows = begun
            .and_then(|rows| rows.map_err(|error| lease.connection.fault(&error)))
            .inspect_err(|_| lease.finish())?;
        Ok(Self(Source::Answer(Answer { rows: Box::pin(rows), prepared, lease, most: most.max(1), is_over: false })))
    }

    /// Reads a cursor that the transaction has declared.
    pub(super) fn of_cursor(lease: Arc<Lease>, fetch: Prepared) -> Self {
        Self(Source::Cursor { lease, fetch: Arc::new(fetch) })
    }

    /// Cuts rows that are there already.
    pub(super) fn of_rows(rows: Rows, most: usize) -> Self {
        Self(Source::Slices(Slices::new(rows, most)))
    }

    /// Returns the next rows, or nothing at the end.
    ///
    /// # Errors
    ///
    /// If the server refuses the query, or the connection was lost.
    pub async fn next_batch(&mut self) -> Result<Option<Rows>, DbError> {
        let next = match &mut self.0 {
            Source::Answer(answer) => answer.next().await,
            Source::Cursor { lease, fetch } => {
                let rows = session::run_prepared(&lease.connection, fetch, &Batch::params(&[])).await;
                rows.map(|rows| (!rows.is_empty()).then_some(rows))
            }
            Source::Slices(slices) => Ok(slices.next()),
            Source::Ended => Ok(None),
        };
        if !matches!(next, Ok(Some(_))) {
            // The connection goes back to the pool.
            self.0 = Source::Ended;
        }
        next
    }
}

impl Answer {
    async fn next(&mut self) -> Result<Option<Rows>, DbError> {
        let mut rows = self.prepared.rows();
        while !self.is_over && rows.len() < self.most {
            let Some(row) = self.rows.next().await else {
                self.lease.finish();
                self.is_over = true;
                break;
            };
            row.and_then(|row| keep(&row, &mut rows)).map_err(|error| {
                self.lease.finish();
                self.lease.connection.fault(&error)
            })?;
        }
        Ok((!rows.is_empty()).then_some(rows))
    }
}
