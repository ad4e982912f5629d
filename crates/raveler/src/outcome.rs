//! How a task ended, and values in their wire form.

use std::sync::Arc;

use raveler_procs::token::{Reader, Span};
use raveler_procs::{Certificate, WireError};
use raveler_shm::{Arena, Block, BlockId};
use raveler_task::Nanos;
use smallvec::SmallVec;

use crate::cell::Cell;
use crate::error::RuntimeError;
use crate::host::Host;

/// Values in their wire form, with the blocks that they point into.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    bytes: Bytes,
    blocks: SmallVec<[Block; 1]>,
}

#[derive(Clone, Debug)]
enum Bytes {
    Own(SmallVec<[u8; 32]>),
    /// The first so many bytes of the block.
    Block(Block, usize),
}

impl Default for Bytes {
    fn default() -> Self {
        Self::Own(SmallVec::new())
    }
}

/// From how many bytes on a result stays in its block instead of being copied.
const STAY: usize = 2048;

impl Payload {
    /// Wraps bytes whose blocks are given.
    #[must_use]
    pub fn new(bytes: &[u8], blocks: SmallVec<[Block; 1]>) -> Self {
        Self { bytes: Bytes::Own(SmallVec::from_slice(bytes)), blocks }
    }

    /// Takes results that a worker published: adopts the blocks that they name; `block` is where the bytes stand, if in one.
    ///
    /// # Errors
    ///
    /// If the bytes are not values, or name a block that there is not.
    pub fn adopt(bytes: &[u8], items: u32, block: Option<&Block>, arena: &Arena) -> Result<Self, WireError> {
        let mut blocks = SmallVec::new();
        let mut unknown = None;
        let mut reader = Reader::new(bytes);
        for _ in 0..items {
            reader.skip(&mut |span: Span| match arena.adopt(BlockId::from_u64(span.block)) {
                Ok(block) => blocks.push(block),
                Err(error) => unknown = Some(error),
            })?;
        }
        if let Some(error) = unknown {
            return Err(error.into());
        }
        let bytes = match block {
            Some(block) if bytes.len() >= STAY => Bytes::Block(block.clone(), bytes.len()),
            _ => Bytes::Own(SmallVec::from_slice(bytes)),
        };
        Ok(Self { bytes, blocks })
    }

    /// Returns the wire form.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Own(bytes) => bytes,
            Bytes::Block(block, len) => &block.as_slice()[..*len],
        }
    }

    /// Returns how many bytes the values take, with their blocks.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.as_slice().len() as u64 + self.blocks.iter().map(|block| block.len() as u64).sum::<u64>()
    }

    /// Returns the blocks that the values point into.
    #[must_use]
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Gives up the named blocks.
    pub fn take_named(&mut self, names: &[u64]) -> SmallVec<[Block; 1]> {
        let mut taken = SmallVec::new();
        for name in names {
            if let Some(at) = self.blocks.iter().position(|block| block.id().to_u64() == *name) {
                taken.push(self.blocks.swap_remove(at));
            }
        }
        taken
    }

    /// Gives up the blocks: who reads the values next becomes their only holder here.
    pub fn take_blocks(&mut self) -> SmallVec<[Block; 1]> {
        std::mem::take(&mut self.blocks)
    }
}

/// The death of a worker, and the frame that it had in its hands.
#[derive(Debug)]
pub struct Death {
    /// How it died.
    pub certificate: Arc<Certificate>,
    /// The frame.
    pub args: Vec<u8>,
    /// What the frame points into.
    pub blocks: SmallVec<[Block; 1]>,
    /// Which item of the frame it was at.
    pub item: u32,
}

/// How a task ended.
pub enum Outcome<H: Host> {
    /// With a value that is still on the wire.
    Wire(Payload),
    /// With a value of the interpreter.
    Value(H::Value),
    /// With a value in both forms, because tasks in other processes need it too.
    Both(Payload, H::Value),
    /// With a value that Rust made and that nobody has read yet.
    Reply(H::Reply),
    /// With a value that somebody is reading from the wire at this moment.
    Reading,
    /// With an error that is still on the wire.
    Failed(Payload),
    /// With an error of the interpreter.
    Raised(H::Value),
    /// With an error that Rust made and that nobody has read yet.
    Fault(H::Fault),
    /// Its worker died.
    Died(Arc<Death>),
    /// It took longer than so many nanoseconds.
    TimedOut(Nanos),
    /// It was cancelled.
    Cancelled,
    /// A task that it depends on did not end with a value.
    Like(Arc<Cell<H>>),
    /// The engine could not run it.
    Refused(Arc<RuntimeError>),
}

impl<H: Host> Outcome<H> {
    /// Whether the task ended with a value.
    pub fn is_value(&self) -> bool {
        matches!(self, Self::Wire(_) | Self::Value(_) | Self::Both(..) | Self::Reply(_) | Self::Reading)
    }
}

impl<H: Host> std::fmt::Debug for Outcome<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wire(_) => "Wire",
            Self::Value(_) => "Value",
            Self::Both(..) => "Both",
            Self::Reply(_) => "Reply",
            Self::Reading => "Reading",
            Self::Failed(_) => "Failed",
            Self::Raised(_) => "Raised",
            Self::Fault(_) => "Fault",
            Self::Died(_) => "Died",
            Self::TimedOut(_) => "TimedOut",
            Self::Cancelled => "Cancelled",
            Self::Like(_) => "Like",
            Self::Refused(_) => "Refused",
        })
    }
}
