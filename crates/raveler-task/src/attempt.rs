//! One run of a task: how it starts, how it ends, and what follows.

use crate::id::TaskId;
use crate::time::Nanos;

/// An attempt that a place shall run now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The task.
    pub task: TaskId,
    /// Which attempt this is; the first is 0. One that was put back, or that never began, has its number given again.
    pub attempt: u32,
}

/// How a place says that an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It returned a value.
    Done,
    /// It raised an error.
    Failed {
        /// Whether the options allow another attempt after this error.
        retryable: bool,
    },
    /// It raised an error that the options allow another attempt after, but not before this time: the other side asked for it.
    Later(Nanos),
    /// Its worker died.
    Died,
    /// It was stopped because it was past its deadline.
    TimedOut,
    /// It was stopped because its task was cancelled.
    Cancelled,
    /// A worker took it and died before it began: it runs again, and this one does not count.
    Unstarted,
}

/// What follows from the end of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The task is settled; [`Scheduler::pop_settled`](crate::Scheduler::pop_settled) tells how.
    Settled,
    /// The task runs again.
    Retries {
        /// Not before this time.
        at: Nanos,
    },
    /// No such attempt is running: the report came late and changes nothing.
    Stale,
}
