//! The rows of a MySQL query in batches; the server is slowed down to the pace of who reads them.

use std::sync::Arc;

use mysql_async::prelude::Queryable;
use tokio::sync::mpsc;

use super::lease::{Failure, Lease};
use super::session::{fetch, needs_text, parameters};
use super::value::{empty, keep};
use crate::db::batch::Batch;
use crate::db::error::DbError;
use crate::db::rows::Rows;
use crate::db::slices::Slices;
use crate::reactor;

/// How many batches may wait to be read.
const AHEAD: usize = 1;

/// A query that is being read. Dropping it ends the query, and the connection that it had.
pub struct MysqlStream(Source);

enum Source {
    Answer(mpsc::Receiver<Result<Rows, DbError>>),
    Slices(Slices),
}

impl MysqlStream {
    /// Begins a query on a connection of its own.
    pub(super) fn alone(mut lease: Lease, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Self {
        let (sender, batches) = mpsc::channel(AHEAD);
        drop(reactor::spawn(async move {
            let ended = tokio::select! {
                ended = read(&mut lease, &sql, &params, most.max(1), &sender) => Some(ended),
                // Nobody reads on: the lease stops the query and is used no more.
                () = sender.closed() => None,
            };
            if let Some(ended) = ended
                && let Err(error) = lease.finish(ended)
            {
                // Whoever has gone does not want to know.
                let _ = sender.send(Err(error)).await;
            }
        }));
        Self(Source::Answer(batches))
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
            Source::Answer(batches) => batches.recv().await.transpose(),
            Source::Slices(slices) => Ok(slices.next()),
        }
    }
}

/// Sends the rows of a query, `most` at a time.
async fn read(
    lease: &mut Lease,
    sql: &str,
    params: &Batch,
    most: usize,
    sender: &mpsc::Sender<Result<Rows, DbError>>,
) -> Result<(), Failure> {
    let connection = lease.begin();
    let statement = match connection.prep(sql).await {
        Ok(statement) => statement,
        Err(error) if needs_text(&error, params) => {
            for rows in Slices::new(fetch(connection, sql, params, usize::MAX).await?, most) {
                // The caller watches for the receiver's end.
                let _ = sender.send(Ok(rows)).await;
            }
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let bound = parameters(&statement, params, 0)?;
    let mut result = connection.exec_iter(statement, bound).await?;
    let (none, meanings) = empty(result.columns_ref());
    let mut rows = none.clone();
    while let Some(row) = result.next().await? {
        keep(row, &meanings, &mut rows);
        if rows.len() >= most {
            let _ = sender.send(Ok(std::mem::replace(&mut rows, none.clone()))).await;
        }
    }
    result.drop_result().await?;
    if !rows.is_empty() {
        let _ = sender.send(Ok(rows)).await;
    }
    Ok(())
}
