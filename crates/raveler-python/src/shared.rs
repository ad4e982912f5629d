//! Values that are put once where every worker can read them.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyType;
use raveler::Runtime;
use raveler::work::Blocks;
use raveler_procs::token::{Reader, Span, Tag, Write};

use crate::decode::{Access, Decoder, content};
use crate::encode::Encoder;
use crate::error;
use crate::host::Interp;

/// One read-only copy of a value that all workers map.
#[pyclass(frozen, weakref, generic, module = "raveler")]
pub(crate) struct Shared {
    runtime: Runtime<Interp>,
    stored: Mutex<Option<Stored>>,
    original: Mutex<Option<Py<PyAny>>>,
}

struct Stored {
    /// The block of the wire form, before the blocks that it points into.
    blocks: Blocks,
    len: u64,
}

impl Shared {
    /// Copies a value into shared memory.
    pub(crate) fn put(runtime: &Runtime<Interp>, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut encoder = Encoder::new(runtime.arena(), runtime.config().is_serial);
        // A number that no other shared value has tells a reader whether its copy is of this one.
        encoder.out.u64(runtime.next_number());
        encoder.value(value, "value")?;
        let wire = raveler::function::store(&encoder.out, runtime.arena()).map_err(|error| error::to_python(&error))?;
        let len = encoder.out.len() as u64;
        let mut blocks = Blocks::new();
        blocks.push(wire);
        blocks.extend(encoder.blocks);
        Ok(Self {
            runtime: runtime.clone(),
            stored: Mutex::new(Some(Stored { blocks, len })),
            original: Mutex::new(None),
        })
    }

    /// Writes the name of the value; its blocks are held by whoever gets the name.
    pub(crate) fn write(&self, encoder: &mut Encoder<'_>) -> PyResult<()> {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stored) = stored.as_ref() else {
            return Err(released());
        };
        encoder.out.tag(Tag::Shared);
        encoder.out.span(Span { block: stored.blocks[0].id().to_u64(), len: stored.len });
        encoder.blocks.extend(stored.blocks.iter().cloned());
        Ok(())
    }
}

fn released() -> PyErr {
    PyValueError::new_err("the shared value was released; share it again")
}

#[pymethods]
impl Shared {
    /// Returns the value, read-only; its arrays stand in shared memory.
    fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(value) = self.original.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            return Ok(value.bind(py).clone());
        }
        let span = {
            let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(stored) = stored.as_ref() else {
                return Err(released());
            };
            Span { block: stored.blocks[0].id().to_u64(), len: stored.len }
        };
        let decoder = Decoder::new(self.runtime.arena(), Access::Read);
        let block = decoder.hold(span)?;
        let value = decoder.value(py, &mut Reader::new(&content(&block, span)[8..]))?;
        *self.original.lock().unwrap_or_else(PoisonError::into_inner) = Some(value.clone().unbind());
        Ok(value)
    }

    /// Frees the copy as soon as no task uses it; the handle can't be passed any more.
    fn release(&self) {
        *self.stored.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.original.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyType>> {
        let message = "a Shared can be passed to a task as an argument of its own, not inside another object";
        let _ = slf;
        Err(pyo3::exceptions::PyTypeError::new_err(message))
    }
}

/// A shared value that this process has read.
struct Loaded {
    block: raveler_shm::Block,
    number: u64,
    value: Py<PyAny>,
}

thread_local! {
    static LOADED: RefCell<Vec<Loaded>> = const { RefCell::new(Vec::new()) };
}

/// Most shared values that a worker keeps ready.
const LOADED_MAX: usize = 32;

/// Reads a shared value, or finds that it was read before; forgets those that the parent has released.
pub(crate) fn load<'py>(py: Python<'py>, decoder: &Decoder<'_>, span: Span) -> PyResult<Bound<'py, PyAny>> {
    let block = decoder.hold(span)?;
    let bytes = content(&block, span);
    let mut reader = Reader::new(bytes);
    let number = reader.u64().map_err(|error| error::of_wire(&error))?;
    if decoder.access() == Access::Private {
        // A task that writes gets a value of its own.
        return decoder.value(py, &mut reader);
    }
    let found = LOADED.with_borrow_mut(|loaded| {
        let at = loaded.iter().position(|entry| entry.number == number && entry.block.id() == block.id())?;
        let entry = loaded.remove(at);
        let value = entry.value.bind(py).clone();
        loaded.push(entry);
        Some(value)
    });
    if let Some(value) = found {
        return Ok(value);
    }
    let decoder = Decoder::new(decoder.arena, Access::Read);
    let value = decoder.value(py, &mut reader)?;
    let stale = LOADED.with_borrow_mut(|loaded| {
        let mut stale: Vec<Loaded> = loaded.extract_if(.., |entry| !entry.block.is_held_by(0)).collect();
        if loaded.len() >= LOADED_MAX {
            stale.push(loaded.remove(0));
        }
        loaded.push(Loaded { block: block.clone(), number, value: value.clone().unbind() });
        stale
    });
    // Dropped outside the borrow: a destructor may come back here.
    drop(stale);
    Ok(value)
}
