//! What the parent collects from a slot: results that are done, or what a dead worker left.

use raveler_sync::Ticket;

use crate::block::Block;
use crate::block_id::BlockId;
use crate::error::ShmError;
use crate::holding::Holding;
use crate::segment::Segment;
use crate::slot::Slot;

/// The number of the parent's process.
const PARENT: u32 = 0;

/// The results in a slot or in its block.
struct Results<'a> {
    slot: Slot<'a>,
    items: u32,
    len: usize,
    block: Option<Block>,
}

impl<'a> Results<'a> {
    /// Reads what is complete; `take` makes the parent a holder of the block.
    #[inline]
    fn read(slot: Slot<'a>, take: impl FnOnce(BlockId) -> Result<Holding, ShmError>) -> Self {
        let progress = slot.progress();
        let len = progress.bytes as usize;
        // A name that is damaged names nothing: what stands in the slot is no value then, and the reader says so.
        let block = slot.result_block().and_then(|id| take(id.with_len(len)).ok()).map(Block::new);
        Self { slot, items: progress.items, len, block }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match &self.block {
            Some(block) => block.complete(self.len),
            None => self.slot.results(self.len),
        }
    }
}

/// A slot whose worker has finished it; the slot is free after the call that shows it.
pub struct Done<'a> {
    ticket: Ticket,
    worker: u32,
    results: Results<'a>,
}

impl<'a> Done<'a> {
    #[inline]
    pub(crate) fn new(segment: &'a Segment, worker: u32, ticket: Ticket) -> Self {
        let slot = segment.slot(ticket.slot);
        Self {
            ticket,
            worker,
            // The worker has given the block before it published (`taken`).
            results: Results::read(slot, |id| Holding::adopt(segment, PARENT, id)),
        }
    }

    /// Returns what was returned when the slot was published.
    #[inline]
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Returns the worker that ran it.
    #[inline]
    #[must_use]
    pub fn worker(&self) -> u32 {
        self.worker
    }

    /// Returns the number of items whose results are here.
    #[inline]
    #[must_use]
    pub fn items(&self) -> u32 {
        self.results.items
    }

    /// Returns the bytes of the results.
    #[inline]
    #[must_use]
    pub fn results(&self) -> &[u8] {
        self.results.bytes()
    }

    /// Returns the arguments that were published; results never stand in their place.
    #[inline]
    #[must_use]
    pub fn args(&self) -> &[u8] {
        self.results.slot.args()
    }

    /// Returns how long the worker was busy with it, in nanoseconds.
    #[inline]
    #[must_use]
    pub fn busy(&self) -> u64 {
        self.results.slot.busy()
    }

    /// Returns the block that has the results, if they did not fit the slot; clone it to keep them in place.
    #[inline]
    #[must_use]
    pub fn block(&self) -> Option<&Block> {
        self.results.block.as_ref()
    }

    /// Returns the name of that block.
    #[inline]
    #[must_use]
    pub fn result_block(&self) -> Option<BlockId> {
        self.block().map(Block::id)
    }
}

/// How far a dead worker was with a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostKind {
    /// It had claimed the slot and not begun to run it.
    Taken,
    /// It was running it.
    Running,
    /// It had finished: all results are here; only the message was missing.
    Finished,
}

/// A slot that a dead worker had; it is free after the call that shows it.
pub struct Lost<'a> {
    ticket: Ticket,
    kind: LostKind,
    results: Results<'a>,
}

impl<'a> Lost<'a> {
    pub(crate) fn new(segment: &'a Segment, ticket: Ticket, kind: LostKind) -> Self {
        let slot = segment.slot(ticket.slot);
        Self {
            ticket,
            kind,
            // The dead holds the block until the arena is recovered, and may not have given it.
            results: Results::read(slot, |id| Holding::hold(segment, PARENT, id)),
        }
    }

    /// Returns what was returned when the slot was published.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Returns how far the worker was.
    #[must_use]
    pub fn kind(&self) -> LostKind {
        self.kind
    }

    /// Returns the number of items whose results were complete.
    #[must_use]
    pub fn items(&self) -> u32 {
        self.results.items
    }

    /// Returns the bytes of these results.
    #[must_use]
    pub fn results(&self) -> &[u8] {
        self.results.bytes()
    }

    /// Returns how long the worker was busy, in nanoseconds, if it had finished.
    #[must_use]
    pub fn busy(&self) -> u64 {
        match self.kind {
            LostKind::Finished => self.results.slot.busy(),
            LostKind::Taken | LostKind::Running => 0,
        }
    }

    /// Returns when the worker began, in nanoseconds of its clock; 0 if it had not said so.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.results.slot.started()
    }

    /// Returns the arguments that were published: the work can be published again.
    #[must_use]
    pub fn args(&self) -> &[u8] {
        self.results.slot.args()
    }

    /// Returns the block that has the results, if they did not fit the slot; clone it to keep them in place.
    #[must_use]
    pub fn block(&self) -> Option<&Block> {
        self.results.block.as_ref()
    }
}

/// Where a published slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// No worker has begun it.
    Queued,
    /// A worker runs it.
    Running {
        /// The worker.
        worker: u32,
        /// When it began, in nanoseconds of its clock; 0 if it has not said so yet.
        started_ns: u64,
        /// How many items are complete.
        items: u32,
    },
    /// It is finished and not collected.
    Done,
    /// It was collected, recalled or lost: the ticket means nothing any more.
    Gone,
}
