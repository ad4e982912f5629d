//! What the runtime keeps of a task until it ends: the work itself, and where it is.

use std::sync::Arc;

use raveler_procs::WireError;
use raveler_procs::frame::{Frame, Head, flags};
use raveler_procs::token::{Span, Write};
use raveler_shm::{ARGS_MAX, Arena, Block};
use smallvec::SmallVec;

use crate::cell::Cell;
use crate::error::RuntimeError;
use crate::function::{Function, store};
use crate::host::Host;
use crate::native::Operation;
use crate::outcome::Outcome;

/// Blocks that a frame names, held until it is done.
pub type Blocks = SmallVec<[Block; 1]>;

/// A frame for a worker: head and body, and what must live as long as it does.
#[derive(Debug)]
pub struct Parcel {
    /// Head and body.
    pub bytes: Vec<u8>,
    /// What the body points into.
    pub blocks: Blocks,
    /// The function.
    pub function: Arc<Function>,
}

impl Parcel {
    /// Moves the body into a block if the frame is too long for a slot.
    ///
    /// # Errors
    ///
    /// If there is no shared memory for it.
    pub fn seal(bytes: &mut Vec<u8>, blocks: &mut Blocks, arena: &Arena) -> Result<(), RuntimeError> {
        if bytes.len() <= ARGS_MAX {
            return Ok(());
        }
        let body = &bytes[Head::SIZE..];
        let block = store(body, arena)?;
        let span = Span { block: block.id().to_u64(), len: body.len() as u64 };
        blocks.push(block);
        bytes.truncate(Head::SIZE);
        bytes.span(span);
        add_flag(bytes, flags::BODY_BLOCK);
        Ok(())
    }

    /// Writes down in the frame which attempt it is.
    pub fn set_attempt(bytes: &mut [u8], attempt: u32) {
        bytes[4..8].copy_from_slice(&attempt.to_le_bytes());
    }
}

fn add_flag(bytes: &mut [u8], flag: u32) {
    if let Some(head) = bytes.first_chunk_mut::<4>() {
        *head = (u32::from_le_bytes(*head) | flag).to_le_bytes();
    }
}

/// A parcel that lacks the values of tasks that have not ended.
pub struct LateParcel<H: Host> {
    /// Head and body without those values.
    pub bytes: Vec<u8>,
    /// What the body points into.
    pub blocks: Blocks,
    /// The function.
    pub function: Arc<Function>,
    /// Where in `bytes` which value belongs, in ascending order.
    pub holes: Vec<(usize, Arc<Cell<H>>)>,
}

impl<H: Host> LateParcel<H> {
    /// Fills the holes with the values of the parents, which all ended with one.
    ///
    /// # Errors
    ///
    /// If there is no shared memory for the body.
    pub fn fill(mut self, arena: &Arena) -> Result<Parcel, RuntimeError> {
        let mut bytes = Vec::with_capacity(self.bytes.len() + 64);
        let mut from = 0;
        for (at, parent) in &self.holes {
            bytes.extend_from_slice(&self.bytes[from..*at]);
            from = *at;
            parent.outcome(|outcome| {
                if let Outcome::Wire(payload) | Outcome::Both(payload, _) = outcome {
                    bytes.extend_from_slice(payload.as_slice());
                    self.blocks.extend(payload.blocks().iter().cloned());
                }
            });
        }
        bytes.extend_from_slice(&self.bytes[from..]);
        Parcel::seal(&mut bytes, &mut self.blocks, arena)?;
        Ok(Parcel { bytes, blocks: self.blocks, function: self.function })
    }
}

/// The work of a task.
pub enum Work<H: Host> {
    /// For a worker, ready to be published.
    Parcel(Parcel),
    /// For a worker, once its parents have ended.
    Late(LateParcel<H>),
    /// For a thread or a loop of this process.
    Call(Arc<H::Call>),
    /// For the I/O runtime.
    Native(Arc<dyn Operation<H>>),
    /// In a slot, or done.
    Away,
}

/// Returns a frame of items without its first `done` ones.
///
/// # Errors
///
/// If the bytes are not a frame of so many items.
pub fn without_items(bytes: &[u8], done: usize) -> Result<Vec<u8>, WireError> {
    let frame = Frame::read(bytes)?;
    let mut head = frame.head;
    head.first += done as u64;
    head.items = head.items.saturating_sub(u32::try_from(done).unwrap_or(u32::MAX));
    head.skip += u32::try_from(done).unwrap_or(u32::MAX);
    let mut shorter = Vec::with_capacity(bytes.len());
    head.write(&mut shorter);
    shorter.extend_from_slice(&bytes[Head::SIZE..]);
    Ok(shorter)
}
