//! What a stage of a flow spent its time on.

use crate::time::Nanos;

/// What keeps a stage from running more than it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing: it runs as much as it can.
    Busy,
    /// It waits for the stage before it.
    Input,
    /// It waits for the stage behind it to take what is done.
    Room,
    /// It waits for a permit.
    Limit,
    /// It has ended.
    Over,
}

/// Adds up how long a stage was in which condition, from what it is seen in at moments.
#[derive(Clone, Debug)]
pub struct StageTimes {
    condition: Condition,
    running: usize,
    since: Nanos,
    totals: [Nanos; 5],
    ran: Nanos,
    occupied: u128,
}

impl StageTimes {
    /// Returns the times of a stage that waits for input since `now`.
    #[must_use]
    pub const fn new(now: Nanos) -> Self {
        Self { condition: Condition::Input, running: 0, since: now, totals: [0; 5], ran: 0, occupied: 0 }
    }

    /// Notes what the stage is seen in at `now`; until then it was in what it was seen in before.
    pub fn see(&mut self, condition: Condition, running: usize, now: Nanos) {
        let passed = now.saturating_sub(self.since);
        self.totals[self.condition as usize] += passed;
        if self.running > 0 {
            self.ran += passed;
        }
        self.occupied += u128::from(passed) * self.running as u128;
        self.since = self.since.max(now);
        self.condition = condition;
        self.running = running;
    }

    /// Returns how long it was in a condition, up to the last look.
    #[must_use]
    pub const fn total(&self, condition: Condition) -> Nanos {
        self.totals[condition as usize]
    }

    /// Returns how long at least one item ran, up to the last look; it may have waited for more meanwhile.
    #[must_use]
    pub const fn ran(&self) -> Nanos {
        self.ran
    }

    /// Returns the time of all that ran, added up.
    #[must_use]
    pub fn occupied(&self) -> Nanos {
        Nanos::try_from(self.occupied).unwrap_or(Nanos::MAX)
    }
}
