//! A function published to the workers: its code stands in a block that all can read.

use std::sync::Arc;

use raveler_procs::token::Span;
use raveler_shm::{Arena, Block};

use crate::error::RuntimeError;

/// A published function; its block is freed with the last reference.
#[derive(Debug)]
pub struct Function {
    number: u64,
    code: Block,
    len: u64,
}

impl Function {
    /// Puts the serialised function where every worker can read it.
    ///
    /// # Errors
    ///
    /// If there is no shared memory for it.
    pub fn publish(number: u64, code: &[u8], arena: &Arena) -> Result<Arc<Self>, RuntimeError> {
        let block = store(code, arena)?;
        Ok(Arc::new(Self { number, len: code.len() as u64, code: block }))
    }

    /// Returns the function's number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns where the code stands.
    #[must_use]
    pub fn code(&self) -> Span {
        Span { block: self.code.id().to_u64(), len: self.len }
    }
}

/// Copies bytes into a block of their own.
///
/// # Errors
///
/// If there is no shared memory for them.
pub fn store(bytes: &[u8], arena: &Arena) -> Result<Block, RuntimeError> {
    let mut block = arena.allocate(bytes.len())?;
    if let Some(target) = block.bytes_mut() {
        target[..bytes.len()].copy_from_slice(bytes);
    }
    Ok(block)
}
