//! The bell that the parent sleeps on, as a handle for its threads.

use std::time::Duration;

use raveler_sync::{Awoken, Wanted};

use crate::segment::Segment;

/// The parent's bell; one thread of the parent at a time arms it, looks for completions, waits and disarms it.
#[derive(Clone, Debug)]
pub struct ParentBell {
    segment: Segment,
}

impl ParentBell {
    /// Returns the bell of a segment.
    #[must_use]
    pub fn new(segment: &Segment) -> Self {
        Self { segment: segment.clone() }
    }

    /// Announces a sleep until `wanted` is there, or with `refill` until the queue runs low or a worker goes idle.
    ///
    /// The caller must look for completions once more before it waits.
    #[inline]
    pub fn arm(&self, wanted: Wanted, refill: bool) {
        self.segment.parent_bell().arm(wanted, refill);
    }

    /// Sleeps until the bell rings, at most for `timeout`; returns at once if it rang since it was armed.
    #[inline]
    #[must_use]
    pub fn wait(&self, timeout: Option<Duration>) -> Awoken {
        self.segment.parent_bell().wait(timeout)
    }

    /// Calls the sleep off.
    #[inline]
    pub fn disarm(&self) {
        self.segment.parent_bell().disarm();
    }

    /// Wakes the thread that sleeps, whatever it waits for; for other threads of the parent.
    #[inline]
    pub fn wake_parent(&self) {
        self.segment.parent_bell().wake();
    }
}
