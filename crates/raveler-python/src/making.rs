//! Rows of a large result made into objects while the others are on their way.

use std::sync::mpsc;

use pyo3::prelude::*;
use pyo3::types::PyList;
use raveler_io::db::{DbError, Rows};
use raveler_io::reactor;

use crate::rows::{self, Shape};

/// Rows that are made into objects at once while others are on their way.
pub(crate) const PART: usize = 16_384;

/// A thread that makes objects of rows while others are on their way.
pub(crate) struct Making {
    parts: mpsc::Sender<Rows>,
    made: tokio::task::JoinHandle<PyResult<Vec<Py<PyList>>>>,
}

impl Making {
    /// Starts the thread.
    pub(crate) fn start(shape: Shape) -> Self {
        let (parts, coming) = mpsc::channel::<Rows>();
        let made = reactor::handle().spawn_blocking(move || {
            let mut lists = Vec::new();
            for rows in coming {
                // An interpreter that ends takes no more objects, and nobody waits for them.
                let Some(list) = Python::try_attach(|py| rows::list(py, &rows, shape).map(Bound::unbind)) else {
                    break;
                };
                lists.push(list?);
            }
            Ok(lists)
        });
        Self { parts, made }
    }

    /// Hands over rows.
    pub(crate) fn push(&self, rows: Rows) {
        // The thread has ended only if an object can't be made; its error is told at the end.
        let _ = self.parts.send(rows);
    }

    /// Returns the objects once all are made, or why one can't be made.
    pub(crate) async fn end(self) -> Result<PyResult<Vec<Py<PyList>>>, DbError> {
        drop(self.parts);
        self.made.await.map_err(|_| DbError::Interrupted)
    }
}

/// Makes one list of several.
pub(crate) fn joined(py: Python<'_>, lists: Vec<Py<PyList>>) -> PyResult<Bound<'_, PyAny>> {
    let mut lists = lists.into_iter();
    let Some(all) = lists.next() else { return Ok(PyList::empty(py).into_any()) };
    let all = all.into_bound(py);
    for list in lists {
        all.call_method1("extend", (list,))?;
    }
    Ok(all.into_any())
}
