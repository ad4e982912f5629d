//! How many tasks stand where, and how many ended how.

use crate::outcome::Settlement;
use crate::record::State;

/// A count of tasks by state, and of ends and attempts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tasks that wait for a parent.
    pub waiting: u64,
    /// Tasks that wait for their place or for a limit.
    pub ready: u64,
    /// Tasks that failed and wait for their next attempt.
    pub delayed: u64,
    /// Tasks that their place has taken.
    pub running: u64,
    /// Settled tasks that were not popped.
    pub unpopped: u64,
    /// Tasks ever submitted.
    pub submitted: u64,
    /// Attempts that followed another.
    pub retries: u64,
    /// Tasks that ended with a value.
    pub done: u64,
    /// Tasks that ended with an error.
    pub failed: u64,
    /// Tasks that ended with the death of a worker.
    pub died: u64,
    /// Tasks that ended past their deadline.
    pub timed_out: u64,
    /// Tasks that ended cancelled.
    pub cancelled: u64,
    /// Tasks that ended with a parent.
    pub parent_failed: u64,
}

impl Counts {
    /// Returns the number of tasks that are not settled.
    #[must_use]
    pub const fn unsettled(&self) -> u64 {
        self.waiting + self.ready + self.delayed + self.running
    }

    /// Returns the number of tasks that ever settled.
    #[must_use]
    pub const fn settled(&self) -> u64 {
        self.done + self.failed + self.died + self.timed_out + self.cancelled + self.parent_failed
    }

    pub(crate) fn enter(&mut self, state: State) {
        *self.of(state) += 1;
    }

    pub(crate) fn leave(&mut self, state: State) {
        *self.of(state) -= 1;
    }

    pub(crate) fn settle(&mut self, settlement: Settlement) {
        let total = match settlement {
            Settlement::Done => &mut self.done,
            Settlement::Failed => &mut self.failed,
            Settlement::Died => &mut self.died,
            Settlement::TimedOut => &mut self.timed_out,
            Settlement::Cancelled => &mut self.cancelled,
            Settlement::ParentFailed(_) => &mut self.parent_failed,
        };
        *total += 1;
    }

    const fn of(&mut self, state: State) -> &mut u64 {
        match state {
            State::Waiting => &mut self.waiting,
            State::Ready => &mut self.ready,
            State::Delayed => &mut self.delayed,
            State::Running | State::Stopping => &mut self.running,
            State::Settled { .. } => &mut self.unpopped,
        }
    }
}
