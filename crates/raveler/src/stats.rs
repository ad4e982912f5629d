//! What a runtime has counted.

use raveler_task::Settlement;

/// Totals since the runtime was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tasks and frames submitted.
    pub submitted: u64,
    /// Those that ended with a value.
    pub done: u64,
    /// Those that ended with an error.
    pub failed: u64,
    /// Those that were cancelled.
    pub cancelled: u64,
    /// Those that took too long.
    pub timed_out: u64,
    /// Those whose worker died.
    pub died: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Workers that died.
    pub deaths: u64,
    /// Items of maps.
    pub items: u64,
    /// Nanoseconds that workers spent on frames.
    pub busy: u64,
}

impl Tally {
    pub(crate) fn settle(&mut self, settlement: Settlement) {
        let total = match settlement {
            Settlement::Done => &mut self.done,
            Settlement::Failed | Settlement::ParentFailed(_) => &mut self.failed,
            Settlement::Cancelled => &mut self.cancelled,
            Settlement::TimedOut => &mut self.timed_out,
            Settlement::Died => &mut self.died,
        };
        *total += 1;
    }
}
