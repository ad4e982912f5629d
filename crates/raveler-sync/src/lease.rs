//! The lease: one word per slot that says which use of it is meant, who has it and how far it is.
//!
//! # Invariants
//!
//! 1. `Free → Queued` is written by the parent alone, before the ring entry of that position is (whose store is Release).
//! 2. `Queued → Running` is a compare-and-swap of the worker that claimed the entry of that position: at most one worker
//!    claims it, so at most one runs it. `Queued → Free` is a compare-and-swap of the parent (a recall): one of both wins.
//! 3. `Running → Done` is written by the worker that runs it, after the results (Release).
//! 4. `Done → Free` is written by the parent that has read the results; after the worker's death so is every other state.
//! 5. Arguments are written by the parent while the lease is `Free`, and read by the worker while it is `Running`.
//! 6. While it is `Queued` the owner may be 0 although a worker claimed it; then the ring entry names the worker, and
//!    the parent copies the name here before it reuses that entry.

use crate::step::step;
use crate::sync::{AtomicU64, Ordering};
use crate::word::{LeaseState, LeaseWord, Process};

/// A view of one lease.
#[derive(Clone, Copy, Debug)]
pub struct Lease<'a> {
    word: &'a AtomicU64,
}

impl<'a> Lease<'a> {
    /// Returns the view of the lease in `word`.
    #[inline]
    #[must_use]
    pub const fn new(word: &'a AtomicU64) -> Self {
        Self { word }
    }

    /// Returns what the lease says; if it is `Done` the results are visible (3).
    #[inline]
    #[must_use]
    pub fn load(self) -> LeaseWord {
        LeaseWord::unpack(self.word.load(Ordering::Acquire))
    }

    /// Parent: makes a free slot queued at `position`, before it publishes it there (1).
    #[inline]
    pub fn queue(self, position: u32) {
        let queued = word(position, 0, LeaseState::Queued);
        // Relaxed: the store of the ring entry that follows releases it (1).
        self.word.store(queued, Ordering::Relaxed);
    }

    /// Parent: notes who claimed `position`, if that worker has not begun (6).
    #[inline]
    pub fn name_owner(self, position: u32, owner: Process) {
        let queued = word(position, 0, LeaseState::Queued);
        let named = word(position, owner, LeaseState::Queued);
        // Failing means that the worker has begun, or that the slot is in another use: nothing to note.
        let _ = self.word.compare_exchange(queued, named, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Worker: begins to run what it claimed; false if it was recalled (2).
    #[inline]
    #[must_use]
    pub fn start(self, position: u32, owner: Process) -> bool {
        let running = word(position, owner, LeaseState::Running);
        // The owner is 0, or the worker itself where the parent has noted it (6).
        for known in [0, owner] {
            let queued = word(position, known, LeaseState::Queued);
            let swap = self.word.compare_exchange(queued, running, Ordering::Acquire, Ordering::Relaxed);
            if swap.is_ok() {
                step();
                return true;
            }
        }
        false
    }

    /// Worker: says that the results are complete (3).
    #[inline]
    pub fn finish(self, position: u32, owner: Process) {
        let done = word(position, owner, LeaseState::Done);
        self.word.store(done, Ordering::Release);
        step();
    }

    /// Parent: takes a queued slot back; false if a worker has begun or the slot is in another use (2).
    #[inline]
    #[must_use]
    pub fn recall(self, position: u32) -> bool {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let lease = LeaseWord::unpack(seen);
            if lease.position != position || lease.state != LeaseState::Queued {
                return false;
            }
            let free = word(position, 0, LeaseState::Free);
            match self.word.compare_exchange(seen, free, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// Parent: takes the slot back after it was collected, or after its worker has died (4).
    #[inline]
    pub fn free(self, position: u32) {
        let free = word(position, 0, LeaseState::Free);
        // Relaxed: only the parent acts on a free slot.
        self.word.store(free, Ordering::Relaxed);
    }
}

#[inline]
const fn word(position: u32, owner: Process, state: LeaseState) -> u64 {
    LeaseWord { position, owner, state }.pack()
}
