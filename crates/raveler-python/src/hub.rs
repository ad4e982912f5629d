//! Hubs: each wakes one event loop, once for all tasks that settled together, and needs no interpreter for it.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use rustix::event::{EventfdFlags, eventfd};

/// Collects tokens for one event loop and wakes it when the first arrives.
#[pyclass(frozen, weakref, module = "raveler._raveler")]
pub(crate) struct Hub(Arc<Bell>);

/// What wakes the loop; threads that are not attached may ring it.
pub(crate) struct Bell {
    /// Called to wake a loop that watches no descriptors.
    wake: Option<Py<PyAny>>,
    /// What every other loop watches.
    event: Option<OwnedFd>,
    tokens: Mutex<Vec<Py<PyAny>>>,
}

impl Bell {
    /// Adds a token; says whether the loop must be woken for it.
    pub(crate) fn add(&self, token: Py<PyAny>) -> bool {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.push(token);
        tokens.len() == 1
    }

    /// Whether the interpreter is needed to wake the loop.
    pub(crate) fn needs_interpreter(&self) -> bool {
        self.wake.is_some()
    }

    /// Wakes a loop that watches a descriptor.
    pub(crate) fn ring_detached(&self) {
        if let Some(event) = &self.event {
            // It fails only when it is full, and then the loop will wake anyway.
            let _ = rustix::io::write(event, &1_u64.to_ne_bytes());
        }
    }

    /// Wakes the loop.
    pub(crate) fn ring(&self, py: Python<'_>) {
        self.ring_detached();
        if let Some(wake) = &self.wake
            && let Err(error) = wake.call0(py)
        {
            error.write_unraisable(py, None);
        }
    }
}

impl Hub {
    /// Returns what wakes the loop.
    pub(crate) fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.0)
    }
}

#[pymethods]
impl Hub {
    #[new]
    #[pyo3(signature = (wake=None))]
    fn new(wake: Option<Py<PyAny>>) -> PyResult<Self> {
        let event = if wake.is_none() {
            let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
            Some(eventfd(0, flags).map_err(|error| PyOSError::new_err(error.raw_os_error()))?)
        } else {
            None
        };
        Ok(Self(Arc::new(Bell { wake, event, tokens: Mutex::new(Vec::new()) })))
    }

    /// Returns the descriptor that the loop watches; -1 if there is none.
    fn fileno(&self) -> i32 {
        self.0.event.as_ref().map_or(-1, |event| event.as_fd().as_raw_fd())
    }

    /// Returns the tokens that have arrived.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        if let Some(event) = &self.0.event {
            let mut count = [0; 8];
            let _ = rustix::io::read(event, &mut count);
        }
        let tokens = std::mem::take(&mut *self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner));
        PyList::new(py, tokens)
    }

    fn put(&self, py: Python<'_>, token: Py<PyAny>) {
        if self.0.add(token) {
            self.0.ring(py);
        }
    }
}
