//! Named limits that tasks share, and the count of what each has left.

use std::collections::VecDeque;

use crate::time::Nanos;

/// How much of a shared resource may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// At most so many tasks that need it run at the same time.
    Count(u32),
    /// At most `count` attempts of tasks that need it start within any span of `per`.
    Rate {
        /// Starts in one span.
        count: u32,
        /// The length of the span.
        per: Nanos,
    },
}

/// The identity of a limit within one scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LimitId(u32);

impl LimitId {
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("fewer than 2^32 limits are ever made"))
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What one limit has left.
#[derive(Debug)]
pub(crate) enum Limiter {
    Count {
        free: u32,
    },
    /// `starts` is sorted, and holds at most `count`: a start is dropped once it is older than `per`.
    Rate {
        count: usize,
        per: Nanos,
        starts: VecDeque<Nanos>,
    },
}

/// When a limit lets the next attempt start.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    Now,
    At(Nanos),
    WithNextRelease,
}

impl Limiter {
    pub(crate) fn new(limit: Limit) -> Self {
        match limit {
            Limit::Count(count) => {
                assert!(count > 0, "a limit of 0 would let no task run; give at least 1");
                Self::Count { free: count }
            }
            Limit::Rate { count, per } => {
                assert!(count > 0, "a rate of 0 would let no task run; give at least 1");
                assert!(per > 0, "a rate needs a span longer than 0");
                Self::Rate { count: count as usize, per, starts: VecDeque::new() }
            }
        }
    }

    pub(crate) fn opening(&self, now: Nanos) -> Opening {
        match self {
            Self::Count { free: 0 } => Opening::WithNextRelease,
            Self::Count { .. } => Opening::Now,
            Self::Rate { count, per, starts } => match starts.front() {
                Some(oldest) if starts.len() >= *count => match oldest.saturating_add(*per) {
                    at if at <= now => Opening::Now,
                    at => Opening::At(at),
                },
                _ => Opening::Now,
            },
        }
    }

    /// Takes a permit at `now`, which must not lie before an earlier `now`.
    pub(crate) fn take(&mut self, now: Nanos) {
        match self {
            Self::Count { free } => *free -= 1,
            Self::Rate { per, starts, .. } => {
                while starts.front().is_some_and(|start| start.saturating_add(*per) <= now) {
                    starts.pop_front();
                }
                starts.push_back(now);
            }
        }
    }

    /// Gives the permit back after an attempt: what counts starts keeps its count.
    pub(crate) fn release(&mut self) {
        if let Self::Count { free } = self {
            *free += 1;
        }
    }

    /// Gives the permit that was taken at `at` back as if it had never been taken.
    pub(crate) fn refund(&mut self, at: Nanos) {
        match self {
            Self::Count { free } => *free += 1,
            Self::Rate { starts, .. } => {
                if let Ok(position) = starts.binary_search(&at) {
                    starts.remove(position);
                }
            }
        }
    }
}
