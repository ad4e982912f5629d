//! The wire form back to Python objects; buffers stay where they are and are viewed in place.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyList, PyTuple};
use raveler::work::Blocks;
use raveler_procs::WireError;
use raveler_procs::token::{Reader, Span, Spans, Token};
use raveler_shm::{Arena, Block, BlockId};

use crate::buffer::Buffer;
use crate::error;
use crate::modules;
use crate::shared;

/// Makes the object of a token that needs neither blocks nor pickle.
#[inline]
pub(crate) fn simple<'py>(py: Python<'py>, token: &Token<'_>) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(Some(match token {
        Token::Int(number) => number.into_pyobject(py)?.into_any(),
        Token::None => py.None().into_bound(py),
        Token::Bool(truth) => truth.into_pyobject(py)?.to_owned().into_any(),
        Token::Float(number) => number.into_pyobject(py)?.into_any(),
        Token::Str(text) => text.into_pyobject(py)?.into_any(),
        Token::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        _ => return Ok(None),
    }))
}

/// How the buffers of a value may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Arguments: read-only.
    Read,
    /// Arguments of a task that asked for private copy-on-write pages.
    Private,
    /// Results: they belong to the one who reads them.
    Own,
}

/// What a decoder reads from.
pub(crate) struct Decoder<'a> {
    /// Where the blocks are.
    pub(crate) arena: &'a Arena,
    /// How buffers may be used.
    access: Access,
    /// Blocks that go to the buffers, so that these are their only holders.
    own: RefCell<Blocks>,
}

impl<'a> Decoder<'a> {
    /// Reads values whose blocks somebody else holds.
    pub(crate) fn new(arena: &'a Arena, access: Access) -> Self {
        Self { arena, access, own: RefCell::new(Blocks::new()) }
    }

    /// Reads values whose buffers become the holders of these blocks.
    pub(crate) fn with_own(arena: &'a Arena, access: Access, own: Blocks) -> Self {
        Self { arena, access, own: RefCell::new(own) }
    }

    /// Reads one value that is not an error.
    #[inline]
    pub(crate) fn value<'py>(&self, py: Python<'py>, reader: &mut Reader<'_>) -> PyResult<Bound<'py, PyAny>> {
        let token = reader.token().map_err(|error| error::of_wire(&error))?;
        self.token(py, token, reader)
    }

    /// Makes the object of a token whose members, if any, follow in the reader.
    #[inline]
    pub(crate) fn token<'py>(
        &self,
        py: Python<'py>,
        token: Token<'_>,
        reader: &mut Reader<'_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(value) = simple(py, &token)? {
            return Ok(value);
        }
        Ok(match token {
            Token::Tuple(count) => {
                let mut members = Vec::with_capacity(count.min(64));
                for _ in 0..count {
                    members.push(self.value(py, reader)?);
                }
                PyTuple::new(py, members)?.into_any()
            }
            Token::Pickle { data, buffers, inline } => self.pickle(py, data, buffers, inline)?,
            Token::BytesBlock(span) => {
                let block = self.hold(span)?;
                PyBytes::new(py, content(&block, span)).into_any()
            }
            Token::Block(span) => {
                let block = self.hold(span)?;
                self.value(py, &mut Reader::new(content(&block, span)))?
            }
            Token::Shared(span) => shared::load(py, self, span)?,
            Token::Error(bytes) => load_error(py, bytes)?,
            // All others were simple.
            _ => py.None().into_bound(py),
        })
    }

    /// Returns how buffers may be used.
    pub(crate) fn access(&self) -> Access {
        self.access
    }

    /// Holds a block that a value names, and in which it has room.
    pub(crate) fn hold(&self, span: Span) -> PyResult<Block> {
        let id = BlockId::from_u64(span.block);
        let mut own = self.own.borrow_mut();
        match own.iter().position(|block| block.id() == id) {
            Some(at) => fitting(own.swap_remove(at), span),
            None => hold(self.arena, span),
        }
        .map_err(|error| error::of_wire(&error))
    }

    fn pickle<'py>(
        &self,
        py: Python<'py>,
        data: &[u8],
        buffers: Spans<'_>,
        mut inline: &[u8],
    ) -> PyResult<Bound<'py, PyAny>> {
        let list = PyList::empty(py);
        for span in buffers {
            let len = usize::try_from(span.len)?;
            if span.is_inline() {
                let (own, rest) = inline.split_at(len);
                inline = rest;
                if self.access == Access::Read {
                    list.append(PyBytes::new(py, own))?;
                } else {
                    list.append(PyByteArray::new(py, own))?;
                }
                continue;
            }
            let block = self.hold(span)?;
            let buffer = match self.access {
                Access::Read => Buffer::read_only(block, len),
                Access::Own => Buffer::owned(block, len),
                Access::Private => {
                    let Ok(private) = block.private_copy_on_write() else {
                        // The runtime is closed: a copy does as well.
                        list.append(PyByteArray::new(py, content(&block, span)))?;
                        continue;
                    };
                    Buffer::private(private, len)
                }
            };
            list.append(Bound::new(py, buffer)?)?;
        }
        let data = PyBytes::new(py, data);
        if list.is_empty() {
            return modules::pickle_loads(py)?.call1((data,));
        }
        modules::loads(py)?.call1((data, list, self.access != Access::Read))
    }
}

/// Holds the block that a span names.
///
/// # Errors
///
/// If there is none, or the span is longer.
pub(crate) fn hold(arena: &Arena, span: Span) -> Result<Block, WireError> {
    fitting(arena.hold(BlockId::from_u64(span.block))?, span)
}

fn fitting(block: Block, span: Span) -> Result<Block, WireError> {
    if span.len <= block.len() as u64 { Ok(block) } else { Err(WireError::Overlong(span.len)) }
}

/// Returns the bytes of a span.
pub(crate) fn content(block: &Block, span: Span) -> &[u8] {
    let len = usize::try_from(span.len).unwrap_or(usize::MAX);
    &block.as_slice()[..len.min(block.len())]
}

/// Makes the exception of an error's content: whether it may be retried (1), its serialised form.
pub(crate) fn load_error<'py>(py: Python<'py>, content: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let data = PyBytes::new(py, content.get(1..).unwrap_or_default());
    modules::load_error(py)?.call1((data,))
}
