//! A frame: one message to a worker, with the work of one task or of a chunk of a map.

use crate::error::WireError;
use crate::token::{Reader, Span, Write};

/// Bits of [`Head::flags`].
pub mod flags {
    /// The body is a chunk of items, else the arguments of one call.
    pub const ITEMS: u32 = 1;
    /// Each item is a tuple of arguments.
    pub const STAR: u32 = 2;
    /// Arrays arrive as private copy-on-write pages.
    pub const WRITABLE: u32 = 4;
    /// The worker writes down when it starts, because a timeout counts from then.
    pub const TIMED: u32 = 8;
    /// Items after one that fails are not run.
    pub const STOP_AT_ERROR: u32 = 16;
    /// The body stands in a block: a span takes its place.
    pub const BODY_BLOCK: u32 = 32;
    /// A span over carried context follows the head.
    pub const CONTEXT: u32 = 64;
}

/// What stands before the body of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// See [`flags`].
    pub flags: u32,
    /// Which attempt of the task this is, from 0.
    pub attempt: u32,
    /// How many items the body holds; 1 for a call.
    pub items: u32,
    /// How many values of the body come before the first item: they are done.
    pub skip: u32,
    /// The task's number, for people.
    pub task: u64,
    /// The function's number: equal numbers are equal functions.
    pub function: u64,
    /// The serialised function.
    pub code: Span,
    /// Index of the first item in its map.
    pub first: u64,
    /// Root of the random streams of the items.
    pub seed: u128,
    /// Serialised values of carried context variables; block 0 and length 0 if there are none.
    pub context: Span,
}

/// A frame, read in place.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// The head.
    pub head: Head,
    /// The body, or the span where it stands.
    pub body: Body<'a>,
}

/// Where the body of a frame stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// Behind the head.
    Inline(&'a [u8]),
    /// In a block.
    Block(Span),
}

impl Head {
    /// Bytes that a head takes.
    pub const SIZE: usize = 4 * 4 + 8 * 3 + 16 + 2 * Span::SIZE;

    /// Returns whether a bit of [`flags`] is set.
    #[must_use]
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Writes the head to the end of `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(Self::SIZE);
        Write::u32(out, self.flags);
        Write::u32(out, self.attempt);
        Write::u32(out, self.items);
        Write::u32(out, self.skip);
        Write::u64(out, self.task);
        Write::u64(out, self.function);
        Write::u64(out, self.first);
        out.extend_from_slice(&self.seed.to_le_bytes());
        out.span(self.code);
        out.span(self.context);
    }

    /// Reads a head.
    ///
    /// # Errors
    ///
    /// [`WireError::Short`] if the bytes end early.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            flags: reader.u32()?,
            attempt: reader.u32()?,
            items: reader.u32()?,
            skip: reader.u32()?,
            task: reader.u64()?,
            function: reader.u64()?,
            first: reader.u64()?,
            seed: reader.u128()?,
            code: reader.span()?,
            context: reader.span()?,
        })
    }
}

impl<'a> Frame<'a> {
    /// Reads a frame from the arguments of a slot.
    ///
    /// # Errors
    ///
    /// [`WireError::Short`] if the bytes end early, [`WireError::Blockless`] if the body is said to be in a block and names none.
    pub fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let head = Head::read(&mut reader)?;
        let body = if head.has(flags::BODY_BLOCK) { Body::Block(reader.place()?) } else { Body::Inline(reader.rest()) };
        Ok(Self { head, body })
    }
}
