//! A block as its holders use it: bytes that are written by one process and then read in place by many.
//!
//! # Invariants
//!
//! 1. The bytes of a block are mapped as long as the segment, which the `Block` holds (invariant 1 of `mapping`).
//! 2. A block is not allocated anew while any process holds it, and this process does as long as the `Block` lives.
//! 3. References to the bytes are mutable only for the one handle of the one process that holds the block, while it is
//!    not sealed (invariant 5 of `raveler_sync::holders`). Telling its name, or giving it, seals it.
//! 4. A block of results is written by `taken` after its name is in the slot, but only beyond what `progress` covers,
//!    and read only below (invariants 2 and 3 of `slot`).

use raveler_sync::Process;

use crate::block_id::BlockId;
use crate::error::ShmError;
use crate::holding::Holding;
use crate::private_block::PrivateBlock;

/// A handle to a block; clones are counted within the process, and the last to go ends the process's hold.
#[derive(Clone)]
pub struct Block {
    holding: Holding,
}

impl Block {
    pub(crate) const fn new(holding: Holding) -> Self {
        Self { holding }
    }

    /// Returns the name by which other processes find the block, and seals it: the bytes are final.
    #[inline]
    #[must_use]
    pub fn id(&self) -> BlockId {
        self.holding.holders().seal();
        self.holding.id()
    }

    /// Returns the name without sealing, for `taken` (4).
    pub(crate) fn unsealed_id(&self) -> BlockId {
        self.holding.id()
    }

    /// Returns the number of bytes.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.holding.id().len()
    }

    /// Tells whether there are no bytes.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the address of the bytes, aligned to pages; valid as long as this handle or a clone of it lives.
    #[inline]
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.start()
    }

    /// Returns the bytes.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the bytes are mapped (1), and nobody else writes them while this handle lives (2, 3, 4).
        unsafe { std::slice::from_raw_parts(self.start(), self.len()) }
    }

    /// Returns the bytes to write; `None` once another handle exists, another process holds the block, or it is sealed.
    ///
    /// The bytes of a new block are arbitrary: what an earlier holder left, or zero.
    #[inline]
    #[must_use]
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        if self.holding.holders().is_sealed() || !self.holding.is_exclusive() {
            return None;
        }
        // SAFETY: the bytes are mapped (1), and this is the one handle to them (2, 3).
        Some(unsafe { std::slice::from_raw_parts_mut(self.start(), self.len()) })
    }

    /// Lets `process` hold the block too and seals it; that process then adopts it.
    ///
    /// False means that the gift is void, and a copy must be sent instead: that process holds the block already, and its
    /// hold may end any time; or it is the parent and another process allocated the block, so that after a death nobody
    /// could tell whose gift it was.
    #[must_use = "a gift that is void must be replaced by a copy"]
    pub fn give(&self, process: Process) -> bool {
        let holders = self.holding.holders();
        if process == 0 && !holders.is_allocated_by(self.holding.me()) {
            return false;
        }
        holders.seal();
        holders.give(process)
    }

    /// Tells whether this is the one handle of this process, and no other process holds the block.
    #[must_use]
    pub fn is_exclusive(&self) -> bool {
        self.holding.is_exclusive()
    }

    /// Tells whether `process` holds the block.
    #[must_use]
    pub fn is_held_by(&self, process: Process) -> bool {
        self.holding.holders().is_held_by(process)
    }

    /// Returns a view of the same bytes whose writes are private to this process, page by page.
    ///
    /// # Errors
    ///
    /// [`ShmError::Refused`] if the kernel refuses the mapping.
    pub fn private_copy_on_write(&self) -> Result<PrivateBlock, ShmError> {
        self.holding.holders().seal();
        PrivateBlock::new(self.holding.clone())
    }

    /// Writes into a block of results (4).
    ///
    /// # Panics
    ///
    /// Panics if the bytes don't fit.
    pub(crate) fn append(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= self.len(), "the results fit the block");
        // SAFETY: the offset lies in the block.
        let to = unsafe { self.start().add(offset) };
        // SAFETY: the bytes fit, and nobody reads beyond what `progress` covers (4).
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    /// Returns the bytes of a block of results that are complete (4).
    pub(crate) fn complete(&self, len: usize) -> &[u8] {
        assert!(len <= self.len(), "the results fit the block");
        // SAFETY: the bytes are mapped (1), and what `progress` covers is not written any more (4).
        unsafe { std::slice::from_raw_parts(self.start(), len) }
    }

    #[inline]
    fn start(&self) -> *mut u8 {
        let segment = self.holding.segment();
        segment.map().at(self.holding.offset()).as_ptr()
    }
}

impl std::fmt::Debug for Block {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Block").field(&self.holding.id()).finish()
    }
}
