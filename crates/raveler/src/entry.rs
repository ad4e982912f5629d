//! A task until it ends: whom it belongs to, what it is, where it stands.

use std::sync::Arc;

use futures_util::future::AbortHandle;
use raveler_shm::Ticket;
use raveler_task::{AttemptEnd, Place, TaskId};

use crate::cell::Cell;
use crate::function::Function;
use crate::host::Host;
use crate::outcome::Outcome;
use crate::work::{Blocks, Work};

/// A task until it ends.
pub(crate) struct Entry<H: Host> {
    pub(crate) task: TaskId,
    /// The attempt that was handed to a place of this process, and whether it has begun.
    pub(crate) attempt: Option<(u32, bool)>,
    /// A task that it depends on and that had failed before it was submitted.
    pub(crate) fails_like: Option<Arc<Cell<H>>>,
    pub(crate) owner: Owner<H>,
    pub(crate) work: Work<H>,
    pub(crate) outcome: Option<Outcome<H>>,
    pub(crate) slot: Option<Ticket>,
    pub(crate) place: Place,
    pub(crate) timeout: Option<u64>,
    /// Ends the attempt that runs on the I/O runtime.
    pub(crate) abort: Option<AbortHandle>,
    pub(crate) parents: Vec<(TaskId, Arc<Cell<H>>)>,
}

/// Whom a task belongs to.
pub(crate) enum Owner<H: Host> {
    /// Somebody who submitted it.
    Cell(Arc<Cell<H>>),
    /// A map, of which it is a frame.
    Map { map: u64, first: u64, items: u32, bytes: usize },
}

/// What stands in a slot.
pub(crate) struct Flight {
    pub(crate) task: TaskId,
    pub(crate) attempt: u32,
    pub(crate) blocks: Blocks,
    pub(crate) function: Arc<Function>,
    pub(crate) stop: Option<AttemptEnd>,
    pub(crate) is_timed: bool,
}
