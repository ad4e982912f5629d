//! The interrupt of a task that ran out of time, as its worker feels it: an exception, raised where the task is.

use pyo3::prelude::*;
use raveler_sync::{Counter, Flag};

use crate::modules;

/// The mark of the task that runs and may be interrupted; 0 outside one.
static MARK: Counter = Counter::new(0);
/// Whether a task was interrupted; it stays, for the worker takes no other.
static WAS_HIT: Flag = Flag::new(false);

/// From here on the task of this mark may be interrupted.
pub(crate) fn arm(mark: u64) {
    MARK.set(mark);
}

/// From here on nothing may be interrupted; returns whether the task was.
pub(crate) fn disarm() -> bool {
    MARK.set(0);
    was_hit()
}

/// Whether a task of this worker was interrupted.
pub(crate) fn was_hit() -> bool {
    WAS_HIT.get()
}

/// Raises in the task that `wanted` marks, if that is what runs, once.
///
/// Python calls handlers of signals on the thread that runs tasks, so nothing begins or ends between look and raise.
pub(crate) fn strike(py: Python<'_>, wanted: u64) -> PyResult<()> {
    let mark = MARK.get();
    if mark == 0 || mark != wanted || WAS_HIT.swap(true) {
        return Ok(());
    }
    Err(PyErr::from_value(modules::out_of_time(py)?.call0()?))
}
