//! Tasks that no runtime runs: somebody settles them by hand.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyString;
use raveler::cell::Cell;
use raveler::outcome::Outcome;
use raveler_events::clock;
use raveler_sync::{Counter, Flag};

use crate::host::{Interp, TaskCell, ring, tell};
use crate::modules;
use crate::task::Task;

/// Where threads wait for such tasks.
pub(crate) struct Parking {
    lock: Mutex<()>,
    changed: Condvar,
}

/// How long a thread sleeps before it looks for signals.
const NAP: Duration = Duration::from_millis(50);

static PARKING: Parking = Parking { lock: Mutex::new(()), changed: Condvar::new() };
static NUMBERS: Counter = Counter::new(1 << 48);

impl Parking {
    /// Returns the one of this process.
    pub(crate) fn global() -> &'static Self {
        &PARKING
    }

    /// Waits until the flag is set or the clock reads `deadline`; says whether it is set.
    pub(crate) fn wait(
        &self,
        flag: &Flag,
        deadline: Option<u64>,
        interrupted: &mut dyn FnMut() -> PyResult<()>,
    ) -> PyResult<bool> {
        loop {
            let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            if flag.get() {
                return Ok(true);
            }
            let left = deadline.map_or(NAP, |deadline| Duration::from_nanos(deadline.saturating_sub(clock::nanos())));
            if left.is_zero() {
                return Ok(false);
            }
            drop(self.changed.wait_timeout(guard, left.min(NAP)));
            interrupted()?;
        }
    }

    fn wake(&self) {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.changed.notify_all();
    }
}

/// Settles a task by hand; false if it was settled before.
pub(crate) fn settle(py: Python<'_>, cell: &Cell<Interp>, outcome: Outcome<Interp>) -> bool {
    let Some(waiters) = cell.settle(outcome) else {
        return false;
    };
    Parking::global().wake();
    let mut rung = Vec::new();
    for waiter in waiters {
        tell(py, waiter, &mut rung);
    }
    ring(py, &rung);
    true
}

/// Settles one pending task.
#[pyclass(frozen, module = "raveler._raveler")]
pub(crate) struct Settler {
    cell: TaskCell,
}

#[pymethods]
impl Settler {
    /// Ends the task with a value; false if it had ended.
    fn value(&self, py: Python<'_>, value: Py<PyAny>) -> bool {
        settle(py, &self.cell, Outcome::Value(value))
    }

    /// Ends the task with an error; false if it had ended.
    fn error(&self, py: Python<'_>, error: Py<PyAny>) -> bool {
        settle(py, &self.cell, Outcome::Raised(error))
    }

    /// Ends the task as cancelled; false if it had ended.
    fn cancelled(&self, py: Python<'_>) -> bool {
        settle(py, &self.cell, Outcome::Cancelled)
    }
}

/// Makes a task that is settled by hand.
#[pyfunction]
#[pyo3(signature = (name, on_cancel=None, owner=None))]
pub(crate) fn pending(name: Py<PyString>, on_cancel: Option<Py<PyAny>>, owner: Option<Py<PyAny>>) -> (Task, Settler) {
    let cell = Cell::new(NUMBERS.add(1));
    (Task::pending(cell.clone(), name, on_cancel, owner), Settler { cell })
}

/// Returns the number of the calling thread, as Python counts them.
pub(crate) fn thread_ident(py: Python<'_>) -> PyResult<u64> {
    modules::get_ident(py)?.call0()?.extract()
}
