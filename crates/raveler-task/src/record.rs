//! What the scheduler keeps of one task: a small record, and a box for what few tasks have.

use crate::id::TaskId;
use crate::parents::Parents;
use crate::permits::SetId;
use crate::place::Place;
use crate::retry::Retry;
use crate::time::Nanos;

/// Where a task stands between its submission and its settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A parent is not settled.
    Waiting,
    /// In the queue of its place.
    Ready,
    /// Failed, and due again at `Extras::timer`.
    Delayed,
    /// Handed to its place.
    Running,
    /// Handed to its place, which was told to stop it.
    Stopping,
    /// In the queue of settled tasks.
    Settled { is_done: bool },
}

impl State {
    pub(crate) const fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Stopping)
    }
}

#[derive(Debug)]
pub(crate) struct Record {
    /// Submission order: unique, never used again.
    pub(crate) order: u64,
    pub(crate) extras: Option<Box<Extras>>,
    pub(crate) attempt: u32,
    pub(crate) limits: SetId,
    pub(crate) place: Place,
    pub(crate) state: State,
}

/// A child to tell when this task settles, and which of the child's parents it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dependent {
    pub(crate) child: TaskId,
    pub(crate) position: u32,
}

/// What only few tasks have.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    pub(crate) retry: Retry,
    pub(crate) timeout: Option<Nanos>,
    /// The deadline of a running attempt, or when a delayed task is due.
    pub(crate) timer: Option<Nanos>,
    /// Whether the running attempt was reported as past its deadline.
    pub(crate) timeout_told: bool,
    /// When the permits of the running attempt were taken.
    pub(crate) taken_at: Nanos,
    pub(crate) parents: Parents,
    pub(crate) dependents: Vec<Dependent>,
}

impl Record {
    pub(crate) fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }
}
