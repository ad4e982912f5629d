//! How a task ended, once and for all.

use crate::id::TaskId;

/// The end of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Its last attempt returned a value.
    Done,
    /// Its last attempt raised an error.
    Failed,
    /// The worker of its last attempt died.
    Died,
    /// Its last attempt was past its deadline.
    TimedOut,
    /// It was cancelled.
    Cancelled,
    /// It never ran, because this parent of it did not succeed.
    ///
    /// The parent may have been popped long before, and its index used again: who wants its error keeps it for the child.
    ParentFailed(TaskId),
}

impl Settlement {
    /// Returns whether there is a value.
    #[must_use]
    pub const fn is_done(self) -> bool {
        matches!(self, Self::Done)
    }
}
