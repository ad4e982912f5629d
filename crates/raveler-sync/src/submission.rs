//! The submission ring: the parent publishes slots, workers pull them, and each of these may die at any instruction.
//!
//! # Invariants
//!
//! 1. `tail` is written by the parent alone, after the entry it covers (Release); it counts up and never wraps.
//! 2. The entry of position `p` is at `p` modulo the capacity and carries the low half of `p`, so that an entry of
//!    another lap is never taken for it.
//! 3. An entry with owner 0 is *live*: exactly one compare-and-swap gives it an owner, and that is the claim. A worker
//!    claims for itself; the parent withdraws what it has recalled.
//! 4. An entry with an owner is changed by the parent alone, when it publishes one lap later. It never overwrites a live
//!    entry: without room nothing is published.
//! 5. All entries before `head` have owners. `head` is a hint that anybody may raise over such entries; who dies before
//!    raising it leaves work for the next, not an error.

use crate::step::step;
use crate::sync::{AtomicU64, Ordering};
use crate::word::{Claimed, Process, WITHDRAWN, low};

/// A view of the ring; its capacity is the number of entries, a power of two.
#[derive(Clone, Copy, Debug)]
pub struct SubmissionRing<'a> {
    head: &'a AtomicU64,
    tail: &'a AtomicU64,
    entries: &'a [AtomicU64],
}

impl<'a> SubmissionRing<'a> {
    /// Returns the view of the ring in these words, which are zero at first.
    #[inline]
    #[must_use]
    pub fn new(head: &'a AtomicU64, tail: &'a AtomicU64, entries: &'a [AtomicU64]) -> Self {
        debug_assert!(entries.len().is_power_of_two(), "the capacity is a power of two");
        Self { head, tail, entries }
    }

    /// Parent: tells whether `ahead + 1` more slots can be published, given that `ahead` can.
    #[inline]
    #[must_use]
    pub fn has_room(self, ahead: u32) -> bool {
        let at = self.tail.load(Ordering::Relaxed) + u64::from(ahead);
        if at < self.capacity() {
            return true;
        }
        u64::from(ahead) < self.capacity() && self.read(at).owner != 0
    }

    /// Parent: returns the position that the next publishing will have.
    #[inline]
    #[must_use]
    pub fn next_position(self) -> u32 {
        low(self.tail.load(Ordering::Relaxed))
    }

    /// Parent: publishes `slot` and returns its position; there must be room, and the lease must say so already.
    ///
    /// The claim that the entry held one lap ago is handed to `lapped` before it is forgotten.
    #[inline]
    pub fn publish(self, slot: u32, lapped: impl FnOnce(Claimed)) -> u32 {
        let at = self.tail.load(Ordering::Relaxed);
        if at >= self.capacity() {
            let old = self.read(at);
            debug_assert!(old.owner != 0, "a live entry is never overwritten (4)");
            if old.owner != WITHDRAWN {
                lapped(old);
            }
        }
        let position = low(at);
        let entry = Claimed { position, owner: 0, slot };
        self.entry(at).store(entry.pack(), Ordering::Release);
        self.tail.store(at + 1, Ordering::Release);
        position
    }

    /// Parent: withdraws the entry of a recalled slot, so that it counts as claimed (3).
    #[inline]
    pub fn withdraw(self, position: u32, slot: u32) {
        let live = Claimed { position, owner: 0, slot };
        let withdrawn = Claimed { owner: WITHDRAWN, ..live };
        // Failing means that a worker has claimed it; it will find the lease gone.
        let _ = self.entry(u64::from(position)).compare_exchange(
            live.pack(),
            withdrawn.pack(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    /// Worker: claims the oldest live entry.
    #[inline]
    #[must_use]
    pub fn claim(self, owner: Process) -> Option<Claimed> {
        'look: loop {
            let tail = self.tail.load(Ordering::Acquire);
            let first = self.first(tail);
            let mut at = first;
            while at < tail {
                let seen = self.read(at);
                if seen.position != low(at) {
                    // The parent has lapped us (2): so all that was here had owners, and tail has moved.
                    continue 'look;
                }
                if seen.owner == 0 && self.swap_owner(at, seen, owner) {
                    self.head.fetch_max(at + 1, Ordering::Relaxed);
                    step();
                    return Some(Claimed { owner, ..seen });
                }
                at += 1;
            }
            if at > first {
                self.head.fetch_max(at, Ordering::Relaxed);
            }
            return None;
        }
    }

    /// Returns how many entries may be live: exact when nobody died or recalled behind the head, else more.
    #[inline]
    #[must_use]
    pub fn len(self) -> usize {
        let tail = self.tail.load(Ordering::Acquire);
        let length = tail - self.first(tail);
        // At most the capacity, so it fits.
        usize::try_from(length).unwrap_or(usize::MAX)
    }

    /// Tells whether no entry can be live; a claim that returned nothing makes it so, if nothing was published since.
    #[inline]
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Tells whether an entry is live.
    #[inline]
    #[must_use]
    pub fn has_live(self) -> bool {
        let tail = self.tail.load(Ordering::Acquire);
        (self.first(tail)..tail).any(|at| {
            let entry = self.read(at);
            // An entry of a later lap was published after we looked at the tail (2).
            entry.owner == 0 || entry.position != low(at)
        })
    }

    /// Supervisor: tells whether `owner` claimed this position, as far as the ring remembers.
    #[must_use]
    pub fn is_owned_by(self, owner: Process, position: u32, slot: u32) -> bool {
        let entry = Claimed::unpack(self.entry(u64::from(position)).load(Ordering::Acquire));
        entry == Claimed { position, owner, slot }
    }

    /// Supervisor: returns what `owner` claimed during the last lap.
    pub fn owned_by(self, owner: Process) -> impl Iterator<Item = Claimed> + use<'a> {
        let tail = self.tail.load(Ordering::Acquire);
        (tail.saturating_sub(self.capacity())..tail)
            .map(move |at| self.read(at))
            .filter(move |entry| entry.owner == owner)
    }

    #[inline]
    fn first(self, tail: u64) -> u64 {
        let head = self.head.load(Ordering::Relaxed);
        head.max(tail.saturating_sub(self.capacity())).min(tail)
    }

    #[inline]
    fn swap_owner(self, at: u64, seen: Claimed, owner: Process) -> bool {
        let mine = Claimed { owner, ..seen };
        let swap = self.entry(at).compare_exchange(seen.pack(), mine.pack(), Ordering::AcqRel, Ordering::Relaxed);
        if swap.is_ok() {
            step();
        }
        swap.is_ok()
    }

    #[inline]
    fn read(self, at: u64) -> Claimed {
        Claimed::unpack(self.entry(at).load(Ordering::Acquire))
    }

    #[inline]
    fn entry(self, at: u64) -> &'a AtomicU64 {
        &self.entries[(low(at) as usize) & (self.entries.len() - 1)]
    }

    #[inline]
    fn capacity(self) -> u64 {
        self.entries.len() as u64
    }
}
