//! The arena: blocks of powers of two, allocated lowest first so that warm pages are used again.
//!
//! # Invariants
//!
//! 1. `high_water` of a size is raised before a block below it is allocated, so that the supervisor looks at every block
//!    that was ever allocated.
//! 2. `lowest_free` and `free` are hints: wrong values, as a death may leave them, cost time or warmth, never a block.
//! 3. `extent` of a block is written by its allocator alone, before it touches the pages; the memory of a free block with
//!    an extent is *warm*.

use raveler_sync::sync::Ordering;
use raveler_sync::{Orphan, Process};

use crate::block::Block;
use crate::block_id::BlockId;
use crate::error::ShmError;
use crate::holding::{Holding, release};
use crate::layout::{Class, Layout};
use crate::segment::Segment;
use crate::words::PAGE;

/// The blocks of a segment, as one process uses them; clones are the same.
#[derive(Clone, Debug)]
pub struct Arena {
    segment: Segment,
    me: Process,
}

impl Arena {
    /// Returns the arena for process `me`: 0 for the parent, `i + 1` for worker `i`.
    #[must_use]
    pub fn new(segment: &Segment, me: Process) -> Self {
        Self { segment: segment.clone(), me }
    }

    /// Allocates a block of `len` bytes, which only this handle holds.
    ///
    /// # Errors
    ///
    /// [`ShmError::TooLarge`] if no block is ever that large, [`ShmError::Exhausted`] if all that are large enough are held.
    pub fn allocate(&self, len: usize) -> Result<Block, ShmError> {
        let largest = self.segment.layout().largest();
        if len > largest {
            return Err(ShmError::TooLarge { len: len as u64, max: largest as u64 });
        }
        for class in Layout::class_of(len)..self.segment.layout().classes.len() {
            if let Some(index) = self.claim(class) {
                let id = BlockId::new(class, index, len);
                self.extend(id);
                return self.adopt(id);
            }
        }
        Err(ShmError::Exhausted { len: len as u64 })
    }

    /// Holds a block that another process keeps meanwhile, as the parent keeps those that a frame names.
    ///
    /// # Errors
    ///
    /// [`ShmError::NoSuchBlock`] if the segment has none of that name.
    pub fn hold(&self, id: BlockId) -> Result<Block, ShmError> {
        Holding::hold(&self.segment, self.me, id).map(Block::new)
    }

    /// Takes over a block that was given to this process.
    ///
    /// # Errors
    ///
    /// [`ShmError::NoSuchBlock`] if the segment has none of that name.
    pub fn adopt(&self, id: BlockId) -> Result<Block, ShmError> {
        Holding::adopt(&self.segment, self.me, id).map(Block::new)
    }

    /// Tells whether this process has a handle to the block.
    #[must_use]
    pub fn knows(&self, id: BlockId) -> bool {
        self.segment.registry().count(id.key()) > 0
    }

    /// Lets go of a block that was given to this process and that no handle knows; does nothing if one does.
    pub fn forget(&self, id: BlockId) {
        self.segment.registry().if_unknown(id.key(), || {
            let class = &self.segment.layout().classes[id.class()];
            if self.segment.holders(class, id.index()).is_held_by(self.me) {
                release(&self.segment, self.me, id);
            }
        });
    }

    /// Returns the bytes of memory in blocks that somebody holds. Walks all blocks: microseconds.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.sum(false)
    }

    /// Returns the bytes of memory in free blocks, kept because warm pages are faster. Walks all blocks: microseconds.
    #[must_use]
    pub fn warm_bytes(&self) -> u64 {
        self.sum(true)
    }

    /// Gives the memory of free blocks back to the system until at most `keep` bytes are warm; returns how much it gave.
    ///
    /// The largest and last blocks go first.
    #[must_use]
    pub fn trim(&self, keep: u64) -> u64 {
        let mut warm = self.warm_bytes();
        let mut given = 0;
        for (number, class) in self.segment.layout().classes.iter().enumerate().rev() {
            for index in (0..self.high_water(number)).rev() {
                if warm <= keep {
                    return given;
                }
                let bytes = self.cool(number, class, index);
                warm = warm.saturating_sub(bytes);
                given += bytes;
            }
        }
        given
    }

    /// Supervisor: ends all holds of a dead process; returns the blocks that it allocated and that the parent holds.
    ///
    /// Those that the parent doesn't [know](Arena::knows), although everything of the dead was collected and adopted, are
    /// for [`Arena::forget`]: the dead gave them and never said so. To be called after `ParentPort::recover`, and before
    /// the number is used by another process.
    #[must_use]
    pub fn recover(&self, dead: Process) -> Vec<BlockId> {
        let mut orphans = Vec::new();
        for (number, class) in self.segment.layout().classes.iter().enumerate() {
            let mut free = 0;
            for index in 0..self.high_water(number) {
                let holders = self.segment.holders(class, index);
                if holders.recover(dead) == Orphan::Given {
                    orphans.push(BlockId::new(number, index, class.size));
                }
                free += u32::from(holders.is_free());
            }
            let words = self.segment.class_words(number);
            words.free.store(free, Ordering::Relaxed);
            words.lowest_free.store(0, Ordering::Relaxed);
        }
        orphans
    }

    /// Claims the lowest free block of a size.
    fn claim(&self, number: usize) -> Option<u32> {
        let class = &self.segment.layout().classes[number];
        let words = self.segment.class_words(number);
        let mut high = words.high_water.load(Ordering::Acquire);
        if words.free.load(Ordering::Relaxed).cast_signed() > 0
            && let Some(index) = self.claim_below(number, class, high)
        {
            return Some(index);
        }
        while high < class.count {
            words.high_water.fetch_max(high + 1, Ordering::AcqRel);
            if self.segment.holders(class, high).allocate(self.me) {
                return Some(high);
            }
            high += 1;
        }
        // The hint may have been wrong (2), and nothing is left above.
        self.claim_below(number, class, class.count)
    }

    fn claim_below(&self, number: usize, class: &Class, high: u32) -> Option<u32> {
        let words = self.segment.class_words(number);
        let lowest = words.lowest_free.load(Ordering::Relaxed).min(high);
        let index =
            (lowest..high).chain(0..lowest).find(|&index| self.segment.holders(class, index).allocate(self.me))?;
        words.free.fetch_sub(1, Ordering::Relaxed);
        words.lowest_free.store(index + 1, Ordering::Relaxed);
        Some(index)
    }

    /// Notes which pages of an allocated block may be touched from now on (3).
    fn extend(&self, id: BlockId) {
        let class = &self.segment.layout().classes[id.class()];
        let extent = self.segment.extent(class, id.index());
        let pages = u32::try_from((id.len() as u64).div_ceil(PAGE)).unwrap_or(u32::MAX);
        if extent.load(Ordering::Relaxed) < pages {
            extent.store(pages, Ordering::Relaxed);
        }
    }

    /// Gives the memory of a block back if it is free and warm; returns how much that was.
    fn cool(&self, number: usize, class: &Class, index: u32) -> u64 {
        let extent = self.segment.extent(class, index);
        let holders = self.segment.holders(class, index);
        if extent.load(Ordering::Relaxed) == 0 || !holders.allocate(self.me) {
            return 0;
        }
        let words = self.segment.class_words(number);
        words.free.fetch_sub(1, Ordering::Relaxed);
        let bytes = u64::from(extent.load(Ordering::Relaxed)) * PAGE;
        let start = class.data + class.size * index as usize;
        let punched = usize::try_from(bytes).is_ok_and(|bytes| self.segment.map().punch(start, bytes).is_ok());
        if punched {
            extent.store(0, Ordering::Relaxed);
        }
        release(&self.segment, self.me, BlockId::new(number, index, 0));
        if punched { bytes } else { 0 }
    }

    fn sum(&self, is_free: bool) -> u64 {
        let mut pages = 0;
        for (number, class) in self.segment.layout().classes.iter().enumerate() {
            for index in 0..self.high_water(number) {
                if self.segment.holders(class, index).is_free() == is_free {
                    pages += u64::from(self.segment.extent(class, index).load(Ordering::Relaxed));
                }
            }
        }
        pages * PAGE
    }

    fn high_water(&self, number: usize) -> u32 {
        let class = &self.segment.layout().classes[number];
        let words = self.segment.class_words(number);
        words.high_water.load(Ordering::Acquire).min(class.count)
    }
}
