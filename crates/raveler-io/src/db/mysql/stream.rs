//! The rows of a MySQL query in batches; the server is slowed down to the pace of who reads them.

use std::sync::Arc;

use mysql_async::prelude::{Query, Queryable, WithParams};
use mysql_async::{BinaryProtocol, QueryResult};

use super::fault::from_mysql;
use super::lease::{Lease, interrupt};
use super::session::{fetch, needs_text, parameters};
use super::target::Target;
use super::value::{Meaning, empty, keep};
use crate::db::batch::Batch;
use crate::db::error::DbError;
use crate::db::rows::Rows;
use crate::db::slices::Slices;
use crate::reactor;

/// A query that is being read. Dropping it ends the query.
pub struct MysqlStream(Source);

enum Source {
    Answer(Box<Answer>),
    Slices(Slices),
}

struct Answer {
    result: QueryResult<'static, 'static, BinaryProtocol>,
    empty: Rows,
    meanings: Vec<Meaning>,
    target: Arc<Target>,
    number: u32,
    most: usize,
    is_over: bool,
}

impl MysqlStream {
    /// Begins a query on a connection of its own.
    pub(super) async fn alone(mut lease: Lease, sql: &str, params: &Batch, most: usize) -> Result<Self, DbError> {
        let statement = match lease.begin().prep(sql).await {
            Ok(statement) => statement,
            Err(error) if needs_text(&error, params) => {
                let rows = fetch(lease.begin(), sql, params, usize::MAX).await;
                return Ok(Self::of_rows(lease.finish(rows)?, most));
            }
            Err(error) => return lease.finish(Err(error.into())),
        };
        let bound = parameters(&statement, params, 0);
        let bound = lease.finish(bound.map_err(Into::into))?;
        let (connection, target) = lease.into_inner();
        let number = connection.id();
        let result = statement.with(bound).run(connection).await;
        let result = result.map_err(|error| from_mysql(&error, &target.name, false))?;
        let (empty, meanings) = empty(result.columns_ref());
        let answer = Answer { result, empty, meanings, target, number, most: most.max(1), is_over: false };
        Ok(Self(Source::Answer(Box::new(answer))))
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
        match &mut self.0 {
            Source::Answer(answer) => answer.next().await,
            Source::Slices(slices) => Ok(slices.next()),
        }
    }
}

impl Answer {
    async fn next(&mut self) -> Result<Option<Rows>, DbError> {
        let mut rows = self.empty.clone();
        while !self.is_over && rows.len() < self.most {
            match self.result.next().await {
                Ok(Some(row)) => keep(row, &self.meanings, &mut rows),
                Ok(None) => self.is_over = true,
                Err(error) => {
                    self.is_over = true;
                    return Err(from_mysql(&error, &self.target.name, false));
                }
            }
        }
        Ok((!rows.is_empty()).then_some(rows))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.is_over {
            // The driver reads the rest of the answer before it uses the connection again: let that be short.
            drop(reactor::spawn(interrupt(self.target.opts.clone(), self.number)));
        }
    }
}
