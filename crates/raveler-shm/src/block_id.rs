//! The name of a block, as it travels between processes.

use std::fmt;

const LEN_BITS: u32 = 43;
const INDEX_BITS: u32 = 16;

/// Which block, and how many of its bytes count: `size class(5) | index(16) | length(43)`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockId(u64);

impl BlockId {
    pub(crate) fn new(class: usize, index: u32, len: usize) -> Self {
        debug_assert!(index < 1 << INDEX_BITS, "the index fits");
        debug_assert!((len as u64) < 1 << LEN_BITS, "the length fits");
        Self(((class as u64) << (LEN_BITS + INDEX_BITS)) | (u64::from(index) << LEN_BITS) | len as u64)
    }

    /// Returns the name as one word.
    #[inline]
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        self.0
    }

    /// Returns the name that a word holds.
    #[inline]
    #[must_use]
    pub const fn from_u64(word: u64) -> Self {
        Self(word)
    }

    /// Returns how many bytes count.
    #[inline]
    #[must_use]
    pub const fn len(self) -> usize {
        (self.0 & ((1 << LEN_BITS) - 1)) as usize
    }

    /// Tells whether no bytes count.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns the name of the same block with another number of bytes.
    #[must_use]
    pub(crate) fn with_len(self, len: usize) -> Self {
        Self::new(self.class(), self.index(), len)
    }

    #[inline]
    pub(crate) const fn class(self) -> usize {
        (self.key() >> INDEX_BITS) as usize
    }

    #[inline]
    pub(crate) const fn index(self) -> u32 {
        self.key() & ((1 << INDEX_BITS) - 1)
    }

    /// Returns the block's number, without the length.
    #[inline]
    pub(crate) const fn key(self) -> u32 {
        (self.0 >> LEN_BITS) as u32
    }
}

impl fmt::Debug for BlockId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "BlockId(class {}, index {}, {} bytes)", self.class(), self.index(), self.len())
    }
}
