//! Rows for a table that are still being made while the first of them are on their way already.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::batch::Batch;
use super::error::DbError;

#[derive(Default)]
struct State {
    batches: Vec<Arc<Batch>>,
    is_complete: bool,
    is_broken: bool,
}

/// Batches of rows in order. They are kept, so that another attempt can begin with the first again.
#[derive(Default)]
pub struct Feed {
    state: Mutex<State>,
    changed: Notify,
}

impl Feed {
    /// Makes a feed that is complete.
    #[must_use]
    pub fn of(batch: Arc<Batch>) -> Self {
        let feed = Self::default();
        feed.push(batch);
        feed.complete();
        feed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends rows.
    pub fn push(&self, batch: Arc<Batch>) {
        self.state().batches.push(batch);
        self.changed.notify_waiters();
    }

    /// Says that no more rows come.
    pub fn complete(&self) {
        self.state().is_complete = true;
        self.changed.notify_waiters();
    }

    /// Says that the rest of the rows can't be made: what was sent must be undone.
    pub fn break_off(&self) {
        self.state().is_broken = true;
        self.changed.notify_waiters();
    }

    /// Returns the batch of this number, or nothing at the end.
    ///
    /// # Errors
    ///
    /// If the source of the rows failed.
    pub async fn batch(&self, number: usize) -> Result<Option<Arc<Batch>>, DbError> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let state = self.state();
                if state.is_broken {
                    return Err(DbError::Interrupted);
                }
                if let Some(batch) = state.batches.get(number) {
                    return Ok(Some(Arc::clone(batch)));
                }
                if state.is_complete {
                    return Ok(None);
                }
            }
            changed.await;
        }
    }

    /// Returns all rows in one batch, once they are there.
    ///
    /// # Errors
    ///
    /// If the source of the rows failed.
    pub async fn whole(&self) -> Result<Arc<Batch>, DbError> {
        let Some(first) = self.batch(0).await? else { return Ok(Arc::new(Batch::default())) };
        let mut number = 1;
        let mut all = first;
        while let Some(next) = self.batch(number).await? {
            Arc::make_mut(&mut all).append(&next);
            number += 1;
        }
        Ok(all)
    }
}
