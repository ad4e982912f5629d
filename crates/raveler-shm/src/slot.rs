//! One slot as its two users see it: the lease, the numbers, and the areas for arguments and results.
//!
//! # Invariants
//!
//! 1. The argument area is written by the parent while the lease is free (invariant 5 of `raveler_sync::lease`), and only
//!    read while it is running.
//! 2. The result area is written by the worker that has the running lease, beyond the bytes that `progress` covers; the
//!    parent reads only what `progress` covers, once the lease is done or the worker is dead.
//! 3. `result_block` is switched before the `progress` that needs it (both Release); whoever reads `progress` first finds
//!    a block that has at least these bytes.

use raveler_sync::Lease;
use raveler_sync::step::step;
use raveler_sync::sync::Ordering;

use crate::block_id::BlockId;
use crate::words::{ARGS_MAX, RESULTS_MAX, SlotWords};

/// A view of one slot.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a> {
    words: &'a SlotWords,
}

/// How many results are complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) items: u32,
    pub(crate) bytes: u32,
}

impl<'a> Slot<'a> {
    #[inline]
    pub(crate) const fn new(words: &'a SlotWords) -> Self {
        Self { words }
    }

    #[inline]
    pub(crate) const fn lease(self) -> Lease<'a> {
        Lease::new(&self.words.lease)
    }

    /// Parent: fills a free slot.
    ///
    /// # Panics
    ///
    /// Panics if there are more than [`ARGS_MAX`] bytes.
    #[inline]
    pub(crate) fn fill(self, args: &[u8]) {
        assert!(args.len() <= ARGS_MAX, "the arguments fit the slot");
        self.words.progress.store(0, Ordering::Relaxed);
        self.words.started.store(0, Ordering::Relaxed);
        self.words.result_block.store(0, Ordering::Relaxed);
        let len = u32::try_from(args.len()).unwrap_or(0);
        self.words.args_len.store(len, Ordering::Relaxed);
        let area = self.words.args.get().cast::<u8>();
        // SAFETY: the area has `ARGS_MAX` bytes, and nobody reads it while the slot is free (1).
        unsafe { std::ptr::copy_nonoverlapping(args.as_ptr(), area, args.len()) };
    }

    /// Worker: returns the arguments of a slot that it runs.
    #[inline]
    pub(crate) fn args(self) -> &'a [u8] {
        let len = self.words.args_len.load(Ordering::Relaxed) as usize;
        let area = self.words.args.get().cast::<u8>();
        // SAFETY: the area has `ARGS_MAX` bytes, and nobody writes it while the slot runs (1).
        unsafe { std::slice::from_raw_parts(area, len.min(ARGS_MAX)) }
    }

    /// Worker: appends to the result area at `offset`, which `progress` does not cover yet.
    ///
    /// # Panics
    ///
    /// Panics if the bytes don't fit.
    #[inline]
    pub(crate) fn append(self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= RESULTS_MAX, "the results fit the slot");
        let area = self.words.results.get().cast::<u8>();
        // SAFETY: the offset lies in the area.
        let to = unsafe { area.add(offset) };
        // SAFETY: the bytes fit, and nobody reads beyond what `progress` covers (2).
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    /// Returns the first `len` bytes of the result area, which `progress` covers.
    #[inline]
    pub(crate) fn results(self, len: usize) -> &'a [u8] {
        let area = self.words.results.get().cast::<u8>();
        // SAFETY: the area has `RESULTS_MAX` bytes, and what `progress` covers is not written any more (2).
        unsafe { std::slice::from_raw_parts(area, len.min(RESULTS_MAX)) }
    }

    /// Worker: publishes how many results are complete (3).
    #[inline]
    pub(crate) fn set_progress(self, progress: Progress) {
        let word = (u64::from(progress.items) << 32) | u64::from(progress.bytes);
        self.words.progress.store(word, Ordering::Release);
        step();
    }

    /// Returns how many results are complete; they are visible.
    #[inline]
    pub(crate) fn progress(self) -> Progress {
        let word = self.words.progress.load(Ordering::Acquire);
        let half = u64::from(u32::MAX);
        Progress { items: u32::try_from(word >> 32).unwrap_or(0), bytes: u32::try_from(word & half).unwrap_or(0) }
    }

    /// Worker: names the block that has the results from now on (3).
    pub(crate) fn set_result_block(self, id: BlockId) {
        self.words.result_block.store(id.to_u64() + 1, Ordering::Release);
        step();
    }

    /// Returns the block that has the results; read `progress` first (3).
    #[inline]
    pub(crate) fn result_block(self) -> Option<BlockId> {
        match self.words.result_block.load(Ordering::Acquire) {
            0 => None,
            word => Some(BlockId::from_u64(word - 1)),
        }
    }

    #[inline]
    pub(crate) fn set_started(self, now: u64) {
        self.words.started.store(now, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn started(self) -> u64 {
        self.words.started.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set_busy(self, time: u64) {
        self.words.busy.store(time, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn busy(self) -> u64 {
        self.words.busy.load(Ordering::Relaxed)
    }
}
