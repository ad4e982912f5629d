//! The state of one `map`: what is in flight, what has arrived, what may be pulled next.

use std::collections::VecDeque;
use std::sync::Arc;

use raveler_sync::Flag;
use raveler_task::{ChunkPolicy, ErrorPolicy, FailedItem, Failures, OrderBuffer, Spec, TaskId, Window};

use crate::host::Host;
use crate::native::Operation;
use crate::outcome::{Outcome, Payload};

/// Consecutive results of a map.
pub struct Piece<H: Host> {
    /// Index of the first.
    pub first: u64,
    /// The results.
    pub content: Content<H>,
}

/// What a piece holds.
pub enum Content<H: Host> {
    /// So many results, one after the other.
    Items(Payload, u32),
    /// One result that Rust made.
    Reply(H::Reply),
    /// One item that has no result of its own.
    Failure(Outcome<H>),
    /// The source failed here.
    Source(Outcome<H>),
}

impl<H: Host> Content<H> {
    /// Returns how many bytes of results the piece holds.
    fn bytes(&self) -> u64 {
        match self {
            Self::Items(payload, _) => payload.bytes(),
            Self::Reply(reply) => H::reply_bytes(reply),
            Self::Failure(_) | Self::Source(_) => 0,
        }
    }

    /// Returns how many items the piece stands for.
    #[must_use]
    pub fn items(&self) -> u32 {
        match self {
            Self::Items(_, items) => *items,
            Self::Reply(_) | Self::Failure(_) | Self::Source(_) => 1,
        }
    }
}

/// How a map wants its results.
#[derive(Clone, Debug)]
pub struct MapOptions {
    /// In the order of the input.
    pub is_ordered: bool,
    /// What an error does.
    pub on_error: ErrorPolicy,
    /// Most items in flight; chosen by the policy if none.
    pub window: Option<usize>,
    /// Items a frame; measured if none.
    pub chunk: Option<usize>,
    /// The options of each frame.
    pub spec: Spec,
    /// Length of the input, if known.
    pub len: Option<u64>,
    /// How many items run at once, if Rust runs them.
    pub concurrency: Option<usize>,
    /// How many frames may be under way, if workers run them; enough for all workers if none.
    pub frames: Option<usize>,
    /// Most bytes in flight; 64 MiB if none.
    pub window_bytes: Option<u64>,
    /// The flag of the flow that the map is a stage of; its consumer clears it, not the map.
    pub news: Option<Arc<Flag>>,
}

/// Bytes of arguments that a map may have in flight.
const WINDOW_BYTES: u64 = 64 << 20;
/// Frames for each worker that are in flight at a time.
const FRAMES_A_WORKER: usize = 3;
/// Items for each worker that may be in flight while frames are small.
const ITEMS_A_WORKER: usize = 1024;

/// Items that are pulled at once for the I/O runtime.
const PULL: usize = 256;

/// The state of one map, under the runtime's lock.
pub struct Map<H: Host> {
    pub(crate) options: MapOptions,
    pub(crate) ready: Arc<Flag>,
    pub(crate) frames: Vec<TaskId>,
    policy: ChunkPolicy,
    order: OrderBuffer<Piece<H>>,
    window: Window,
    failures: Failures<()>,
    workers: usize,
    next: u64,
    /// Items that were pulled and wait for a place among those that run; the last has index `next - 1`.
    backlog: VecDeque<Arc<dyn Operation<H>>>,
    is_exhausted: bool,
    /// Who is to be told when another look is worth it.
    pub(crate) waiter: Option<H::Waiter>,
    /// Nanoseconds that workers spent on its frames.
    busy: u64,
    /// Bytes of its arguments and results.
    moved: u64,
}

/// What can be seen of a map at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauge {
    /// Frames and operations that have begun.
    pub running: usize,
    /// Those that have not.
    pub queued: usize,
    /// Whether its tasks need permits.
    pub has_limit: bool,
    /// Items in flight, those that wait to be taken included.
    pub in_flight: usize,
    /// Whether more items would be pulled.
    pub has_room: bool,
    /// Nanoseconds that workers have spent on it.
    pub busy: u64,
    /// Bytes of arguments and results, where they travel.
    pub bytes: u64,
}

/// What [`Map::take`] found.
pub enum Taken<H: Host> {
    /// The next results.
    Piece(Piece<H>),
    /// None yet.
    Nothing,
    /// None any more.
    End,
}

impl<H: Host> Map<H> {
    pub(crate) fn new(options: MapOptions, workers: usize) -> Self {
        let policy = match options.chunk {
            Some(size) => ChunkPolicy::fixed(size),
            None => ChunkPolicy::auto(workers),
        };
        let items = options.window.map_or(u64::MAX, |window| window as u64);
        let order = if options.is_ordered { OrderBuffer::ordered() } else { OrderBuffer::unordered() };
        Self {
            order,
            window: Window::new(items, options.window_bytes.unwrap_or(WINDOW_BYTES)),
            failures: Failures::new(options.on_error),
            ready: options.news.clone().unwrap_or_default(),
            frames: Vec::new(),
            policy,
            workers,
            next: 0,
            backlog: VecDeque::new(),
            is_exhausted: false,
            waiter: None,
            busy: 0,
            moved: 0,
            options,
        }
    }

    /// Returns how many items to pull for the next frame; 0 if none now.
    ///
    /// `held` items were taken, but their consumer has them before it: they count as in flight.
    pub(crate) fn wants(&mut self, held: usize) -> usize {
        if self.is_exhausted || !self.failures.may_pull() {
            return 0;
        }
        if let Some(concurrency) = self.options.concurrency {
            return self.native_room(concurrency, held);
        }
        if self.frames.len() >= self.options.frames.unwrap_or(FRAMES_A_WORKER * self.workers) {
            return 0;
        }
        let in_flight = self.in_flight() + held;
        let size = self.policy.next_size(self.options.len.map(|len| len.saturating_sub(self.next)));
        let most = match self.options.window {
            Some(window) => window.saturating_sub(in_flight),
            None => self.default_window(size).saturating_sub(in_flight),
        };
        // A window for a few items is shared by all workers.
        let share = self.options.window.map_or(usize::MAX, |window| window.div_ceil(self.workers));
        if self.window.has_room() { size.min(most).min(share) } else { 0 }
    }

    /// Returns how many items to pull for the I/O runtime: many at once or none, so that the consumer is not woken for each.
    fn native_room(&self, concurrency: usize, held: usize) -> usize {
        let window = self.options.window.unwrap_or(4 * concurrency);
        let room = window.saturating_sub(self.in_flight() + held);
        let is_hungry = self.backlog.is_empty() && self.frames.len() < concurrency;
        if self.window.has_room() && (is_hungry || room >= window.div_ceil(4)) { room.min(PULL) } else { 0 }
    }

    /// Takes pulled items that Rust will run.
    pub(crate) fn queue(&mut self, operations: Vec<Arc<dyn Operation<H>>>) {
        self.pulled(operations.len(), 0);
        self.backlog.extend(operations);
    }

    /// Returns the next item that may run now.
    pub(crate) fn next_native(&mut self) -> Option<(u64, Arc<dyn Operation<H>>)> {
        let concurrency = self.options.concurrency?;
        if self.frames.len() >= concurrency || !self.window.has_room_for_bytes() {
            return None;
        }
        let index = self.next - self.backlog.len() as u64;
        self.backlog.pop_front().map(|operation| (index, operation))
    }

    /// Drops the items above a failed one that have not begun.
    pub(crate) fn drop_above(&mut self, index: u64) {
        let first = self.next - self.backlog.len() as u64;
        let kept = usize::try_from((index + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        let dropped = self.backlog.len().saturating_sub(kept);
        self.backlog.truncate(kept);
        self.next -= dropped as u64;
        self.window.give(dropped as u64, 0);
    }

    fn default_window(&self, size: usize) -> usize {
        let frames = 2 * FRAMES_A_WORKER * self.workers;
        (ITEMS_A_WORKER * self.workers).max(frames * size)
    }

    /// Counts items that were pulled and returns the index of the first.
    pub(crate) fn pulled(&mut self, items: usize, bytes: usize) -> u64 {
        let first = self.next;
        self.next += items as u64;
        self.moved += bytes as u64;
        self.window.take(items as u64, bytes as u64);
        first
    }

    /// Returns the index of the next item.
    pub(crate) fn position(&self) -> u64 {
        self.next
    }

    /// The source has ended.
    pub(crate) fn exhaust(&mut self) {
        self.is_exhausted = true;
    }

    /// The source failed: its error stands where its next item would.
    pub(crate) fn source_failed(&mut self, error: Outcome<H>) {
        let first = self.pulled(1, 0);
        self.is_exhausted = true;
        self.failures.fail_source(first, ());
        self.arrive(first, Content::Source(error));
    }

    /// An item failed; returns whether frames above it are to be cancelled.
    pub(crate) fn failed(&mut self, index: u64) -> bool {
        matches!(self.failures.fail(index, ()), FailedItem::CancelAbove(_))
    }

    /// Returns whether an item above a failed one is of no use any more.
    pub(crate) fn is_moot(&self, index: u64) -> bool {
        !self.failures.wants(index)
    }

    pub(crate) fn arrive(&mut self, first: u64, content: Content<H>) {
        let items = u64::from(content.items());
        if items > 0 {
            self.window.take(0, content.bytes());
            self.moved += content.bytes();
            self.order.push(first, items, Piece { first, content });
        }
    }

    pub(crate) fn observe(&mut self, items: usize, busy: u64) {
        self.busy += busy;
        self.policy.observe(items, busy);
    }

    /// Returns the next piece if it is there.
    pub(crate) fn take(&mut self) -> Taken<H> {
        if let Some((_, items, piece)) = self.order.pop() {
            self.window.give(items, piece.content.bytes());
            return Taken::Piece(piece);
        }
        if self.frames.is_empty() && self.backlog.is_empty() && (self.is_exhausted || !self.failures.may_pull()) {
            return Taken::End;
        }
        // What arrived just now may have made room.
        if self.options.news.is_none() {
            let has_room = self.wants(0) > 0;
            self.ready.set(has_room);
        }
        Taken::Nothing
    }

    /// Returns whether the consumer has something to do: results to take or items to pull.
    pub(crate) fn has_news(&mut self) -> bool {
        self.order.has_next() || (self.frames.is_empty() && self.backlog.is_empty()) || self.wants(0) > 0
    }

    /// Returns what can be seen of it now; `running` of its frames have begun.
    pub(crate) fn gauge(&self, running: usize) -> Gauge {
        Gauge {
            running,
            queued: self.frames.len() - running + self.backlog.len(),
            has_limit: !self.options.spec.limits.is_empty(),
            in_flight: self.in_flight(),
            has_room: !self.is_exhausted
                && self.window.has_room()
                && self.options.window.is_none_or(|window| self.in_flight() < window),
            busy: self.busy,
            bytes: self.moved,
        }
    }

    /// Gives back the room that the arguments of a frame took.
    pub(crate) fn give_bytes(&mut self, bytes: usize) {
        self.window.give(0, bytes as u64);
    }

    /// Returns how many items are in flight or wait to be taken.
    pub(crate) fn in_flight(&self) -> usize {
        usize::try_from(self.window.items_in_flight()).unwrap_or(usize::MAX)
    }
}
