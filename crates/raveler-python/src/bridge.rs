//! Tasks of another runtime, or of none, as parents of this runtime's tasks.

use std::sync::Arc;

use pyo3::prelude::*;
use raveler::Runtime;
use raveler::outcome::Outcome;

use crate::call;
use crate::error;
use crate::host::{Interp, TaskCell, Waiter};
use crate::task::{self, Task};

/// Returns the cell of a task in this runtime: its own, or one that ends as a task of elsewhere does.
pub(crate) fn bridge(py: Python<'_>, task: &Task, runtime: &Runtime<Interp>) -> PyResult<TaskCell> {
    if task.runtime.as_ref().is_some_and(|own| own.is_same(runtime)) {
        return Ok(Arc::clone(&task.cell));
    }
    let (cell, start) = runtime.submit_external().map_err(|error| error::to_python(&error))?;
    task.subscribe(
        py,
        Waiter::Bridge(Box::new(Bridge { runtime: runtime.clone(), start, source: Arc::clone(&task.cell) })),
    );
    Ok(cell)
}

/// Lets a task of this runtime end as a task of elsewhere does.
pub(crate) struct Bridge {
    runtime: Runtime<Interp>,
    start: raveler_task::Start,
    source: TaskCell,
}

impl Bridge {
    /// The task of elsewhere has ended.
    pub(crate) fn cross(self, py: Python<'_>) {
        let outcome = match task::value_of(py, &self.source, self.runtime.arena()) {
            Ok(value) => Outcome::Value(value.unbind()),
            Err(error) => Outcome::Raised(error.into_value(py).into_any()),
        };
        call::end(py, &self.runtime, self.start, outcome, false);
    }
}
