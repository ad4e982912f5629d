//! The rows of a query in batches: few of them are in memory at a time.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::lane::Lane;
use super::statement;
use crate::db::batch::Batch;
use crate::db::error::DbError;
use crate::db::rows::Rows;
use crate::db::slices::Slices;

/// How many batches the thread may be ahead of who reads them.
const AHEAD: usize = 2;

/// A query that is being read. Dropping it ends the query.
pub struct SqliteStream(Source);

enum Source {
    Lane { _lane: Lane, batches: mpsc::Receiver<Result<Rows, DbError>> },
    Slices(Slices),
}

impl SqliteStream {
    /// Reads on a thread that has nothing else to do.
    pub(super) fn of_lane(lane: Lane, sql: Arc<str>, params: Arc<Batch>, most: usize) -> Self {
        let (sender, batches) = mpsc::channel(AHEAD);
        lane.post(move |connection| {
            let sent = statement::stream(connection, &sql, &params, most.max(1), |rows| {
                rows.is_empty() || sender.blocking_send(Ok(rows)).is_ok()
            });
            if let Err(error) = sent {
                let _ = sender.blocking_send(Err(error));
            }
        });
        Self(Source::Lane { _lane: lane, batches })
    }

    /// Cuts rows that are there already.
    pub(super) fn of_rows(rows: Rows, most: usize) -> Self {
        Self(Source::Slices(Slices::new(rows, most)))
    }

    /// Returns the next rows, or nothing at the end.
    ///
    /// # Errors
    ///
    /// If SQLite refuses the query.
    pub async fn next_batch(&mut self) -> Result<Option<Rows>, DbError> {
        match &mut self.0 {
            Source::Lane { batches, .. } => batches.recv().await.transpose(),
            Source::Slices(slices) => Ok(slices.next()),
        }
    }
}
