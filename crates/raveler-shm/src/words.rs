//! The structures that lie in the segment: each field says who writes it and who reads it. All zero bytes are valid.

use std::cell::UnsafeCell;

use raveler_sync::FutexWord;
use raveler_sync::sync::{AtomicU32, AtomicU64};

/// The unit of sizes and offsets in the segment.
pub(crate) const PAGE: u64 = 4096;

/// What the first word of a segment says.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"raveler\0");

/// Counts up with every change of the layout or of a protocol.
pub(crate) const VERSION: u32 = 2;

/// The words of the bitmap of sleepers, and of the holders of a block.
pub(crate) const BITMAP: usize = 7;

/// The most bytes of arguments that fit a slot.
pub const ARGS_MAX: usize = 480;

/// The most bytes of results that fit a slot; more go to a block.
pub const RESULTS_MAX: usize = 480;

/// A value alone in its cache line.
#[repr(C, align(64))]
pub(crate) struct Line<T>(pub(crate) T);

/// What a segment is; written by its maker before anybody else maps it.
#[repr(C)]
pub(crate) struct Identity {
    pub(crate) magic: AtomicU64,
    pub(crate) version: AtomicU32,
    pub(crate) workers: AtomicU32,
    pub(crate) slots: AtomicU32,
    pub(crate) memory: AtomicU64,
}

/// The bell of the parent; see `raveler_sync::parent_bell`.
#[repr(C)]
pub(crate) struct ParentBellWords {
    /// Parent and workers; futex of the parent.
    pub(crate) state: FutexWord,
    /// Written by the parent, read by workers.
    pub(crate) wanted: AtomicU32,
    /// Written by the parent, read by workers.
    pub(crate) refill: AtomicU32,
}

/// What all share that is not on the path of a task.
#[repr(C)]
pub(crate) struct Fates {
    /// Set once by the parent, read by workers.
    pub(crate) shutdown: AtomicU32,
    /// Counted by workers, read by the parent: sleeps that missed a bell.
    pub(crate) missed: AtomicU64,
}

/// The start of the segment.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) identity: Line<Identity>,
    /// Written by the parent, read by workers.
    pub(crate) submission_tail: Line<AtomicU64>,
    /// Raised by workers, read by all.
    pub(crate) submission_head: Line<AtomicU64>,
    /// Parent and workers.
    pub(crate) waking: Line<AtomicU32>,
    /// Parent and workers.
    pub(crate) asleep: Line<[AtomicU64; BITMAP]>,
    pub(crate) parent_bell: Line<ParentBellWords>,
    pub(crate) fates: Line<Fates>,
}

/// What one worker shares with the parent; goes on with its successor.
#[repr(C)]
pub(crate) struct WorkerWords {
    /// Written by the worker, read by the parent.
    pub(crate) completion_tail: Line<AtomicU64>,
    /// Written by the parent, read by the worker.
    pub(crate) completion_head: Line<AtomicU64>,
    pub(crate) record: Line<RecordWords>,
}

/// Facts about one worker for the layers above.
#[repr(C)]
pub(crate) struct RecordWords {
    pub(crate) pid: AtomicU32,
    pub(crate) core: AtomicU32,
    pub(crate) messages: AtomicU64,
    pub(crate) current: AtomicU64,
    pub(crate) interrupt: AtomicU64,
}

/// One slot: the frame of one task, its results, and how far it is. 1 KiB.
#[repr(C, align(1024))]
pub(crate) struct SlotWords {
    /// See `raveler_sync::lease`.
    pub(crate) lease: AtomicU64,
    /// `items(32) | bytes(32)` of results that are complete; reset by the parent, then written by the worker.
    pub(crate) progress: AtomicU64,
    /// When the worker began, in nanoseconds of its clock; reset by the parent, then written by the worker.
    pub(crate) started: AtomicU64,
    /// How long the worker was busy, in nanoseconds; written by the worker before the lease says done.
    pub(crate) busy: AtomicU64,
    /// The block with the results, plus one; 0 if they are here. Reset by the parent, then written by the worker.
    pub(crate) result_block: AtomicU64,
    /// Written by the parent before it publishes.
    pub(crate) args_len: AtomicU32,
    pub(crate) reserved: [AtomicU32; 5],
    /// Written by the parent while the lease is free, read by the worker that runs it.
    pub(crate) args: UnsafeCell<[u8; ARGS_MAX]>,
    /// Written by the worker that runs it, beyond what `progress` covers; read by the parent up to there.
    pub(crate) results: UnsafeCell<[u8; RESULTS_MAX]>,
}

/// What is known about all blocks of one size; hints, except `high_water`.
#[repr(C, align(64))]
pub(crate) struct ClassWords {
    /// No block from here on was ever allocated; raised before the allocation.
    pub(crate) high_water: AtomicU32,
    /// Probably no block below is free.
    pub(crate) lowest_free: AtomicU32,
    /// About how many blocks below `high_water` are free, as a signed number.
    pub(crate) free: AtomicU32,
}

/// The claim and the holders of one block; see `raveler_sync::holders`.
#[repr(C, align(64))]
pub(crate) struct BlockWords {
    pub(crate) claim: AtomicU64,
    pub(crate) bits: [AtomicU64; BITMAP],
}
