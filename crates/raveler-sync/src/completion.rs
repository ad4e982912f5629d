//! The completion ring: one worker tells the parent which slots are done; either may die at any instruction.
//!
//! # Invariants
//!
//! 1. `tail` is written by the worker alone, after the entry it covers (Release).
//! 2. `head` is written by the parent alone, after it has read the entry (Release).
//! 3. Entries in `head..tail` are never written.
//! 4. It is never full: each entry holds a slot that is not free until the parent has taken the entry, and the capacity
//!    is at least the number of slots.
//! 5. Both counts go on where they stand when a dead worker is replaced.

use crate::step::step;
use crate::sync::{AtomicU64, Ordering};
use crate::word::{Ticket, low};

/// A view of one worker's ring; its capacity is the number of entries, a power of two.
#[derive(Clone, Copy, Debug)]
pub struct CompletionRing<'a> {
    head: &'a AtomicU64,
    tail: &'a AtomicU64,
    entries: &'a [AtomicU64],
}

impl<'a> CompletionRing<'a> {
    /// Returns the view of the ring in these words, which are zero at first.
    #[inline]
    #[must_use]
    pub fn new(head: &'a AtomicU64, tail: &'a AtomicU64, entries: &'a [AtomicU64]) -> Self {
        debug_assert!(entries.len().is_power_of_two(), "the capacity is a power of two");
        Self { head, tail, entries }
    }

    /// Worker: publishes that the slot of `ticket` is done.
    #[inline]
    pub fn push(self, ticket: Ticket) {
        let at = self.tail.load(Ordering::Relaxed);
        // Relaxed: nobody reads it before the tail covers it (1).
        self.entry(at).store(ticket.to_u64(), Ordering::Relaxed);
        step();
        self.tail.store(at + 1, Ordering::Release);
        step();
    }

    /// Parent: takes the oldest entry.
    #[inline]
    #[must_use]
    pub fn pop(self) -> Option<Ticket> {
        let at = self.head.load(Ordering::Relaxed);
        if at == self.tail.load(Ordering::Acquire) {
            return None;
        }
        let ticket = Ticket::from_u64(self.entry(at).load(Ordering::Relaxed));
        self.head.store(at + 1, Ordering::Release);
        Some(ticket)
    }

    /// Returns how many entries wait for the parent.
    #[inline]
    #[must_use]
    pub fn len(self) -> usize {
        let head = self.head.load(Ordering::Acquire);
        let length = self.tail.load(Ordering::Acquire).saturating_sub(head);
        usize::try_from(length).unwrap_or(usize::MAX)
    }

    /// Tells whether no entry waits.
    #[inline]
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Tells whether more than half of the ring waits for the parent.
    #[inline]
    #[must_use]
    pub fn is_crowded(self) -> bool {
        self.len() > self.entries.len() / 2
    }

    #[inline]
    fn entry(self, at: u64) -> &'a AtomicU64 {
        &self.entries[(low(at) as usize) & (self.entries.len() - 1)]
    }
}
