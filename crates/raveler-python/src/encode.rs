//! Python objects to their wire form: simple values by a native codec, everything else by pickle with its buffers beside it.

use pyo3::buffer::PyBuffer;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyList, PyString, PyTuple};
use raveler::function::store;
use raveler::work::Blocks;
use raveler_procs::token::{Span, Tag, Write};
use raveler_shm::Arena;

use crate::buffer;
use crate::error;
use crate::modules;
use crate::shared::Shared;
use crate::task::as_task;

/// From how many bytes on bytes and buffers get a block of their own.
const LARGE: usize = 64 * 1024;
/// Up to how many bytes a buffer stands behind its pickle.
const SMALL_BUFFER: usize = 1024;
/// Most members of a tuple that the native codec looks at.
const TUPLE_MAX: usize = 16;
/// How deep it looks into tuples of tuples.
const DEPTH_MAX: u32 = 4;

/// Where encoded values go.
pub(crate) struct Encoder<'a> {
    /// Where the blocks come from.
    pub(crate) arena: &'a Arena,
    /// The wire form.
    pub(crate) out: Vec<u8>,
    /// The blocks that it points into.
    pub(crate) blocks: Blocks,
    /// Whether the value stays in this process: the serial engine.
    pub(crate) is_here: bool,
    /// Buffers that were copied already, by address and length; the object is held so that the address stays its own.
    pub(crate) seen: Option<Seen>,
}

/// Buffers of one map that stand in a block already.
#[derive(Default)]
pub(crate) struct Seen(Vec<(usize, usize, raveler_shm::Block, Py<PyAny>)>);

impl Seen {
    const MAX: usize = 8;
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(arena: &'a Arena, is_here: bool) -> Self {
        Self { arena, out: Vec::new(), blocks: Blocks::new(), is_here, seen: None }
    }

    /// Appends one value. `label` is what the value is called if it can't travel.
    pub(crate) fn value(&mut self, value: &Bound<'_, PyAny>, label: &str) -> PyResult<()> {
        if self.native(value, 0)? {
            return Ok(());
        }
        if let Ok(shared) = value.cast_exact::<Shared>() {
            return shared.get().write(self);
        }
        self.pickle(value, label)
    }

    /// Appends a value that may be a task, whose value it waits for.
    #[inline]
    pub(crate) fn argument(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.native(value, 0)? {
            return Ok(());
        }
        match as_task(value) {
            Some(task) => self.value(&task.call_method0(intern!(value.py(), "result"))?, "item"),
            None => self.value(value, "item"),
        }
    }

    /// Appends a tuple of arguments, each of which may be a task or a shared value.
    pub(crate) fn arguments(&mut self, arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
        if self.native(arguments, 0)? {
            return Ok(());
        }
        let plain = |member: &Bound<'_, PyAny>| as_task(member).is_none() && member.cast_exact::<Shared>().is_err();
        if arguments.iter_borrowed().all(|member| plain(&member)) {
            return self.pickle(arguments, "item");
        }
        self.out.tag(Tag::Tuple);
        Write::u32(&mut self.out, u32::try_from(arguments.len())?);
        for member in arguments.iter_borrowed() {
            self.argument(&member)?;
        }
        Ok(())
    }

    /// Whether the native codec knows a value.
    pub(crate) fn is_native(&mut self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (start, blocks) = (self.out.len(), self.blocks.len());
        let is_native = self.native(value, 0)?;
        self.out.truncate(start);
        self.blocks.truncate(blocks);
        Ok(is_native)
    }

    /// Appends a value that the native codec knows; says whether it does. What it does not know leaves no trace.
    #[inline]
    fn native(&mut self, value: &Bound<'_, PyAny>, depth: u32) -> PyResult<bool> {
        if let Ok(int) = value.cast_exact::<PyInt>() {
            let Ok(number) = int.extract::<i64>() else {
                return Ok(false);
            };
            self.out.int(number);
        } else if value.is_none() {
            self.out.tag(Tag::None);
        } else if let Ok(float) = value.cast_exact::<PyFloat>() {
            self.out.float(float.value());
        } else if let Ok(string) = value.cast_exact::<PyString>() {
            // Surrogates have no UTF-8.
            let Ok(text) = string.to_str() else {
                return Ok(false);
            };
            self.out.sized(Tag::Str, text.as_bytes()).map_err(|error| error::of_wire(&error))?;
        } else if let Ok(truth) = value.cast_exact::<PyBool>() {
            self.out.tag(if truth.is_true() { Tag::True } else { Tag::False });
        } else if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            self.bytes(bytes.as_bytes())?;
        } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            return self.tuple(tuple, depth);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn tuple(&mut self, tuple: &Bound<'_, PyTuple>, depth: u32) -> PyResult<bool> {
        if tuple.len() > TUPLE_MAX || depth >= DEPTH_MAX {
            return Ok(false);
        }
        let (start, blocks) = (self.out.len(), self.blocks.len());
        self.out.tag(Tag::Tuple);
        Write::u32(&mut self.out, u32::try_from(tuple.len())?);
        for member in tuple.iter_borrowed() {
            if !self.native(&member, depth + 1)? {
                self.out.truncate(start);
                self.blocks.truncate(blocks);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn bytes(&mut self, bytes: &[u8]) -> PyResult<()> {
        if bytes.len() < LARGE {
            return self.out.sized(Tag::Bytes, bytes).map_err(|error| error::of_wire(&error));
        }
        let block = store(bytes, self.arena).map_err(|error| error::to_python(&error))?;
        self.out.tag(Tag::BytesBlock);
        self.out.span(Span { block: block.id().to_u64(), len: bytes.len() as u64 });
        self.blocks.push(block);
        Ok(())
    }

    /// Appends a value as a pickle.
    pub(crate) fn pickle(&mut self, value: &Bound<'_, PyAny>, label: &str) -> PyResult<()> {
        let py = value.py();
        let pickled = modules::dumps(py)?.call1((value, label, self.is_here))?;
        let (data, buffers): (Bound<'_, PyBytes>, Bound<'_, PyList>) = pickled.extract()?;
        if buffers.is_empty() {
            return self.out.pickle(data.as_bytes(), &[]).map_err(|error| error::of_wire(&error));
        }
        let mut spans = Vec::with_capacity(buffers.len());
        let mut inline: Vec<Bound<'_, PyAny>> = Vec::new();
        for pickle_buffer in buffers {
            let raw = pickle_buffer.call_method0(intern!(py, "raw"))?;
            let len = raw.getattr(intern!(py, "nbytes"))?.extract::<usize>()?;
            if len <= SMALL_BUFFER {
                spans.push(Span::inline(len));
                inline.push(raw);
            } else {
                spans.push(self.buffer(&raw, &pickle_buffer)?);
            }
        }
        self.out.pickle(data.as_bytes(), &spans).map_err(|error| error::of_wire(&error))?;
        for raw in inline {
            let source = PyBuffer::<u8>::get(&raw)?;
            let start = self.out.len();
            self.out.resize(start + source.len_bytes(), 0);
            buffer::copy(py, &source, &mut self.out[start..]);
        }
        Ok(())
    }

    /// Copies a buffer into a block, or finds the block into which it was copied before.
    fn buffer(&mut self, raw: &Bound<'_, PyAny>, owner: &Bound<'_, PyAny>) -> PyResult<Span> {
        let source = PyBuffer::<u8>::get(raw)?;
        let (address, len) = (source.buf_ptr().addr(), source.len_bytes());
        if let Some(seen) = &self.seen
            && let Some((_, _, block, _)) = seen.0.iter().find(|entry| entry.0 == address && entry.1 == len)
        {
            self.blocks.push(block.clone());
            return Ok(Span { block: block.id().to_u64(), len: len as u64 });
        }
        let py = raw.py();
        let mut block = self.arena.allocate(len).map_err(|error| error::to_python(&error.into()))?;
        if let Some(target) = block.bytes_mut() {
            buffer::copy(py, &source, &mut target[..len]);
        }
        let span = Span { block: block.id().to_u64(), len: len as u64 };
        if let Some(seen) = &mut self.seen
            && len >= LARGE
        {
            if seen.0.len() >= Seen::MAX {
                seen.0.remove(0);
            }
            seen.0.push((address, len, block.clone(), owner.clone().unbind()));
        }
        self.blocks.push(block);
        Ok(span)
    }
}
