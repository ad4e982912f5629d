//! The interruption of a task that ran out of time: a mark in its worker's record, then a signal, then, too late, a kill.
//!
//! # Invariants
//!
//! 1. The mark is written by the parent alone, before it sends the signal.
//! 2. The signal says nothing by itself. Its handler runs on the thread that runs tasks, and acts only while that thread
//!    is inside the use of the slot that the mark names: a signal that comes late, twice or from elsewhere hits nobody.
//! 3. The signal is ignored where nobody handles it, so a task that takes the handler away is killed as if it were deaf.
//! 4. A worker that was interrupted takes no other task: whatever the interrupt left half done goes with it.

use std::time::Duration;

use raveler_events::clock;
use raveler_shm::Ticket;
use rustix::process::Signal;

/// How long an interrupted task has for its `finally` blocks before its worker is killed.
pub const GRACE: Duration = Duration::from_millis(500);

/// The first byte of an error that may not be retried.
pub const FINAL: u8 = 0;
/// The first byte of an error that may be retried.
pub const RETRYABLE: u8 = 1;
/// The first and only byte of the error of a task that was interrupted.
pub const OUT_OF_TIME: u8 = 2;

/// What a worker is interrupted by (3).
pub(crate) const SIGNAL: Signal = Signal::URG;

/// Whether what was to be stopped still runs.
pub(crate) type Still = Box<dyn Fn() -> bool + Send>;

/// Returns the mark of one use of a slot; never 0.
#[must_use]
pub fn mark(ticket: Ticket) -> u64 {
    (u64::from(ticket.slot) + 1) << 32 | u64::from(ticket.position)
}

/// Workers that were interrupted, each with the time at which it is killed if it has not answered.
#[derive(Default)]
pub(crate) struct Graces(Vec<(u64, u32, Still)>);

impl Graces {
    /// Notes that a worker is interrupted now.
    pub(crate) fn grant(&mut self, worker: u32, still: Still) {
        let grace = u64::try_from(GRACE.as_nanos()).unwrap_or(u64::MAX);
        self.0.push((clock::nanos() + grace, worker, still));
    }

    /// Returns how long until the first grace ends.
    pub(crate) fn left(&self) -> Option<Duration> {
        let first = self.0.iter().map(|(at, ..)| *at).min()?;
        Some(Duration::from_nanos(first.saturating_sub(clock::nanos())))
    }

    /// Takes out those whose grace is over.
    pub(crate) fn take_over(&mut self) -> Vec<(u32, Still)> {
        let now = clock::nanos();
        self.0.extract_if(.., |(at, ..)| *at <= now).map(|(_, worker, still)| (worker, still)).collect()
    }
}
