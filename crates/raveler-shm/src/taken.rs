//! A slot that a worker runs: its arguments, and the results as they become complete.
//!
//! # Invariants
//!
//! 1. It exists only for a slot whose lease its worker has made running, and once.
//! 2. Results are appended beyond what `progress` covers, then `progress` is raised. When they outgrow their place, all
//!    are copied to a larger one before it is named; so whoever comes after a death finds whole items.
//! 3. The block is given to the parent before the lease says done, and released after the completion is published: at
//!    every instant somebody who knows it holds it.

use raveler_sync::step::step;
use raveler_sync::{Process, Ticket};

use crate::arena::Arena;
use crate::block::Block;
use crate::error::ShmError;
use crate::segment::Segment;
use crate::slot::{Progress, Slot};
use crate::words::RESULTS_MAX;

/// A slot that is being run.
#[must_use = "a slot that is taken must be finished"]
pub struct Taken {
    segment: Segment,
    ticket: Ticket,
    progress: Progress,
    block: Option<Block>,
}

impl Taken {
    #[inline]
    pub(crate) fn new(segment: &Segment, ticket: Ticket) -> Self {
        Self { segment: segment.clone(), ticket, progress: Progress::default(), block: None }
    }

    /// Returns the arguments.
    #[inline]
    #[must_use]
    pub fn args(&self) -> &[u8] {
        self.slot().args()
    }

    /// Returns the parent's ticket for this use of the slot.
    #[inline]
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Says when the run began, in nanoseconds of a clock that the parent knows.
    #[inline]
    pub fn stamp(&self, now_ns: u64) {
        self.slot().set_started(now_ns);
    }

    /// Returns how many items were committed.
    #[inline]
    #[must_use]
    pub fn items(&self) -> u32 {
        self.progress.items
    }

    /// Appends the results of `items` more items: from now on these survive the worker.
    ///
    /// # Errors
    ///
    /// If the results outgrow the slot and no block can be had; then nothing has changed.
    #[inline]
    pub fn commit(&mut self, arena: &Arena, bytes: &[u8], items: u32) -> Result<(), ShmError> {
        let start = self.progress.bytes as usize;
        let end = start + bytes.len();
        if self.block.is_none() && end <= RESULTS_MAX {
            self.slot().append(start, bytes);
        } else {
            self.commit_to_block(arena, start, bytes)?;
        }
        step();
        self.progress.items += items;
        // A block of more than 4 GiB was refused above.
        self.progress.bytes = u32::try_from(end).unwrap_or(u32::MAX);
        self.slot().set_progress(self.progress);
        Ok(())
    }

    /// Says that the results are complete (3); returns what is left to publish and then to release.
    #[inline]
    pub(crate) fn conclude(self, me: Process, busy_ns: u64) -> (Ticket, Option<Block>) {
        let slot = self.slot();
        slot.set_busy(busy_ns);
        if let Some(block) = &self.block {
            // The block is new: the parent can't hold it already.
            let _ = block.give(0);
        }
        slot.lease().finish(self.ticket.position, me);
        (self.ticket, self.block)
    }

    fn commit_to_block(&mut self, arena: &Arena, start: usize, bytes: &[u8]) -> Result<(), ShmError> {
        let end = start + bytes.len();
        let max = u64::from(u32::MAX);
        if end as u64 > max {
            let len = end as u64;
            return Err(ShmError::TooLarge { len, max });
        }
        if self.block.as_ref().is_none_or(|block| block.len() < end) {
            let larger = arena.allocate(end.max(2 * start).next_power_of_two())?;
            let complete = match &self.block {
                Some(block) => block.complete(start),
                None => self.slot().results(start),
            };
            larger.append(0, complete);
            self.slot().set_result_block(larger.unsealed_id());
            // The old block goes only now, after the switch.
            self.block = Some(larger);
        }
        if let Some(block) = &self.block {
            block.append(start, bytes);
        }
        Ok(())
    }

    #[inline]
    fn slot(&self) -> Slot<'_> {
        self.segment.slot(self.ticket.slot)
    }
}
