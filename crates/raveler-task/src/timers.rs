//! Tasks by the time at which something is due for them.

use std::collections::BTreeMap;

use crate::id::TaskId;
use crate::time::Nanos;

/// A set of at most one time a task, earliest first; at the same time, in submission order.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeMap<(Nanos, u64), TaskId>,
}

impl Timers {
    pub(crate) fn insert(&mut self, at: Nanos, order: u64, task: TaskId) {
        self.due.insert((at, order), task);
    }

    pub(crate) fn remove(&mut self, at: Nanos, order: u64) {
        self.due.remove(&(at, order));
    }

    pub(crate) fn first_at(&self) -> Option<Nanos> {
        self.due.first_key_value().map(|(&(at, _), _)| at)
    }

    pub(crate) fn pop_due(&mut self, now: Nanos) -> Option<TaskId> {
        let entry = self.due.first_entry()?;
        if entry.key().0 <= now { Some(entry.remove()) } else { None }
    }
}
