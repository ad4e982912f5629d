//! One handle's share of its process's hold on a block: counted in the process, released with the last.

use raveler_sync::sync::Ordering;
use raveler_sync::{Holders, Process};

use crate::block_id::BlockId;
use crate::error::ShmError;
use crate::layout::Class;
use crate::segment::Segment;

/// A counted hold of process `me` on a block.
pub(crate) struct Holding {
    segment: Segment,
    me: Process,
    id: BlockId,
}

impl Holding {
    /// Counts a hold on a block on which this process has its bit already, from its allocation or by a gift.
    pub(crate) fn adopt(segment: &Segment, me: Process, id: BlockId) -> Result<Self, ShmError> {
        let new = Self::uncounted(segment, me, id)?;
        segment.registry().add(id.key(), || {
            debug_assert!(new.holders().is_held_by(me), "the giver has set the bit");
        });
        Ok(new)
    }

    /// Counts a hold on a block that another process keeps meanwhile, and sets this process's bit if need be.
    pub(crate) fn hold(segment: &Segment, me: Process, id: BlockId) -> Result<Self, ShmError> {
        let new = Self::uncounted(segment, me, id)?;
        segment.registry().add(id.key(), || {
            // It may be set already, by a giver whose gift was not adopted yet: one bit serves both.
            let _ = new.holders().give(me);
        });
        Ok(new)
    }

    fn uncounted(segment: &Segment, me: Process, id: BlockId) -> Result<Self, ShmError> {
        let class = segment.layout().classes.get(id.class());
        if class.is_some_and(|class| id.index() < class.count && id.len() <= class.size) {
            Ok(Self { segment: segment.clone(), me, id })
        } else {
            Err(ShmError::NoSuchBlock { name: id.to_u64() })
        }
    }

    #[inline]
    pub(crate) fn segment(&self) -> &Segment {
        &self.segment
    }

    #[inline]
    pub(crate) fn me(&self) -> Process {
        self.me
    }

    #[inline]
    pub(crate) fn id(&self) -> BlockId {
        self.id
    }

    #[inline]
    pub(crate) fn class(&self) -> &Class {
        &self.segment.layout().classes[self.id.class()]
    }

    #[inline]
    pub(crate) fn holders(&self) -> Holders<'_> {
        self.segment.holders(self.class(), self.id.index())
    }

    /// Returns where the bytes are in the segment.
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        let class = self.class();
        class.data + class.size * self.id.index() as usize
    }

    /// Tells whether this is the one handle of this process, and no other process holds the block.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.segment.registry().count(self.id.key()) == 1 && self.holders().is_held_only_by(self.me)
    }
}

impl Clone for Holding {
    fn clone(&self) -> Self {
        if !self.segment.is_inherited() {
            self.segment.registry().add(self.id.key(), || {});
        }
        Self { segment: self.segment.clone(), me: self.me, id: self.id }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if self.segment.is_inherited() {
            // The hold is the parent's; and the lock may be held by a thread that was not forked.
            return;
        }
        self.segment.registry().remove(self.id.key(), || {
            release(&self.segment, self.me, self.id);
        });
    }
}

/// Takes the bit of `me` from a block, and notes that the block is free if it was the last.
pub(crate) fn release(segment: &Segment, me: Process, id: BlockId) {
    let class = &segment.layout().classes[id.class()];
    if segment.holders(class, id.index()).release(me) {
        let words = segment.class_words(id.class());
        words.lowest_free.fetch_min(id.index(), Ordering::Relaxed);
        words.free.fetch_add(1, Ordering::Relaxed);
    }
}
