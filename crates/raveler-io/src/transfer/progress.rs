//! How far a transfer is, for whoever watches it.

use raveler_sync::Counter;

/// Two counts that the transfer writes and anybody reads.
#[derive(Debug)]
pub struct Progress {
    /// The bytes that are done in this attempt, resumed ones included.
    pub done: Counter,
    /// The bytes in all; [`Progress::UNKNOWN`] until the server says.
    pub total: Counter,
}

impl Progress {
    /// The total as long as nobody knows it.
    pub const UNKNOWN: u64 = u64::MAX;

    /// Returns a progress at its beginning.
    #[must_use]
    pub const fn new() -> Self {
        Self { done: Counter::new(0), total: Counter::new(Self::UNKNOWN) }
    }

    /// Writes where an attempt begins.
    pub fn begin(&self, done: u64, total: Option<u64>) {
        self.done.set(done);
        self.total.set(total.unwrap_or(Self::UNKNOWN));
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}
