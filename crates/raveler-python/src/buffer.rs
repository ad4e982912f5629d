//! Blocks of shared memory as Python buffers: arrays stand on them in place.
//!
//! # Invariants
//!
//! 1. A `Buffer` holds its block (or private pages) until it is dropped, and CPython keeps the `Buffer` alive as long as a view on it exists.
//! 2. A buffer over a block is read-only unless its block had no other holder when it was made.
#![expect(clippy::needless_pass_by_value, reason = "the shape of `__getbuffer__` is given")]
#![expect(unsafe_code, reason = "the buffer protocol is a table of raw pointers")]

use std::ffi::c_int;
use std::ptr;

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use raveler_shm::{Block, PrivateBlock};

enum Memory {
    Shared(Block),
    Private(PrivateBlock),
}

/// A block of shared memory that gives its bytes in place.
#[pyclass(frozen, module = "raveler._raveler")]
pub(crate) struct Buffer {
    memory: Memory,
    len: usize,
    is_writable: bool,
}

impl Buffer {
    /// Views the first `len` bytes of a block, read-only.
    pub(crate) fn read_only(block: Block, len: usize) -> Self {
        Self { memory: Memory::Shared(block), len, is_writable: false }
    }

    /// Views the first `len` bytes of a block; writable if nobody else holds it.
    pub(crate) fn owned(block: Block, len: usize) -> Self {
        let is_writable = block.is_exclusive();
        Self { memory: Memory::Shared(block), len, is_writable }
    }

    /// Views private copy-on-write pages over a block.
    pub(crate) fn private(block: PrivateBlock, len: usize) -> Self {
        Self { memory: Memory::Private(block), len, is_writable: true }
    }

    fn address(&self) -> *mut u8 {
        match &self.memory {
            Memory::Shared(block) => block.as_ptr().cast_mut(),
            Memory::Private(block) => block.as_ptr(),
        }
    }
}

#[pymethods]
impl Buffer {
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let this = slf.get();
        if view.is_null() {
            return Err(PyBufferError::new_err("no view was given"));
        }
        let len = ffi::Py_ssize_t::try_from(this.len)?;
        let is_read_only = c_int::from(!this.is_writable);
        // SAFETY: CPython gives a view that may be filled; the address is good for `len` bytes while the object lives (1), and is written to only if nobody else holds the memory (2).
        let filled =
            unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), this.address().cast(), len, is_read_only, flags) };
        if filled == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }
}

/// Copies a contiguous buffer into a slice of its length; detached from Python if that takes long.
///
/// Returns false, and copies nothing, if the lengths differ.
pub(crate) fn copy(py: Python<'_>, source: &PyBuffer<u8>, target: &mut [u8]) -> bool {
    /// From how many bytes on other threads may run meanwhile.
    const LONG: usize = 256 * 1024;
    struct Source(*const u8);
    // SAFETY: the memory is only read, and stays in place while the buffer is exported (1).
    unsafe impl Sync for Source {}
    impl Source {
        fn read_into(&self, target: &mut [u8]) {
            // SAFETY: the exporter keeps its memory in place for the life of the `PyBuffer`, and the target is ours alone.
            unsafe { ptr::copy_nonoverlapping(self.0, target.as_mut_ptr(), target.len()) };
        }
    }

    if source.len_bytes() != target.len() || !source.is_c_contiguous() {
        return false;
    }
    let from = Source(source.buf_ptr().cast());
    if target.len() < LONG {
        from.read_into(target);
    } else {
        py.detach(|| from.read_into(target));
    }
    true
}
