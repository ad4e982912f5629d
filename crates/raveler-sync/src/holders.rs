//! Who holds a block: a claim word and one bit per process, so that the dead can be taken out exactly.
//!
//! # Invariants
//!
//! 1. The claim word is `gives(20) | generation(28) | owner(12) | flags(4)`; owner 0 means free, else it is the process
//!    that allocated the block, plus one. An allocation is a compare-and-swap of a free word to the next generation.
//! 2. Only who holds a block gives a bit to another process, and only the supervisor takes a bit from a dead one. The
//!    claim word counts each of these (`gives`) after the new bit is set, or before the dead one's is cleared.
//! 3. The block is freed by a compare-and-swap of a claim word that was read before the bits were found cleared. It fails
//!    if the block was freed meanwhile, or freed and allocated anew (generation): then it is somebody else's. It fails,
//!    too, if the block was given on during a look at several words of bits that are not read at one instant (gives, 2),
//!    or sealed: then the releaser looks once more, because the others may have looked before its own bit was cleared.
//! 4. A claim with the flag `ALLOCATING` may have no bits yet; only its owner's death frees it. Without the flag a claim
//!    without bits is about to be freed: the supervisor may do it, for a releaser that died.
//! 5. The bytes are written by a process only while it is the one holder and the claim is not `SEALED`; a block is sealed
//!    before its name is told to anyone.
//! 6. Only the process that allocated a block gives it to the parent. So a bit of the parent that the parent does not know
//!    of, when everything that the dead allocator has published is collected, is a gift that was never published.

use crate::step::step;
use crate::sync::{AtomicU64, Ordering, fence};
use crate::word::{Process, low};

const ALLOCATING: u64 = 1;
const SEALED: u64 = 2;
const OWNER_SHIFT: u32 = 4;
const OWNER_MASK: u64 = 0xFFF << OWNER_SHIFT;
const GENERATION: u64 = 1 << 16;
const GENERATION_MASK: u64 = 0xFFF_FFFF << 16;
/// At the top, so that too many gives fall off.
const GIVE: u64 = 1 << 44;

/// What is left of a block after a process that may have held it has died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphan {
    /// It was free, or another process is just allocating it.
    Untouched,
    /// Nobody else held it: it is free.
    Freed,
    /// Others hold it, or are about to free it.
    Held,
    /// The dead allocated it and the parent holds it: perhaps by a gift of which the parent never heard (6).
    Given,
}

/// A view of the holders of one block.
#[derive(Clone, Copy, Debug)]
pub struct Holders<'a> {
    claim: &'a AtomicU64,
    bits: &'a [AtomicU64],
}

impl<'a> Holders<'a> {
    /// Returns the view of the holders in these words, which are zero at first; a bit for each process.
    #[inline]
    #[must_use]
    pub const fn new(claim: &'a AtomicU64, bits: &'a [AtomicU64]) -> Self {
        Self { claim, bits }
    }

    /// Makes a free block the property of `me`; false if it is not free.
    #[inline]
    #[must_use]
    pub fn allocate(self, me: Process) -> bool {
        let seen = self.claim.load(Ordering::Relaxed);
        if seen & OWNER_MASK != 0 {
            return false;
        }
        let generation = (seen & GENERATION_MASK).wrapping_add(GENERATION) & GENERATION_MASK;
        let mine = generation | (u64::from(me + 1) << OWNER_SHIFT);
        let swap = self.claim.compare_exchange(seen, mine | ALLOCATING, Ordering::Acquire, Ordering::Relaxed);
        if swap.is_err() {
            return false;
        }
        step();
        self.set_bit(me);
        step();
        // Nobody else changes the word of a claim without bits that is being allocated (4).
        self.claim.store(mine, Ordering::Release);
        step();
        true
    }

    /// Gives `process` a bit; only for a caller that holds the block. False if that process held it already (2).
    #[inline]
    #[must_use]
    pub fn give(self, process: Process) -> bool {
        let is_new = self.set_bit(process);
        step();
        self.claim.fetch_add(GIVE, Ordering::AcqRel);
        step();
        is_new
    }

    /// Takes the bit of `me`, which must be set, and frees the block if it was the last; tells whether it was.
    #[inline]
    #[must_use]
    pub fn release(self, me: Process) -> bool {
        // While still holding (3).
        let seen = self.claim.load(Ordering::Acquire);
        self.clear_bit(me);
        step();
        if self.bits.len() > 1 {
            // Of two last releasers with bits in different words at least one sees both cleared.
            fence(Ordering::SeqCst);
        }
        self.free_without_bits(seen)
    }

    /// Supervisor: takes the bit of a dead process, and frees the block if nobody else holds it.
    #[must_use]
    pub fn recover(self, dead: Process) -> Orphan {
        let was_held = self.is_held_by(dead);
        if was_held {
            // Before the bit goes (2).
            self.claim.fetch_add(GIVE, Ordering::AcqRel);
        }
        let seen = self.claim.load(Ordering::Acquire);
        if was_held {
            self.clear_bit(dead);
        }
        fence(Ordering::SeqCst);
        let owner = (seen & OWNER_MASK) >> OWNER_SHIFT;
        let is_allocating = seen & ALLOCATING != 0 && owner != u64::from(dead) + 1;
        if owner == 0 || is_allocating {
            return Orphan::Untouched;
        }
        if self.free_without_bits(seen) {
            return Orphan::Freed;
        }
        if owner == u64::from(dead) + 1 && self.is_held_by(0) {
            return Orphan::Given;
        }
        Orphan::Held
    }

    /// Holder: notes that the bytes are final (5).
    #[inline]
    pub fn seal(self) {
        if !self.is_sealed() {
            self.claim.fetch_or(SEALED, Ordering::AcqRel);
        }
    }

    /// Tells whether the bytes are final (5).
    #[inline]
    #[must_use]
    pub fn is_sealed(self) -> bool {
        self.claim.load(Ordering::Acquire) & SEALED != 0
    }

    /// Tells whether `process` allocated the block (6).
    #[inline]
    #[must_use]
    pub fn is_allocated_by(self, process: Process) -> bool {
        let owner = (self.claim.load(Ordering::Acquire) & OWNER_MASK) >> OWNER_SHIFT;
        owner == u64::from(process) + 1
    }

    /// Tells whether nobody has allocated the block.
    #[inline]
    #[must_use]
    pub fn is_free(self) -> bool {
        self.claim.load(Ordering::Relaxed) & OWNER_MASK == 0
    }

    /// Tells whether `process` has a bit.
    #[inline]
    #[must_use]
    pub fn is_held_by(self, process: Process) -> bool {
        let (word, bit) = self.place(process);
        word.load(Ordering::Acquire) & bit != 0
    }

    /// Tells whether `process` has a bit and nobody else has; final if it asks about itself and gives the block to nobody.
    #[inline]
    #[must_use]
    pub fn is_held_only_by(self, process: Process) -> bool {
        let own = process as usize / 64;
        self.bits.iter().enumerate().all(|(index, word)| {
            let expected = if index == own { 1 << (process % 64) } else { 0 };
            word.load(Ordering::Acquire) == expected
        })
    }

    /// Returns the number of allocations that this block has seen, modulo 2^28.
    #[must_use]
    pub fn generation(self) -> u32 {
        low((self.claim.load(Ordering::Relaxed) & GENERATION_MASK) / GENERATION)
    }

    /// Frees the block if it has no bits and is still in the use that `seen` says (3); tells whether this call did it.
    fn free_without_bits(self, mut seen: u64) -> bool {
        let this_use = seen & (GENERATION_MASK | OWNER_MASK);
        while seen & (GENERATION_MASK | OWNER_MASK) == this_use && self.has_no_bits() {
            let free = seen & GENERATION_MASK;
            match self.claim.compare_exchange(seen, free, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    step();
                    return true;
                }
                Err(now) => seen = now,
            }
        }
        false
    }

    #[inline]
    fn has_no_bits(self) -> bool {
        self.bits.iter().all(|word| word.load(Ordering::Acquire) == 0)
    }

    /// Sets the bit and tells whether it was not set before.
    #[inline]
    fn set_bit(self, process: Process) -> bool {
        let (word, bit) = self.place(process);
        word.fetch_or(bit, Ordering::AcqRel) & bit == 0
    }

    #[inline]
    fn clear_bit(self, process: Process) {
        let (word, bit) = self.place(process);
        word.fetch_and(!bit, Ordering::AcqRel);
    }

    #[inline]
    fn place(self, process: Process) -> (&'a AtomicU64, u64) {
        let word = &self.bits[process as usize / 64];
        (word, 1 << (process % 64))
    }
}
