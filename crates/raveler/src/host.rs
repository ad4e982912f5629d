//! What the runtime needs from the interpreter that uses it.

use std::fmt::Debug;
use std::sync::Arc;

use raveler_procs::inbox::Note;
use raveler_procs::worker::Results;
use raveler_procs::zygote::Launch;
use raveler_shm::{Arena, ShmError, Ticket};
use raveler_task::TaskId;

use crate::cell::Cell;
use crate::native;
use crate::outcome::Outcome;

/// The interpreter's side. The runtime never calls it while it holds a lock.
pub trait Host: Send + Sync + Sized + 'static {
    /// A value of the interpreter.
    type Value: Send;
    /// A value that a native operation made, not yet one of the interpreter.
    type Reply: Send;
    /// An error that a native operation made, not yet one of the interpreter.
    type Fault: Send + Clone;
    /// Who wants to be told when a task is settled.
    type Waiter: Send;
    /// A call that runs in this process, on a thread or an event loop.
    type Call: Send + Sync;

    /// Tells those waiters for whom the interpreter is not needed; returns the other notices.
    fn deliver_detached(&self, notices: Vec<Notice<Self>>) -> Vec<Notice<Self>>;

    /// Tells waiters and starts or stops calls, attached once for all of them.
    fn deliver(&self, notices: Vec<Notice<Self>>);

    /// Runs a frame on the calling thread.
    ///
    /// # Errors
    ///
    /// If no memory is left for a result.
    fn run_inline(&self, args: &[u8], arena: &Arena, results: &mut impl Results) -> Result<bool, ShmError>;

    /// Hands lines, log records and warnings of workers to their places.
    fn receive(&self, notes: Vec<Note>);

    /// Says how to start the zygote, as things stand now.
    fn launch(&self) -> Launch;

    /// Returns about how many bytes a reply holds.
    fn reply_bytes(reply: &Self::Reply) -> u64;

    /// Returns a reply that other processes need too, in both forms; or the error that it can't travel.
    fn encode(&self, reply: Self::Reply, arena: &Arena) -> Outcome<Self>;

    /// Notes in a call which attempt starts. The only method that is called under the lock: it must not wait.
    fn begin_attempt(call: &Self::Call, task: TaskId, attempt: u32);
}

/// Something that the interpreter must be told, outside all locks.
pub enum Notice<H: Host> {
    /// The task is settled; tell the waiter.
    Settled(Arc<Cell<H>>, H::Waiter),
    /// Start a call on its place.
    Start(Arc<H::Call>),
    /// Stop a call: it was cancelled or its time is over.
    Stop(Arc<H::Call>),
    /// A map has something for its consumer.
    Ready {
        /// Who is to be told.
        waiter: H::Waiter,
        /// Whether it was counted as one that somebody must drain for.
        is_watched: bool,
    },
    /// Start a native operation; the runtime does this itself.
    Launch(native::Launch<H>),
    /// Kill this worker if it still runs what stands in the slot; the runtime does this itself.
    Kill {
        /// The worker's index.
        worker: u32,
        /// What it must still run.
        ticket: Ticket,
    },
}

impl<H: Host> Debug for Notice<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Settled(..) => "Settled",
            Self::Start(_) => "Start",
            Self::Stop(_) => "Stop",
            Self::Ready { .. } => "Ready",
            Self::Launch(_) => "Launch",
            Self::Kill { .. } => "Kill",
        })
    }
}
