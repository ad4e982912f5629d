//! Where everything lies in a segment: computed from the geometry alone, so that every process computes the same.
//!
//! # Invariants
//!
//! 1. Sections are disjoint, aligned to pages, and end before `bytes`.
//! 2. A [`Section`] is made here alone, for a type that may lie in shared memory (`words`).
//! 3. Everything before `control` is bookkeeping, everything from there on is the bytes of blocks.

use std::marker::PhantomData;

use raveler_sync::Sleeper;
use raveler_sync::sync::{AtomicU32, AtomicU64};

use crate::geometry::Geometry;
use crate::words::{BlockWords, ClassWords, Header, PAGE, SlotWords, WorkerWords};

/// The most blocks of one size: what fits the index field of a block's name.
const BLOCKS_MAX: u64 = 1 << 16;

const PAGE_SHIFT: u32 = PAGE.trailing_zeros();

/// A range of the segment that holds `len` values of type `T`.
pub(crate) struct Section<T> {
    offset: usize,
    len: usize,
    of: PhantomData<fn() -> T>,
}

impl<T> Section<T> {
    #[inline]
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }
}

/// The blocks of one size.
pub(crate) struct Class {
    /// The size of each block in bytes.
    pub(crate) size: usize,
    /// The number of blocks.
    pub(crate) count: u32,
    pub(crate) holders: Section<BlockWords>,
    /// For each block, the pages from its start that may be touched.
    pub(crate) extents: Section<AtomicU32>,
    /// Where the bytes of its first block are.
    pub(crate) data: usize,
}

/// The places of all parts of a segment.
pub(crate) struct Layout {
    pub(crate) header: Section<Header>,
    pub(crate) classes_words: Section<ClassWords>,
    pub(crate) workers: Section<WorkerWords>,
    pub(crate) sleepers: Section<Sleeper>,
    pub(crate) submission: Section<AtomicU64>,
    pub(crate) completions: Section<AtomicU64>,
    pub(crate) slots: Section<SlotWords>,
    pub(crate) classes: Vec<Class>,
    pub(crate) control: usize,
    pub(crate) bytes: usize,
}

impl Layout {
    /// Returns the layout for a geometry that was checked.
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let mut end = 0;
        let workers = geometry.workers as usize;
        let slots = geometry.slots as usize;
        let sizes = geometry.memory.trailing_zeros() - PAGE_SHIFT + 1;
        let header = place(&mut end, 1);
        let classes_words = place(&mut end, sizes as usize);
        let workers_words = place(&mut end, workers);
        let sleepers = place(&mut end, workers);
        let submission = place(&mut end, slots);
        let completions = place(&mut end, workers * slots);
        let slot_words = place(&mut end, slots);
        let mut classes: Vec<Class> = (0..sizes).map(|class| place_class(&mut end, geometry.memory, class)).collect();
        let control = end;
        for class in &mut classes {
            class.data = end;
            end += class.size * class.count as usize;
        }
        Self {
            header,
            classes_words,
            workers: workers_words,
            sleepers,
            submission,
            completions,
            slots: slot_words,
            classes,
            control,
            bytes: end,
        }
    }

    /// Returns the number of the smallest size that holds `len` bytes; the class may not exist.
    pub(crate) fn class_of(len: usize) -> usize {
        let pages = len.div_ceil(1 << PAGE_SHIFT).max(1);
        pages.next_power_of_two().trailing_zeros() as usize
    }

    /// Returns the size of the largest block.
    pub(crate) fn largest(&self) -> usize {
        self.classes.last().map_or(0, |class| class.size)
    }
}

fn place_class(end: &mut usize, memory: u64, class: u32) -> Class {
    let count = (memory >> (PAGE_SHIFT + class)).min(BLOCKS_MAX);
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Class {
        size: 1 << (PAGE_SHIFT + class),
        count,
        holders: place(end, count as usize),
        extents: place(end, count as usize),
        data: 0,
    }
}

fn place<T>(end: &mut usize, len: usize) -> Section<T> {
    let offset = *end;
    *end = (offset + len * size_of::<T>()).next_multiple_of(1 << PAGE_SHIFT);
    Section { offset, len, of: PhantomData }
}
