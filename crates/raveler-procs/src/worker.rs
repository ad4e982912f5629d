//! A worker's life: take a frame, let the host run it, publish the results, sleep when there is nothing.

use std::os::fd::OwnedFd;
use std::time::Duration;

use raveler_events::clock;
use raveler_shm::{Arena, Block, Segment, ShmError, Taken, WorkerPort};

use crate::error::ProcsError;
use crate::interruption;
use crate::nursery::Seat;

/// Exit code of a worker that leaves to be replaced by a fresh one.
pub const EXIT_RETIRED: u32 = 85;

/// Exit code of a worker that found no shared memory for a result.
pub const EXIT_NO_MEMORY: u32 = 86;

/// How long a worker sleeps before it looks again without having been woken: a safety net, never needed.
const SAFETY: Duration = Duration::from_secs(600);

/// How long a worker has nothing to do until it gives back what it keeps for the next task.
const WARM: Duration = Duration::from_secs(5);

/// Where the results of a frame go, item by item.
pub trait Results {
    /// Publishes `bytes`, the results of the next `items` items.
    ///
    /// # Errors
    ///
    /// If no memory is left for them.
    fn commit(&mut self, bytes: &[u8], items: u32) -> Result<(), ShmError>;

    /// Lets the results committed next point into a block, which the parent then holds.
    fn keep(&mut self, block: Block);

    /// Writes down that execution starts now; returns the mark by which it may be interrupted, 0 if it can't be.
    fn stamp(&mut self) -> u64;
}

/// What a worker needs from the interpreter.
pub trait WorkerHost {
    /// Runs the frame in `args` and commits one result for each item. Returns whether one of them is an error.
    ///
    /// # Errors
    ///
    /// If no memory is left for a result.
    fn run(&mut self, args: &[u8], results: &mut impl Results) -> Result<bool, ShmError>;

    /// Calls `sleep` while detached from the interpreter.
    fn detached(&mut self, sleep: &mut (dyn FnMut() + Send));

    /// Whether something is kept for the next task that has to be given back if there is none for a while.
    fn is_warm(&self) -> bool;

    /// Gives it back.
    fn cool(&mut self);

    /// Whether the worker should leave, its last task being done.
    fn wants_to_retire(&mut self) -> bool;
}

/// A worker process that has taken its seat.
pub struct Worker {
    port: WorkerPort,
    arena: Arena,
    segment: Segment,
    index: u32,
    inbox: OwnedFd,
    fault: OwnedFd,
}

struct Slot<'a> {
    taken: &'a mut Taken,
    arena: &'a Arena,
    has_blocks: bool,
}

/// What a worker says of a frame's results beside the time it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How long the worker was busy with it, in nanoseconds.
    pub busy: u64,
    /// Whether an item failed.
    pub has_failed: bool,
    /// Whether the results point into blocks.
    pub has_blocks: bool,
}

impl Summary {
    fn pack(self) -> u64 {
        self.busy << 2 | u64::from(self.has_blocks) << 1 | u64::from(self.has_failed)
    }

    /// Reads a summary from the word that stands in a slot.
    #[must_use]
    pub fn unpack(word: u64) -> Self {
        Self { busy: word >> 2, has_failed: word & 1 != 0, has_blocks: word & 2 != 0 }
    }
}

impl Results for Slot<'_> {
    fn keep(&mut self, block: Block) {
        self.has_blocks = true;
        // The block was made for this result, so the parent can't hold it yet.
        let is_given = block.give(0);
        debug_assert!(is_given, "a result stands in a block of its own");
    }

    #[inline]
    fn commit(&mut self, bytes: &[u8], items: u32) -> Result<(), ShmError> {
        self.taken.commit(self.arena, bytes, items)
    }

    fn stamp(&mut self) -> u64 {
        self.taken.stamp(clock::nanos());
        interruption::mark(self.taken.ticket())
    }
}

impl Worker {
    /// Maps the segment.
    ///
    /// # Errors
    ///
    /// If the segment can't be mapped.
    pub fn new(seat: Seat) -> Result<Self, ProcsError> {
        let segment = Segment::attach(seat.segment)?;
        let worker = Self {
            port: WorkerPort::new(&segment, seat.worker),
            arena: Arena::new(&segment, seat.worker + 1),
            index: seat.worker,
            inbox: seat.inbox,
            fault: seat.fault,
            segment,
        };
        Ok(worker)
    }

    /// Returns the worker's index.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Returns the worker's view of the blocks.
    #[must_use]
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// Returns the descriptor where lines and records go.
    #[must_use]
    pub fn inbox(&self) -> &OwnedFd {
        &self.inbox
    }

    /// Returns the descriptor where faulthandler writes.
    #[must_use]
    pub fn fault(&self) -> &OwnedFd {
        &self.fault
    }

    /// Returns the segment.
    #[must_use]
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Works until the runtime shuts down or the host wants to retire; returns the exit code.
    pub fn run(mut self, host: &mut impl WorkerHost) -> u32 {
        self.segment.worker(self.index).set_pid(std::process::id());
        let mut args = Vec::new();
        loop {
            if self.segment.is_shutdown() {
                return 0;
            }
            let Some(mut taken) = self.port.take() else {
                let port = &mut self.port;
                let patience = if host.is_warm() { WARM } else { SAFETY };
                let mut is_woken = true;
                host.detached(&mut || is_woken = port.sleep(patience));
                if !is_woken {
                    host.cool();
                }
                continue;
            };
            args.clear();
            args.extend_from_slice(taken.args());
            let start = clock::nanos();
            let mut slot = Slot { taken: &mut taken, arena: &self.arena, has_blocks: false };
            let Ok(has_failed) = host.run(&args, &mut slot) else {
                // Dying tells the parent exactly which item got no result.
                return EXIT_NO_MEMORY;
            };
            let has_blocks = slot.has_blocks;
            let summary = Summary { busy: clock::nanos() - start, has_failed, has_blocks };
            taken.finish(&mut self.port, summary.pack());
            if host.wants_to_retire() {
                return EXIT_RETIRED;
            }
        }
    }
}
